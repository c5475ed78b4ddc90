//! The model commitment: one hiding commitment per lane of the weight tape, made once.
//!
//! `C_lane = sum_row w[row][lane] * L_row + r_lane * L_last`, with the Lagrange points of as many rows as the circuit has. One random
//! number hides a lane however many proofs use it, because each proof hides its own column anew. The last row is a blinding row of
//! every column.
//!
//! Points are saved as their coordinates in one encoding: 32 bytes each, little-endian, below the modulus. Nothing here says where
//! the blinding rows are: a list of them that came with a commitment could be longer than it should be.

use ff::PrimeField;
use group::prime::PrimeCurveAffine;
use halo2curves::CurveAffine;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use zklayout_circuit::streams::WeightTape;
use zklayout_plan::{PlanHash, Streams, TapeId};

use crate::artefact::Artefact;
use crate::core::small_sum;
use crate::error::ProverError;
use crate::fixed_base::normalise;

/// Bytes of a coordinate.
const COORDINATE: usize = 32;
/// Lanes that are read from the tape together, so that a row is read once for all of them.
const TOGETHER: usize = 16;
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
        let lanes: Vec<usize> = (0..tape.lanes()).collect();
        let sums: Vec<Vec<G1>> = lanes.par_chunks(TOGETHER).map(|lanes| sums_of(tape, lanes, lagrange)).collect();
        let hidden = |(sum, blind): (G1, &Fr)| sum + *lagrange.last().unwrap_or(&G1Affine::identity()) * blind;
        let points: Vec<G1> = sums.into_iter().flatten().zip(blinds).map(hidden).collect();
        let points = normalise::<G1Affine>(&points).iter().flat_map(coordinates).collect();
        Self { srs, tape: id, points }
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
        if self.points.len() != 2 * COORDINATE * expected.lanes {
            return other("lanes", format!("{} bytes of points", self.points.len()), expected.lanes.to_string());
        }
        let points = self.points.par_chunks(2 * COORDINATE).enumerate();
        points.map(|(lane, bytes)| point(bytes).ok_or(ProverError::NoPoint { lane })).collect()
    }
}

/// Sums of some lanes, without what hides them.
fn sums_of(tape: &WeightTape, lanes: &[usize], lagrange: &[G1Affine]) -> Vec<G1> {
    let mut columns = vec![Vec::with_capacity(tape.len()); lanes.len()];
    for row in tape.cells().chunks(tape.lanes().max(1)) {
        columns.iter_mut().zip(lanes).for_each(|(column, &lane)| column.push(i64::from(row[lane])));
    }
    columns.iter().map(|column| small_sum(column, &lagrange[..column.len()])).collect()
}

fn coordinates(point: &G1Affine) -> [u8; 2 * COORDINATE] {
    let mut bytes = [0; 2 * COORDINATE];
    bytes[..COORDINATE].copy_from_slice(point.x.to_repr().as_ref());
    bytes[COORDINATE..].copy_from_slice(point.y.to_repr().as_ref());
    bytes
}

/// A point of the curve, in its one encoding; the point at infinity, which hides nothing, is none. The curve has no subgroup.
fn point(bytes: &[u8]) -> Option<G1Affine> {
    let (x, y) = bytes.split_at(COORDINATE);
    let coordinate = |bytes: &[u8]| Option::<Fq>::from(Fq::from_repr(<[u8; COORDINATE]>::try_from(bytes).ok()?));
    let point: Option<G1Affine> = G1Affine::from_xy(coordinate(x)?, coordinate(y)?).into();
    point.filter(|point| !bool::from(point.is_identity()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use group::Curve;
    use halo2curves::bn256::G1Affine;

    use super::*;

    #[test]
    fn points_have_one_encoding_and_infinity_is_none() {
        let generator = (G1Affine::generator() * Fr::from(7)).to_affine();
        let bytes = coordinates(&generator);
        assert_eq!(point(&bytes), Some(generator));
        assert_eq!(point(&[0; 64]), None, "infinity");
        assert_eq!(point(&[0xff; 64]), None, "beyond the modulus");
        let modulus = {
            let mut one_less = (-Fq::from(1)).to_repr();
            one_less.as_mut()[0] += 1;
            one_less
        };
        assert_eq!(point(&[modulus.as_ref(), &bytes[32..]].concat()), None, "the modulus itself");
        for place in 0..64 {
            let mut changed = bytes;
            changed[place] ^= 1;
            assert_ne!(point(&changed), Some(generator), "byte {place}");
        }
    }
}
