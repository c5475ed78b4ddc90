//! Proving an execution: the bundle that comes out, and what it shows once it is verified.

use std::borrow::Cow;

use halo2_proofs::transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer};
use halo2curves::bn256::{Fr, G1Affine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::binding::{bind, context_hash};
use crate::commitment::{Bound, InputHolder, Link, Recorder, bound_layout, committed_layout, hold};
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
    /// Digest of the input commitment, if the input is bound to one.
    pub record: Option<PlanHash>,
    /// The proof, with what ties it to what was committed outside of it.
    pub proof: Vec<u8>,
}

impl Artefact for ProofBundle {
    const KIND: [u8; 4] = *b"prof";
    const NAME: &'static str = "proof bundle";
    const VERSION: u32 = 4;
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
    /// Digest of the commitment to the input that the output is of, if the input is bound to one: the same for every proof about it.
    pub record: Option<PlanHash>,
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
pub fn prove_with(
    prover: Prover,
    srs: &Srs,
    key: &ProvingKey,
    graph: &Graph<Fixed>,
    trace: &Trace,
    context: &[u8],
) -> Result<ProofBundle, ProverError> {
    ProofJob { prover, srs, key, graph, trace, context, holder: None }.prove()
}

/// What a proof is written to.
pub(crate) type Written = Recorder<Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>>;

pub(crate) fn transcript() -> Written {
    Recorder::new(Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new()))
}

/// One proof to be made, and all that it is made of.
#[derive(Clone, Copy, Debug)]
pub struct ProofJob<'a> {
    /// Which code makes it; [`Prover::of_plan`] says which one a plan is proven by.
    pub prover: Prover,
    /// The powers of tau.
    pub srs: &'a Srs,
    /// The key, with the model's owner where weights are committed.
    pub key: &'a ProvingKey,
    /// The model.
    pub graph: &'a Graph<Fixed>,
    /// Its execution.
    pub trace: &'a Trace,
    /// The caller's context.
    pub context: &'a [u8],
    /// Who holds the input, where it is bound to a commitment.
    pub holder: Option<&'a InputHolder>,
}

/// What a link is made from, true or not.
pub(crate) struct Claim<'a> {
    /// The column that is bound.
    pub(crate) bound: Bound,
    /// Digest of the commitment that the proof is to be of.
    pub(crate) digest: PlanHash,
    /// What hides each of its lanes.
    pub(crate) blinds: Cow<'a, [Fr]>,
    /// Its lanes.
    pub(crate) lanes: Vec<G1Affine>,
    /// What a prover of other numbers is told.
    pub(crate) refusal: ProverError,
}

