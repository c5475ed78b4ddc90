//! Fixed-point multipliers: how TensorFlow Lite's reference kernels multiply an integer by a real number.
//!
//! It knows nothing of tensors. The arithmetic is gemmlowp's and rounds twice.

use serde::{Deserialize, Serialize};

/// Fraction bits of a multiplier's value.
const FRACTION_BITS: u32 = 31;
/// Largest shift to the left.
const LARGEST_SHIFT: i32 = 30;

/// The real number `value / 2^31 * 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Multiplier {
    /// From 2^30 to below 2^31, or from 2^29 where it was divided by a count; 0 where the real number is too small to matter.
    pub value: i32,
    /// Bits to the left before the multiplication if positive, otherwise, negated, bits to the right after it.
    pub shift: i32,
}

impl Multiplier {
    /// The multiplier that stands for `real`; `None` if it is negative, not finite, or 2^30 and more.
    pub fn of(real: f64) -> Option<Self> {
        if !(real.is_finite() && real >= 0.0) {
            return None;
        }
        let (fraction, exponent) = fraction_and_exponent(real);
        let rounded = (fraction * (1i64 << FRACTION_BITS) as f64).round() as i64;
        let (value, shift) =
            if rounded == 1 << FRACTION_BITS { (rounded / 2, exponent + 1) } else { (rounded, exponent) };
        let negligible = shift < -(FRACTION_BITS as i32);
        let (value, shift) = if negligible { (0, 0) } else { (value, shift) };
        (shift <= LARGEST_SHIFT).then_some(Self { value: i32::try_from(value).ok()?, shift })
    }

    /// `acc` times the multiplier; `None` if `acc`, shifted to the left, does not fit 32 bits.
    pub fn apply(&self, acc: i64) -> Option<i64> {
        let shifted = i32::try_from(acc.checked_mul(1 << self.left_shift())?).ok()?;
        Some(divide_by_power(high_multiply(shifted, self.value), self.right_shift()))
    }

    /// The real number that it stands for.
    pub fn real(&self) -> f64 {
        f64::from(self.value) * f64::powi(2.0, self.shift - FRACTION_BITS as i32)
    }

    /// Bits that an integer is shifted to the left by before it is multiplied.
    pub fn left_shift(&self) -> u32 {
        self.shift.clamp(0, LARGEST_SHIFT).unsigned_abs()
    }

    /// Bits that the product's upper half is shifted to the right by.
    pub fn right_shift(&self) -> u32 {
        self.shift.clamp(-(FRACTION_BITS as i32), 0).unsigned_abs()
    }
}

/// `x = fraction * 2^exponent` with a fraction from 1/2 to below 1; zeros for anything below the normal numbers.
fn fraction_and_exponent(x: f64) -> (f64, i32) {
    if !x.is_normal() {
        return (0.0, 0);
    }
    let (exponent_bits, bias) = (0x7ff << 52, 1022);
    let exponent = ((x.to_bits() & exponent_bits) >> 52) as i32 - bias;
    (f64::from_bits((x.to_bits() & !exponent_bits) | ((bias as u64) << 52)), exponent)
}

