//! A window sum followed by a grouped convolution.
//!
//! A fully connected layer is a convolution whose kernel covers its whole input plane. The arithmetic is
//! generic, so that the float run used for calibration and the exact integer run are one piece of code.

use ndarray::{Array3, Array4, CowArray, Ix3};
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{MOST_EXTENT, check_planes, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

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

/// Adds `weights * windowsum(x)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernel<T> {
    /// Planes of what is read, before window sums.
    pub input: Planes,
    /// Side of the non-overlapping windows that are summed first; 1 means none.
    pub window: usize,
    /// Weights, `[out channel, in channel of the group, row, column]`.
    pub weights: Array4<T>,
    /// Number of channel groups.
    pub groups: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Zero padding.
    pub padding: Padding,
}

impl<T> Kernel<T> {
    /// Rows and columns of the weights.
    pub fn size(&self) -> (usize, usize) {
        (self.weights.dim().2, self.weights.dim().3)
    }

    /// Planes that the convolution reads: the input after its window sums.
    pub fn pooled(&self) -> Planes {
        Planes::new(self.input.channels, self.input.height / self.window, self.input.width / self.window)
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.weights.dim().0
    }

    /// Output channels per group.
    pub fn group_outputs(&self) -> usize {
        self.outputs() / self.groups
    }

    /// Input channels per group.
    pub fn group_inputs(&self) -> usize {
        self.weights.dim().1
    }

    /// First input channel that an output channel reads.
    pub fn first_input(&self, output: usize) -> usize {
        output / self.group_outputs() * self.group_inputs()
    }

    /// Whether every output channel is one value that reads the whole plane: a fully connected layer.
    pub fn is_full(&self) -> bool {
        let pooled = self.pooled();
        self.size() == (pooled.height, pooled.width) && self.padding.is_none()
    }

    /// Planes of an uncropped result.
    pub fn output(&self) -> Planes {
        let (kh, kw) = self.size();
        let pooled = self.pooled();
        let extent = |size: usize, before: usize, after: usize, kernel: usize| {
            (size + before + after + 1).saturating_sub(kernel).div_ceil(self.stride)
        };
        Planes::new(
            self.outputs(),
            extent(pooled.height, self.padding.top, self.padding.bottom, kh),
            extent(pooled.width, self.padding.left, self.padding.right, kw),
        )
    }

    /// The same convolution with other weights.
    pub fn with_weights<U>(&self, weights: Array4<U>) -> Kernel<U> {
        let Self { input, window, groups, stride, padding, .. } = *self;
        Kernel { input, window, weights, groups, stride, padding }
    }
}

impl<T: Number> Summand<T> for Kernel<T> {
    fn label(&self) -> String {
        let (kh, kw) = self.size();
        let mut text = format!("{kh}x{kw}");
        if self.stride > 1 {
            text.push_str(&format!(" /{}", self.stride));
        }
        if self.groups > 1 {
            text.push_str(&format!(" in {} groups", self.groups));
        }
        if self.window > 1 {
            text.push_str(&format!(" over {0}x{0} means", self.window));
        }
        text
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let (fits, full) = (*sources == [self.input], self.output());
        let room = output.height <= full.height && output.width <= full.width;
        if fits && output.channels == full.channels && room {
            Ok(())
        } else {
            Err("its kernel does not fit what it reads")
        }
    }

    /// One where all that is read is padding, so that no tensor is empty.
    fn live_source(&self, output: Planes) -> (usize, usize) {
        let (kh, kw) = self.size();
        let pooled = self.pooled();
        let live = |out: usize, kernel: usize, before: usize, size: usize| {
            ((out - 1) * self.stride + kernel).saturating_sub(before).clamp(1, size.max(1)) * self.window
        };
        (
            live(output.height, kh, self.padding.top, pooled.height),
            live(output.width, kw, self.padding.left, pooled.width),
        )
    }

    fn stride(&self) -> usize {
        self.stride
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        self.add_products(sums, self.window_sums(sources.first()?)?.view())
    }

