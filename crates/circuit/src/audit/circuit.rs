//! The regions of an exact audit.

use std::sync::Arc;

use halo2_proofs::circuit::{Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Circuit, Column, ConstraintSystem, Error, Fixed};

use crate::audit::columns::AuditColumns;
use crate::audit::gates;
use crate::audit::shape::AuditShape;
use crate::audit::witness::AuditWitness;
use crate::field::{Scalar, scalar};

/// The circuit of some lanes, with their weights or, for keys, without.
#[derive(Clone, Debug)]
pub struct AuditCircuit {
    /// What it is configured from.
    pub shape: AuditShape,
    /// The lanes' weights.
    pub witness: Option<Arc<AuditWitness>>,
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
