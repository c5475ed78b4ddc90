//! Verifying bundles: one, or all of one model at once.
//!
//! It needs neither the model nor the prover's powers of tau. A batch shares the reading of the key, the pairing and the
//! multi-scalar multiplication of the model commitment's points.

use std::collections::HashMap;
use std::sync::Arc;

use ff::PrimeField;
use halo2_proofs::plonk::{self, verify_proof};
use halo2_proofs::poly::VerificationStrategy;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::{AccumulatorStrategy, SingleStrategy};
use halo2_proofs::transcript::{Blake2bRead, Challenge255, TranscriptReadBuffer};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::Rng;
use zklayout_circuit::Scalar;
use zklayout_plan::{Plan, PlanHash};

use crate::binding::{bind, context_hash, same_context};
use crate::bundle::{ProofBundle, PublicValues};
use crate::commitment::{
    Bound, InputCommitment, Link, ModelCommitment, Recorder, bound_layout, committed_layout, hold,
};
use crate::error::ProverError;
use crate::keys::{VerifyingKey, same_hash};
use crate::provenance::Provenance;
use crate::public::instance;
use crate::srs::VerifierSrs;

/// Bytes of a point or a scalar in a proof.
const ELEMENT_BYTES: usize = 32;
/// The flag of the point at infinity, in a point's last byte.
const INFINITY: u8 = 0x80;

/// Verifies a bundle that was made for a context. Needs neither the model nor the prover's powers of tau.
///
/// # Errors
/// Artefacts that were not made together, another context, a proof that does not verify, or a key of committed weights, whose
/// proofs are verified by [`verify_committed`].
#[tracing::instrument(skip_all)]
pub fn verify(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    bundle: &ProofBundle,
    context: &[u8],
) -> Result<PublicValues, ProverError> {
    Verifier::new(srs, key, Commitments::default())?.verify(bundle, context)
}

/// Verifies a bundle against a model commitment, which it has to be of.
///
/// What is shown is shown of the numbers that the commitment holds. That they are integers, and of so many bits, is shown by an
/// audit of the commitment alone; and whose they are, by where its digest comes from.
///
/// # Errors
/// See [`verify`]; a commitment of other keys, or a key without committed weights.
#[tracing::instrument(skip_all)]
pub fn verify_committed(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    model: &ModelCommitment,
    bundle: &ProofBundle,
    context: &[u8],
) -> Result<PublicValues, ProverError> {
    verify_tied(srs, key, Commitments { model: Some(model), inputs: &[] }, bundle, context)
}

/// Commitments that proofs are verified against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commitments<'a> {
    /// That of the model, where weights are committed.
    pub model: Option<&'a ModelCommitment>,
    /// Those of the inputs that proofs may be about, where the input is committed.
    pub inputs: &'a [InputCommitment],
}

/// Verifies a bundle against whatever was committed to outside of it.
///
/// # Errors
/// See [`verify_committed`]; commitments to other inputs than the bundle's.
#[tracing::instrument(skip_all)]
pub fn verify_tied(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    commitments: Commitments<'_>,
    bundle: &ProofBundle,
    context: &[u8],
) -> Result<PublicValues, ProverError> {
    Verifier::new(srs, key, commitments)?.verify(bundle, context)
}

/// Verifies bundles of one key, each with its context, and where weights are committed of one model. If the batch as a whole does
/// not hold, they are verified one by one, so that the first wrong one is known.
///
/// # Errors
/// The place of the first bundle that is refused, and why; place 0 for what is wrong with all.
#[tracing::instrument(skip_all)]
pub fn verify_all(
    srs: &VerifierSrs,
    key: &VerifyingKey,
    commitments: Commitments<'_>,
    bundles: &[(&ProofBundle, &[u8])],
) -> Result<Vec<PublicValues>, (usize, ProverError)> {
    let verifier = Verifier::new(srs, key, commitments).map_err(|error| (0, error))?;
    if verifier.hold(bundles)? {
        return Ok(bundles.iter().map(|(bundle, _)| verifier.shown(bundle)).collect());
    }
    let one_by_one = bundles.iter().enumerate();
    one_by_one
        .map(|(place, (bundle, context))| verifier.verify(bundle, context).map_err(|error| (place, error)))
        .collect()
}

/// What all proofs of one key are verified with.
struct Verifier<'a> {
    key: &'a VerifyingKey,
    plan: Arc<Plan>,
    system: plonk::VerifyingKey<G1Affine>,
    params: ParamsKZG<Bn256>,
    provenance: Provenance,
    /// Lagrange points of the rows that hide a column.
    blinding: Vec<G1Affine>,
    model: Option<Tied>,
    inputs: Vec<Tied>,
}

