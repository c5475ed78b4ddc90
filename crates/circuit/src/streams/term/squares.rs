//! Sums of squares, at exponent 0.

use ndarray::Array3;
use zklayout_model::Squares;
use zklayout_plan::SquaresFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// Squares on their way into product polynomials.
pub(crate) struct SquaresProduct<'a> {
    tensor: &'a Array3<i64>,
}

impl<'a> SquaresProduct<'a> {
    pub(crate) fn of(_: &'a Squares, fact: &SquaresFact, placed: &Placed<'a>) -> Result<Self, CircuitError> {
        let (home, tensor) = placed.only(fact.home)?;
        if home.shape.dims() != tensor.dim() || placed.origin() != 0 {
            return Err(placed.mismatch("adds squares of other planes than the plan"));
        }
        Ok(Self { tensor })
    }
}

impl TermProduct for SquaresProduct<'_> {
    fn positions(&self) -> usize {
        1
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let values = self.tensor.index_axis(ndarray::Axis(0), output);
        plane[0] += values.iter().map(|value| value * value).sum::<i64>();
    }
}
