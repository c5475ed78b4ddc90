//! Planes times a number each, one position of each plane to an output plane.

use ndarray::Array3;
use zklayout_model::Scaled;
use zklayout_plan::ScaledFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// Scaled planes on their way into product polynomials.
pub(crate) struct ScaledProduct<'a> {
    numbers: &'a Array3<i64>,
    tensor: &'a Array3<i64>,
}

impl<'a> ScaledProduct<'a> {
    pub(crate) fn of(_: &'a Scaled, fact: &ScaledFact, placed: &Placed<'a>) -> Result<Self, CircuitError> {
        let [numbers, tensor] = placed.sources else { return Err(placed.mismatch("scales other tensors")) };
        let planes = tensor.dim().0;
        if fact.planes != planes || numbers.dim() != (planes, 1, 1) || placed.origin() + 1 != planes {
            return Err(placed.mismatch("scales other planes than the plan"));
        }
        Ok(Self { numbers, tensor })
    }
}

impl TermProduct for ScaledProduct<'_> {
    fn positions(&self) -> usize {
        self.tensor.dim().0
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let planes = self.tensor.dim().0;
        for t in 0..planes {
            plane[planes - 1 - t] += self.numbers[[t, 0, 0]] * self.tensor[[t, 0, output]];
        }
    }
}
