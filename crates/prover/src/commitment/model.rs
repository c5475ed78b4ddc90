//! The model commitment: one hiding commitment per lane of the weight tape, made once.
//!
//! `C_lane = sum_row w[row][lane] * L_row + r_lane * L_last`, with the Lagrange points of as many rows as the circuit has. One random
//! number hides a lane however many proofs use it, because each proof hides its own column anew. The last row is a blinding row of
//! every column.
//!
//! Nothing here says where the blinding rows are: a list of them that came with a commitment could be longer than it should be.

use halo2curves::bn256::{Fr, G1Affine};
use serde::{Deserialize, Serialize};
use zklayout_circuit::streams::WeightTape;
use zklayout_plan::{PlanHash, Streams, TapeId};

use crate::artefact::Artefact;
use crate::commitment::lanes;
use crate::error::ProverError;

/// Version of what a digest stands for.
const VERSION: u32 = 1;

/// Commitments to the weights of a model, which hide them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCommitment {
    /// Hash of the powers of tau.
    srs: PlanHash,
    /// Which weight each cell of the tape holds.
    tape: TapeId,
    /// By lane, both coordinates of its commitment.
    points: Vec<u8>,
}

impl Artefact for ModelCommitment {
    const KIND: [u8; 4] = *b"mcom";
    const NAME: &'static str = "model commitment";
}

impl ModelCommitment {
    /// Commits to a tape with the Lagrange basis of as many rows as its columns have.
    pub(crate) fn new(srs: PlanHash, id: TapeId, tape: &WeightTape, lagrange: &[G1Affine], blinds: &[Fr]) -> Self {
        Self { srs, tape: id, points: lanes::commit(tape, 0, lagrange, blinds) }
    }

    /// What the owner publishes, and what every proof of the model names. Other powers of tau, another tape, other weights or
    /// another seed give another one.
    pub fn digest(&self) -> PlanHash {
        let TapeId { k, lanes, rows, hash } = self.tape;
        let numbers = [u64::from(VERSION), k.into(), lanes as u64, rows as u64].map(u64::to_le_bytes);
        let parts = [numbers.as_flattened(), &self.srs.0, &hash.0, &self.points].concat();
        PlanHash::of("model commitment", &parts)
    }

    /// The weight tape that it is of.
    pub fn tape(&self) -> TapeId {
        self.tape
    }

    /// Hash of the powers of tau that it was made with.
    pub fn srs_hash(&self) -> PlanHash {
        self.srs
    }

    /// Refuses something that was made with another commitment.
    pub(crate) fn check_digest(&self, of: &'static str, found: PlanHash) -> Result<(), ProverError> {
        let expected = self.digest();
        if found == expected {
            return Ok(());
        }
        Err(ProverError::OtherModel { of, found: found.to_string(), expected: expected.to_string() })
    }

    /// Bytes that a verifier holds.
    pub fn size(&self) -> usize {
        self.points.len()
    }

    /// The points, for a layout and powers of tau that it has to be of.
    ///
    /// # Errors
    /// [`ProverError::OtherCommitment`], or points that are not on the curve.
    pub(crate) fn points_for(&self, plan: &Streams, srs: PlanHash) -> Result<Vec<G1Affine>, ProverError> {
        let other =
            |what, found: String, expected: String| Err(ProverError::OtherCommitment { what, found, expected });
        if self.srs != srs {
            return other("powers of tau", self.srs.to_string(), srs.to_string());
        }
        let expected = plan.tape_id();
        if self.tape != expected {
            return other("weight tape", self.tape.to_string(), expected.to_string());
        }
        lanes::read(&self.points, expected.lanes)
    }
}
