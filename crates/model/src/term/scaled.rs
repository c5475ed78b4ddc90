//! Scaled planes: each plane times a number of its own, planes and positions swapped.
//!
//! With planes `t` of positions `f` and a number for each plane, output plane `f` at position `t` is `number[t] * x[t][f]`.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::ensure;
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Adds a tensor whose planes are multiplied by a number each; reads the numbers, then the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaled;

impl<T: Number> Summand<T> for Scaled {
    fn label(&self) -> String {
        "scaled planes".into()
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [numbers, source] = sources else { return Err("it reads another number of tensors") };
        ensure(
            *numbers == Planes::vector(source.channels),
            "it has not one number for each plane that it scales",
        )?;
        let swapped = source.height == 1 && output == Planes::new(source.width, 1, source.channels);
        ensure(swapped, "its result is not what it scales with planes and positions swapped")
    }

    fn live_source(&self, output: Planes) -> (usize, usize) {
        (1, output.channels)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let [numbers, source] = sources else { return None };
        for ((f, _, t), sum) in sums.indexed_iter_mut() {
            *sum = sum.mul_add(*numbers.get((t, 0, 0))?, *source.get((t, 0, f))?)?;
        }
        Some(())
    }
}

impl IntegerTerm for Scaled {
    fn check_integers(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [numbers, source] = sources else { return None };
        let products =
            [numbers.lo, numbers.hi].map(|number| [number.checked_mul(source.lo), number.checked_mul(source.hi)]);
        let products = products.into_iter().flatten().collect::<Option<Vec<i64>>>()?;
        let (least, most) = (*products.iter().min()?, *products.iter().max()?);
        for (low, high) in bounds {
            (*low, *high) = (low.checked_add(least)?, high.checked_add(most)?);
        }
        Some(())
    }
}

impl FloatTerm for Scaled {
    fn not_finite(&self) -> Option<(usize, f64)> {
        None
    }

    fn least_scale(&self, _: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        let [numbers, source] = sources else { return None };
        Some(numbers.of(0) + source.of(0))
    }

    fn joins_channels(&self) -> bool {
        true
    }
}

impl Quantisable for Scaled {
    type Integers = Scaled;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let uniform = |scale: &PerChannel<i32>, value: i32| scale.values().iter().all(|other| *other == value);
        let alike = quantising.sources().iter().all(|scale| uniform(scale, scale.of(0)));
        let own = self.least_scale(0, quantising.sources());
        if alike && own.is_some_and(|own| uniform(quantising.scale(), own)) {
            return Ok(Quantised::exactly(*self));
        }
        Err(quantising.refuse(0, "it scales a tensor whose channels have scales of their own"))
    }
}
