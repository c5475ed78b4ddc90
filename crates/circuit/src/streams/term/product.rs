//! Products of two tensors, at the exponents of the left one's values.

use ndarray::Array3;
use zklayout_model::Product;
use zklayout_plan::ProductFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// A product on its way into product polynomials.
pub(crate) struct ProductProduct<'a> {
    product: &'a Product<i64>,
    left: &'a Array3<i64>,
    right: &'a Array3<i64>,
    /// Planes that a group is summed over.
    depth: usize,
    /// Positions from one row to the next.
    pitch: usize,
    /// Exponent of value (0, 0).
    first: usize,
}

impl<'a> ProductProduct<'a> {
    pub(crate) fn of(
        product: &'a Product<i64>,
        fact: &ProductFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let [left, right] = placed.sources else { return Err(placed.mismatch("multiplies other tensors")) };
        let (left, right) = (*left, *right);
        let (depth, pitch, first) = (fact.depth, placed.fact.pitch, placed.origin());
        let planes = left.dim().0 == product.groups * depth && right.dim().0 == product.right_groups * depth;
        if !planes || (fact.groups, fact.right_groups) != (product.groups, product.right_groups) {
            return Err(placed.mismatch("multiplies tensors of other planes than the plan"));
        }
        if first < (left.dim().1 - 1) * pitch + left.dim().2 - 1 {
            return Err(placed.mismatch("has values below exponent 0"));
        }
        Ok(Self { product, left, right, depth, pitch, first })
    }
}

impl TermProduct for ProductProduct<'_> {
    fn positions(&self) -> usize {
        self.first + 1
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let (group, o) = (output / self.right.dim().2, output % self.right.dim().2);
        let (left, right) = (group * self.depth, self.product.right_group(group) * self.depth);
        for (y, x) in (0..self.left.dim().1).flat_map(|y| (0..self.left.dim().2).map(move |x| (y, x))) {
            let products = (0..self.depth).map(|c| self.left[[left + c, y, x]] * self.right[[right + c, 0, o]]);
            plane[self.first - (y * self.pitch + x)] += self.product.factor * products.sum::<i64>();
        }
    }
}
