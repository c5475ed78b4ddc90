//! The linear operator of a layer without its weights: which products an output is the sum of.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use zklayout_model::{Kernel, Padding, Planes};

/// Shapes of a linear operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Shape of the input, before window sums.
    pub input: Planes,
    /// Shape of the output.
    pub output: Planes,
    /// Side of the windows that are summed first.
    pub window: usize,
    /// Kernel rows and columns.
    pub kernel: (usize, usize),
    /// Input channels of a group.
    pub group_inputs: usize,
    /// Output channels of a group.
    pub group_outputs: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Zero padding; its products are left out.
    pub padding: Padding,
}

impl Geometry {
    /// The shapes of a kernel whose layer's result has the given planes.
    pub(crate) fn of<T>(kernel: &Kernel<T>, output: Planes) -> Self {
        Self {
            input: kernel.input,
            output,
            window: kernel.window,
            kernel: kernel.size(),
            group_inputs: kernel.group_inputs(),
            group_outputs: kernel.group_outputs(),
            stride: kernel.stride,
            padding: kernel.padding,
        }
    }

    /// Weights of all outputs.
    pub fn weights(&self) -> usize {
        self.output.channels * self.group_inputs * self.kernel.0 * self.kernel.1
    }

    /// What the convolution reads: the input itself, or the window sums that some output may read, which are a corner
    /// of each plane.
    pub fn pooled(&self) -> Planes {
        if self.window == 1 {
            return self.input;
        }
        let live = |outputs: usize, kernel: usize, before: usize, size: usize| {
            ((outputs.max(1) - 1) * self.stride + kernel).saturating_sub(before).min(size / self.window)
        };
        Planes::new(
            self.input.channels,
            live(self.output.height, self.kernel.0, self.padding.top, self.input.height),
            live(self.output.width, self.kernel.1, self.padding.left, self.input.width),
        )
    }

    /// Products of every output, with the number of positions of a plane that have as many.
    pub(crate) fn depths(&self) -> Vec<(usize, usize)> {
        let count = |mut lengths: Vec<usize>| {
            lengths.sort_unstable();
            let mut counts: Vec<(usize, usize)> = Vec::new();
            for length in lengths {
                match counts.last_mut().filter(|last| last.0 == length) {
                    Some(last) => last.1 += 1,
                    None => counts.push((length, 1)),
                }
            }
            counts
        };
        let rows = count((0..self.output.height).map(|row| self.row_taps(row).len()).collect());
        let columns = count((0..self.output.width).map(|column| self.column_taps(column).len()).collect());
        let pairs = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
        pairs.map(|(row, column)| (row.0 * column.0 * self.group_inputs, row.1 * column.1)).collect()
    }

    /// The products of one output: place of the weight, and place in what the
    /// convolution reads.
    pub(crate) fn products(
        &self,
        output: usize,
        row: usize,
        column: usize,
    ) -> impl Iterator<Item = (usize, usize)> + '_ {
        let pooled = self.pooled();
        let first = output / self.group_outputs * self.group_inputs;
        let (rows, columns) = (self.row_taps(row), self.column_taps(column));
        (0..self.group_inputs).flat_map(move |input| {
            let columns = columns.clone();
            rows.clone().flat_map(move |dy| {
                columns.clone().map(move |dx| {
                    let weight = ((output * self.group_inputs + input) * self.kernel.0 + dy) * self.kernel.1 + dx;
                    let y = row * self.stride + dy - self.padding.top;
                    let x = column * self.stride + dx - self.padding.left;
                    (weight, ((first + input) * pooled.height + y) * pooled.width + x)
                })
            })
        })
    }

    fn row_taps(&self, row: usize) -> Range<usize> {
        self.taps(row, self.kernel.0, self.padding.top, self.input.height)
    }

    fn column_taps(&self, column: usize) -> Range<usize> {
        self.taps(column, self.kernel.1, self.padding.left, self.input.width)
    }

    /// The kernel's taps that meet the plane along one axis.
    fn taps(&self, at: usize, kernel: usize, before: usize, size: usize) -> Range<usize> {
        let clip = |tap: usize| tap.saturating_sub(at * self.stride).min(kernel);
        let (first, end) = (clip(before), clip(before + size / self.window));
        first..end.max(first)
    }
}
