//! Weights times powers of rho: all that a committed weight costs a proof.
//!
//! A power is eight limbs of 32 bits, a weight a number of 16 bits whose sign bit is flipped, so that both are unsigned: eight
//! products of 32 bits each, added into eight 64-bit sums without a carry. A row ends with one reduction. There is no product of
//! field elements in the inner loop, and compilers turn it into vector instructions.

use ff::{Field, PrimeField};
use rayon::prelude::*;

use crate::field::Scalar;
use crate::streams::weights::WeightTape;

/// Limbs of a power.
const LIMBS: usize = 8;
/// Rows that share the loading of a power.
const TOGETHER: usize = 4;
/// What flipping the sign bit of a weight adds to it.
const OFFSET: u16 = 1 << 15;

/// By row of the tape: `sum of rho^(lanes - 1 - lane) * weight`.
pub fn fold(tape: &WeightTape, rho: Scalar) -> Vec<Scalar> {
    let powers = powers(rho, tape.lanes());
    let limbs: Vec<[u32; LIMBS]> = powers.iter().map(limbs).collect();
    let offset = Scalar::from(u64::from(OFFSET)) * powers.iter().sum::<Scalar>();
    let mut folded = vec![Scalar::ZERO; tape.len()];
    let rows = folded.par_chunks_mut(TOGETHER).zip(tape.cells().par_chunks(TOGETHER * tape.lanes()));
    rows.for_each(|(folded, cells)| match <&mut [Scalar; TOGETHER]>::try_from(&mut *folded) {
        Ok(folded) => *folded = sums(cells, &limbs).map(|sum| reduce(&sum) - offset),
        Err(_) => {
            for (folded, row) in folded.iter_mut().zip(cells.chunks(tape.lanes())) {
                let [sum] = sums(row, &limbs);
                *folded = reduce(&sum) - offset;
            }
        }
    });
    folded
}

/// `rho^(lanes - 1), ..., rho, 1`: what a row's lanes are multiplied by.
pub fn powers(rho: Scalar, lanes: usize) -> Vec<Scalar> {
    let mut powers: Vec<Scalar> =
        std::iter::successors(Some(Scalar::ONE), |power| Some(*power * rho)).take(lanes).collect();
    powers.reverse();
    powers
}

/// The limbs' sums of `ROWS` rows, which follow each other in `cells`. Below 2^16 lanes they fit 64 bits.
fn sums<const ROWS: usize>(cells: &[i16], powers: &[[u32; LIMBS]]) -> [[u64; LIMBS]; ROWS] {
    let rows: [&[i16]; ROWS] = std::array::from_fn(|row| &cells[row * powers.len()..(row + 1) * powers.len()]);
    let mut sums = [[0u64; LIMBS]; ROWS];
    for (lane, power) in powers.iter().enumerate() {
        for (row, sums) in rows.iter().zip(&mut sums) {
            let weight = u64::from(row[lane] as u16 ^ OFFSET);
            for (sum, &limb) in sums.iter_mut().zip(power) {
                *sum += weight * u64::from(limb);
            }
        }
    }
    sums
}

fn limbs(power: &Scalar) -> [u32; LIMBS] {
    let bytes = power.to_repr();
    std::array::from_fn(|limb| u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * limb + byte])))
}

/// `sum of sums[i] * 2^(32 i)` in the field.
fn reduce(sums: &[u64; LIMBS]) -> Scalar {
    let mut words = [0u64; LIMBS / 2];
    let mut carry = 0u128;
    for (word, pair) in words.iter_mut().zip(sums.chunks_exact(2)) {
        let sum = carry + u128::from(pair[0]) + (u128::from(pair[1]) << 32);
        *word = sum as u64;
        carry = sum >> 64;
    }
    let two_to_the_256 = Scalar::from_raw([0, 0, 0, 1 << 63]).double();
    Scalar::from_raw(words) + Scalar::from_u128(carry) * two_to_the_256
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::field::scalar;

    proptest! {
        #[test]
        fn folding_is_horner(
            lanes in 1usize..40,
            rows in 0usize..11,
            seed in any::<u64>(),
            edge in prop_oneof![Just(i16::MIN), Just(i16::MAX), Just(0)],
        ) {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 48) as i16
            };
            let mut cells: Vec<i16> = (0..lanes * rows).map(|_| next()).collect();
            cells.iter_mut().take(lanes).for_each(|cell| *cell = edge);
            let rho = Scalar::from(seed).square() + Scalar::from(3);
            let tape = WeightTape::from_cells(lanes, cells.clone());
            let horner = |row: &[i16]| row.iter().fold(Scalar::ZERO, |sum, &w| sum * rho + scalar(w.into()));
            let expected: Vec<Scalar> = cells.chunks(lanes).map(horner).collect();
            prop_assert_eq!(fold(&tape, rho), expected);
        }
    }
}
