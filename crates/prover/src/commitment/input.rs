//! A commitment to an input: made once by whoever holds it, whatever models are run on it.
//!
//! `C_channel = sum_position x[channel][position] * L_row(position) + r_channel * L_last`. Where the rows are depends on the number of
//! rows and on the input's shape alone ([`InputTape`]), so that plans of several models are tied to one commitment. It hides inputs that
//! could be guessed; an exact output under weights that everybody knows may not.
//!
//! Whoever proves needs the input and the seed, and could prove other things about it. It does not know whose input it is.

use halo2curves::bn256::{Fr, G1Affine};
use ndarray::Array3;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zklayout_circuit::streams::WeightTape;
use zklayout_plan::{InputTape, Plan, PlanHash, Streams};

use crate::artefact::Artefact;
use crate::commitment::lanes;
use crate::commitment::owner::weights_hash;
use crate::commitment::seed::{OwnerSeed, blinds};
use crate::error::ProverError;
use crate::srs::Srs;

/// Version of what a digest stands for.
const VERSION: u64 = 1;

/// Commitments to the channels of an input, which hide them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputCommitment {
    /// Hash of the powers of tau.
    srs: PlanHash,
    /// Where the values are, and what they stand for.
    tape: InputTape,
    /// By channel, both coordinates of its commitment.
    points: Vec<u8>,
}

impl Artefact for InputCommitment {
    const KIND: [u8; 4] = *b"icom";
    const NAME: &'static str = "input commitment";
}

impl InputCommitment {
    /// What the holder publishes, and what every proof about the input names.
    pub fn digest(&self) -> PlanHash {
        let InputTape { k, shape, units } = self.tape;
        let numbers = [VERSION, k.into(), shape.channels as u64, shape.height as u64, shape.width as u64];
        let numbers = numbers.map(u64::to_le_bytes);
        PlanHash::of("input commitment", &[numbers.as_flattened(), &self.srs.0, &units.0, &self.points].concat())
    }

    /// Where the values are, and what they stand for.
    pub fn tape(&self) -> InputTape {
        self.tape
    }

    /// Hash of the powers of tau that it was made with.
    pub fn srs_hash(&self) -> PlanHash {
        self.srs
    }

    /// The points, for a plan and powers of tau that it has to be of.
    ///
    /// # Errors
    /// [`ProverError::OtherCommitment`], or points that are not on the curve.
    pub(crate) fn points_for(&self, plan: &Plan, srs: PlanHash) -> Result<Vec<G1Affine>, ProverError> {
        let other = |what, found: String, expected: String| Err(ProverError::OtherInput { what, found, expected });
        let (found, expected) = (self.tape, plan.input_tape());
        if self.srs != srs {
            return other("powers of tau", self.srs.to_string(), srs.to_string());
        }
        if found.k != expected.k {
            return other("rows", format!("2^{}", found.k), format!("2^{}", expected.k));
        }
        if found.shape != expected.shape {
            return other("shape", found.shape.to_string(), expected.shape.to_string());
        }
        if found.units != expected.units {
            return other("scale", found.units.to_string(), expected.units.to_string());
        }
        lanes::read(&self.points, expected.lanes())
    }
}

/// What proofs about a committed input are made with, beside the input.
#[derive(Clone, Debug)]
pub struct InputHolder {
    commitment: InputCommitment,
    seed: OwnerSeed,
}

impl InputHolder {
    /// Commits to an input as a plan's model takes it, with a new seed: of the same input, every commitment is another one.
    ///
    /// # Errors
    /// A plan whose input is not bound, an input of another shape or of values beyond 16 bits, or too few powers of tau.
    pub fn commit(srs: &Srs, plan: &Plan, input: &Array3<i64>) -> Result<Self, ProverError> {
        Self::with_secret(srs, plan, input, OwnerSeed::draw(OsRng))
    }

