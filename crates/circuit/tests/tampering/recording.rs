//! What a circuit assigns, recorded: constraint system, fixed and advice cells, copies. Knows nothing of layouts.

use std::collections::BTreeSet;

use ff::Field;
use halo2_proofs::circuit::{SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed, FloorPlanner,
    Instance, Selector,
};
use zklayout_circuit::{CircuitParams, Config, InferenceCircuit, Scalar};

/// A cell of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    Advice(usize, usize),
    Fixed(usize, usize),
    Instance(usize, usize),
}

impl Cell {
    fn of(column: Column<Any>, row: usize) -> Self {
        match column.column_type() {
            Any::Advice(_) => Self::Advice(column.index(), row),
            Any::Fixed => Self::Fixed(column.index(), row),
            Any::Instance => Self::Instance(column.index(), row),
        }
    }
}

/// Every cell, by column and row.
#[derive(Clone, Debug)]
pub struct Cells {
    pub advice: Vec<Vec<Scalar>>,
    pub fixed: Vec<Vec<Scalar>>,
    pub instance: Vec<Vec<Scalar>>,
    pub challenges: Vec<Scalar>,
}

impl Cells {
    pub fn get(&self, cell: Cell) -> Scalar {
        match cell {
            Cell::Advice(column, row) => self.advice[column][row],
            Cell::Fixed(column, row) => self.fixed[column][row],
            Cell::Instance(column, row) => self.instance[column][row],
        }
    }

    pub fn set(&mut self, cell: Cell, value: Scalar) {
        match cell {
            Cell::Advice(column, row) => self.advice[column][row] = value,
            Cell::Fixed(column, row) => self.fixed[column][row] = value,
            Cell::Instance(column, row) => self.instance[column][row] = value,
        }
    }
}

/// A circuit and its honest assignment.
pub struct Recording {
    pub cs: ConstraintSystem<Scalar>,
    pub config: Config,
    pub cells: Cells,
    pub copies: Vec<(Cell, Cell)>,
    /// Rows that constraints may use.
    pub usable: usize,
}

impl Recording {
    pub fn of(
        k: u32,
        params: CircuitParams,
        circuit: &InferenceCircuit,
        instance: Vec<Vec<Scalar>>,
        challenges: &dyn Fn(usize) -> Scalar,
    ) -> Self {
        let mut cs = ConstraintSystem::default();
        let config = InferenceCircuit::configure_with_params(&mut cs, params);
        let rows = 1 << k;
        let column = |count: usize| vec![vec![Scalar::ZERO; rows]; count];
        let mut padded = instance;
        padded.iter_mut().for_each(|column| column.resize(rows, Scalar::ZERO));
        let cells = Cells {
            advice: column(cs.num_advice_columns()),
            fixed: column(cs.num_fixed_columns()),
            instance: padded,
            challenges: (0..cs.num_challenges()).map(challenges).collect(),
        };
        let mut recorder = Recorder { cells, copies: BTreeSet::new(), phase: 0 };
        let constants = cs.constants().clone();
        SimpleFloorPlanner::synthesize(&mut recorder, circuit, config.clone(), constants).unwrap();
        let usable = rows - cs.blinding_factors() - 1;
        let copies = recorder.copies.into_iter().collect();
        Self { cs, config, cells: recorder.cells, copies, usable }
    }
}

struct Recorder {
    cells: Cells,
    copies: BTreeSet<(Cell, Cell)>,
    phase: u8,
}

impl Assignment<Scalar> for Recorder {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn exit_region(&mut self) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), Error> {
        panic!("no layout uses selectors");
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Scalar>, Error> {
        Ok(Value::known(self.cells.instance[column.index()][row]))
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Scalar>>,
    ) -> Value<&'v Assigned<Scalar>> {
        let cell = &mut self.cells.advice[column.index()][row];
        to.map(|value| *cell = value.evaluate());
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Scalar>) {
        self.cells.fixed[column.index()][row] = to.evaluate();
    }

    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        self.copies.insert((Cell::of(left, left_row), Cell::of(right, right_row)));
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Scalar>>,
    ) -> Result<(), Error> {
        to.map(|value| self.cells.fixed[column.index()][row..].fill(value.evaluate()));
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Scalar> {
        if self.phase > challenge.phase() {
            Value::known(self.cells.challenges[challenge.index()])
        } else {
            Value::unknown()
        }
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {
        self.phase += 1;
    }
}
