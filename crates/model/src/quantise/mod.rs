//! Post-training quantisation: power-of-two scales from calibration samples and a bit budget.
//!
//! Ranges are worst-case where the lookup table they need is small, otherwise calibrated with a margin; each
//! [`ValueRange`] says which. Nothing here knows how far the integers end up from the floats.

mod accumulator_scale;
mod input;
mod layer;
mod masks;
mod options;
mod own_scales;
mod tensor;

use crate::activation::FixedActivation;
use crate::calibration::{self, Evidence, Runs};
use crate::clamp::Clamp;
use crate::error::QuantiseError;
use crate::fixed::{Fixed, FixedLayer, OutputKind, RangeSource, ValueRange};
use crate::fused::{Fused, FusedLayer, Precision};
use crate::graph::Graph;
use crate::interval::reach;
use crate::term::Extent;

pub use options::QuantiseOptions;

use input::quantise_input;
use layer::LayerQuantiser;
use own_scales::own_scales;
use tensor::{Tensor, rounded};

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
    let given = calibration::inputs(graph, samples)?;
    let fitted = masks::fitted(graph, &given, options.margin)?;
    let graph = fitted.as_ref().unwrap_or(graph);
    let bounds = calibration::bounds(graph, &given)?;
    let mut runs = Runs::start(graph, &given);
    let own_scales = own_scales(graph, &bounds);
    let mut fixed: Graph<Fixed> = Graph::new();
    let mut tensors: Vec<Tensor> = Vec::new();
    for (id, node) in graph.nodes() {
        let inputs = graph.inputs(id);
        let sources: Vec<usize> = inputs.iter().map(|source| source.index()).collect();
        let read: Vec<Tensor> = sources.iter().map(|&source| tensors[source].clone()).collect();
        let quantised = match node {
            Fused::Input(shape) => {
                let options = &for_input(graph, options);
                Fixed::Input(quantise_input(*shape, &bounds[id.index()], options, own_scales[id.index()]))
            }
            Fused::Layer(layer) => {
                let evidence = evidence(&runs, layer, &sources, &read);
                let quantiser = LayerQuantiser {
                    layer,
                    tensors: &read,
                    sources: &sources,
                    bounds: &bounds[id.index()],
                    own_scales: own_scales[id.index()],
                    options,
                    evidence: evidence.as_ref(),
                    runs: &runs,
                };
                let is_last = id.index() + 1 == graph.len();
                Fixed::Layer(quantiser.run(is_last && layer.finish.activation.is_identity())?)
            }
        };
        runs.advance((node, &quantised), &sources)?;
        tensors.push(Tensor::after(&quantised));
        fixed.add(quantised, &inputs);
    }
    share_ranges(&mut fixed);
    Ok(fixed)
}

/// An input that a function with jumps reads, moved or not, has as many bits as that function's table.
fn for_input(graph: &Graph<Fused>, options: &QuantiseOptions) -> QuantiseOptions {
    let mut is_input = vec![true];
    let mut jumps = false;
    for (id, node) in graph.nodes() {
        let Fused::Layer(layer) = node else { continue };
        let reads = graph.inputs(id).iter().any(|source| is_input[source.index()]);
        jumps |= reads && layer.finish.activation.jumps();
        let moves = layer.finish.precision == Precision::Exact && layer.finish.activation.is_identity();
        is_input.push(reads && moves);
    }
    let input_bits = if jumps { options.input_bits.max(options.table_bits) } else { options.input_bits };
    QuantiseOptions { input_bits, ..options.clone() }
}

/// What the weights of a layer's kernel were multiplied with, if it has one.
fn evidence(runs: &Runs<'_>, layer: &FusedLayer, sources: &[usize], read: &[Tensor]) -> Option<Evidence> {
    let places: Vec<(usize, &Tensor)> = sources.iter().copied().zip(read).collect();
    layer.reads(&places).find_map(|(term, sources)| {
        let (kernel, (place, tensor)) = (term.as_kernel()?, sources.first()?);
        Some(runs.evidence((*place, &tensor.scale), kernel, layer.output))
    })
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
            Fixed::Layer(layer) => worst_case(layer, &read),
            Fixed::Input(_) => None,
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

/// Bounds of a layer's rounded accumulators, if they are rounded; `None` means overflow too.
fn worst_case(layer: &FixedLayer, read: &[Tensor]) -> Option<(i64, i64)> {
    let OutputKind::Requantise { shift, .. } = &layer.finish.kind else { return None };
    let extents: Vec<Extent> = read.iter().map(Tensor::extent).collect();
    rounded(&reach(&layer.terms, &layer.bias, layer.output, &extents)?, shift)
}

fn activation(node: &mut Fixed) -> Option<(&Clamp<i64>, &mut ValueRange)> {
    let Fixed::Layer(layer) = node else { return None };
    match &mut layer.finish.kind {
        OutputKind::Requantise { activation: FixedActivation::Clamp(clamp), range, .. } => Some((clamp, range)),
        _ => None,
    }
}
