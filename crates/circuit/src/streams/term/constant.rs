//! Constants of positions, at the exponents of the output's values.

use ndarray::{Array3, Axis};
use zklayout_model::Constant;
use zklayout_plan::ConstantFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// Constants on their way into product polynomials.
pub(crate) struct ConstantProduct<'a> {
    values: &'a Array3<i64>,
    pitch: usize,
    stride: usize,
    /// Exponent of value (0, 0).
    first: usize,
}

impl<'a> ConstantProduct<'a> {
    pub(crate) fn of(
        constant: &'a Constant<i64>,
        fact: &ConstantFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let (values, pitch, stride) = (&constant.values, placed.fact.pitch, fact.stride);
        let (_, height, width) = values.dim();
        if placed.output().shape.dims() != values.dim() || fact.size != (height, width) {
            return Err(placed.mismatch("has constants of other planes than the plan"));
        }
        let (first, last) = (placed.origin(), ((height - 1) * pitch + width - 1) * stride);
        if first < last {
            return Err(placed.mismatch("has values below exponent 0"));
        }
        Ok(Self { values, pitch, stride, first })
    }
}

impl TermProduct for ConstantProduct<'_> {
    fn positions(&self) -> usize {
        self.first + 1
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        for ((y, x), value) in self.values.index_axis(Axis(0), output).indexed_iter() {
            plane[self.first - (y * self.pitch + x) * self.stride] += value;
        }
    }
}
