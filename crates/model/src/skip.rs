//! Skip connections: tensors that are added to a layer's accumulators, perhaps moved.
//!
//! Residual sums, concatenations, slices, paddings and channel permutations are all of this form: each output channel
//! takes one channel of the source, or none, shifted by rows and columns. A layer that is made of skip connections alone may
//! take every `stride`-th row and column.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::linear::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// A tensor that is added to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
pub struct Skip<T> {
    /// What its values are multiplied by, by output channel.
    pub factor: PerChannel<T>,
    /// By output channel, the channel that is added to it, if any; channel by channel if not given.
    pub channels: Option<Vec<Option<usize>>>,
    /// Rows and columns of the source before the one that output value (0, 0) takes; negative where the output starts
    /// before the source does.
    pub offset: (i64, i64),
}

impl<T: Copy + PartialEq> Skip<T> {
    /// A tensor that is added value by value.
    pub fn plain(factor: T) -> Self {
        Self { factor: PerChannel::uniform(factor), channels: None, offset: (0, 0) }
    }
}

impl<T> Skip<T> {
    /// Whether it is added value by value.
    pub fn is_plain(&self) -> bool {
        self.channels.is_none() && self.offset == (0, 0)
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

    /// Rows and columns of the source that an output of the given shape takes; at least one of each.
    pub fn live_source(&self, output: Planes, stride: usize) -> (usize, usize) {
        let live = |extent: usize, offset: i64| (((extent - 1) * stride + 1) as i64 + offset).max(1) as usize;
        (live(output.height, self.offset.0), live(output.width, self.offset.1))
    }

    /// Whether some row and column of an output of the given shape lie at or after the source's first.
    pub fn reaches(&self, output: Planes, stride: usize) -> bool {
        let reaches = |extent: usize, offset: i64| (extent.saturating_sub(1) * stride) as i64 + offset >= 0;
        reaches(output.height, self.offset.0) && reaches(output.width, self.offset.1)
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
    pub fn with_factor<U>(&self, factor: PerChannel<U>) -> Skip<U> {
        Skip { factor, channels: self.channels.clone(), offset: self.offset }
    }
}

impl<T: Number + PartialEq> Skip<T> {
    /// Adds the moved source; `None` means overflow.
    pub fn add_to(&self, sums: &mut Array3<T>, source: &Array3<T>, stride: usize) -> Option<()> {
        for ((o, y, x), sum) in sums.indexed_iter_mut() {
            let Some(c) = self.channel(o) else { continue };
            let row = usize::try_from((y * stride) as i64 + self.offset.0);
            let column = usize::try_from((x * stride) as i64 + self.offset.1);
            let (Ok(row), Ok(column)) = (row, column) else { continue };
            if let Some(&value) = source.get((c, row, column)) {
                *sum = sum.mul_add(self.factor.of(o), value)?;
            }
        }
        Some(())
    }
}
