//! The columns and regions of an exact audit.
//!
//! ```text
//! phase 0   | weights ... | multiplicities ... |    stored with an offset: w + 2^(bits-1)
//! challenges  rho (lane), beta (lookups)
//! phase 1   | folded | sums ...                |
//! fixed     | active  edge  used | tables ...  |
//! ```

use std::sync::Arc;

use halo2_proofs::circuit::{Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, SecondPhase,
};
use zklayout_plan::usable_rows;

use crate::audit::gates;
use crate::audit::witness::AuditWitness;
use crate::field::{Scalar, scalar};

/// Fractions that share a running sum.
pub(super) const CHUNK: usize = 3;

/// What an audit's circuit is configured from. The default configures nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditShape {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Lanes that are audited together.
    pub lanes: usize,
    /// Bits of a weight.
    pub bits: u32,
    /// By row of the tape, whether it holds weights.
    pub used: Arc<Vec<bool>>,
}

/// The columns.
#[derive(Clone, Debug)]
pub struct AuditColumns {
    pub(super) weights: Vec<Column<Advice>>,
    pub(super) multiplicities: Vec<Column<Advice>>,
    pub(super) folded: Option<Column<Advice>>,
    pub(super) sums: Vec<Column<Advice>>,
    /// All usable rows but the last.
    pub(super) active: Option<Column<Fixed>>,
    /// The first and the last usable row.
    pub(super) edge: Option<Column<Fixed>>,
    /// Rows that hold weights.
    pub(super) used: Option<Column<Fixed>>,
    pub(super) tables: Vec<Column<Fixed>>,
    pub(super) challenges: Vec<Challenge>,
}

/// The circuit of some lanes, with their weights or, for keys, without.
#[derive(Clone, Debug)]
pub struct AuditCircuit {
    /// What it is configured from.
    pub shape: AuditShape,
    /// The lanes' weights.
    pub witness: Option<Arc<AuditWitness>>,
}

impl AuditShape {
    /// What is added to a stored weight.
    pub fn half(&self) -> i64 {
        1 << (self.bits - 1)
    }

    /// Rows that constraints hold on.
    pub(super) fn active_rows(&self) -> usize {
        usable_rows(self.k).saturating_sub(1)
    }

    /// Columns that hold the table of all stored weights.
    pub(super) fn tables(&self) -> usize {
        (1usize << self.bits).div_ceil(self.active_rows().max(1))
    }

    /// Running sums.
    pub(super) fn sums(&self) -> usize {
        (self.lanes + self.tables()).div_ceil(CHUNK)
    }

    /// Place of the folded column among the advice columns, and of rho among the challenges.
    pub fn folded(&self) -> (usize, usize) {
        (self.lanes + self.tables(), 0)
    }

    /// The stored weight that a row of a table column holds; the rest repeats the largest.
    pub(super) fn entry(&self, table: usize, row: usize) -> i64 {
        let last = (1i64 << self.bits) - 1;
        last.min((table * self.active_rows() + row) as i64)
    }
}

impl Circuit<Scalar> for AuditCircuit {
    type Config = AuditColumns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = AuditShape;

    fn params(&self) -> AuditShape {
        self.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self { shape: self.shape.clone(), witness: None }
    }

    fn configure(cs: &mut ConstraintSystem<Scalar>) -> AuditColumns {
        Self::configure_with_params(cs, AuditShape::default())
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Scalar>, shape: AuditShape) -> AuditColumns {
        if shape.lanes == 0 {
            return AuditColumns::none();
        }
        let columns = AuditColumns::create(cs, &shape);
        gates::create(cs, &columns, &shape);
        columns
    }

    fn synthesize(&self, columns: AuditColumns, mut layouter: impl Layouter<Scalar>) -> Result<(), Error> {
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                self.assign_fixed(&mut region, &columns);
                self.assign_small(&mut region, &columns);
                Ok(())
            },
        )?;
        layouter.next_phase();
        let mut challenges = Vec::new();
        for challenge in &columns.challenges {
            layouter.get_challenge(*challenge).map(|value| challenges.push(value));
        }
        layouter.assign_region(
            || "phase 1",
            |mut region| {
                let Some(witness) = self.witness.as_ref().filter(|_| challenges.len() == 2) else { return Ok(()) };
                let wide = columns.folded.iter().chain(&columns.sums);
                for (column, cells) in wide.zip(witness.wide(&self.shape, &challenges)) {
                    for (row, value) in cells.into_iter().enumerate() {
                        region.assign_advice(*column, row, Value::known(value));
                    }
                }
                Ok(())
            },
        )
    }
}

impl AuditColumns {
    fn none() -> Self {
        Self {
            weights: Vec::new(),
            multiplicities: Vec::new(),
            folded: None,
            sums: Vec::new(),
            active: None,
            edge: None,
            used: None,
            tables: Vec::new(),
            challenges: Vec::new(),
        }
    }

    fn create(cs: &mut ConstraintSystem<Scalar>, shape: &AuditShape) -> Self {
        let weights = (0..shape.lanes).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let multiplicities = (0..shape.tables()).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let challenges = (0..2).map(|_| cs.challenge_usable_after(FirstPhase)).collect();
        Self {
            weights,
            multiplicities,
            challenges,
            folded: Some(cs.advice_column_in(SecondPhase)),
            sums: (0..shape.sums()).map(|_| cs.advice_column_in(SecondPhase)).collect(),
            active: Some(cs.fixed_column()),
            edge: Some(cs.fixed_column()),
            used: Some(cs.fixed_column()),
            tables: (0..shape.tables()).map(|_| cs.fixed_column()).collect(),
        }
    }
}

impl AuditCircuit {
    pub(super) fn assign_fixed(&self, region: &mut Region<'_, Scalar>, columns: &AuditColumns) {
        let last = self.shape.active_rows();
        let mut mark = |column: Option<Column<Fixed>>, row: usize, value: i64| {
            if let Some(column) = column {
                region.assign_fixed(column, row, scalar(value));
            }
        };
        mark(columns.edge, 0, 1);
        mark(columns.edge, last, 1);
        for row in 0..last {
            mark(columns.active, row, 1);
            if self.shape.used.get(row) == Some(&true) {
                mark(columns.used, row, 1);
            }
            for (table, &column) in columns.tables.iter().enumerate() {
                mark(Some(column), row, self.shape.entry(table, row));
            }
        }
    }

    fn assign_small(&self, region: &mut Region<'_, Scalar>, columns: &AuditColumns) {
        let Some(witness) = &self.witness else { return };
        let small = columns.weights.iter().chain(&columns.multiplicities);
        for (column, cells) in small.zip(witness.small()) {
            for (row, &value) in cells.iter().enumerate() {
                region.assign_advice(*column, row, Value::known(scalar(value)));
            }
        }
    }
}
