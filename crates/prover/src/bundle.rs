//! Proving an execution, and verifying the bundle that comes out.

use std::sync::Arc;

use halo2_proofs::plonk::verify_proof;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_circuit::Scalar;
use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::{Plan, PlanHash};

use crate::artefact::Artefact;
use crate::binding::{bind, context_hash, same_context};
use crate::error::ProverError;
use crate::keys::{ProvingKey, VerifyingKey, same_hash};
use crate::provenance::Provenance;
use crate::prover::Prover;
use crate::public::{instance, public_input};
use crate::srs::{Srs, VerifierSrs};

/// Bytes of a point or a scalar in a proof.
const ELEMENT_BYTES: usize = 32;
/// The flag of the point at infinity, in a point's last byte.
const INFINITY: u8 = 0x80;

/// A proof and what it is a proof of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofBundle {
    /// Hash of the plan.
    pub plan: PlanHash,
    /// Hash of the powers of tau.
    pub srs: PlanHash,
    /// Hash of the verifying key.
    pub key: PlanHash,
    /// Hash of the caller's context.
    pub context: PlanHash,
    /// The model's output, as integers.
    pub output: Vec<i64>,
    /// The model's input, as integers, if it is public.
    pub input: Option<Vec<i64>>,
    /// The proof.
    pub proof: Vec<u8>,
}

impl Artefact for ProofBundle {
    const KIND: [u8; 4] = *b"prof";
    const NAME: &'static str = "proof bundle";
}

/// What a verified proof shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PublicValues {
    /// The output, as integers.
    pub output: Vec<i64>,
    /// The output, dequantised.
    pub output_values: Vec<f64>,
    /// The output as a model in bytes stores it: the integers with its zero point.
    pub output_stored: Option<Vec<i64>>,
    /// The input, dequantised, if it is public.
    pub input_values: Option<Vec<f64>>,
    /// Where the powers of tau come from: under powers whose tau somebody knows, a verified proof shows nothing.
    pub provenance: Provenance,
}

/// Proves an execution of `graph`, for a context of at most [`MOST_CONTEXT`](crate::MOST_CONTEXT) bytes that the proof
/// is bound to: a nonce, a purpose, or nothing. The bundle names its hash.
///
/// # Errors
/// Too few powers of tau, a model or execution that does not fit the key, a context that is too long, or a failure of
/// the proof system.
pub fn prove(
    srs: &Srs,
    key: &ProvingKey,
    graph: &Graph<Fixed>,
    trace: &Trace,
    context: &[u8],
) -> Result<ProofBundle, ProverError> {
    prove_with(Prover::default(), srs, key, graph, trace, context)
}

/// The same with a prover of choice; [`Prover::of_plan`] says which one a plan is proven by.
///
/// # Errors
/// See [`prove`].
#[tracing::instrument(skip_all, fields(k = key.plan.k()))]
pub fn prove_with(
    prover: Prover,
    srs: &Srs,
    key: &ProvingKey,
    graph: &Graph<Fixed>,
    trace: &Trace,
    context: &[u8],
) -> Result<ProofBundle, ProverError> {
    let (context, verifying) = (context_hash(context)?, key.verifying());
    let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
    bind(&mut transcript, verifying.hash(), context)
        .map_err(|e| ProverError::ProofSystem { doing: "proving", reason: e.to_string() })?;
    prover.write_proof(srs, key, (graph, trace), ChaCha20Rng::from_entropy(), &mut transcript)?;
    Ok(ProofBundle {
        plan: verifying.plan_hash(),
        srs: verifying.srs_hash(),
        key: verifying.hash(),
        context,
        output: trace.output(),
        input: public_input(&key.plan, trace),
        proof: transcript.finalize(),
    })
}

/// Verifies a bundle that was made for a context. Needs neither the model nor the prover's powers of tau.
///
/// # Errors
/// Artefacts that were not made together, another context, or a proof that does not verify.
#[tracing::instrument(skip_all)]
pub fn verify(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    bundle: &ProofBundle,
    context: &[u8],
) -> Result<PublicValues, ProverError> {
    same_hash("the plan", ("proof", bundle.plan), ("verifying key", key.plan_hash()))?;
    same_hash("the powers of tau", ("proof", bundle.srs), ("verifying key", key.srs_hash()))?;
    same_hash("the powers of tau", ("verifying key", key.srs_hash()), ("verifier's setup", srs.hash()))?;
    same_hash("the verifying key", ("proof", bundle.key), ("verifying key", key.hash()))?;
    same_context(bundle.context, context_hash(context)?)?;
    let plan = Arc::new(key.plan()?);
    if bundle.proof.len() != plan.shape.proof_bytes {
        let reason = format!("{} bytes, expected {}", bundle.proof.len(), plan.shape.proof_bytes);
        return Err(ProverError::Invalid(reason));
    }
    if !is_canonical(&bundle.proof) {
        return Err(ProverError::Invalid("a point of the proof is not in its one encoding".into()));
    }
    if bundle.input.is_some() != plan.visibility().public_input {
        return Err(ProverError::Invalid(
            "the plan and the bundle disagree on whether the input is public".into(),
        ));
    }
    if bundle.input.iter().flatten().any(|value| !plan.input_range.contains(*value)) {
        return Err(ProverError::Invalid("a public input value is outside the model's input range".into()));
    }
    let instance = instance(&plan, &bundle.output, bundle.input.as_deref())?;
    verify_instance(srs, key, &plan, &instance, bundle)?;
    Ok(PublicValues {
        output: bundle.output.clone(),
        output_values: plan.output_values(&bundle.output),
        output_stored: plan
            .output_stored
            .map(|stored| bundle.output.iter().map(|value| value + stored.zero_point).collect()),
        input_values: bundle.input.as_ref().map(|input| plan.input_values(input)),
        provenance: srs.provenance(),
    })
}

/// Whether every point has its one encoding, so that nobody can change a proof and keep it valid: the curve library
/// ignores the flag of the point at infinity on every other point. Scalars never have that bit.
fn is_canonical(proof: &[u8]) -> bool {
    let flagged = |element: &&[u8]| element.last().is_some_and(|last| last & INFINITY != 0);
    let infinity = |element: &[u8]| {
        element.split_last().is_some_and(|(last, rest)| *last == INFINITY && rest.iter().all(|byte| *byte == 0))
    };
    proof.chunks(ELEMENT_BYTES).filter(flagged).all(infinity)
}

fn verify_instance(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    plan: &Arc<Plan>,
    instance: &[Vec<Scalar>],
    bundle: &ProofBundle,
) -> Result<(), ProverError> {
    let params = srs.params(plan.k());
    let columns: Vec<&[Scalar]> = instance.iter().map(Vec::as_slice).collect();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(bundle.proof.as_slice());
    bind(&mut transcript, key.hash(), bundle.context).map_err(|e| ProverError::Invalid(e.to_string()))?;
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        &params,
        &key.key(plan)?,
        SingleStrategy::new(&params),
        &[&columns],
        &mut transcript,
    )
    .map_err(|e| ProverError::Invalid(e.to_string()))
}
