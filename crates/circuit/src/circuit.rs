//! The halo2 circuit of a plan, whatever its family.

use std::sync::Arc;

use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};
use zklayout_plan::{DirectGates, Layout, Plan, StreamGates};

use crate::direct;
use crate::field::Scalar;
use crate::lowering::{Grid, Witness};
use crate::streams;

/// What halo2 configures a circuit from. The default is empty and configures nothing.
#[derive(Clone, Debug, Default)]
pub struct CircuitParams(pub Option<Arc<Plan>>);

/// The columns of a plan's circuit, by family.
#[derive(Clone, Debug)]
pub enum Config {
    /// Nothing was configured.
    Empty,
    /// Of the family `streams`.
    Streams(Box<streams::Columns>),
    /// Of the family `direct`.
    Direct(Box<direct::Columns>),
}

/// The proof of one execution, or, without a witness, the circuit that keys are made from.
#[derive(Clone, Debug)]
pub struct InferenceCircuit {
    plan: Arc<Plan>,
    grid: Arc<Grid>,
    witness: Option<Arc<Witness>>,
}

impl InferenceCircuit {
    /// The circuit that keys are made from.
    pub fn without_witness(plan: Arc<Plan>, grid: Arc<Grid>) -> Self {
        Self { plan, grid, witness: None }
    }

    /// The circuit of an execution.
    pub fn with_witness(plan: Arc<Plan>, grid: Arc<Grid>, witness: Arc<Witness>) -> Self {
        Self { plan, grid, witness: Some(witness) }
    }
}

impl Circuit<Scalar> for InferenceCircuit {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitParams;

    fn params(&self) -> CircuitParams {
        CircuitParams(Some(self.plan.clone()))
    }

    fn without_witnesses(&self) -> Self {
        Self::without_witness(self.plan.clone(), self.grid.clone())
    }

    fn configure(_: &mut ConstraintSystem<Scalar>) -> Config {
        Config::Empty
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Scalar>, params: CircuitParams) -> Config {
        let Some(plan) = params.0 else { return Config::Empty };
        let config = match &plan.layout {
            Layout::Streams(layout) => {
                let gates = StreamGates::of(layout);
                let columns = streams::Columns::create(cs, &gates.strips);
                columns.create_gates(cs, &gates);
                Config::Streams(Box::new(columns))
            }
            Layout::Direct(layout) => {
                let gates = DirectGates::of(layout);
                let columns = direct::Columns::create(cs, &gates);
                columns.create_gates(cs, &gates);
                Config::Direct(Box::new(columns))
            }
        };
        // halo2 caps the degree it derives at an environment variable's value; the plan's degree is the true one.
        cs.set_minimum_degree(plan.shape.degree);
        config
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Scalar>) -> Result<(), Error> {
        match (&self.plan.layout, &*self.grid, config) {
            (Layout::Streams(layout), Grid::Streams(grid), Config::Streams(columns)) => {
                let witness = self.witness.as_deref().map(Witness::as_streams).transpose()?;
                let assignment = streams::Assignment { streams: layout, grid, witness };
                assignment.synthesize(&columns, &mut layouter)
            }
            (Layout::Direct(layout), Grid::Direct(grid), Config::Direct(columns)) => {
                let witness = self.witness.as_deref().map(Witness::as_direct).transpose()?;
                let assignment = direct::Assignment { direct: layout, grid, witness };
                assignment.synthesize(&columns, &mut layouter)
            }
            _ => Err(Error::Synthesis),
        }
    }
}
