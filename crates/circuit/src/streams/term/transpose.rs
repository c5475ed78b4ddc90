//! Transposed tensors, at the exponents of the output's positions, which are the tensor's planes.

use ndarray::Array3;
use zklayout_model::Transpose;
use zklayout_plan::TransposeFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// A transposed tensor on its way into product polynomials.
pub(crate) struct TransposeProduct<'a> {
    values: &'a Array3<i64>,
    fact: &'a TransposeFact,
}

impl<'a> TransposeProduct<'a> {
    pub(crate) fn of(
        transpose: &Transpose,
        fact: &'a TransposeFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let (home, values) = placed.only(fact.input)?;
        let planes = transpose.groups * fact.planes;
        let (channels, height, width) = values.dim();
        let same = home.shape.dims() == values.dim() && (channels, height * width) == (planes, fact.positions);
        if !same || transpose.centred != fact.centred || placed.origin() + 1 != fact.planes {
            return Err(placed.mismatch("transposes another tensor than the plan"));
        }
        Ok(Self { values, fact })
    }
}

impl TermProduct for TransposeProduct<'_> {
    /// The output's, which are the tensor's planes.
    fn positions(&self) -> usize {
        let TransposeFact { planes, .. } = *self.fact;
        planes
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let (group, t) = (output / self.fact.positions, output % self.fact.positions);
        let (planes, width) = (self.fact.planes, self.values.dim().2);
        let value = |c: usize| self.values[[group * planes + c, t / width, t % width]];
        let sum = if self.fact.centred { (0..planes).map(value).sum() } else { 0 };
        for c in 0..planes {
            plane[planes - 1 - c] += self.fact.factor() * value(c) - sum;
        }
    }
}