    /// The same from a seed that is there already.
    ///
    /// # Errors
    /// See [`InputHolder::commit`]; [`ProverError::OtherSeed`] if input, shape, scale, rows or powers of tau are not those that
    /// the seed was made for.
    pub fn again(srs: &Srs, plan: &Plan, input: &Array3<i64>, seed: &OwnerSeed) -> Result<Self, ProverError> {
        let holder = Self::with_secret(srs, plan, input, *seed.secret())?;
        holder.check_seed(seed)?;
        Ok(holder)
    }

    /// Commitment and seed as they were saved.
    ///
    /// # Errors
    /// [`ProverError::OtherSeed`] for two that were not made together.
    pub fn new(commitment: InputCommitment, seed: OwnerSeed) -> Result<Self, ProverError> {
        let holder = Self { commitment, seed };
        holder.check_seed(&holder.seed)?;
        Ok(holder)
    }

    /// Refuses an input that is not the one committed to, or a plan that the commitment is not for.
    ///
    /// # Errors
    /// [`ProverError::OtherInput`], [`ProverError::OtherValues`].
    pub fn check(&self, srs: &Srs, plan: &Plan, input: &Array3<i64>) -> Result<(), ProverError> {
        bound_layout(plan)?;
        self.commitment.points_for(plan, srs.hash())?;
        match Self::again(srs, plan, input, &self.seed) {
            Err(ProverError::OtherSeed { .. }) => Err(ProverError::OtherValues),
            other => other.map(|_| ()),
        }
    }

    /// What is published.
    pub fn commitment(&self) -> &InputCommitment {
        &self.commitment
    }

    /// What is kept.
    pub fn seed(&self) -> &OwnerSeed {
        &self.seed
    }

    fn with_secret(srs: &Srs, plan: &Plan, input: &Array3<i64>, secret: [u8; 32]) -> Result<Self, ProverError> {
        bound_layout(plan)?;
        let (tape, id) = (tape_of(plan, input)?, plan.input_tape());
        let blinds = blinds(&secret, content(srs.hash(), id, &tape), tape.lanes());
        let points = lanes::commit(&tape, id.first_row(), &srs.lagrange(id.k)?, &blinds);
        let commitment = InputCommitment { srs: srs.hash(), tape: id, points };
        let digest = commitment.digest();
        Ok(Self { commitment, seed: OwnerSeed::new(secret, digest) })
    }

    fn check_seed(&self, seed: &OwnerSeed) -> Result<(), ProverError> {
        let (found, expected) = (seed.digest(), self.commitment.digest());
        if found == expected {
            return Ok(());
        }
        Err(ProverError::OtherSeed { found: found.to_string(), expected: expected.to_string() })
    }

    /// What hides each channel of an input.
    pub(crate) fn blinds(&self, plan: &Plan, input: &Array3<i64>) -> Result<Vec<Fr>, ProverError> {
        let tape = tape_of(plan, input)?;
        let content = content(self.commitment.srs, self.commitment.tape, &tape);
        Ok(blinds(self.seed.secret(), content, tape.lanes()))
    }
}

/// An input on its tape.
fn tape_of(plan: &Plan, input: &Array3<i64>) -> Result<WeightTape, ProverError> {
    let (shape, (channels, height, width)) = (plan.input_shape, input.dim());
    if shape.dims() != (channels, height, width) {
        let found = format!("{channels} x {height} x {width}");
        return Err(ProverError::OtherInput { what: "shape", found, expected: shape.to_string() });
    }
    Ok(WeightTape::of_input(input)?)
}

/// What a channel's hiding number belongs to: powers of tau, tape and values.
fn content(srs: PlanHash, tape: InputTape, values: &WeightTape) -> PlanHash {
    let numbers = [u64::from(tape.k), values.lanes() as u64, values.len() as u64].map(u64::to_le_bytes);
    let values = weights_hash(values).0;
    PlanHash::of("committed input", &[numbers.as_flattened(), &srs.0, &tape.units.0, &values].concat())
}

/// The layout of a plan whose input is bound to a commitment.
pub(crate) fn bound_layout(plan: &Plan) -> Result<&Streams, ProverError> {
    plan.layout.as_streams().filter(|layout| layout.bound.is_some()).ok_or(ProverError::NotBound)
}
