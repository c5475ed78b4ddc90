//! A window sum followed by a grouped convolution and a bias: the only linear operator of a fused graph.
//!
//! A fully connected layer is a convolution whose kernel covers its whole input plane. The arithmetic is
//! generic, so that the float run used for calibration and the exact integer run are one piece of code.

use ndarray::{Array3, Array4};
use serde::{Deserialize, Serialize};

use crate::planes::Planes;

/// A number that a linear operator can be run on; `None` means overflow.
pub trait Number: Copy + Send + Sync {
    /// Zero.
    const ZERO: Self;
    /// `self + a * b`.
    fn mul_add(self, a: Self, b: Self) -> Option<Self>;
    /// `self + a`.
    fn add(self, a: Self) -> Option<Self>;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        Some(self + a * b)
    }
    fn add(self, a: Self) -> Option<Self> {
        Some(self + a)
    }
}

impl Number for i64 {
    const ZERO: Self = 0;
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
    fn add(self, a: Self) -> Option<Self> {
        self.checked_add(a)
    }
}

/// Zero padding around a plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns on the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Padding {
    /// Whether nothing is padded.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `y = bias + kernel * windowsum(x)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear<T> {
    /// Shape of the input tensor, before window sums.
    pub input: Planes,
    /// Shape of the output; it may be smaller than the full result where nobody reads the rest.
    pub output: Planes,
    /// Side of the non-overlapping windows that are summed first; 1 means none.
    pub window: usize,
    /// Weights, `[out channel, in channel of the group, row, column]`.
    pub kernel: Array4<T>,
    /// One value per output channel.
    pub bias: Vec<T>,
    /// Number of channel groups.
    pub groups: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Zero padding.
    pub padding: Padding,
}

impl<T: Number> Linear<T> {
    /// The operator that reads nothing: what skip connections are added to.
    pub fn nothing(input: Planes, output: Planes, stride: usize) -> Self {
        Self {
            input,
            output,
            window: 1,
            kernel: Array4::from_elem((output.channels, 0, 1, 1), T::ZERO),
            bias: vec![T::ZERO; output.channels],
            groups: 1,
            stride,
            padding: Padding::default(),
        }
    }
}

impl<T> Linear<T> {
    /// Whether the kernel reads no channel.
    pub fn is_nothing(&self) -> bool {
        self.group_inputs() == 0
    }

    /// Rows and columns of a skipped tensor from one value of the output to the next.
    pub fn skip_stride(&self) -> usize {
        if self.is_nothing() { self.stride } else { 1 }
    }

    /// Kernel rows and columns.
    pub fn kernel_size(&self) -> (usize, usize) {
        (self.kernel.dim().2, self.kernel.dim().3)
    }

    /// Shape that the convolution reads: the input after its window sums.
    pub fn pooled(&self) -> Planes {
        Planes::new(self.input.channels, self.input.height / self.window, self.input.width / self.window)
    }

    /// Output channels per group.
    pub fn group_outputs(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Input channels per group.
    pub fn group_inputs(&self) -> usize {
        self.kernel.dim().1
    }

    /// Whether every output channel is one value that reads the whole plane: a fully connected layer.
    pub fn is_full(&self) -> bool {
        let pooled = self.pooled();
        self.kernel_size() == (pooled.height, pooled.width) && self.padding.is_none() && self.output.plane() == 1
    }

    /// The output shape of an uncropped convolution.
    pub fn full_output(&self) -> Planes {
        let (kh, kw) = self.kernel_size();
        let pooled = self.pooled();
        let extent = |size: usize, before: usize, after: usize, kernel: usize| {
            (size + before + after + 1).saturating_sub(kernel).div_ceil(self.stride)
        };
        Planes::new(
            self.kernel.dim().0,
            extent(pooled.height, self.padding.top, self.padding.bottom, kh),
            extent(pooled.width, self.padding.left, self.padding.right, kw),
        )
    }

    /// Rows and columns of the input that the output reads; one where all that it reads is padding, so that no tensor is
    /// empty.
    pub fn live_input(&self) -> (usize, usize) {
        let (kh, kw) = self.kernel_size();
        let pooled = self.pooled();
        let live = |out: usize, kernel: usize, before: usize, size: usize| {
            ((out - 1) * self.stride + kernel).saturating_sub(before).clamp(1, size.max(1)) * self.window
        };
        (
            live(self.output.height, kh, self.padding.top, pooled.height),
            live(self.output.width, kw, self.padding.left, pooled.width),
        )
    }

    /// The operator with every weight and bias mapped.
    pub fn map<U>(&self, weight: impl FnMut(&T) -> U, bias: impl FnMut(&T) -> U) -> Linear<U> {
        Linear {
            input: self.input,
            output: self.output,
            window: self.window,
            kernel: self.kernel.map(weight),
            bias: self.bias.iter().map(bias).collect(),
            groups: self.groups,
            stride: self.stride,
            padding: self.padding,
        }
    }
}

impl<T: Number> Linear<T> {
    /// Runs the operator on one tensor. `None` means that an accumulator overflowed.
    pub fn apply(&self, x: &Array3<T>) -> Option<Array3<T>> {
        let pooled = self.window_sums(x)?;
        let mut y = Array3::from_elem(self.output.dims(), T::ZERO);
        for ((o, row, column), cell) in y.indexed_iter_mut() {
            *cell = self.accumulate(&pooled, o, row, column)?;
        }
        Some(y)
    }

    fn window_sums(&self, x: &Array3<T>) -> Option<Array3<T>> {
        if self.window == 1 {
            return Some(x.clone());
        }
        let mut sums = Array3::from_elem(self.pooled().dims(), T::ZERO);
        for ((c, row, column), sum) in sums.indexed_iter_mut() {
            for dy in 0..self.window {
                for dx in 0..self.window {
                    *sum = sum.add(x[[c, row * self.window + dy, column * self.window + dx]])?;
                }
            }
        }
        Some(sums)
    }

    fn accumulate(&self, x: &Array3<T>, o: usize, row: usize, column: usize) -> Option<T> {
        let (kh, kw) = self.kernel_size();
        let (_, height, width) = x.dim();
        let first = o / self.group_outputs() * self.group_inputs();
        let mut sum = self.bias[o];
        for dy in 0..kh {
            let Some(y) = (row * self.stride + dy).checked_sub(self.padding.top).filter(|&y| y < height) else {
                continue;
            };
            for dx in 0..kw {
                let at = (column * self.stride + dx).checked_sub(self.padding.left);
                let Some(z) = at.filter(|&z| z < width) else { continue };
                for c in 0..self.group_inputs() {
                    sum = sum.mul_add(self.kernel[[o, c, dy, dx]], x[[first + c, y, z]])?;
                }
            }
        }
        Some(sum)
    }
}
