//! Synthetic circuits: any number of columns, lookups and gate operations, with constraints that always hold.
//!
//! Every gate is switched by a fixed column of zeros, which costs the prover as much as any other.

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed, SecondPhase,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use zklayout_circuit::configured_shape;
use zklayout_plan::{CircuitShape, usable_rows};

/// Degree of every synthetic circuit: four parts.
const DEGREE: usize = 5;

/// What a synthetic circuit consists of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Synthetic {
    pub(super) k: u32,
    /// Columns of 16-bit cells.
    pub(super) small: usize,
    /// Columns of full-width cells, committed after a challenge.
    pub(super) wide: usize,
    /// Fixed columns beside the switch.
    pub(super) fixed: usize,
    /// Small columns under the permutation.
    pub(super) permuted: usize,
    /// Lookups of pairs.
    pub(super) lookups: usize,
    /// Products and sums of the gate, beside those that read every column.
    pub(super) steps: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Columns {
    small: Vec<Column<Advice>>,
    wide: Vec<Column<Advice>>,
    fixed: Vec<Column<Fixed>>,
    challenge: Option<Challenge>,
}

impl Synthetic {
    /// The circuit's counts.
    pub(super) fn shape(&self) -> CircuitShape {
        let mut cs = ConstraintSystem::default();
        Self::configure_with_params(&mut cs, *self);
        let rows = usable_rows(self.k);
        CircuitShape {
            assigned_small_cells: self.small * rows,
            assigned_wide_cells: self.wide * rows,
            // Two loads, and two operations for each of two pairs, twice.
            lookup_operations: 10 * self.lookups,
            ..configured_shape(self.k, &cs)
        }
    }

    /// The circuit's name in tables.
    pub(super) fn name(&self) -> String {
        let Self { k, small, wide, fixed, permuted, lookups, steps } = self;
        format!(
            "2^{k}: {small} small, {wide} wide, {fixed} fixed, {permuted} permuted, {lookups} lookups, {steps} steps"
        )
    }
}

impl Circuit<Fr> for Synthetic {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Self;

    fn params(&self) -> Self {
        *self
    }

    fn without_witnesses(&self) -> Self {
        *self
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Columns {
        Self::configure_with_params(cs, Self::default())
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, circuit: Self) -> Columns {
        let small: Vec<_> = (0..circuit.small).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let challenge = (circuit.wide > 0).then(|| cs.challenge_usable_after(FirstPhase));
        let wide: Vec<_> = (0..circuit.wide).map(|_| cs.advice_column_in(SecondPhase)).collect();
        let fixed: Vec<_> = (0..=circuit.fixed).map(|_| cs.fixed_column()).collect();
        let columns = Columns { small, wide, fixed, challenge };
        columns.small.iter().take(circuit.permuted).for_each(|column| cs.enable_equality(*column));
        columns.gate(cs, circuit.steps);
        (0..circuit.lookups).for_each(|place| columns.lookup(cs, place));
        cs.set_minimum_degree(DEGREE);
        columns
    }

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let rows = usable_rows(self.k);
        layouter.assign_region(
            || "first phase",
            |mut region| {
                // The switch stays 0; the first other fixed column is the lookups' table, the rest are half empty.
                for (place, column) in columns.fixed.iter().skip(1).enumerate() {
                    for row in (0..rows).step_by(if place == 0 { 1 } else { 2 }) {
                        region.assign_fixed(*column, row, small_cell(row, 0));
                    }
                }
                for (place, column) in columns.small.iter().enumerate() {
                    for row in 0..rows {
                        region.assign_advice(*column, row, Value::known(small_cell(row, place)));
                    }
                }
                Ok(())
            },
        )?;
        let Some(challenge) = columns.challenge else { return Ok(()) };
        layouter.next_phase();
        let challenge = layouter.get_challenge(challenge);
        layouter.assign_region(
            || "second phase",
            |mut region| {
                for (place, column) in columns.wide.iter().enumerate() {
                    let mut cell = challenge;
                    for row in 0..rows {
                        cell = cell * challenge + Value::known(small_cell(row, place));
                        region.assign_advice(*column, row, cell);
                    }
                }
                Ok(())
            },
        )
    }
}

impl Columns {
    /// `switch * (... (sum of all cells) * 3 + first) * 5 + first ...)`.
    fn gate(&self, cs: &mut ConstraintSystem<Fr>, steps: usize) {
        cs.create_gate("all columns", |meta| {
            let mut sum = Expression::Constant(Fr::ONE);
            for column in &self.small {
                sum = sum + meta.query_advice(*column, Rotation::cur());
            }
            for column in &self.wide {
                let next = meta.query_advice(*column, Rotation::next());
                sum = sum + meta.query_advice(*column, Rotation::cur()) - next;
            }
            for column in self.fixed.iter().skip(1) {
                sum = sum + meta.query_fixed(*column, Rotation::cur());
            }
            let switch = meta.query_fixed(self.fixed[0], Rotation::cur());
            for step in 0..steps as u64 {
                sum = sum * Expression::Constant(Fr::from(2 * step + 3)) + switch.clone();
            }
            vec![switch * sum]
        });
    }

    /// A small column's cell, twice, among the table's.
    fn lookup(&self, cs: &mut ConstraintSystem<Fr>, place: usize) {
        cs.lookup_any("pairs", |meta| {
            let cell = meta.query_advice(self.small[place % self.small.len()], Rotation::cur());
            let table = meta.query_fixed(self.fixed[1], Rotation::cur());
            vec![(cell.clone(), table.clone()), (cell, table)]
        });
    }
}

/// Column 0 is a table of all values that the others hold.
fn small_cell(row: usize, place: usize) -> Fr {
    let value =
        if place == 0 { row % (1 << 16) } else { row * (2 * place + 1) % [251, 65_521][place % 2] % (row + 1) };
    Fr::from(value as u64)
}
