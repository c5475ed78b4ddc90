//! The input's scales: one for all channels, or a power of two for each where their sizes differ.

use super::accumulator_scale::scale_for;
use super::options::QuantiseOptions;
use crate::calibration::Bounds;
use crate::fixed::{FixedInput, RangeSource, ValueRange};
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// The input's integers, from the bounds of each channel; with `own_scales` each has its own.
pub(super) fn quantise_input(
    shape: Planes,
    channels: &[Bounds],
    options: &QuantiseOptions,
    own_scales: bool,
) -> FixedInput {
    let signed = channels.iter().any(|bounds| bounds.lo < 0.0);
    let limit = if signed { (1i64 << (options.input_bits - 1)) - 1 } else { (1i64 << options.input_bits) - 1 };
    let scale_of = |bounds: &Bounds| {
        // Two's complement reaches one further below 0 than above.
        let above = scale_for(bounds.hi, limit as f64 + 0.5);
        let below = scale_for(-bounds.lo, limit as f64 + 1.5);
        above.into_iter().chain(below).min()
    };
    let scales: Vec<Option<i32>> = channels.iter().map(scale_of).collect();
    let mut known: Vec<i32> = scales.into_iter().flatten().collect();
    known.sort_unstable();
    let coarsest = known.first().copied().unwrap_or(0);
    let scale = if known.is_empty() || !own_scales {
        PerChannel::uniform(coarsest)
    } else {
        // A channel that the samples leave at 0 says nothing of its size; it is taken to be as large as most others.
        let middle = known[known.len() / 2];
        let wide = channels.iter().map(|bounds| scale_of(&bounds.widened(options.margin)).unwrap_or(middle));
        PerChannel::of_channels(wide).unwrap_or(PerChannel::uniform(coarsest))
    };
    let range = ValueRange { lo: if signed { -limit - 1 } else { 0 }, hi: limit, source: RangeSource::WorstCase };
    FixedInput { shape, scale, range, stored: None }
}
