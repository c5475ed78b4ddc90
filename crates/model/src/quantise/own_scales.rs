//! Which tensors have a scale for each channel: those with a small channel that matters as much as the large ones.
//!
//! A layer that mixes channels rounds all its weights at one scale. Where a small channel has the largest weights, as before a
//! normalisation, the others would lose theirs; a finer scale of that channel takes its weights down. Layers that keep channels
//! apart, or only move them, pass the wish on to what they read. Comparisons have a scale for each of their own, since only the sign of
//! what they read matters. It knows float bounds and float weights, no integers.

use crate::activation::Activation;
use crate::calibration::Bounds;
use crate::fused::{Fused, FusedLayer, Precision};
use crate::graph::Graph;
use crate::term::{Kernel, Term};

/// How many times larger a row's largest weight must be than it has to be.
const LEAST_GAIN: f64 = 8.0;
/// Bits by which a channel may be finer than the largest.
const MOST_BITS: i32 = 24;

/// By node, what its readers say of scales of its own for each channel.
#[derive(Clone, Copy, Default)]
struct Say {
    wanted: bool,
    impossible: bool,
}

/// By node, whether each of its channels has a scale of its own; `bounds` are those of each node's pre-activations, channel by
/// channel.
pub(super) fn own_scales(graph: &Graph<Fused>, bounds: &[Vec<Bounds>]) -> Vec<bool> {
    let mut says = vec![Say::default(); graph.len()];
    let nodes: Vec<_> = graph.nodes().collect();
    for (id, node) in nodes.into_iter().rev() {
        let Fused::Layer(layer) = node else { continue };
        let own = passed_on(says[id.index()], layer);
        let sources: Vec<usize> = graph.inputs(id).into_iter().map(|source| source.index()).collect();
        for (term, sources) in layer.reads(&sources) {
            for &source in sources {
                let say = say(layer, term, own, &bounds[source]);
                says[source].wanted |= say.wanted;
                says[source].impossible |= say.impossible;
            }
        }
    }
    let last = graph.len().saturating_sub(1);
    let own = graph.nodes().zip(says).map(|((id, node), say)| {
        let wished = say.wanted && !say.impossible;
        match node {
            Fused::Input(_) => wished,
            Fused::Layer(layer) if layer.finish.precision != Precision::Calibrated || id.index() == last => false,
            Fused::Layer(layer) if layer.terms.iter().any(|term| term.floats().rounds_alike()) => false,
            Fused::Layer(layer) if decides(layer) => differ(&bounds[id.index()]),
            Fused::Layer(layer) => wished && has_no_scale(&layer.finish.activation),
        }
    });
    own.collect()
}

/// Bits by which a channel can be finer than all channels together without leaving their bounds.
pub(super) fn finer_bits(channel: Bounds, all: Bounds) -> i32 {
    let bits = |most: f64, own: f64| if own > 0.0 { (most / own).log2().floor() as i32 } else { MOST_BITS };
    if channel.magnitude() == 0.0 {
        return 0;
    }
    bits(all.hi, channel.hi).min(bits(-all.lo, -channel.lo)).clamp(0, MOST_BITS)
}

/// What a layer says of a tensor that a term of it reads, given what it passes on.
fn say(layer: &FusedLayer, term: &Term<f64>, own: Say, bounds: &[Bounds]) -> Say {
    if layer.finish.precision != Precision::Calibrated && !term.floats().joins_channels() {
        return own;
    }
    match term.as_kernel() {
        Some(kernel) if kernel.group_inputs() == 1 => {
            Say { impossible: false, wanted: own.wanted || decides(layer) && differ(bounds) }
        }
        Some(kernel) => Say { wanted: gains(kernel, bounds), impossible: false },
        // A finer tensor cannot be added to accumulators that weights make coarser.
        None => Say { wanted: false, impossible: layer.kernel().is_some() || term.floats().joins_channels() },
    }
}

/// What a layer says of its sources, given what is said of its result.
fn passed_on(say: Say, layer: &FusedLayer) -> Say {
    let same = has_no_scale(&layer.finish.activation);
    // A layer that keeps the scales of what it reads has no other choice than to hand them on.
    let keeps = layer.finish.precision != Precision::Calibrated;
    let impossible = keeps && (say.impossible || !same || layer.kernel().is_some());
    Say { wanted: say.wanted && same, impossible }
}

fn decides(layer: &FusedLayer) -> bool {
    layer.finish.activation.decides().is_some()
}

/// Whether some channel can be much finer than all together.
fn differ(bounds: &[Bounds]) -> bool {
    let all = Bounds::all(bounds);
    bounds.iter().any(|one| f64::powi(2.0, finer_bits(*one, all)) >= LEAST_GAIN)
}

/// Whether some row's largest weight shrinks much if each channel has its own scale.
fn gains(kernel: &Kernel<f64>, bounds: &[Bounds]) -> bool {
    let all = Bounds::all(bounds);
    let finer: Vec<f64> = bounds.iter().map(|one| f64::powi(2.0, finer_bits(*one, all))).collect();
    let taps = kernel.size().0 * kernel.size().1;
    kernel.weights.outer_iter().enumerate().any(|(output, row)| {
        let first = kernel.first_input(output);
        let weights = row.iter().enumerate().map(|(index, weight)| (weight.abs(), finer[first + index / taps]));
        let (whole, own) = weights
            .fold((0.0f64, 0.0f64), |(whole, own), (weight, finer)| (whole.max(weight), own.max(weight / finer)));
        whole >= LEAST_GAIN * own && own > 0.0
    })
}

/// Whether an activation is the same at every scale.
fn has_no_scale(activation: &Activation) -> bool {
    let zero = |bound: Option<f64>| bound.is_none_or(|bound| bound == 0.0);
    matches!(activation, Activation::Clamp(clamp) if zero(clamp.lo) && zero(clamp.hi))
}
