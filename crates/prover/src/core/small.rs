//! Commitments to columns of small integers: signed windows, as few and as wide as the column's integers want.
//!
//! With `h = 2^(c-1) * (1 + 2^c + 2^2c + ...)`, window `w` of `value` is digit `w` of `value + h` in base `2^c`, less
//! `2^(c-1)`: it needs no carry, and negative integers are like others.

use group::Group;
use halo2curves::bn256::{G1, G1Affine};

use crate::core::additions::Adder;
use crate::core::buckets::sum_by_digit;

/// Widths of windows that are tried.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=16;
/// What a window takes beside its additions, in additions: doublings, and inversions that few additions share.
pub(super) const WINDOW_COST: usize = 150;
/// What a bucket takes, in additions.
pub(super) const BUCKET_COST: usize = 3;

/// `sum of values[i] * bases[i]`.
pub(crate) fn sum(values: &[i64], bases: &[G1Affine]) -> G1 {
    let Some(windows) = Windows::of(values) else { return G1::identity() };
    let mut adder = Adder::default();
    (0..windows.count).rev().fold(G1::identity(), |sum, window| {
        let sum = (0..windows.width).fold(sum, |sum, _| sum.double());
        sum + sum_by_digit(&windows.digits(window, values), bases, &mut adder)
    })
}

/// How integers are cut.
#[derive(Clone, Copy, Debug)]
struct Windows {
    width: u32,
    count: u32,
}

impl Windows {
    /// The cheapest windows for a column; none for a column of zeros.
    fn of(values: &[i64]) -> Option<Self> {
        let mut lengths = [0usize; 65];
        for value in values {
            lengths[(u64::BITS - value.unsigned_abs().leading_zeros()) as usize] += 1;
        }
        let (least, most) = (values.iter().min()?, values.iter().max()?);
        if lengths[1..].iter().all(|count| *count == 0) {
            return None;
        }
        let windows = WIDTHS.map(|width| Self::covering(width, i128::from(*least), i128::from(*most)));
        windows.min_by_key(|windows| windows.cost(&lengths))
    }

    /// As many windows of a width as numbers from `least` to `most` take.
    fn covering(width: u32, least: i128, most: i128) -> Self {
        let covers = |windows: &Self| {
            let shift = windows.offset();
            least + shift >= 0 && most + shift < 1 << (windows.width * windows.count)
        };
        let count = (1..).find(|count| covers(&Self { width, count: *count })).unwrap_or(1);
        Self { width, count }
    }

    /// `h` of the module's description.
    fn offset(self) -> i128 {
        (0..self.count).fold(0, |sum, window| sum + (1 << (self.width * window + self.width - 1)))
    }

    /// Additions, estimated from how many integers have each number of bits.
    fn cost(self, lengths: &[usize; 65]) -> usize {
        let window = |window: u32| {
            let shortest = (self.width * window).max(1) as usize;
            let entries: usize = lengths.iter().skip(shortest).sum();
            entries + BUCKET_COST * entries.min(1 << (self.width - 1)) + WINDOW_COST
        };
        (0..self.count).map(window).sum()
    }

    /// Digits of a window, by row.
    fn digits(self, window: u32, values: &[i64]) -> Vec<i32> {
        let (offset, half) = (self.offset(), 1i64 << (self.width - 1));
        let digit = |value: &i64| {
            let shifted = (i128::from(*value) + offset) >> (self.width * window);
            ((shifted as i64 & (2 * half - 1)) - half) as i32
        };
        values.iter().map(digit).collect()
    }
}

#[cfg(test)]
mod tests {
    use group::Curve;
    use halo2curves::bn256::Fr;
    use proptest::prelude::*;

    use super::*;

    fn naive(values: &[i64], bases: &[G1Affine]) -> G1 {
        values.iter().zip(bases).fold(G1::identity(), |sum, (value, base)| {
            let product = *base * Fr::from(value.unsigned_abs());
            if *value < 0 { sum - product } else { sum + product }
        })
    }

    fn integer() -> impl Strategy<Value = i64> {
        let near = |bits: u32| (-2i64..3).prop_map(move |step| (1i64 << bits) + step);
        prop_oneof![Just(0), -3i64..4, -200i64..200, (1u32..63).prop_flat_map(near), any::<i64>(), Just(i64::MIN)]
    }

    #[test]
    fn columns_of_several_chunks_are_summed() {
        let rows = 8_199u64;
        let bases: Vec<G1Affine> = (0..rows).map(|i| (G1::generator() * Fr::from(i + 1)).to_affine()).collect();
        for modulus in [1, 3, 50, 4_000, 1 << 20] {
            let value = |row: u64| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) % modulus) as i64 - modulus as i64 / 2;
            let values: Vec<i64> = (0..rows).map(value).collect();
            let total = values.iter().zip(1..).map(|(value, factor)| value * factor).sum::<i64>();
            let expected = G1::generator() * Fr::from(total.unsigned_abs());
            assert_eq!(sum(&values, &bases), if total < 0 { -expected } else { expected }, "{modulus}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn sums_are_those_of_the_products(values in prop::collection::vec(integer(), 0..40)) {
            let bases: Vec<G1Affine> =
                (0..values.len() as u64).map(|i| (G1::generator() * Fr::from(i * i + 3)).to_affine()).collect();
            prop_assert_eq!(sum(&values, &bases), naive(&values, &bases));
        }

        #[test]
        fn columns_of_one_range_are_summed(bits in 1u32..40, seed in any::<u64>(), signed in any::<bool>()) {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let value = (state >> (64 - bits)) as i64;
                if signed && state & 2 == 0 { -value } else { value }
            };
            let values: Vec<i64> = (0..300).map(|_| next()).collect();
            let bases: Vec<G1Affine> = (0..300u64).map(|i| (G1::generator() * Fr::from(i + 1)).to_affine()).collect();
            prop_assert_eq!(sum(&values, &bases), naive(&values, &bases));
        }
    }
}