/// `a * b / 2^31`, rounded half up for either sign. The original rounds its negative products by other means to the same
/// integers; it saturates where both are -2^31, which no multiplier is.
fn high_multiply(a: i32, b: i32) -> i64 {
    (i64::from(a) * i64::from(b) + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
}

/// `x / 2^exponent`, rounded half away from zero.
fn divide_by_power(x: i64, exponent: u32) -> i64 {
    let mask = (1 << exponent) - 1;
    let threshold = (mask >> 1) + i64::from(x < 0);
    (x >> exponent) + i64::from(x & mask > threshold)
}

/// `x / divisor`, rounded half away from zero, for a positive divisor; `None` means overflow.
pub(crate) fn divide_half_away(x: i64, divisor: i64) -> Option<i64> {
    let half = divisor / 2;
    x.checked_add(if x > 0 { half } else { -half })?.checked_div(divisor)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The numerator over the divisor, rounded half away from zero or half up.
    fn rounded(numerator: i128, divisor: i128, away: bool) -> i128 {
        let up = (2 * numerator + divisor).div_euclid(2 * divisor);
        let tie = (2 * numerator).rem_euclid(2 * divisor) == divisor;
        if tie && away && numerator < 0 { up - 1 } else { up }
    }

    /// gemmlowp's own formula, with its division that truncates.
    fn gemmlowp_high_multiply(a: i32, b: i32) -> i64 {
        let product = i64::from(a) * i64::from(b);
        let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
        (product + nudge) / (1 << 31)
    }

    proptest! {
        #[test]
        fn high_products_round_half_up_as_gemmlowp_does(a: i32, b in 0i32..=i32::MAX) {
            let found = high_multiply(a, b);
            prop_assert_eq!(i128::from(found), rounded(i128::from(a) * i128::from(b), 1 << 31, false));
            prop_assert_eq!(found, gemmlowp_high_multiply(a, b));
        }

        #[test]
        fn high_products_of_ties_agree(a in -9i32..9, odd in 0i32..1 << 10) {
            let (a, b) = ((2 * a + 1) << 10, (2 * odd + 1) << 20);
            prop_assert_eq!(high_multiply(a, b), gemmlowp_high_multiply(a, b));
        }

        /// What a proof may use instead: one floor with a nudge by the accumulator's sign, where there is a shift to the right.
        #[test]
        fn two_roundings_are_one_floor_with_a_nudge(
            acc in -1i64 << 31..1 << 31, value in 1i32 << 29..=i32::MAX, right in 1i32..=31,
        ) {
            let nudge = if acc < 0 { -1i128 << 30 } else { 1 << 30 };
            let once = (i128::from(acc) * i128::from(value) + (1 << (30 + right)) + nudge) >> (31 + right);
            let found = Multiplier { value, shift: -right }.apply(acc);
            prop_assert_eq!(found.map(i128::from), Some(once));
        }

        #[test]
        fn powers_divide_half_away_from_zero(x: i32, exponent in 0u32..=31) {
            let expected = rounded(i128::from(x), 1 << exponent, true);
            prop_assert_eq!(i128::from(divide_by_power(i64::from(x), exponent)), expected);
        }

        #[test]
        fn small_integers_divide_half_away_from_zero(x in -64i64..64, exponent in 0u32..6) {
            prop_assert_eq!(i128::from(divide_by_power(x, exponent)), rounded(x.into(), 1 << exponent, true));
        }

        #[test]
        fn quotients_round_half_away_from_zero(x in -99_999i64..99_999, divisor in 1i64..300) {
            let expected = i64::try_from(rounded(x.into(), divisor.into(), true)).ok();
            prop_assert_eq!(divide_half_away(x, divisor), expected);
        }

        #[test]
        fn multipliers_are_close_to_their_numbers(real in 1e-8f64..1e8) {
            let multiplier = Multiplier::of(real).unwrap();
            prop_assert!(multiplier.value >= 1 << 30);
            let found = multiplier.real();
            prop_assert!((found / real - 1.0).abs() <= f64::powi(2.0, -31), "{found} for {real}");
        }

        #[test]
        fn products_are_monotone(real in 1e-6f64..0.99, acc in -1i64 << 30..1 << 30) {
            let multiplier = Multiplier::of(real).unwrap();
            prop_assert!(multiplier.apply(acc).unwrap() <= multiplier.apply(acc + 1).unwrap());
        }
    }

    #[test]
    fn extreme_numbers_are_negligible_or_refused() {
        assert_eq!(Multiplier::of(0.0), Some(Multiplier { value: 0, shift: 0 }));
        assert_eq!(Multiplier::of(1e-300), Some(Multiplier { value: 0, shift: 0 }));
        assert_eq!(Multiplier::of(0.5), Some(Multiplier { value: 1 << 30, shift: 0 }));
        assert_eq!(Multiplier::of(1.0 - 1e-12), Some(Multiplier { value: 1 << 30, shift: 1 }));
        for refused in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
            assert_eq!(Multiplier::of(refused), None);
        }
        assert_eq!(Multiplier::of(2.0).and_then(|two| two.apply(1 << 30)), None);
    }
}
