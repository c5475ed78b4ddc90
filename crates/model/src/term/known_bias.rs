//! A known bias: a number for each channel that the plan holds, where a layer's own biases are weights.
//!
//! The numbers are whole. What is less than 1 is for floats alone, whose sums are rounded where those of integers are exact.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::ensure;
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Bits of the largest number.
const MOST_BITS: i32 = 50;

/// Adds numbers that are no weights, in the place of biases: a layer that has it has biases of 0 and drops no bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
pub struct KnownBias<T> {
    /// By output channel.
    pub numbers: PerChannel<T>,
}

impl<T: Number> Summand<T> for KnownBias<T> {
    fn label(&self) -> String {
        "known bias".into()
    }

    fn arity(&self) -> usize {
        0
    }

    fn check(&self, _: &[Planes], output: Planes) -> Result<(), &'static str> {
        ensure(self.numbers.fits(output.channels), "its known biases are of another number of channels")
    }

    /// Of nothing.
    fn live_source(&self, _: Planes) -> (usize, usize) {
        (1, 1)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, _: &[&Array3<T>]) -> Option<()> {
        for ((channel, ..), sum) in sums.indexed_iter_mut() {
            *sum = sum.add(self.numbers.of(channel))?;
        }
        Some(())
    }

    fn replaces_bias(&self) -> bool {
        true
    }
}

impl KnownBias<i64> {
    /// Moves the least and the greatest accumulator of each value; `None` means overflow.
    pub(crate) fn reach_values(&self, bounds: &mut Array3<(i64, i64)>) -> Option<()> {
        for ((channel, ..), (low, high)) in bounds.indexed_iter_mut() {
            let number = self.numbers.of(channel);
            (*low, *high) = (low.checked_add(number)?, high.checked_add(number)?);
        }
        Some(())
    }
}

impl IntegerTerm for KnownBias<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        let exact = self.numbers.values().iter().all(|number| number.unsigned_abs() < 1 << MOST_BITS);
        ensure(exact, "a known bias has more than 50 bits")
    }

    fn reach(&self, bounds: &mut [(i64, i64)], _: &[Extent], _: Planes) -> Option<()> {
        for (channel, (low, high)) in bounds.iter_mut().enumerate() {
            let number = self.numbers.of(channel);
            (*low, *high) = (low.checked_add(number)?, high.checked_add(number)?);
        }
        Some(())
    }
}

impl FloatTerm for KnownBias<f64> {
    fn not_finite(&self) -> Option<(usize, f64)> {
        let numbers = self.numbers.values().iter().copied().enumerate();
        numbers.into_iter().find(|(_, number)| !number.is_finite())
    }

    /// Whole numbers take whatever scale the accumulators have.
    fn least_scale(&self, _: usize, _: &[&PerChannel<i32>]) -> Option<i32> {
        None
    }
}

impl Quantisable for KnownBias<f64> {
    type Integers = KnownBias<i64>;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let integer = |output: usize| {
            let scaled = self.numbers.of(output).trunc() * f64::powi(2.0, quantising.scale().of(output));
            if scaled.fract() == 0.0 && scaled.abs() < f64::powi(2.0, MOST_BITS) {
                return Ok(scaled as i64);
            }
            Err(quantising
                .refuse(output, "a whole number that it adds is no integer, or too large, beside its values"))
        };
        let integers = (0..quantising.outputs()).map(integer).collect::<Result<Vec<i64>, _>>()?;
        let numbers = PerChannel::of_channels(integers).unwrap_or(PerChannel::uniform(0));
        Ok(Quantised::exactly(KnownBias { numbers }))
    }
}
