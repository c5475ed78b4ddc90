//! An arbitrary first phase through halo2's own prover and verifier: the challenges are those of the transcript.

use std::collections::BTreeSet;

use halo2_proofs::circuit::{Cell as Halo2Cell, Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Any, Circuit, Column, ConstraintSystem, Error, Fixed, create_proof, keygen_pk2, verify_proof,
};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zklayout_circuit::streams::Columns;
use zklayout_circuit::{CircuitParams, Config, InferenceCircuit, Scalar};
use zklayout_plan::StreamGates;

use super::recording::{Cell, Cells};
use super::subject::Subject;

/// A circuit with the constraints of a plan and cells of a forger's choice.
#[derive(Clone)]
struct Forged<'a> {
    subject: &'a Subject,
    cells: &'a Cells,
    /// Whether gates take the challenge of positions for that of planes: a circuit that proves too little.
    one_challenge: bool,
}

/// Whether the verifier accepts a proof that commits to the first phase of `cells` and follows the real challenges.
pub fn proves(subject: &Subject, cells: &Cells) -> bool {
    accepts(&Forged { subject, cells, one_challenge: false })
}

/// The same of a circuit that evaluates everything at one challenge.
pub fn proves_at_one_challenge(subject: &Subject, cells: &Cells) -> bool {
    accepts(&Forged { subject, cells, one_challenge: true })
}

fn accepts(circuit: &Forged<'_>) -> bool {
    let Forged { subject, cells, .. } = *circuit;
    let params = ParamsKZG::<Bn256>::setup(subject.plan.k(), ChaCha20Rng::seed_from_u64(1));
    let key = keygen_pk2(&params, circuit, false).unwrap();
    let usable = subject.recording.usable;
    let instance: Vec<&[Scalar]> = cells.instance.iter().map(|column| &column[..usable]).collect();
    let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &params,
        &key,
        std::slice::from_ref(circuit),
        &[&instance],
        ChaCha20Rng::seed_from_u64(2),
        &mut transcript,
    )
    .unwrap();
    let proof = transcript.finalize();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof.as_slice());
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params.verifier_params(),
        key.get_vk(),
        SingleStrategy::new(&params),
        &[&instance],
        &mut transcript,
    )
    .is_ok()
}

impl Circuit<Scalar> for Forged<'_> {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = (CircuitParams, bool);

    fn params(&self) -> Self::Params {
        (CircuitParams(Some(self.subject.plan.clone())), self.one_challenge)
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(_: &mut ConstraintSystem<Scalar>) -> Config {
        Config::Empty
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Scalar>, (params, one_challenge): Self::Params) -> Config {
        let (true, Some(plan)) = (one_challenge, &params.0) else {
            return InferenceCircuit::configure_with_params(cs, params);
        };
        let gates = StreamGates::of(plan.layout.as_streams().unwrap());
        let mut columns = Columns::create(cs, &gates.strips);
        columns.challenges.rho = columns.challenges.sigma;
        columns.create_gates(cs, &gates);
        cs.set_minimum_degree(plan.shape.degree);
        Config::Streams(Box::new(columns))
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Scalar>) -> Result<(), Error> {
        let Config::Streams(columns) = config else { return Err(Error::Synthesis) };
        let first = self.subject.kinds.len();
        let usable = self.subject.recording.usable;
        layouter.assign_region(
            || "first phase",
            |mut region| {
                for (column, cells) in columns.fixed.iter().zip(&self.cells.fixed) {
                    for (row, value) in cells[..usable].iter().enumerate() {
                        region.assign_fixed(*column, row, *value);
                    }
                }
                for (index, cells) in self.cells.advice[..first].iter().enumerate() {
                    for (row, value) in cells[..usable].iter().enumerate() {
                        region.assign_advice(advice(&columns, index), row, Value::known(*value));
                    }
                }
                Ok(())
            },
        )?;
        layouter.next_phase();
        let mut cells = self.cells.clone();
        let challenges = &columns.challenges;
        for challenge in [challenges.sigma, challenges.rho, challenges.beta, challenges.gamma] {
            layouter.get_challenge(challenge).map(|value| cells.challenges[challenge.index()] = value);
        }
        if self.one_challenge {
            cells.challenges[self.subject.rho()] = cells.challenges[challenges.sigma.index()];
        }
        if cells.challenges != self.cells.challenges {
            // Every row is solved anew.
            for column in &mut cells.advice[first..] {
                column[1..usable].fill(Scalar::from(7));
            }
            self.subject.follow(&mut cells, &BTreeSet::new(), None);
        }
        layouter.assign_region(
            || "second phase",
            |mut region| {
                for (index, cells) in cells.advice.iter().enumerate().skip(first) {
                    for (row, value) in cells[..usable].iter().enumerate() {
                        region.assign_advice(advice(&columns, index), row, Value::known(*value));
                    }
                }
                for (a, b) in &self.subject.recording.copies {
                    region.constrain_equal(cell(&columns, *a), cell(&columns, *b));
                }
                Ok(())
            },
        )
    }
}

/// The column of an index: columns are created in this order.
fn advice(columns: &Columns, index: usize) -> Column<Advice> {
    let second: Vec<_> = columns.second.into_iter().collect();
    let all = [
        &columns.quotients,
        &columns.remainders,
        &columns.values,
        &columns.weights,
        &columns.multiplicities,
        &vec![columns.read, columns.write, columns.weight_sum, columns.operand, columns.scalar],
        &second,
        &columns.folded,
        &columns.folded_input,
        &columns.sums,
    ];
    *all.into_iter().flatten().find(|column| column.index() == index).unwrap()
}

fn cell(columns: &Columns, cell: Cell) -> Halo2Cell {
    let (column, row): (Column<Any>, usize) = match cell {
        Cell::Advice(column, row) => (advice(columns, column).into(), row),
        Cell::Fixed(column, row) => {
            let fixed: Column<Fixed> = columns.fixed[column];
            (fixed.into(), row)
        }
        Cell::Instance(column, row) => (columns.instance[column].into(), row),
    };
    Halo2Cell { row_offset: row, column }
}
