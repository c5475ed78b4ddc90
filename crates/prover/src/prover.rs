//! Which code makes a proof. The protocol and its verifier are one.

use std::sync::Arc;

use halo2_proofs::plonk::create_proof;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::ProverSHPLONK;
use halo2_proofs::transcript::{Challenge255, TranscriptWrite};
use halo2curves::bn256::{Bn256, G1Affine};
use rand::RngCore;
use serde::Serialize;
use tracing::info_span;
use zklayout_circuit::streams::{self, ChallengeValues, Evaluations};
use zklayout_circuit::{Grid, InferenceCircuit, Scalar, Witness};
use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::{Layout, Plan};

use crate::core;
use crate::error::ProverError;
use crate::keys::ProvingKey;
use crate::public::{instance, public_input};
use crate::srs::Srs;

/// A prover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Prover {
    /// This library's: plans of the family `streams` with sums for lookups. Others are left to [`Prover::Stock`].
    #[default]
    Core,
    /// halo2's.
    Stock,
}

impl Prover {
    /// The prover that a plan is proven by if this one is asked for.
    pub fn of_plan(self, plan: &Plan) -> Self {
        let sums = plan.layout.as_streams().is_some_and(|layout| layout.lookup_chunk().is_some());
        if sums { self } else { Self::Stock }
    }

    /// Makes what all proofs of a key by this prover share, if it is not there yet: tables of the powers of tau and the key's columns
    /// where constraints are evaluated, or halo2's own form of the key. Else the first proof makes it.
    ///
    /// # Errors
    /// Other powers of tau than the key's, or too few.
    pub fn prepare(self, srs: &Srs, key: &ProvingKey) -> Result<(), ProverError> {
        key.check_powers(srs)?;
        match self.of_plan(&key.plan) {
            Self::Core => key.prepared(srs).map(|_| ()),
            Self::Stock => {
                key.stock();
                Ok(())
            }
        }
    }

    /// Writes a proof of an execution of a model to a transcript, after whatever that has absorbed. Everything random is
    /// drawn from `rng`, but for a polynomial of [`Prover::Stock`], which halo2 draws elsewhere.
    ///
    /// # Errors
    /// See [`prove`](crate::prove).
    pub fn write_proof<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
        self,
        srs: &Srs,
        key: &ProvingKey,
        (graph, trace): (&Graph<Fixed>, &Trace),
        rng: impl RngCore,
        transcript: &mut T,
    ) -> Result<(), ProverError> {
        key.check_powers(srs)?;
        key.check_weights(graph)?;
        let witness = info_span!("witness").in_scope(|| Witness::of(&key.plan, graph, trace, &key.grid))?;
        let instance = instance(&key.plan, &trace.output(), public_input(&key.plan, trace).as_deref())?;
        match (self.of_plan(&key.plan), witness) {
            (Self::Core, Witness::Streams(witness)) => {
                let cells = StreamsCells { plan: &key.plan, grid: &key.grid, witness };
                core::prove(key.prepared(srs)?, &key.key, cells, &instance, rng, transcript)
                    .map_err(|error| failed(error.to_string()))
            }
            (_, witness) => write_stock(srs, key, witness, &instance, rng, transcript),
        }
    }
}

fn write_stock<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
    srs: &Srs,
    key: &ProvingKey,
    witness: Witness,
    instance: &[Vec<Scalar>],
    rng: impl RngCore,
    transcript: &mut T,
) -> Result<(), ProverError> {
    let circuit = InferenceCircuit::with_witness(key.plan.clone(), key.grid.clone(), Arc::new(witness));
    let columns: Vec<&[Scalar]> = instance.iter().map(Vec::as_slice).collect();
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &*srs.params(key.plan.k())?,
        key.stock(),
        &[circuit],
        &[&columns],
        rng,
        transcript,
    )
    .map_err(|error| failed(error.to_string()))
}

fn failed(reason: String) -> ProverError {
    ProverError::ProofSystem { doing: "proving", reason }
}

/// The cells of a plan of the family `streams`.
struct StreamsCells<'a> {
    plan: &'a Plan,
    grid: &'a Grid,
    witness: streams::Witness,
}

impl core::Cells for StreamsCells<'_> {
    fn small(&self) -> Vec<&[i64]> {
        self.witness.columns()
    }

    fn wide(&self, challenges: &[Scalar]) -> Vec<Vec<Scalar>> {
        let (Layout::Streams(layout), Grid::Streams(grid), Some(challenges)) =
            (&self.plan.layout, self.grid, ChallengeValues::of(challenges))
        else {
            return Vec::new();
        };
        Evaluations::of(layout, grid, &self.witness, &challenges).into_columns()
    }
}
