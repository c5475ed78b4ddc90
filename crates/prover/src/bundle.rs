//! Proving an execution: the bundle that comes out, and what it shows once it is verified.

use halo2_proofs::transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer};
use halo2curves::bn256::{Fr, G1Affine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_circuit::streams::powers;
use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::binding::{bind, context_hash};
use crate::commitment::{Bound, Link, Recorder, committed_layout, hold};
use crate::error::ProverError;
use crate::keys::ProvingKey;
use crate::provenance::Provenance;
use crate::prover::Prover;
use crate::public::public_input;
use crate::srs::Srs;

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
    /// Digest of the model commitment, if weights are committed.
    pub model: Option<PlanHash>,
    /// The proof, with what ties it to the model commitment.
    pub proof: Vec<u8>,
}

impl Artefact for ProofBundle {
    const KIND: [u8; 4] = *b"prof";
    const NAME: &'static str = "proof bundle";
    const VERSION: u32 = 3;
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
    /// Digest of the model commitment whose weights gave the output, if weights are committed: the same for every proof of the model.
    pub model: Option<PlanHash>,
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
    let mut transcript = transcript();
    let job = Job { prover, srs, key, graph, trace, context };
    let model = match key.plan.shape.committed_lanes {
        0 => job.write(None, ChaCha20Rng::from_entropy(), &mut transcript).map(|()| None),
        _ => job.write_for_owner(&mut transcript).map(Some),
    };
    let (model, verifying) = (model?, key.verifying());
    Ok(ProofBundle {
        plan: verifying.plan_hash(),
        srs: verifying.srs_hash(),
        key: verifying.hash(),
        context: context_hash(context)?,
        output: trace.output(),
        input: public_input(&key.plan, trace),
        model,
        proof: transcript.inner.finalize(),
    })
}

/// What a proof is written to.
pub(crate) type Written = Recorder<Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>>;

pub(crate) fn transcript() -> Written {
    Recorder::new(Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new()))
}

/// One proof to be made.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) prover: Prover,
    pub(crate) srs: &'a Srs,
    pub(crate) key: &'a ProvingKey,
    pub(crate) graph: &'a Graph<Fixed>,
    pub(crate) trace: &'a Trace,
    pub(crate) context: &'a [u8],
}

/// What a link is made from, true or not.
pub(crate) struct Claim<'a> {
    /// Digest of the commitment that the proof is to be of.
    pub(crate) digest: PlanHash,
    /// What hides each of its lanes.
    pub(crate) blinds: &'a [Fr],
    /// Lagrange points of the blinding rows.
    pub(crate) blinding: &'a [G1Affine],
}

impl Job<'_> {
    /// halo2's proof, after what it is bound to.
    fn write(
        self,
        bound: Option<PlanHash>,
        rng: ChaCha20Rng,
        transcript: &mut Written,
    ) -> Result<(), ProverError> {
        let Self { prover, srs, key, graph, trace, context } = self;
        bind(transcript, key.verifying().hash(), context_hash(context)?, bound).map_err(failed)?;
        prover.write_proof(srs, key, (graph, trace), rng, transcript)
    }

    /// A proof that is tied to the owner's commitment, whose digest is returned.
    fn write_for_owner(self, transcript: &mut Written) -> Result<PlanHash, ProverError> {
        let Self { key, graph, .. } = self;
        let owner =
            key.owner().ok_or(ProverError::NoCommitment("a proof needs the owner's commitment and seed"))?;
        let blinds = owner.blinds(committed_layout(&key.plan)?, graph)?;
        let (digest, blinding) = (owner.commitment().digest(), key.verifying().blinding(&key.plan)?);
        let claim = Claim { digest, blinds, blinding: &blinding };
        let link = self.write_linked(&claim, owner.seed().secret(), transcript)?;
        let lanes = key.verifying().lanes_of(&key.plan, owner.commitment())?;
        // Of another model's weights, or under another seed, nothing is handed out.
        if hold(&[link], &[Fr::one()], &lanes, &blinding) { Ok(digest) } else { Err(ProverError::OtherWeights) }
    }

    /// A proof, and after it a link to what is claimed.
    pub(crate) fn write_linked(
        self,
        claim: &Claim<'_>,
        secret: &[u8; 32],
        transcript: &mut Written,
    ) -> Result<Link, ProverError> {
        let bound = Bound::weights(committed_layout(&self.key.plan)?);
        let generator = ChaCha20Rng::from_entropy();
        self.write(Some(bound.prefix(claim.digest)), generator.clone(), transcript)?;
        let coefficients = powers(transcript.challenges[bound.challenge], bound.lanes);
        let cs = self.key.key.get_vk().cs();
        let difference = bound.difference(generator, cs, &coefficients, claim.blinds);
        let column = (transcript.points[bound.column], coefficients);
        let nonces = nonces(secret, transcript);
        Link::write(transcript, column, claim.blinding, &difference, nonces).map_err(failed)
    }
}

/// The link's own generator. It depends on the secret and on the whole proof too, in case the machine's randomness is bad: one nonce
/// for two challenges shows the secret.
fn nonces(secret: &[u8; 32], transcript: &Written) -> ChaCha20Rng {
    let mut bytes = rand::rngs::OsRng.r#gen::<[u8; 32]>().to_vec();
    bytes.extend(secret);
    bytes.extend(transcript.challenges.iter().flat_map(Fr::to_bytes));
    ChaCha20Rng::from_seed(PlanHash::of("nonces of a link", &bytes).0)
}

fn failed(error: std::io::Error) -> ProverError {
    ProverError::ProofSystem { doing: "proving", reason: error.to_string() }
}
