//! Sums of squares: each plane's one output value is the sum of the squares of its values.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::ensure;
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Adds the sum of a plane's squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Squares;

impl<T: Number> Summand<T> for Squares {
    fn label(&self) -> String {
        "sum of squares".into()
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [source] = sources else { return Err("it reads another number of tensors") };
        let single = source.height == 1 && output == Planes::vector(source.channels);
        ensure(single, "its result has another number of planes, or of values in each, than sums of squares")
    }

    /// All of it.
    fn live_source(&self, _: Planes) -> (usize, usize) {
        (1, usize::MAX)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let source = sources.first()?;
        for (sum, plane) in sums.iter_mut().zip(source.outer_iter()) {
            *sum = plane.iter().try_fold(*sum, |sum, value| sum.mul_add(*value, *value))?;
        }
        Some(())
    }
}

impl IntegerTerm for Squares {
    fn check_integers(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [source] = sources else { return None };
        let largest = source.lo.checked_abs()?.max(source.hi.checked_abs()?);
        let most = largest.checked_mul(largest)?.checked_mul(i64::try_from(source.planes?.plane()).ok()?)?;
        for (_, high) in bounds {
            *high = high.checked_add(most)?;
        }
        Some(())
    }
}

impl FloatTerm for Squares {
    fn not_finite(&self) -> Option<(usize, f64)> {
        None
    }

    fn least_scale(&self, output: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        Some(2 * sources.first()?.of(output))
    }

    fn joins_channels(&self) -> bool {
        true
    }
}

impl Quantisable for Squares {
    type Integers = Squares;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let wrong = (0..quantising.outputs()).find(|output| {
            self.least_scale(*output, quantising.sources()) != Some(quantising.scale().of(*output))
        });
        match wrong {
            None => Ok(Quantised::exactly(*self)),
            Some(channel) => Err(quantising.refuse(channel, "it adds squares to tensors of other scales")),
        }
    }
}