/// A commitment, read, and the column that is tied to it.
struct Tied {
    digest: PlanHash,
    bound: Bound,
    lanes: Vec<G1Affine>,
}

impl<'a> Verifier<'a> {
    fn new(srs: &VerifierSrs, key: &'a VerifyingKey, commitments: Commitments<'_>) -> Result<Self, ProverError> {
        same_hash("the powers of tau", ("verifying key", key.srs_hash()), ("verifier's setup", srs.hash()))?;
        let plan = Arc::new(key.plan()?);
        let system = key.key(&plan)?;
        if commitments.model.is_none() && plan.shape.committed_lanes > 0 {
            return Err(ProverError::NoCommitment("a proof is verified against the model commitment"));
        }
        if commitments.inputs.is_empty() && plan.shape.bound_lanes > 0 {
            return Err(ProverError::NoInputCommitment("a proof is verified against the input commitment"));
        }
        let model = commitments.model.map(|model| Tied::model(key, &plan, model)).transpose()?;
        let inputs = commitments.inputs.iter().map(|input| Tied::input(key, &plan, input));
        let (inputs, blinding) = (inputs.collect::<Result<_, _>>()?, key.blinding(&plan)?);
        let (params, provenance) = (srs.params(plan.k()), srs.provenance());
        Ok(Self { key, plan, system, params, provenance, blinding, model, inputs })
    }

    fn verify(&self, bundle: &ProofBundle, context: &[u8]) -> Result<PublicValues, ProverError> {
        let instance = self.check(bundle, context)?;
        let ((), links) = self.replay(SingleStrategy::new(&self.params), bundle, &instance)?;
        for (link, tied) in links.into_iter().zip(self.tied(bundle)) {
            if !hold(&[link], &[Fr::one()], &tied.lanes, &self.blinding) {
                return Err(ProverError::Invalid(tied.bound.unlinked.to_owned()));
            }
        }
        Ok(self.shown(bundle))
    }

    /// What a bundle is tied to, in the order of its links.
    fn tied(&self, bundle: &ProofBundle) -> impl Iterator<Item = &Tied> {
        let record = bundle.record;
        self.model.iter().chain(self.inputs.iter().filter(move |input| Some(input.digest) == record).take(1))
    }

