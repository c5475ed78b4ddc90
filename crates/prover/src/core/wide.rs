//! Commitments to columns of field elements: signed windows over a table of the bases' multiples.
//!
//! A scalar's digits in base `2^c` belong to the multiples `2^(c w)` of its base. With all of them in the table, all
//! windows share one set of buckets. Where memory is dearer than time the table has every `s`-th multiple alone, and
//! there are `s` sets of buckets; bases that are summed once have no table, and a set for each window.

use ff::PrimeField;
use group::{Curve, Group};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

use crate::core::additions::{Adder, IDENTITY};
use crate::core::buckets::{Buckets, sum_by_digit};
use crate::core::small::{BUCKET_COST, WINDOW_COST};

/// Bits of the windows that are tried where there is no table.
const FEWEST_BITS: u32 = 3;
const MOST_BITS: u32 = 16;

/// `sum of scalars[i] * bases[i]` on all threads, for bases that are summed once.
pub(super) fn sum_once(scalars: &[Fr], bases: &[G1Affine]) -> G1 {
    sum_by_window(scalars, bases, Cut::without_table(scalars.len()))
}

fn sum_by_window(scalars: &[Fr], bases: &[G1Affine], cut: Cut) -> G1 {
    let digits = Digits::of(scalars, cut);
    let of_window = |window: u32| {
        let digits: Vec<i32> = (0..scalars.len()).map(|place| digits.digit(place, window)).collect();
        sum_by_digit(&digits, bases, &mut Adder::default())
    };
    let sums: Vec<G1> = (0..cut.sets).into_par_iter().map(of_window).collect();
    sums.into_iter()
        .rev()
        .fold(G1::identity(), |sum, of_window| (0..cut.width).fold(sum, |sum, _| sum.double()) + of_window)
}

/// How scalars are cut, and which multiples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bits of a window.
    pub(super) width: u32,
    /// Windows to a kept multiple: the number of sets of buckets.
    pub(super) sets: u32,
}

/// Multiples of bases.
#[derive(Debug)]
pub(super) struct Table {
    cut: Cut,
    multiples: Vec<Vec<G1Affine>>,
}

impl Cut {
    /// The cut for `2^k` bases.
    pub(super) fn of(k: u32) -> Self {
        let width = if k < 16 { (k + 1).clamp(6, 15) } else { 16 };
        Self { width, sets: 1 << k.saturating_sub(15).min(4) }
    }

    /// The cut of so many scalars whose bases have no other multiples: the one with the fewest additions.
    fn without_table(scalars: usize) -> Self {
        let cut = |width: u32| Self { width, sets: (Fr::NUM_BITS + 1).div_ceil(width) };
        let additions =
            |cut: &Self| cut.sets as usize * (scalars + (BUCKET_COST << (cut.width - 1)) + WINDOW_COST);
        let fewer = |best: Self, other: Self| if additions(&other) < additions(&best) { other } else { best };
        (FEWEST_BITS..MOST_BITS).map(cut).fold(cut(MOST_BITS), fewer)
    }

    fn windows(self) -> u32 {
        (Fr::NUM_BITS + 1).div_ceil(self.width)
    }

    /// Multiples that are kept of every base.
    pub(super) fn multiples(self) -> u32 {
        self.windows().div_ceil(self.sets)
    }
}

impl Table {
    pub(super) fn new(bases: Vec<G1Affine>, cut: Cut) -> Self {
        let mut multiples = vec![bases];
        for _ in 1..cut.multiples() {
            let next = doubled(&multiples[multiples.len() - 1], cut.width * cut.sets);
            multiples.push(next);
        }
        Self { cut, multiples }
    }

    /// A table as it was made before.
    pub(super) fn of_multiples(multiples: Vec<Vec<G1Affine>>, cut: Cut) -> Self {
        Self { cut, multiples }
    }

    /// All points, the bases first.
    pub(super) fn points(&self) -> impl Iterator<Item = &G1Affine> {
        self.multiples.iter().flatten()
    }

    pub(super) fn bases(&self) -> &[G1Affine] {
        &self.multiples[0]
    }

    /// `sum of scalars[i] * bases[from + i]`, on this thread.
    pub(super) fn sum(&self, scalars: &[Fr], from: usize) -> G1 {
        let digits = Digits::of(scalars, self.cut);
        (0..self.cut.sets).rev().fold(G1::identity(), |sum, set| {
            let sum = (0..self.cut.width).fold(sum, |sum, _| sum.double());
            sum + self.set(&digits, set, from)
        })
    }

    /// The same on all threads.
    pub(super) fn sum_on_threads(&self, scalars: &[Fr]) -> G1 {
        let chunk = scalars.len().div_ceil(rayon::current_num_threads());
        let sums = scalars.par_chunks(chunk).enumerate().map(|(place, scalars)| self.sum(scalars, place * chunk));
        sums.reduce(G1::identity, |a, b| a + b)
    }

    /// Bases are read in order, while the buckets stay in the cache.
    fn set(&self, digits: &Digits, set: u32, from: usize) -> G1 {
        let mut buckets = Buckets::new(1 << (self.cut.width - 1));
        let windows = (set..self.cut.windows()).step_by(self.cut.sets as usize);
        for (window, bases) in windows.zip(&self.multiples) {
            for (place, base) in (0..digits.shifted.len()).zip(&bases[from..]) {
                buckets.push(digits.digit(place, window), base);
            }
        }
        buckets.weigh()
    }
}

