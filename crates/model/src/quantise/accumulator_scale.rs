//! What a layer's accumulators are counted in: a power of two for each output channel.
//!
//! No finer than the channel's largest weight allows, and no finer than the layer's result can show: beyond that, only the
//! remainders that a proof checks would grow. It knows weights and what they are multiplied with, not how they are rounded.

use crate::calibration::Evidence;
use crate::per_channel::PerChannel;
use crate::term::Kernel;

/// Bits by which a channel may be finer than its result can show, if all channels of the layer can.
const SPARE_BITS: i32 = 8;
/// Bits by which a single channel may be finer than the result, below those of the result's table: the tables of remainders
/// stay small beside it.
const BELOW_TABLE: i32 = 2;
/// Logarithm of the magnitude that a bias may have.
const BIAS_BITS: i32 = 50;

/// A layer whose accumulators get scales.
pub(crate) struct Layer<'a> {
    pub(crate) kernel: &'a Kernel<f64>,
    /// One value per output channel.
    pub(crate) bias: &'a [f64],
    /// Scale of each channel of what the kernel reads.
    pub(crate) source: &'a PerChannel<i32>,
    /// The finest scale of the tensors that are added, by output channel.
    pub(crate) added: Vec<Option<i32>>,
    pub(crate) evidence: &'a Evidence,
    pub(crate) weight_bits: u32,
    pub(crate) table_bits: u32,
    /// By channel, the scale at which the table's entries hold the result; `None` if the samples give only zeros.
    pub(crate) result: Option<PerChannel<i32>>,
    /// Whether the accumulators themselves are the result, which has one scale.
    pub(crate) raw: bool,
}

/// How far a channel's scale may go.
struct Channel {
    /// The finest at which its weights have their bits; `None` without weights.
    held: Option<i32>,
    /// The finest that the result can show; `None` if nothing is read.
    needed: Option<i32>,
    /// The scale of its result, if the samples give one.
    result: Option<i32>,
    /// The finest at which its bias is exact; `None` without a bias.
    bias: Option<i32>,
}

/// A channel that no scale fits.
pub(crate) struct TooFine {
    pub(crate) channel: usize,
    /// Scale of what it adds.
    pub(crate) added: i32,
    /// The finest scale of its own weights.
    pub(crate) held: i32,
}

impl Layer<'_> {
    /// The scale of each channel's accumulators.
    ///
    /// # Errors
    /// A channel that adds a tensor of a finer scale than its weights can have.
    pub(crate) fn scales(&self) -> Result<PerChannel<i32>, TooFine> {
        let channels: Vec<Channel> = (0..self.bias.len()).map(|output| self.channel(output)).collect();
        let common = channels.iter().filter_map(|channel| channel.held).min();
        let wanted = channels.iter().map(|channel| self.wanted(channel, common));
        let wanted: Vec<Option<i32>> = wanted.collect();
        // Channels without weights follow the others.
        let rest = wanted
            .iter()
            .flatten()
            .copied()
            .min()
            .or(channels.iter().find_map(|channel| channel.result))
            .unwrap_or(0);
        let exact = |channel: &Channel| channel.bias.unwrap_or(i32::MAX);
        let mut scales: Vec<i32> = wanted
            .iter()
            .zip(&channels)
            .map(|(wanted, channel)| wanted.unwrap_or(rest).min(exact(channel)))
            .collect();
        for (scale, added) in scales.iter_mut().zip(&self.added) {
            *scale = added.map_or(*scale, |added| added.max(*scale));
        }
        if self.raw {
            let added = self.added.iter().flatten().copied().max();
            let least = scales.iter().copied().min().unwrap_or(rest);
            let most = scales.iter().copied().max().unwrap_or(rest);
            // One with little to show must not take the bits of the others.
            let limits = channels.iter().flat_map(|channel| [channel.held, channel.bias]).flatten();
            let least = limits.fold(least.max(most - SPARE_BITS), i32::min);
            scales.fill(added.map_or(least, |added| added.max(least)));
        }
        for (channel, (scale, of)) in scales.iter().zip(&channels).enumerate() {
            if let Some(held) = of.held.filter(|held| scale > held) {
                return Err(TooFine { channel, added: *scale, held });
            }
        }
        Ok(PerChannel::of_channels(scales).unwrap_or(PerChannel::uniform(rest)))
    }

    /// What a channel would have by itself; `common` is what all channels of the layer can hold.
    fn wanted(&self, channel: &Channel, common: Option<i32>) -> Option<i32> {
        let held = channel.held?;
        let Some(needed) = channel.needed else { return common };
        let spare = common.unwrap_or(held).min(needed + SPARE_BITS);
        let alone = match channel.result {
            Some(result) if !self.raw => needed.min(result + self.table_bits as i32 - BELOW_TABLE),
            _ => needed,
        };
        Some(held.min(alone.max(spare)))
    }

    fn channel(&self, output: usize) -> Channel {
        let first = self.kernel.first_input(output);
        let taps = self.kernel.size().0 * self.kernel.size().1;
        let (mut largest, mut squares) = (0.0f64, 0.0);
        for (index, weight) in self.kernel.weights.index_axis(ndarray::Axis(0), output).iter().enumerate() {
            let unit = f64::powi(2.0, self.source.of(first + index / taps));
            largest = largest.max((weight / unit).abs());
            squares += unit * unit * self.evidence.mean_square(first * taps + index);
        }
        let limit = f64::from(1u32 << (self.weight_bits - 1)) - 0.5;
        let noise = (squares > 0.0).then(|| squares.sqrt().log2().ceil() as i32 + 1);
        let result = self.result.as_ref().map(|result| result.of(output));
        Channel {
            held: scale_for(largest, limit),
            needed: noise.zip(result).map(|(noise, result)| result + noise),
            result,
            bias: scale_for(self.bias[output].abs(), f64::powi(2.0, BIAS_BITS)),
        }
    }
}

/// The largest scale at which `magnitude` stays at or below `limit`; `None` for 0, which every scale holds.
pub(crate) fn scale_for(magnitude: f64, limit: f64) -> Option<i32> {
    let bits = (limit / magnitude).log2().floor();
    (magnitude > 0.0 && bits.is_finite()).then_some(bits as i32)
}
