//! What a circuit fixes: cells of fixed columns, and copies. halo2's layouter says it cell by cell.

use ff::Field;
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed, FloorPlanner,
    Instance, Selector,
};
use halo2curves::bn256::Fr;

use crate::core::copies::Copies;

/// Everything that a circuit fixes.
pub(super) struct Assembly {
    /// Fixed columns, by row.
    pub(super) fixed: Vec<Vec<Fr>>,
    pub(super) copies: Copies,
    usable: usize,
    /// A cell that is not there was assigned or copied.
    is_wrong: bool,
}

impl Assembly {
    /// Assigns a circuit of `2^k` rows, configured as `config`.
    ///
    /// # Errors
    /// A circuit with selectors or constants, which this prover's circuits have not; or cells beyond the usable rows.
    pub(super) fn of<C: Circuit<Fr>>(
        cs: &ConstraintSystem<Fr>,
        k: u32,
        (circuit, config): (&C, C::Config),
    ) -> Result<Self, Error> {
        let rows = 1 << k;
        if cs.num_selectors() > 0 || !cs.constants().is_empty() {
            return Err(Error::Synthesis);
        }
        if rows < cs.minimum_rows() {
            return Err(Error::NotEnoughRowsAvailable { current_k: k });
        }
        let mut assembly = Self {
            fixed: vec![vec![Fr::ZERO; rows]; cs.num_fixed_columns()],
            copies: Copies::new(cs.permutation().get_columns(), rows),
            usable: rows - cs.blinding_factors() - 1,
            is_wrong: false,
        };
        C::FloorPlanner::synthesize(&mut assembly, circuit, config, Vec::new())?;
        if assembly.is_wrong { Err(Error::BoundsFailure) } else { Ok(assembly) }
    }
}

impl Assignment<Fr> for Assembly {
    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        match self.fixed.get_mut(column.index()).and_then(|cells| cells.get_mut(row)) {
            Some(cell) if row < self.usable => *cell = to.evaluate(),
            _ => self.is_wrong = true,
        }
    }

    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        let usable = left_row.max(right_row) < self.usable;
        match (self.copies.cell(left, left_row), self.copies.cell(right, right_row)) {
            (Some(left), Some(right)) if usable => self.copies.join(left, right),
            _ => self.is_wrong = true,
        }
    }

    fn fill_from_row(&mut self, column: Column<Fixed>, from: usize, to: Value<Assigned<Fr>>) -> Result<(), Error> {
        let mut value = None;
        to.map(|to| value = Some(to.evaluate()));
        let cells = self.fixed.get_mut(column.index()).and_then(|cells| cells.get_mut(from..self.usable));
        cells.ok_or(Error::BoundsFailure)?.fill(value.ok_or(Error::Synthesis)?);
        Ok(())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Ok(Value::unknown())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn enable_selector<A, AR>(&mut self, _: A, _: &Selector, _: usize) -> Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        Err(Error::Synthesis)
    }

    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn exit_region(&mut self) {}

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
