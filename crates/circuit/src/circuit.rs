//! The halo2 circuit of a plan: regions, phases and copies.

use std::sync::Arc;

use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem, Error};
use zklayout_plan::Plan;

use crate::Scalar;
use crate::columns::Columns;
use crate::evaluations::{ChallengeValues, Evaluations};
use crate::expressions::scalar;
use crate::fixed::{FixedGrid, Source};
use crate::gates;
use crate::witness::Witness;

/// What halo2 configures a circuit from. The default is empty and configures nothing.
#[derive(Clone, Debug, Default)]
pub struct CircuitParams(pub Option<Arc<Plan>>);

/// The proof of one execution, or, without a witness, the circuit that keys are made from.
#[derive(Clone, Debug)]
pub struct InferenceCircuit {
    plan: Arc<Plan>,
    grid: Arc<FixedGrid>,
    witness: Option<Arc<Witness>>,
}

impl InferenceCircuit {
    /// The circuit that keys are made from.
    pub fn without_witness(plan: Arc<Plan>, grid: Arc<FixedGrid>) -> Self {
        Self { plan, grid, witness: None }
    }

    /// The circuit of an execution.
    pub fn with_witness(plan: Arc<Plan>, grid: Arc<FixedGrid>, witness: Arc<Witness>) -> Self {
        Self { plan, grid, witness: Some(witness) }
    }
}

impl Circuit<Scalar> for InferenceCircuit {
    type Config = Option<Columns>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitParams;

    fn params(&self) -> CircuitParams {
        CircuitParams(Some(self.plan.clone()))
    }

    fn without_witnesses(&self) -> Self {
        Self::without_witness(self.plan.clone(), self.grid.clone())
    }

    fn configure(_: &mut ConstraintSystem<Scalar>) -> Self::Config {
        None
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Scalar>, params: CircuitParams) -> Self::Config {
        let plan = params.0?;
        let columns = Columns::create(cs, &plan);
        gates::create(cs, &plan, &columns);
        // halo2 caps the degree it derives at an environment variable's value; the plan's degree is the true one.
        cs.set_minimum_degree(plan.shape.degree);
        Some(columns)
    }

    fn synthesize(&self, config: Self::Config, mut layouter: impl Layouter<Scalar>) -> Result<(), Error> {
        let columns = config.ok_or(Error::Synthesis)?;
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                self.assign_fixed(&mut region, &columns);
                self.assign_small(&mut region, &columns);
                Ok(())
            },
        )?;
        layouter.next_phase();
        let evaluations = self.evaluations(&columns, &layouter);
        layouter.assign_region(
            || "phase 1",
            |mut region| {
                self.assign_wide(&mut region, &columns, evaluations.as_ref());
                Ok(())
            },
        )
    }
}

impl InferenceCircuit {
    fn assign_fixed(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        for (&column, cells) in columns.fixed.iter().zip(&self.grid.cells) {
            for (row, &value) in cells.iter().enumerate().filter(|(_, value)| **value != 0) {
                region.assign_fixed(column, row, scalar(value));
            }
        }
    }

    fn assign_small(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        let Some(witness) = &self.witness else { return };
        let groups = [
            (&columns.quotients, &witness.quotients),
            (&columns.remainders, &witness.remainders),
            (&columns.values, &witness.values),
            (&columns.weights, &witness.weights),
            (&columns.multiplicities, &witness.multiplicities),
        ];
        for (columns, cells) in groups {
            for (&column, cells) in columns.iter().zip(cells) {
                for (row, &value) in cells.iter().enumerate().filter(|(_, value)| **value != 0) {
                    region.assign_advice(column, row, Value::known(scalar(value)));
                }
            }
        }
    }

    /// The evaluations, once the challenges are known; while keys are made they are not.
    fn evaluations(&self, columns: &Columns, layouter: &impl Layouter<Scalar>) -> Option<Evaluations> {
        let witness = self.witness.as_ref()?;
        let mut values = Vec::new();
        let challenges = &columns.challenges;
        for challenge in [challenges.sigma, challenges.rho, challenges.beta, challenges.gamma] {
            layouter.get_challenge(challenge).map(|value| values.push(value));
        }
        let [sigma, rho, beta, gamma] = *values.as_slice() else { return None };
        let challenges = ChallengeValues { sigma, rho, beta, gamma };
        Some(Evaluations::of(&self.plan, &self.grid, witness, &challenges))
    }

    fn assign_wide(&self, region: &mut Region<'_, Scalar>, columns: &Columns, evaluations: Option<&Evaluations>) {
        if let Some(evaluations) = evaluations {
            let columns = [columns.weight_sum, columns.scalar].into_iter().chain(columns.sums.iter().copied());
            let cells = [&evaluations.weight_sum, &evaluations.scalar].into_iter().chain(&evaluations.sums);
            for (column, cells) in columns.zip(cells) {
                assign_column(region, column, Some(cells), cells.len());
            }
        }
        let rows = self.plan.shape.usable_rows();
        let column = |pick: fn(&Evaluations) -> &Vec<Scalar>| evaluations.map(pick);
        let read = assign_column(region, columns.read, column(|e| &e.read), rows);
        let write = assign_column(region, columns.write, column(|e| &e.write), rows);
        let operand = assign_column(region, columns.operand, column(|e| &e.operand), rows);
        for copy in &self.grid.copies {
            let source = if copy.source == Source::Read { &read } else { &write };
            region.constrain_equal(operand[copy.operand_row], source[copy.source_row]);
        }
    }
}

fn assign_column(
    region: &mut Region<'_, Scalar>,
    column: Column<Advice>,
    cells: Option<&Vec<Scalar>>,
    rows: usize,
) -> Vec<Cell> {
    (0..rows)
        .map(|row| {
            let value = cells.map_or(Value::unknown(), |cells| Value::known(cells[row]));
            region.assign_advice(column, row, value).cell()
        })
        .collect()
}