    /// Whether all bundles hold together. Whatever is wrong with one alone is an error, with its place.
    fn hold(&self, bundles: &[(&ProofBundle, &[u8])]) -> Result<bool, (usize, ProverError)> {
        let mut strategy = AccumulatorStrategy::new(&self.params);
        let mut links: HashMap<PlanHash, (&Tied, Vec<Link>)> = HashMap::new();
        for (place, (bundle, context)) in bundles.iter().enumerate() {
            let replayed =
                self.check(bundle, context).and_then(|instance| self.replay(strategy, bundle, &instance));
            let (next, own) = replayed.map_err(|error| (place, error))?;
            strategy = next;
            for (link, tied) in own.into_iter().zip(self.tied(bundle)) {
                links.entry(tied.digest).or_insert((tied, Vec::new())).1.push(link);
            }
        }
        let linked = links.values().all(|(tied, links)| {
            // Drawn when all proofs are known, by the verifier alone.
            let weights: Vec<Fr> = links.iter().map(|_| Fr::from_u128(rand::rngs::OsRng.r#gen())).collect();
            hold(links, &weights, &tied.lanes, &self.blinding)
        });
        let finished = bundles.is_empty() || finish(strategy);
        Ok(linked && finished)
    }

    /// What is known to be wrong before the proof is looked at; else the public columns.
    fn check(&self, bundle: &ProofBundle, context: &[u8]) -> Result<Vec<Vec<Scalar>>, ProverError> {
        let (key, plan) = (self.key, &self.plan);
        same_hash("the plan", ("proof", bundle.plan), ("verifying key", key.plan_hash()))?;
        same_hash("the powers of tau", ("proof", bundle.srs), ("verifying key", key.srs_hash()))?;
        same_hash("the verifying key", ("proof", bundle.key), ("verifying key", key.hash()))?;
        same_context(bundle.context, context_hash(context)?)?;
        self.check_model(bundle)?;
        self.check_record(bundle)?;
        if bundle.proof.len() != plan.shape.proof_bytes {
            let reason = format!("{} bytes, expected {}", bundle.proof.len(), plan.shape.proof_bytes);
            return Err(ProverError::Invalid(reason));
        }
        if !is_canonical(&bundle.proof) {
            return Err(ProverError::Invalid("a point of the proof is not in its one encoding".into()));
        }
        if bundle.input.is_some() != plan.visibility().shows_input() {
            return Err(ProverError::Invalid(
                "the plan and the bundle disagree on whether the input is public".into(),
            ));
        }
        if bundle.input.iter().flatten().any(|value| !plan.input_range.contains(*value)) {
            return Err(ProverError::Invalid("a public input value is outside the model's input range".into()));
        }
        instance(plan, &bundle.output, bundle.input.as_deref())
    }

    fn check_model(&self, bundle: &ProofBundle) -> Result<(), ProverError> {
        let expected = self.model.as_ref().map(|model| model.digest);
        if bundle.model == expected {
            return Ok(());
        }
        let named =
            |digest: Option<PlanHash>| digest.map_or("no commitment".to_owned(), |digest| digest.to_string());
        let (found, expected) = (named(bundle.model), named(expected));
        Err(ProverError::OtherModel { of: "proof", found, expected })
    }

    fn check_record(&self, bundle: &ProofBundle) -> Result<(), ProverError> {
        let known = |digest: PlanHash| self.inputs.iter().any(|input| input.digest == digest);
        let binds = self.plan.shape.bound_lanes > 0;
        if bundle.record.map_or(!binds, |digest| binds && known(digest)) {
            return Ok(());
        }
        let found = bundle.record.map_or("no commitment".to_owned(), |digest| digest.to_string());
        let expected: Vec<String> = self.inputs.iter().map(|input| input.digest.to_string()).collect();
        let expected = if binds { expected.join(" or ") } else { "no commitment".to_owned() };
        Err(ProverError::OtherRecord { found, expected })
    }

    /// halo2's part, then the links; nothing may follow.
    fn replay<'p, S>(
        &'p self,
        strategy: S,
        bundle: &ProofBundle,
        instance: &[Vec<Scalar>],
    ) -> Result<(S::Output, Vec<Link>), ProverError>
    where
        S: VerificationStrategy<'p, KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'p, Bn256>>,
    {
        let columns: Vec<&[Scalar]> = instance.iter().map(Vec::as_slice).collect();
        let mut rest = bundle.proof.as_slice();
        let mut transcript = Recorder::new(Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&mut rest));
        let prefix = self.tied(bundle).map(|tied| tied.bound.prefix(tied.digest));
        let invalid = |reason: String| ProverError::Invalid(reason);
        bind(&mut transcript, self.key.hash(), bundle.context, prefix).map_err(|e| invalid(e.to_string()))?;
        let verified = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            &self.system,
            strategy,
            &[&columns],
            &mut transcript,
        )
        .map_err(|e| invalid(e.to_string()))?;
        let mut links = Vec::new();
        for Tied { bound, .. } in self.tied(bundle) {
            let column = (transcript.points[bound.column], bound.coefficients(&transcript.challenges));
            let link = Link::read(&mut transcript, column, self.blinding.len());
            links.push(link.map_err(|e| invalid(e.to_string()))?);
        }
        if !rest.is_empty() {
            return Err(invalid(format!("{} bytes follow the proof", rest.len())));
        }
        Ok((verified, links))
    }

    fn shown(&self, bundle: &ProofBundle) -> PublicValues {
        let plan = &self.plan;
        PublicValues {
            output: bundle.output.clone(),
            output_values: plan.output_values(&bundle.output),
            output_stored: plan.output_bytes(&bundle.output),
            input_values: bundle.input.as_ref().map(|input| plan.input_values(input)),
            model: bundle.model,
            record: bundle.record,
            provenance: self.provenance,
        }
    }
}

impl Tied {
    fn model(key: &VerifyingKey, plan: &Plan, model: &ModelCommitment) -> Result<Self, ProverError> {
        let bound = Bound::weights(committed_layout(plan)?);
        Ok(Self { digest: model.digest(), bound, lanes: key.lanes_of(plan, model)? })
    }

    fn input(key: &VerifyingKey, plan: &Plan, input: &InputCommitment) -> Result<Self, ProverError> {
        let bound = Bound::input(bound_layout(plan)?);
        Ok(Self { digest: input.digest(), bound, lanes: input.points_for(plan, key.srs_hash())? })
    }
}

/// Whether a batch's proofs hold: one pairing.
fn finish(strategy: AccumulatorStrategy<'_, Bn256>) -> bool {
    VerificationStrategy::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>>::finalize(strategy)
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