    fn weights(&self) -> usize {
        self.group_inputs() * self.size().0 * self.size().1
    }

    fn weight(&self, output: usize, place: usize) -> Option<T> {
        let (kh, kw) = self.size();
        self.weights.get((output, place / (kh * kw), place / kw % kh, place % kw)).copied()
    }

    fn weight_mut(&mut self, output: usize, place: usize) -> Option<&mut T> {
        let (kh, kw) = self.size();
        self.weights.get_mut((output, place / (kh * kw), place / kw % kh, place % kw))
    }
}

impl<T: Number> Kernel<T> {
    fn window_sums<'a>(&self, x: &'a Array3<T>) -> Option<CowArray<'a, T, Ix3>> {
        if self.window == 1 {
            return Some(x.into());
        }
        let mut sums = Array3::from_elem(self.pooled().dims(), T::ZERO);
        for ((c, row, column), sum) in sums.indexed_iter_mut() {
            for dy in 0..self.window {
                for dx in 0..self.window {
                    *sum = sum.add(x[[c, row * self.window + dy, column * self.window + dx]])?;
                }
            }
        }
        Some(sums.into())
    }
}

impl Kernel<i64> {
    /// By output channel, the least and the greatest sum with its bias, given bounds of what is read; `None` means overflow.
    pub fn bounds(&self, bias: &[i64], (lo, hi): (i64, i64)) -> Option<Vec<(i64, i64)>> {
        let mut bounds: Vec<(i64, i64)> = bias.iter().map(|&bias| (bias, bias)).collect();
        self.reach(&mut bounds, &[Extent { lo, hi, planes: None }], self.output())?;
        Some(bounds)
    }
}

impl IntegerTerm for Kernel<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        check_planes(self.input)?;
        let small = |extent: usize| (1..=MOST_EXTENT).contains(&extent);
        ensure(
            [self.window, self.stride, self.groups].into_iter().all(small),
            "a stride, a window or a number of groups is 0 or too large",
        )?;
        let (outputs, inputs, height, width) = self.weights.dim();
        ensure(small(height) && small(width), "its kernel has no extent, or too large a one")?;
        let Padding { top, left, bottom, right } = self.padding;
        ensure([top, left, bottom, right].iter().all(|side| *side <= MOST_EXTENT), "its padding is too wide")?;
        check_planes(self.pooled())?;
        ensure(outputs.is_multiple_of(self.groups), "its groups do not divide its channels")?;
        let read = inputs.checked_mul(self.groups);
        ensure(read == Some(self.input.channels), "its weights read other channels than its input has")
    }

    /// Every tap may read padding.
    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [Extent { lo, hi, .. }] = sources else { return None };
        let cells = i64::try_from(self.window * self.window).ok()?;
        let (lo, hi) = ((*lo).min(0).checked_mul(cells)?, (*hi).max(0).checked_mul(cells)?);
        for (weights, (low, high)) in self.weights.outer_iter().zip(bounds) {
            for weight in weights {
                let (a, b) = (weight.checked_mul(lo)?, weight.checked_mul(hi)?);
                (*low, *high) = (low.checked_add(a.min(b))?, high.checked_add(a.max(b))?);
            }
        }
        Some(())
    }
}

impl FloatTerm for Kernel<f64> {
    fn not_finite(&self) -> Option<(usize, f64)> {
        let mut weights = self.weights.indexed_iter();
        weights.find(|(_, weight)| !weight.is_finite()).map(|((output, ..), weight)| (output, *weight))
    }

    /// Weights take the scale that is chosen for them.
    fn least_scale(&self, _: usize, _: &[&PerChannel<i32>]) -> Option<i32> {
        None
    }
}

impl Quantisable for Kernel<f64> {
    type Integers = Kernel<i64>;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let (weights, drift) = quantising.weights(&self.weights, &|output| self.first_input(output));
        Ok(Quantised { term: self.with_weights(weights), drift })
    }
}
