//! A convolution's products: all taps meet all positions, those of padding too.

use ndarray::{Array3, Axis};
use zklayout_model::Kernel;
use zklayout_plan::{KernelFact, Read};

use super::placed::{Placed, TermProduct, pooled};
use crate::error::CircuitError;

/// A convolution on its way into product polynomials.
pub(crate) struct KernelProduct<'a> {
    kernel: &'a Kernel<i64>,
    /// What it reads, after window sums.
    read: Array3<i64>,
    pitch: usize,
    /// Exponent at which the first tap meets position (0, 0); `None` where evaluations have no positions.
    start: Option<usize>,
}

impl<'a> KernelProduct<'a> {
    pub(crate) fn of(
        kernel: &'a Kernel<i64>,
        fact: &KernelFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let (home, values) = placed.only(fact.input)?;
        let pitch = placed.fact.pitch;
        let flat = matches!(home.read, Read::Total | Read::Scalars { .. });
        let above = kernel.padding.top * pitch + kernel.padding.left;
        let start = placed.origin().checked_sub(above);
        if !flat && start.is_none() {
            return Err(placed.mismatch("has its output before its input"));
        }
        let read = pooled(values, home.shape, kernel.window);
        Ok(Self { kernel, read, pitch, start: start.filter(|_| !flat) })
    }
}

impl TermProduct for KernelProduct<'_> {
    fn positions(&self) -> usize {
        let (kh, kw) = self.kernel.size();
        self.start.map_or(1, |start| start + 1 + (kh - 1) * self.pitch + kw)
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let first = self.kernel.first_input(output);
        for ((c, dy, dx), &weight) in self.kernel.weights.index_axis(Axis(0), output).indexed_iter() {
            let Some(start) = self.start else {
                plane[0] += weight * self.read[[first + c, dy, dx]];
                continue;
            };
            let shift = start + dy * self.pitch + dx;
            for ((y, z), &value) in self.read.index_axis(Axis(0), first + c).indexed_iter() {
                plane[shift - y * self.pitch - z] += weight * value;
            }
        }
    }
}
