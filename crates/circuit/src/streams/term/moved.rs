//! A moved tensor's values, times their factors, at the exponents that they are raised to.

use ndarray::{Array3, Axis};
use zklayout_model::Move;
use zklayout_plan::MoveFact;

use super::placed::{Placed, TermProduct, pooled};
use crate::error::CircuitError;

/// A moved tensor on its way into product polynomials.
pub(crate) struct MoveProduct<'a> {
    moved: &'a Move<i64>,
    values: Array3<i64>,
    pitch: usize,
    /// Exponent of value (0, 0).
    first: usize,
}

impl<'a> MoveProduct<'a> {
    pub(crate) fn of(moved: &'a Move<i64>, fact: &MoveFact, placed: &Placed<'a>) -> Result<Self, CircuitError> {
        let (home, values) = placed.only(fact.home)?;
        let pitch = placed.fact.pitch;
        let values = pooled(values, home.shape, 1);
        let by = moved.offset.0 * pitch as i64 + moved.offset.1;
        let first = usize::try_from(placed.origin() as i64 + by).ok();
        let last = (home.shape.height - 1) * pitch + home.shape.width - 1;
        match first.filter(|first| *first >= last) {
            Some(first) => Ok(Self { moved, values, pitch, first }),
            None => Err(placed.mismatch("adds a tensor that reaches below its output")),
        }
    }
}

impl TermProduct for MoveProduct<'_> {
    fn positions(&self) -> usize {
        self.first + 1
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let Some(channel) = self.moved.channel(output) else { return };
        let factor = self.moved.factor.of(output);
        for ((y, z), &value) in self.values.index_axis(Axis(0), channel).indexed_iter() {
            plane[self.first - (y * self.pitch + z)] += factor * value;
        }
    }
}
