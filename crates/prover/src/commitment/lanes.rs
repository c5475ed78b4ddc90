//! Commitments to the lanes of a tape of small integers, each hidden by one random number in the last row: what a model commitment
//! and a commitment to an input are made of.
//!
//! Points are saved as their coordinates in one encoding: 32 bytes each, little-endian, below the modulus. It knows nothing of what
//! the integers are.

use ff::PrimeField;
use group::prime::PrimeCurveAffine;
use halo2curves::CurveAffine;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use rayon::prelude::*;
use zklayout_circuit::streams::WeightTape;

use crate::core::small_sum;
use crate::error::ProverError;
use crate::fixed_base::normalise;

/// Bytes of a coordinate.
const COORDINATE: usize = 32;
/// Lanes that are read from the tape together, so that a row is read once for all of them.
const TOGETHER: usize = 16;

/// Commits to each lane of a tape that starts at a row, with the Lagrange basis of as many rows as its columns have.
pub(crate) fn commit(tape: &WeightTape, first_row: usize, lagrange: &[G1Affine], blinds: &[Fr]) -> Vec<u8> {
    let lanes: Vec<usize> = (0..tape.lanes()).collect();
    let rows = &lagrange[first_row..first_row + tape.len()];
    let sums: Vec<Vec<G1>> = lanes.par_chunks(TOGETHER).map(|lanes| sums_of(tape, lanes, rows)).collect();
    let last = lagrange.last().copied().unwrap_or_else(G1Affine::identity);
    let points: Vec<G1> = sums.into_iter().flatten().zip(blinds).map(|(sum, blind)| sum + last * blind).collect();
    normalise::<G1Affine>(&points).iter().flat_map(coordinates).collect()
}

/// The points of so many lanes.
///
/// # Errors
/// Another number of bytes, or a lane that is no point of the curve.
pub(crate) fn read(bytes: &[u8], lanes: usize) -> Result<Vec<G1Affine>, ProverError> {
    if bytes.len() != 2 * COORDINATE * lanes {
        let (found, expected) = (format!("{} bytes of points", bytes.len()), lanes.to_string());
        return Err(ProverError::OtherCommitment { what: "lanes", found, expected });
    }
    let points = bytes.par_chunks(2 * COORDINATE).enumerate();
    points.map(|(lane, bytes)| point(bytes).ok_or(ProverError::NoPoint { lane })).collect()
}

/// Sums of some lanes, without what hides them.
fn sums_of(tape: &WeightTape, lanes: &[usize], rows: &[G1Affine]) -> Vec<G1> {
    let mut columns = vec![Vec::with_capacity(tape.len()); lanes.len()];
    for row in tape.cells().chunks(tape.lanes().max(1)) {
        columns.iter_mut().zip(lanes).for_each(|(column, &lane)| column.push(i64::from(row[lane])));
    }
    columns.iter().map(|column| small_sum(column, rows)).collect()
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