/// `2^bits` times each point.
fn doubled(points: &[G1Affine], bits: u32) -> Vec<G1Affine> {
    let mut multiples = vec![IDENTITY; points.len()];
    let chunk = points.len().div_ceil(rayon::current_num_threads());
    multiples.par_chunks_mut(chunk).zip(points.par_chunks(chunk)).for_each(|(multiples, points)| {
        let double = |point: &G1Affine| (0..bits).fold(G1::from(*point), |point, _| point.double());
        G1::batch_normalize(&points.iter().map(double).collect::<Vec<_>>(), multiples);
    });
    multiples
}

/// Scalars, shifted so that their digits need no carry (see `small`).
struct Digits {
    width: u32,
    shifted: Vec<[u64; 5]>,
}

impl Digits {
    fn of(scalars: &[Fr], cut: Cut) -> Self {
        let mut offset = [0u64; 5];
        for window in 0..cut.windows() {
            let bit = window * cut.width + cut.width - 1;
            offset[bit as usize / 64] |= 1 << (bit % 64);
        }
        Self { width: cut.width, shifted: scalars.iter().map(|scalar| add(limbs(scalar), offset)).collect() }
    }

    #[inline]
    fn digit(&self, place: usize, window: u32) -> i32 {
        let (limb, shift) = ((window * self.width / 64) as usize, window * self.width % 64);
        let limbs = &self.shifted[place];
        let pair = u128::from(limbs[limb]) | u128::from(limbs[(limb + 1).min(4)]) << 64;
        let half = 1i32 << (self.width - 1);
        ((pair >> shift) as i32 & (2 * half - 1)) - half
    }
}

fn limbs(scalar: &Fr) -> [u64; 5] {
    let bytes = scalar.to_repr();
    let mut limbs = [0; 5];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_ref().chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

fn add(a: [u64; 5], b: [u64; 5]) -> [u64; 5] {
    let mut carry = 0u128;
    std::array::from_fn(|place| {
        let sum = u128::from(a[place]) + u128::from(b[place]) + carry;
        carry = sum >> 64;
        sum as u64
    })
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use halo2_proofs::arithmetic::best_multiexp;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn sums_are_those_of_the_library() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let bases: Vec<G1Affine> =
            (0..300u64).map(|i| (G1::generator() * Fr::from(i * i + 7)).to_affine()).collect();
        let mut scalars: Vec<Fr> = (0..300).map(|_| Fr::random(&mut rng)).collect();
        scalars[..8].fill(-Fr::ONE);
        let repeated = scalars[100];
        scalars[8..50].fill(repeated);
        scalars[50..60].fill(Fr::ZERO);
        for (width, sets) in [(4, 1), (8, 1), (11, 3), (15, 1), (16, 16), (16, 4), (13, 7)] {
            let table = Table::new(bases.clone(), Cut { width, sets });
            assert_eq!(table.sum(&scalars, 0), best_multiexp(&scalars, &bases), "{width} bits, {sets} sets");
            assert_eq!(table.sum_on_threads(&scalars), best_multiexp(&scalars, &bases));
            assert_eq!(table.sum(&scalars[..9], 20), best_multiexp(&scalars[..9], &bases[20..29]));
        }
        for count in [0, 1, 2, 9, 61, 300] {
            let (scalars, bases) = (&scalars[..count], &bases[..count]);
            assert_eq!(sum_once(scalars, bases), best_multiexp(scalars, bases), "{count} without a table");
        }
    }

    /// As many points as are sorted in several parts, with the largest and smallest scalars among them.
    #[test]
    fn every_width_without_a_table_gives_the_sum() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut scalars: Vec<Fr> = (0..9_000).map(|_| Fr::random(&mut rng)).collect();
        scalars[..6].copy_from_slice(&[Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(2), -Fr::from(2), Fr::TWO_INV]);
        let point = |i: u64| (G1::generator() * Fr::from(i * i + 7)).to_affine();
        let bases: Vec<G1Affine> = (0..9_000).map(point).collect();
        for width in FEWEST_BITS..=MOST_BITS {
            let cut = Cut { width, sets: (Fr::NUM_BITS + 1).div_ceil(width) };
            let count = if width % 4 == 0 { scalars.len() } else { 50 };
            let (scalars, bases) = (&scalars[..count], &bases[..count]);
            assert_eq!(sum_by_window(scalars, bases, cut), best_multiexp(scalars, bases), "{width} bits");
        }
        assert_eq!(sum_once(&scalars, &bases), best_multiexp(&scalars, &bases));
    }

    #[test]
    fn cuts_grow_with_the_rows() {
        let widths: Vec<(u32, u32)> =
            [6, 11, 12, 14, 15, 16, 19, 20].map(Cut::of).map(|c| (c.width, c.sets)).into();
        assert_eq!(widths, [(7, 1), (12, 1), (13, 1), (15, 1), (15, 1), (16, 2), (16, 16), (16, 16)]);
    }
}
