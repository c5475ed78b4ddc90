//! A convolution's products: all taps meet all positions, those of padding too; in phases, all positions of their phase.

use ndarray::{Array3, Axis};
use zklayout_model::Kernel;
use zklayout_plan::{KernelFact, PhaseAxis, Read};

use super::placed::{Placed, TermProduct, pooled};
use crate::error::CircuitError;

/// A convolution on its way into product polynomials.
pub(crate) struct KernelProduct<'a> {
    kernel: &'a Kernel<i64>,
    /// What it reads, after window sums.
    read: Array3<i64>,
    pitch: usize,
    /// By row of the kernel, the rows of values that it meets; the same of columns.
    rows: Vec<Vec<Met>>,
    columns: Vec<Vec<Met>>,
    /// Exponent at which the first tap meets position (0, 0), or its block; `None` where evaluations have no positions.
    start: Option<usize>,
}

/// A value along an axis that a tap meets, and how many exponents the tap raises it and its block lowers it.
#[derive(Clone, Copy)]
struct Met {
    value: usize,
    raised: usize,
    lowered: usize,
}

/// By tap, the values that it meets, where a step of the axis is so many exponents.
fn met(axis: PhaseAxis, corner: usize, values: usize, step: usize) -> Vec<Vec<Met>> {
    let of = |tap: usize| {
        let own = (0..values).filter(|value| (value + corner) % axis.stride == axis.phase(tap));
        let raised = axis.place(tap) * step;
        own.map(|value| Met { value, raised, lowered: (value + corner) / axis.stride * step }).collect()
    };
    (0..axis.taps).map(of).collect()
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
        let (corner, [rows, columns]) = (home.read.corner(), fact.axes(home));
        let above =
            rows.before(kernel.padding.top, corner.0) * pitch + columns.before(kernel.padding.left, corner.1);
        let start = placed.origin().checked_sub(above);
        if !flat && start.is_none() {
            return Err(placed.mismatch("has its output before its input"));
        }
        let read = pooled(values, home.shape, kernel.window);
        let (_, height, width) = read.dim();
        let (rows, columns) = (met(rows, corner.0, height, pitch), met(columns, corner.1, width, 1));
        Ok(Self { kernel, read, pitch, rows, columns, start: start.filter(|_| !flat) })
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
            let values = self.read.index_axis(Axis(0), first + c);
            for row in &self.rows[dy] {
                for column in &self.columns[dx] {
                    let (raised, lowered) = (row.raised + column.raised, row.lowered + column.lowered);
                    plane[start + raised - lowered] += weight * values[[row.value, column.value]];
                }
            }
        }
    }
}
