//! Requantisation to stored bytes, bit for bit as TensorFlow Lite's reference kernels do it.
//!
//! It knows what becomes of one accumulator, not where the accumulator comes from.

use serde::{Deserialize, Serialize};

use crate::multiplier::{Multiplier, divide_half_away};

/// How a tensor's values are stored in bytes: a value `v` as the integer `v + zero_point`, and what it stands for: the
/// real number `v * unit`. Padding is the value 0 then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The real number that the value 1 stands for.
    pub unit: f32,
    /// The stored integer that stands for 0.
    pub zero_point: i64,
}

impl Stored {
    /// The value closest to a real number, half away from zero, as 32-bit floats find it.
    pub fn value(&self, real: f64) -> i64 {
        (real as f32 / self.unit).round() as i64
    }
}

/// How an accumulator is brought to the unit of the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scaling {
    /// Each output channel has a multiplier, and is rounded twice.
    Multipliers(Vec<Multiplier>),
    /// Each output channel has a factor. The product is that of 64-bit floats and rounded once, half away from zero: so
    /// the reference kernel of fully connected layers has it.
    Factors(Vec<f64>),
    /// The accumulator is a sum of this many values of the result's own unit and zero point. Their mean is that of the
    /// stored integers, half away from zero.
    Mean(i64),
}

/// `p = clamp(scaled(acc) + zero_point, lo, hi) - zero_point`: in each channel a monotone step function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescale {
    /// How the accumulator is scaled.
    pub scaling: Scaling,
    /// How the result is stored.
    pub stored: Stored,
    /// Smallest stored integer.
    pub lo: i64,
    /// Largest stored integer.
    pub hi: i64,
}

impl Rescale {
    /// The value of an accumulator of an output channel; `None` means that the kernels' 32 bits overflow.
    pub fn apply(&self, channel: usize, acc: i64) -> Option<i64> {
        let acc = i64::from(i32::try_from(acc).ok()?);
        let stored = i32::try_from(self.stored_integer(channel, acc)?).ok()?;
        Some(i64::from(stored).max(self.lo).min(self.hi) - self.stored.zero_point)
    }

    /// Before the clamp.
    fn stored_integer(&self, channel: usize, acc: i64) -> Option<i64> {
        let zero_point = self.stored.zero_point;
        match &self.scaling {
            Scaling::Multipliers(multipliers) => multipliers.get(channel)?.apply(acc)?.checked_add(zero_point),
            // The accumulator has 32 bits, which floats hold.
            Scaling::Factors(factors) => {
                ((acc as f64 * factors.get(channel)?).round() as i64).checked_add(zero_point)
            }
            Scaling::Mean(count) => divide_half_away(acc.checked_add(count.checked_mul(zero_point)?)?, *count),
        }
    }

    /// Smallest and largest value.
    pub fn extremes(&self) -> (i64, i64) {
        (self.lo - self.stored.zero_point, self.hi - self.stored.zero_point)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn means_are_those_of_the_stored_integers(
            stored in proptest::collection::vec(-128i64..128, 1..30), zero_point in -128i64..128,
        ) {
            let count = stored.len() as i64;
            let acc = stored.iter().map(|q| q - zero_point).sum();
            let (scaling, stored_as) = (Scaling::Mean(count), Stored { unit: 1.0, zero_point });
            let rescale = Rescale { scaling, stored: stored_as, lo: -128, hi: 127 };
            let mean = (stored.iter().sum::<i64>() as f64 / count as f64).round() as i64;
            prop_assert_eq!(rescale.apply(0, acc), Some(mean - zero_point));
        }
    }

    #[test]
    fn results_are_clamped_as_stored_integers() {
        let half = Multiplier { value: 1 << 30, shift: 0 };
        let (scaling, stored) = (Scaling::Multipliers(vec![half]), Stored { unit: 0.1, zero_point: -128 });
        let rescale = Rescale { scaling, stored, lo: -128, hi: -68 };
        assert_eq!([-7, 0, 7, 119, 1000].map(|acc| rescale.apply(0, acc)), [0, 0, 4, 60, 60].map(Some));
        assert_eq!(rescale.extremes(), (0, 60));
        assert_eq!(rescale.apply(1, 0), None);
    }

    #[test]
    fn factors_round_once_half_away_from_zero() {
        let stored = Stored { unit: 1.0, zero_point: 1 };
        let rescale = Rescale { scaling: Scaling::Factors(vec![1.0 / 32.0, 1e6]), stored, lo: -128, hi: 127 };
        assert_eq!([-48, -47, -16, 15, 16, 48].map(|acc| rescale.apply(0, acc)), [-2, -1, -1, 0, 1, 2].map(Some));
        assert_eq!(rescale.apply(1, 1 << 30), None);
        let twice = Multiplier::of(1.0 / 32.0).unwrap();
        assert_eq!(twice.apply(15), Some(1), "two roundings differ");
    }

    #[test]
    fn real_numbers_are_stored_half_away_from_zero() {
        let stored = Stored { unit: 0.5, zero_point: 3 };
        assert_eq!([0.25, -0.25, 0.74, 1e30].map(|real| stored.value(real)), [1, -1, 1, i64::MAX]);
    }
}
