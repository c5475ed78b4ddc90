//! The input's scales: one for all channels, or a power of two for each where their sizes differ.

use super::accumulator_scale::scale_for;
use super::options::QuantiseOptions;
use crate::activation::Activation;
use crate::calibration::Bounds;
use crate::fixed::{FixedInput, RangeSource, ValueRange};
use crate::fuse::{Fused, Precision};
use crate::graph::Graph;
use crate::per_channel::PerChannel;
use crate::shape::Shape;

/// Bits by which channels differ before each has a scale of its own: colours of a picture share one.
const ALIKE_BITS: i32 = 1;

/// The input's integers. Channels have scales of their own if `own_scales` allows and the samples ask for it.
pub(super) fn quantise_input(
    shape: Shape,
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
    let alike = known.last().is_none_or(|finest| finest - coarsest <= ALIKE_BITS);
    let scale = if alike || !own_scales {
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

/// Whether every layer can take an input whose channels have scales of their own: layers that keep the scale of what they read
/// hand it on, and their activation has to mean the same at every scale.
pub(super) fn allows_own_scales(graph: &Graph<Fused>) -> bool {
    let mut handed_on: Vec<bool> = Vec::new();
    for (id, node) in graph.nodes() {
        let on = match node {
            Fused::Input(_) => true,
            Fused::Layer { linear, activation, precision, .. } => {
                let keeps = *precision != Precision::Calibrated;
                let reads = graph.inputs(id).iter().any(|source| handed_on[source.index()]);
                if keeps && reads && !(linear.is_nothing() && has_no_scale(activation)) {
                    return false;
                }
                keeps && reads
            }
        };
        handed_on.push(on);
    }
    true
}

/// Whether an activation is the same at every scale.
fn has_no_scale(activation: &Activation) -> bool {
    let zero = |bound: Option<f64>| bound.is_none_or(|bound| bound == 0.0);
    matches!(activation, Activation::Clamp(clamp) if zero(clamp.lo) && zero(clamp.hi))
}
