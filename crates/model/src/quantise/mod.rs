//! Post-training quantisation: power-of-two scales from calibration samples and a bit budget.
//!
//! Ranges are worst-case where the lookup table they need is small, otherwise calibrated with a margin; each
//! [`ValueRange`] says which. Nothing here knows how far the integers end up from the floats.

mod accumulator_scale;
mod input;
mod layer;
mod options;
mod own_scales;
mod tensor;

use crate::activation::{Clamp, FixedActivation};
use crate::calibration::Runs;
use crate::error::QuantiseError;
use crate::fixed::{Fixed, FixedLayer, OutputKind, RangeSource, ValueRange};
use crate::fused::Fused;
use crate::graph::Graph;
use crate::per_channel::PerChannel;

pub use options::QuantiseOptions;

use input::quantise_input;
use layer::LayerQuantiser;
use own_scales::own_scales;
use tensor::{Tensor, rounded, worst_case};

/// Gives a merged graph integer weights, scales and ranges.
///
/// `samples` are flat inputs in the model's own order.
///
/// # Errors
/// No sample, a sample of another shape or not finite, an option out of range, or a layer that the bit budget
/// cannot represent.
pub fn quantise(
    graph: &Graph<Fused>,
    samples: &[Vec<f64>],
    options: &QuantiseOptions,
) -> Result<Graph<Fixed>, QuantiseError> {
    options.check()?;
    let mut runs = Runs::start(graph, samples)?;
    let bounds: Vec<_> = (0..graph.len()).map(|place| runs.bounds(place)).collect();
    let own_scales = own_scales(graph, &bounds);
    let mut fixed: Graph<Fixed> = Graph::new();
    let mut tensors: Vec<Tensor> = Vec::new();
    for (id, node) in graph.nodes() {
        let inputs = graph.inputs(id);
        let sources: Vec<usize> = inputs.iter().map(|source| source.index()).collect();
        let read: Vec<Tensor> = sources.iter().map(|&source| tensors[source].clone()).collect();
        let node = match node {
            Fused::Input(shape) => {
                Fixed::Input(quantise_input(*shape, &bounds[id.index()], options, own_scales[id.index()]))
            }
            Fused::Layer { name, linear, skips, activation, precision } => {
                let (is_last, precision) = (id.index() + 1 == graph.len(), *precision);
                let evidence = &runs.evidence(sources[0], linear);
                let (tensors, sources, runs) = (&read[..], &sources[..], &runs);
                let (bounds, own_scales) = (&bounds[id.index()][..], own_scales[id.index()]);
                let layer = LayerQuantiser {
                    name,
                    linear,
                    skips,
                    activation,
                    precision,
                    tensors,
                    sources,
                    bounds,
                    own_scales,
                    options,
                    evidence,
                    runs,
                };
                Fixed::Layer(layer.run(is_last && activation.is_identity())?)
            }
        };
        let source_scale = read.first().map_or(PerChannel::uniform(0), |tensor| tensor.scale.clone());
        runs.advance(&node, &sources, &source_scale);
        tensors.push(Tensor::after(&node));
        fixed.add(node, &inputs);
    }
    share_ranges(&mut fixed);
    Ok(fixed)
}

/// Gives layers with the same activation one range, so that they share a table, and judges anew which ranges no input
/// can leave.
fn share_ranges(graph: &mut Graph<Fixed>) {
    let mut shared: Vec<(Clamp<i64>, i64, i64)> = Vec::new();
    for (clamp, range) in graph.nodes_mut().filter_map(activation) {
        match shared.iter_mut().find(|(other, ..)| *other == *clamp) {
            Some((_, lo, hi)) => (*lo, *hi) = (range.lo.min(*lo), range.hi.max(*hi)),
            None => shared.push((*clamp, range.lo, range.hi)),
        }
    }
    let sources: Vec<Vec<usize>> =
        graph.nodes().map(|(id, _)| graph.inputs(id).iter().map(|source| source.index()).collect()).collect();
    let mut tensors: Vec<Tensor> = Vec::new();
    for (node, sources) in graph.nodes_mut().zip(sources) {
        let read: Vec<Tensor> = sources.into_iter().map(|source| tensors[source].clone()).collect();
        let worst = match node {
            Fixed::Layer(FixedLayer { linear, skips, kind: OutputKind::Requantise { shift, .. }, .. }) => {
                worst_case(linear, skips, &read).and_then(|bounds| rounded(&bounds, shift))
            }
            _ => None,
        };
        if let Some((clamp, range)) = activation(node)
            && let Some((_, lo, hi)) = shared.iter().find(|(other, ..)| *other == *clamp)
        {
            let inside = worst.is_some_and(|(least, most)| *lo <= least && most <= *hi);
            let source = if inside { RangeSource::WorstCase } else { RangeSource::Calibrated };
            *range = ValueRange { lo: *lo, hi: *hi, source };
        }
        tensors.push(Tensor::after(node));
    }
}

fn activation(node: &mut Fixed) -> Option<(&Clamp<i64>, &mut ValueRange)> {
    match node {
        Fixed::Layer(FixedLayer {
            kind: OutputKind::Requantise { activation: FixedActivation::Clamp(clamp), range, .. },
            ..
        }) => Some((clamp, range)),
        _ => None,
    }
}
