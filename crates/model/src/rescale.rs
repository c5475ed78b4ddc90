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

/// Magnitude of accumulators that no layer comes near.
const FARTHEST: i64 = 1 << 56;

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
    /// `floor(acc / 2^shift)`, of accumulators of any size: what small integers and an offset reproduce exactly.
    Shift(u32),
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
    /// By output channel, the least and the greatest accumulator that inputs in range can give.
    pub reach: Vec<(i64, i64)>,
}

/// The steps to values of `pivot` and less start `1 / 2^shift` of a step later than those above it would have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nudge {
    /// The last value whose step starts later.
    pub pivot: i64,
    /// How much later.
    pub shift: u32,
}

impl Rescale {
    /// The value of an accumulator of an output channel; `None` means that the kernels' 32 bits overflow.
    pub fn apply(&self, channel: usize, acc: i64) -> Option<i64> {
        if !matches!(self.scaling, Scaling::Shift(_)) {
            i32::try_from(acc).ok()?;
        }
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
            Scaling::Shift(shift) => acc.checked_shr(*shift)?.checked_add(zero_point),
        }
    }

    /// The accumulators, around those within reach, that the rounding is defined for; `None` if it is not within reach.
    pub fn domain(&self, channel: usize) -> Option<(i64, i64)> {
        let most = if matches!(self.scaling, Scaling::Shift(_)) { FARTHEST } else { i64::from(i32::MAX) };
        let (lo, hi) = *self.reach.get(channel)?;
        let end = |inside: i64, outside: i64| -> Option<i64> {
            self.apply(channel, inside)?;
            let (mut inside, mut outside) = (inside, outside);
            while inside.abs_diff(outside) > 1 {
                let middle = inside + (outside - inside) / 2;
                *(if self.apply(channel, middle).is_some() { &mut inside } else { &mut outside }) = middle;
            }
            Some(if self.apply(channel, outside).is_some() { outside } else { inside })
        };
        Some((end(lo, lo.min(-most - 1))?, end(hi, hi.max(most))?))
    }

    /// The least accumulator in `[lo, hi]` whose value is `value` or more.
    pub fn threshold(&self, channel: usize, value: i64, (mut lo, mut hi): (i64, i64)) -> Option<i64> {
        if self.apply(channel, hi)? < value {
            return None;
        }
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            if self.apply(channel, middle)? >= value { hi = middle } else { lo = middle + 1 }
        }
        Some(lo)
    }

    /// The value, before it is clamped, that the accumulator 1 stands for.
    pub fn slope(&self, channel: usize) -> Option<f64> {
        Some(match &self.scaling {
            Scaling::Multipliers(multipliers) => multipliers.get(channel)?.real(),
            Scaling::Factors(factors) => *factors.get(channel)?,
            Scaling::Mean(count) => 1.0 / *count as f64,
            Scaling::Shift(shift) => f64::powi(2.0, -i32::try_from(*shift).ok()?),
        })
    }

    /// How rounding away from zero, or twice, sets the lower steps off from the upper ones; `None` where all steps lie on one
    /// line.
    pub fn nudge(&self, channel: usize) -> Option<Nudge> {
        match &self.scaling {
            Scaling::Multipliers(multipliers) => {
                let shift = multipliers.get(channel)?.right_shift();
                (shift > 0).then_some(Nudge { pivot: 0, shift })
            }
            // Ties are there only where a window has an even number of values; the kernel's zero is a stored one.
            Scaling::Mean(count) if count % 2 == 0 => {
                let shift = count.unsigned_abs().next_power_of_two().ilog2();
                Some(Nudge { pivot: -self.stored.zero_point, shift })
            }
            Scaling::Mean(_) | Scaling::Factors(_) | Scaling::Shift(_) => None,
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
            let rescale = Rescale { scaling, stored: stored_as, lo: -128, hi: 127, reach: Vec::new() };
            let mean = (stored.iter().sum::<i64>() as f64 / count as f64).round() as i64;
            prop_assert_eq!(rescale.apply(0, acc), Some(mean - zero_point));
        }
    }

    #[test]
    fn results_are_clamped_as_stored_integers() {
        let half = Multiplier { value: 1 << 30, shift: 0 };
        let (scaling, stored) = (Scaling::Multipliers(vec![half]), Stored { unit: 0.1, zero_point: -128 });
        let rescale = Rescale { scaling, stored, lo: -128, hi: -68, reach: Vec::new() };
        assert_eq!([-7, 0, 7, 119, 1000].map(|acc| rescale.apply(0, acc)), [0, 0, 4, 60, 60].map(Some));
        assert_eq!(rescale.extremes(), (0, 60));
        assert_eq!(rescale.apply(1, 0), None);
    }

    #[test]
    fn factors_round_once_half_away_from_zero() {
        let stored = Stored { unit: 1.0, zero_point: 1 };
        let scaling = Scaling::Factors(vec![1.0 / 32.0, 1e6]);
        let rescale = Rescale { scaling, stored, lo: -128, hi: 127, reach: Vec::new() };
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
