//! The owner's answers about a model commitment, which need the seed and do not give it away.
//!
//! To an auditor who has the weights: they are what the commitment holds, each in its place, and nothing is in any other row. To one
//! who has two commitments of one tape: both hold the same, so that what was said of one holds for the other.
//!
//! ```text
//! about                  what is claimed: digests, and a hash of the weights
//! delta                  drawn from it
//! R -> c -> z            a link: sum_lane delta^(lanes-1-lane) * C_lane - F lies in the blinding rows alone
//! ```
//!
//! `F` commits to the weights' rows, folded by delta, without anything hidden; of two commitments the lanes are the differences and
//! there is no `F`. Numbers that differ in any usable row pass with a probability of `(lanes - 1) / p`. Whoever has an answer of the
//! first kind can test a guess of all the weights at once, but no part of them.

use ff::Field;
use group::prime::PrimeCurveAffine;
use group::{Curve, Group};
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, Transcript, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zklayout_circuit::streams::{WeightTape, fold, powers};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::binding::halves;
use crate::commitment::bound::subtract_hidden;
use crate::commitment::link::{Link, hold};
use crate::commitment::model::ModelCommitment;
use crate::commitment::owner::{Owner, committed_layout, weights_hash};
use crate::error::ProverError;
use crate::keys::VerifyingKey;
use crate::srs::Srs;

/// See the module's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnersAnswer {
    proof: Vec<u8>,
}

impl Artefact for OwnersAnswer {
    const KIND: [u8; 4] = *b"answ";
    const NAME: &'static str = "answer of an owner";
    const IS_SECRET: bool = true;
}

impl Owner {
    /// Shows whoever has the weights that they are what the commitment holds.
    ///
    /// # Errors
    /// A key of another tape or a model of another structure.
    pub fn answer_weights(&self, key: &VerifyingKey, graph: &Graph<Fixed>) -> Result<OwnersAnswer, ProverError> {
        let plan = key.plan()?;
        let layout = committed_layout(&plan)?;
        let about = about_weights(self.commitment(), &WeightTape::of(layout, graph)?);
        let blinds = self.blinds(layout, graph)?.to_vec();
        answer(about, &key.blinding(&plan)?, &blinds)
    }

    /// Shows that another commitment of the owner's, to the same tape, holds the same weights.
    ///
    /// # Errors
    /// A key of another tape or a model of another structure.
    pub fn answer_same(
        &self,
        other: &Self,
        key: &VerifyingKey,
        graph: &Graph<Fixed>,
    ) -> Result<OwnersAnswer, ProverError> {
        let plan = key.plan()?;
        let layout = committed_layout(&plan)?;
        let (ours, theirs) = (self.blinds(layout, graph)?, other.blinds(layout, graph)?);
        let blinds: Vec<Fr> = ours.iter().zip(theirs).map(|(ours, theirs)| *ours - theirs).collect();
        answer(about_same(self.commitment(), other.commitment()), &key.blinding(&plan)?, &blinds)
    }
}

/// Checks that a commitment holds a model's weights, with the owner's answer: one fold and one multi-scalar multiplication.
///
/// # Errors
/// A commitment or a model of another tape than the key's, other powers of tau, or weights that the commitment does not hold.
pub fn audit_weights(
    srs: &Srs,
    key: &VerifyingKey,
    model: &ModelCommitment,
    graph: &Graph<Fixed>,
    answer: &OwnersAnswer,
) -> Result<(), ProverError> {
    crate::keys::same_hash("the powers of tau", ("verifying key", key.srs_hash()), ("setup", srs.hash()))?;
    let plan = key.plan()?;
    plan.check_structure(graph)?;
    let layout = committed_layout(&plan)?;
    let (lanes, blinding) = (key.lanes_of(&plan, model)?, key.blinding(&plan)?);
    let (tape, lagrange) = (WeightTape::of(layout, graph)?, srs.lagrange(plan.k())?);
    let folded = |delta: Fr| {
        let folded = fold(&tape, delta);
        best_multiexp(&folded, &lagrange[..folded.len()])
    };
    check(about_weights(model, &tape), folded, &lanes, &blinding, answer)
}

/// Checks that two commitments of one tape hold the same weights, with the owner's answer.
///
/// # Errors
/// A commitment of another tape than the key's, or two that hold other weights.
pub fn audit_same(
    key: &VerifyingKey,
    model: &ModelCommitment,
    other: &ModelCommitment,
    answer: &OwnersAnswer,
) -> Result<(), ProverError> {
    let plan = key.plan()?;
    let (ours, theirs) = (key.lanes_of(&plan, model)?, key.lanes_of(&plan, other)?);
    let lanes: Vec<G1Affine> =
        ours.iter().zip(&theirs).map(|(ours, theirs)| (G1::from(*ours) - theirs).to_affine()).collect();
    check(about_same(model, other), |_| G1::identity(), &lanes, &key.blinding(&plan)?, answer)
}

fn about_weights(model: &ModelCommitment, tape: &WeightTape) -> PlanHash {
    PlanHash::of("a model commitment holds these weights v1", &[model.digest().0, weights_hash(tape).0].concat())
}

fn about_same(model: &ModelCommitment, other: &ModelCommitment) -> PlanHash {
    PlanHash::of("two model commitments hold the same v1", &[model.digest().0, other.digest().0].concat())
}

/// The link of the folded lanes, hidden by the folded blinds, to what is not hidden at all.
fn answer(about: PlanHash, blinding: &[G1Affine], blinds: &[Fr]) -> Result<OwnersAnswer, ProverError> {
    let failed =
        |error: std::io::Error| ProverError::ProofSystem { doing: "answering", reason: error.to_string() };
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
    let coefficients = drawn(&mut transcript, about, blinds.len()).map_err(failed)?;
    let mut difference = vec![Fr::ZERO; blinding.len()];
    subtract_hidden(&mut difference, &coefficients, blinds);
    let column = (G1Affine::identity(), coefficients);
    Link::write(&mut transcript, column, blinding, &difference, OsRng).map_err(failed)?;
    Ok(OwnersAnswer { proof: transcript.finalize() })
}

fn check(
    about: PlanHash,
    unhidden: impl Fn(Fr) -> G1,
    lanes: &[G1Affine],
    blinding: &[G1Affine],
    answer: &OwnersAnswer,
) -> Result<(), ProverError> {
    let refused =
        || ProverError::Invalid("the owner's answer does not show what is claimed of the commitment".into());
    let mut rest = answer.proof.as_slice();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&mut rest);
    let coefficients = drawn(&mut transcript, about, lanes.len()).map_err(|_| refused())?;
    // The powers end with 1 and, before it, with what they are powers of.
    let delta = coefficients.iter().rev().nth(1).copied().unwrap_or(Fr::ONE);
    let column = (unhidden(delta).to_affine(), coefficients);
    let link = Link::read(&mut transcript, column, blinding.len()).map_err(|_| refused())?;
    if rest.is_empty() && hold(&[link], &[Fr::ONE], lanes, blinding) { Ok(()) } else { Err(refused()) }
}

/// Powers of delta, drawn from what is claimed.
fn drawn<T>(transcript: &mut T, about: PlanHash, lanes: usize) -> std::io::Result<Vec<Fr>>
where
    T: Transcript<G1Affine, Challenge255<G1Affine>>,
{
    halves(about).into_iter().try_for_each(|half| transcript.common_scalar(half))?;
    Ok(powers(*transcript.squeeze_challenge_scalar::<()>(), lanes))
}
