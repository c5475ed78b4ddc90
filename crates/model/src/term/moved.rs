//! Moves: tensors that are added to a layer's accumulators, perhaps moved and scaled.
//!
//! Residual sums, concatenations, slices, paddings and channel permutations are all of this form: each output channel
//! takes one channel of the source, or none, shifted by rows and columns, perhaps every `stride`-th of them.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, MOST_SHIFT, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{MOST_EXTENT, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Largest whole factor that a tensor is added with.
const MOST_FACTOR: f64 = (1 << 20) as f64;

/// Adds a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
pub struct Move<T> {
    /// What its values are multiplied by, by output channel.
    pub factor: PerChannel<T>,
    /// By output channel, the channel that is added to it, if any; channel by channel if not given.
    pub channels: Option<Vec<Option<usize>>>,
    /// Rows and columns of the source before the one that output value (0, 0) takes; negative where the output starts
    /// before the source does.
    pub offset: (i64, i64),
    /// Rows and columns of the source from one value of the output to the next.
    pub stride: usize,
}

impl<T: Copy + PartialEq> Move<T> {
    /// A tensor that is added value by value.
    pub fn plain(factor: T) -> Self {
        Self { factor: PerChannel::uniform(factor), channels: None, offset: (0, 0), stride: 1 }
    }
}

impl<T> Move<T> {
    /// Whether it is added value by value.
    pub fn is_plain(&self) -> bool {
        self.channels.is_none() && self.offset == (0, 0) && self.stride == 1
    }

    /// Rows, or columns, of an output of so many that something is added to, from a source of so many.
    fn covered(&self, offset: i64, source: usize, output: usize) -> std::ops::Range<usize> {
        let stride = self.stride.max(1) as i64;
        let first = if offset < 0 { (-offset + stride - 1) / stride } else { 0 };
        let last = (source as i64 - offset + stride - 1).div_euclid(stride).clamp(0, output as i64);
        first.min(last) as usize..last as usize
    }

    /// The row, or column, of the source that is added to one of the output.
    fn read(&self, at: usize, offset: i64) -> usize {
        ((at * self.stride) as i64 + offset) as usize
    }

    /// The channel that is added to an output channel.
    pub fn channel(&self, output: usize) -> Option<usize> {
        match &self.channels {
            None => Some(output),
            Some(channels) => channels.get(output).copied().flatten(),
        }
    }

    /// Number of output channels that a channel is added to.
    pub fn added_channels(&self, outputs: usize) -> usize {
        self.channels.as_ref().map_or(outputs, |channels| channels.iter().flatten().count())
    }

    /// Whether the channels are those of a source, for each channel of an output.
    pub fn fits(&self, source: Planes, output: Planes) -> bool {
        match &self.channels {
            None => source.channels == output.channels,
            Some(channels) => {
                let known = channels.iter().flatten().all(|channel| *channel < source.channels);
                known && channels.len() == output.channels
            }
        }
    }

    /// The same move with other factors.
    pub fn with_factor<U>(&self, factor: PerChannel<U>) -> Move<U> {
        Move { factor, channels: self.channels.clone(), offset: self.offset, stride: self.stride }
    }
}

impl<T: Number> Summand<T> for Move<T> {
    fn label(&self) -> String {
        if self.is_plain() { "tensor".into() } else { "moved tensor".into() }
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [source] = sources else { return Err("it reads another number of tensors") };
        let fits = self.fits(*source, output) && self.factor.fits(output.channels);
        if fits { Ok(()) } else { Err("a tensor that it adds has other channels") }
    }

    fn live_source(&self, output: Planes) -> (usize, usize) {
        let live = |extent: usize, offset: i64| (((extent - 1) * self.stride + 1) as i64 + offset).max(1) as usize;
        (live(output.height, self.offset.0), live(output.width, self.offset.1))
    }

    fn reaches(&self, output: Planes) -> bool {
        let reaches = |extent: usize, offset: i64| (extent.saturating_sub(1) * self.stride) as i64 + offset >= 0;
        reaches(output.height, self.offset.0) && reaches(output.width, self.offset.1)
    }