impl ProofJob<'_> {
    /// Makes the proof.
    ///
    /// # Errors
    /// See [`prove`].
    #[tracing::instrument(skip_all, fields(k = self.key.plan.k()))]
    pub fn prove(self) -> Result<ProofBundle, ProverError> {
        let Self { key, trace, context, .. } = self;
        let (mut transcript, verifying) = (transcript(), key.verifying());
        let (model, record) = (self.owners_claim()?, self.holders_claim()?);
        let digests = [&model, &record].map(|claim| claim.as_ref().map(|claim| claim.digest));
        self.write_and_check(model.into_iter().chain(record).collect(), &mut transcript)?;
        Ok(ProofBundle {
            plan: verifying.plan_hash(),
            srs: verifying.srs_hash(),
            key: verifying.hash(),
            context: context_hash(context)?,
            output: trace.output(),
            input: public_input(&key.plan, trace),
            model: digests[0],
            record: digests[1],
            proof: transcript.inner.finalize(),
        })
    }

    /// halo2's proof, after what it is bound to.
    fn write(
        self,
        bound: impl IntoIterator<Item = PlanHash>,
        rng: ChaCha20Rng,
        transcript: &mut Written,
    ) -> Result<(), ProverError> {
        let Self { prover, srs, key, graph, trace, context, .. } = self;
        bind(transcript, key.verifying().hash(), context_hash(context)?, bound).map_err(failed)?;
        prover.write_proof(srs, key, (graph, trace), rng, transcript)
    }

    /// The weights', if they are committed.
    fn owners_claim(&self) -> Result<Option<Claim<'_>>, ProverError> {
        let Self { key, graph, .. } = self;
        if key.plan.shape.committed_lanes == 0 {
            return Ok(None);
        }
        let owner =
            key.owner().ok_or(ProverError::NoCommitment("a proof needs the owner's commitment and seed"))?;
        let layout = committed_layout(&key.plan)?;
        let lanes = key.verifying().lanes_of(&key.plan, owner.commitment())?;
        let (digest, blinds) = (owner.commitment().digest(), owner.blinds(layout, graph)?.into());
        Ok(Some(Claim {
            bound: Bound::weights(layout),
            digest,
            blinds,
            lanes,
            refusal: ProverError::OtherWeights,
        }))
    }

    /// The input's, if it is bound.
    fn holders_claim(&self) -> Result<Option<Claim<'_>>, ProverError> {
        let (plan, input) = (&*self.key.plan, &self.trace.values[0]);
        let holder = match (plan.shape.bound_lanes, self.holder) {
            (0, None) => return Ok(None),
            (0, Some(_)) => return Err(ProverError::NotBound),
            (_, None) => {
                return Err(ProverError::NoInputCommitment("a proof needs the holder's commitment and seed"));
            }
            (_, Some(holder)) => holder,
        };
        // Known before the proof is made, which takes longer.
        holder.check(self.srs, plan, input)?;
        let lanes = holder.commitment().points_for(plan, self.key.verifying().srs_hash())?;
        let (digest, blinds) = (holder.commitment().digest(), holder.blinds(plan, input)?.into());
        let bound = Bound::input(bound_layout(plan)?);
        Ok(Some(Claim { bound, digest, blinds, lanes, refusal: ProverError::OtherValues }))
    }

    /// A proof that is tied to what is claimed. Of other numbers than those committed to, or under another seed, nothing is handed out.
    fn write_and_check(self, claims: Vec<Claim<'_>>, transcript: &mut Written) -> Result<(), ProverError> {
        let blinding = self.key.verifying().blinding(&self.key.plan)?;
        let links = self.write_linked(&claims, &blinding, transcript)?;
        for (link, claim) in links.into_iter().zip(claims) {
            if !hold(&[link], &[Fr::one()], &claim.lanes, &blinding) {
                return Err(claim.refusal);
            }
        }
        Ok(())
    }

    /// A proof, and after it a link to each thing that is claimed.
    pub(crate) fn write_linked(
        self,
        claims: &[Claim<'_>],
        blinding: &[G1Affine],
        transcript: &mut Written,
    ) -> Result<Vec<Link>, ProverError> {
        let generator = ChaCha20Rng::from_entropy();
        let prefixes = claims.iter().map(|claim| claim.bound.prefix(claim.digest));
        self.write(prefixes, generator.clone(), transcript)?;
        let cs = self.key.key.constraints();
        let mut links = Vec::with_capacity(claims.len());
        for Claim { bound, blinds, .. } in claims {
            let coefficients = bound.coefficients(&transcript.challenges);
            let difference = bound.difference(generator.clone(), cs, &coefficients, blinds);
            let column = (transcript.points[bound.column], coefficients);
            let nonces = nonces(blinds, transcript);
            links.push(Link::write(transcript, column, blinding, &difference, nonces).map_err(failed)?);
        }
        Ok(links)
    }
}

/// The link's own generator. It depends on what hides the commitment and on the whole proof too, in case the machine's randomness is
/// bad: one nonce for two challenges shows the secret.
fn nonces(blinds: &[Fr], transcript: &Written) -> ChaCha20Rng {
    let mut bytes = rand::rngs::OsRng.r#gen::<[u8; 32]>().to_vec();
    bytes.extend(blinds.iter().flat_map(Fr::to_bytes));
    bytes.extend(transcript.challenges.iter().flat_map(Fr::to_bytes));
    ChaCha20Rng::from_seed(PlanHash::of("nonces of a link", &bytes).0)
}

fn failed(error: std::io::Error) -> ProverError {
    ProverError::ProofSystem { doing: "proving", reason: error.to_string() }
}
