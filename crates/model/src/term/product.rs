//! Products of two tensors: for each group a matrix product over the planes that both have.
//!
//! With left planes `(group, c)` of positions `t` and right planes `(group, c)` of positions `o`, output plane `(group, o)` at
//! position `t` is `factor * sum_c left[c][t] * right[c][o]`. Groups of the left may share one of the right, as queries
//! of several heads share keys. Left planes may have any rows; with a group for each, they are gated by a number each.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{MOST_EXTENT, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Bits of a factor that is no power of two.
const FACTOR_BITS: i32 = 12;
/// Magnitude of a factor of integers.
const MOST_FACTOR: i64 = 1 << 20;

/// Adds the product of two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product<T> {
    /// Groups of the left tensor and of the result.
    pub groups: usize,
    /// Groups of the right tensor; as many of the left share each.
    pub right_groups: usize,
    /// What every product is multiplied by.
    pub factor: T,
}

impl<T> Product<T> {
    /// The group of the right tensor that a group of the result reads.
    pub fn right_group(&self, group: usize) -> usize {
        group * self.right_groups / self.groups
    }

    /// Planes that the product is summed over.
    pub fn depth(&self, left: Planes) -> usize {
        left.channels / self.groups
    }
}

impl<T: Number> Summand<T> for Product<T> {
    fn label(&self) -> String {
        "product of two tensors".into()
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [left, right] = sources else { return Err("it reads another number of tensors") };
        let shared = self.right_groups >= 1 && self.groups.is_multiple_of(self.right_groups);
        ensure(self.groups >= 1 && shared, "its groups are none, or do not share others evenly")?;
        let planes = left.channels.is_multiple_of(self.groups)
            && self.depth(*left).checked_mul(self.right_groups) == Some(right.channels);
        ensure(planes, "the two tensors that it multiplies have other planes")?;
        let rows = right.height == 1 && output.height == left.height;
        let fits = output.width == left.width && self.groups.checked_mul(right.width) == Some(output.channels);
        ensure(rows && fits, "its result has other planes than the product of what it reads")
    }

    /// Of the left one all positions of the result, of the right one as many as a group has planes.
    fn live_source(&self, output: Planes) -> (usize, usize) {
        (output.height, output.width.max(output.channels / self.groups.max(1)))
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let [left, right] = sources else { return None };
        let (depth, outputs) = (left.dim().0 / self.groups, sums.dim().0 / self.groups);
        for ((place, y, x), sum) in sums.indexed_iter_mut() {
            let (group, o) = (place / outputs, place % outputs);
            let (first, second) = (group * depth, self.right_group(group) * depth);
            let products = (0..depth).try_fold(T::ZERO, |all, c| {
                all.mul_add(*left.get((first + c, y, x))?, *right.get((second + c, 0, o))?)
            })?;
            *sum = sum.mul_add(self.factor, products)?;
        }
        Some(())
    }
}

impl IntegerTerm for Product<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        let groups = [self.groups, self.right_groups].iter().all(|groups| (1..=MOST_EXTENT).contains(groups));
        ensure(groups, "a product has no group or too many")?;
        ensure(self.factor.abs() <= MOST_FACTOR && self.factor != 0, "the factor of a product is out of bounds")
    }

    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [left, right] = sources else { return None };
        let depth = i64::try_from(left.planes?.channels / self.groups).ok()?.checked_mul(self.factor)?;
        let corners = [(left.lo, right.lo), (left.lo, right.hi), (left.hi, right.lo), (left.hi, right.hi)];
        let corners = corners.map(|(a, b)| a.checked_mul(b)?.checked_mul(depth));
        let corners = corners.into_iter().collect::<Option<Vec<i64>>>()?;
        let (least, most) = (*corners.iter().min()?, *corners.iter().max()?);
        for (low, high) in bounds {
            (*low, *high) = (low.checked_add(least)?, high.checked_add(most)?);
        }
        Some(())
    }
}

impl FloatTerm for Product<f64> {
    fn not_finite(&self) -> Option<(usize, f64)> {
        (!self.factor.is_finite()).then_some((0, self.factor))
    }

    /// The sum of both scales, and what makes the factor an integer.
    fn least_scale(&self, _: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        let [left, right] = sources else { return None };
        let exponent = self.factor.abs().log2();
        let bits = if exponent.fract() == 0.0 { -exponent as i32 } else { FACTOR_BITS - exponent.floor() as i32 };
        Some(left.of(0) + right.of(0) + bits)
    }

    fn joins_channels(&self) -> bool {
        true
    }
}

impl Quantisable for Product<f64> {
    type Integers = Product<i64>;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let [left, right] = quantising.sources() else {
            return Err(quantising.refuse(0, "it multiplies another number of tensors than two"));
        };
        let (scale, own) = (quantising.scale(), left.of(0) + right.of(0));
        let uniform = |scale: &PerChannel<i32>| scale.values().iter().all(|other| *other == scale.of(0));
        if !(uniform(left) && uniform(right) && uniform(scale)) {
            return Err(quantising.refuse(0, "it multiplies tensors whose channels have scales of their own"));
        }
        let factor = (self.factor * f64::powi(2.0, scale.of(0) - own)).round();
        if !(1.0..=MOST_FACTOR as f64).contains(&factor.abs()) {
            return Err(
                quantising.refuse(0, "it adds a product whose values are far coarser or finer than its own")
            );
        }
        let (groups, right_groups) = (self.groups, self.right_groups);
        Ok(Quantised::exactly(Product { groups, right_groups, factor: factor as i64 }))
    }
}