    fn stride(&self) -> usize {
        self.stride
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let source = sources.first()?;
        let (channels, height, width) = sums.dim();
        let (_, rows, columns) = source.dim();
        for o in 0..channels {
            let Some(c) = self.channel(o) else { continue };
            for y in self.covered(self.offset.0, rows, height) {
                for x in self.covered(self.offset.1, columns, width) {
                    let (row, column) = (self.read(y, self.offset.0), self.read(x, self.offset.1));
                    let sum = &mut sums[[o, y, x]];
                    *sum = sum.mul_add(self.factor.of(o), *source.get((c, row, column))?)?;
                }
            }
        }
        Some(())
    }
}

impl Move<i64> {
    /// Widens the least and the greatest accumulator of each value that the tensor is added to; `None` means overflow.
    pub(crate) fn reach_values(
        &self,
        bounds: &mut Array3<(i64, i64)>,
        source: &Extent,
        planes: Planes,
    ) -> Option<()> {
        let (channels, height, width) = bounds.dim();
        for o in (0..channels).filter(|o| self.channel(*o).is_some()) {
            let factor = self.factor.of(o);
            let (a, b) = (factor.checked_mul(source.lo)?, factor.checked_mul(source.hi)?);
            for y in self.covered(self.offset.0, planes.height, height) {
                for x in self.covered(self.offset.1, planes.width, width) {
                    let (low, high) = bounds[[o, y, x]];
                    bounds[[o, y, x]] = (low.checked_add(a.min(b))?, high.checked_add(a.max(b))?);
                }
            }
        }
        Some(())
    }
}

impl IntegerTerm for Move<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        let near = |offset: i64| offset.unsigned_abs() <= MOST_EXTENT as u64;
        ensure(near(self.offset.0) && near(self.offset.1), "a tensor that it adds is moved too far")?;
        ensure((1..=MOST_EXTENT).contains(&self.stride), "a stride is 0 or too large")
    }

    /// A moved or smaller tensor is not added everywhere.
    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], output: Planes) -> Option<()> {
        let [source] = sources else { return None };
        let (height, width) = self.live_source(output);
        let covers = source.planes.is_some_and(|planes| planes.height >= height && planes.width >= width);
        let everywhere = covers && self.channels.is_none() && self.offset == (0, 0);
        for (channel, (low, high)) in bounds.iter_mut().enumerate() {
            let factor = self.factor.of(channel);
            let (a, b) = (factor.checked_mul(source.lo)?, factor.checked_mul(source.hi)?);
            let (least, most) = (a.min(b), a.max(b));
            let (least, most) = if everywhere { (least, most) } else { (least.min(0), most.max(0)) };
            (*low, *high) = (low.checked_add(least)?, high.checked_add(most)?);
        }
        Some(())
    }
}

impl FloatTerm for Move<f64> {
    /// Factors that are not finite are refused as those that are not whole are.
    fn not_finite(&self) -> Option<(usize, f64)> {
        None
    }

    /// That of the channel which is added.
    fn least_scale(&self, output: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        Some(sources.first()?.of(self.channel(output)?))
    }
}

impl Quantisable for Move<f64> {
    type Integers = Move<i64>;

    /// Factors bring the tensor to the accumulators' scales. They must be whole.
    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let factor = |output: usize| {
            let own = self.factor.of(output);
            // A channel that nothing is added to has no factor of its own.
            let Some(added) = self.least_scale(output, quantising.sources()) else {
                return Ok(if own < 0.0 { -1 } else { 1 });
            };
            if own.fract() != 0.0 || !(1.0..=MOST_FACTOR).contains(&own.abs()) {
                let reason =
                    format!("it adds a tensor {own} times, and integers whole times, up to {MOST_FACTOR}");
                return Err(quantising.refuse(output, &reason));
            }
            let factor = own as i64;
            let shift = quantising.scale().of(output) - added;
            if (0..MOST_SHIFT).contains(&shift) {
                return Ok(factor << shift);
            }
            let reason = "it adds a tensor whose values are far coarser or finer than its own";
            Err(quantising.refuse(output, &format!("{reason}, by 2^{shift}; raise the weight bits")))
        };
        let factors = (0..quantising.outputs()).map(factor).collect::<Result<Vec<i64>, _>>()?;
        let factors = PerChannel::of_channels(factors).unwrap_or(PerChannel::uniform(1));
        Ok(Quantised::exactly(self.with_factor(factors)))
    }
}
