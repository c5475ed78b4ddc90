//! Masks: constants of positions that take values out of a softmax.
//!
//! In floats a mask is so far below all scores that nothing is left of a share. In integers it would take the scores' resolution
//! with it; there it lies as far below as leaves e^-12 of a share on the samples. It knows float sums, no integers.

use std::collections::BTreeMap;

use ndarray::Array3;

use crate::calibration::of_runs;
use crate::error::QuantiseError;
use crate::execute::Trace;
use crate::fused::{Fused, FusedLayer};
use crate::graph::{Graph, NodeId};
use crate::term::Term;

/// Constants at most this large are masks.
pub(super) const MASKED: f64 = -1e4;
/// How far below a row's largest score what is masked lies on the samples, in nats.
const BELOW: f64 = 12.0;

/// A layer that masks some of its values.
struct Masked<'a> {
    place: usize,
    layer: &'a FusedLayer,
    mask: &'a Array3<f64>,
}

/// The graph with masks that integers hold; none if it has no mask.
///
/// # Errors
/// A mask that leaves nothing to a row.
pub(super) fn fitted(
    graph: &Graph<Fused>,
    inputs: &[Array3<f64>],
    margin: f64,
) -> Result<Option<Graph<Fused>>, QuantiseError> {
    let masked: Vec<Masked> = graph.nodes().filter_map(masked).collect();
    if masked.is_empty() {
        return Ok(None);
    }
    let of_run = |run: &Trace<f64>| {
        let above = |masked: &Masked<'_>| above(masked.layer, masked.mask, &run.accumulators[masked.place]);
        masked.iter().map(above).collect::<Vec<_>>()
    };
    let runs = of_runs(graph, inputs, of_run)?;
    let mut masks = BTreeMap::new();
    for (index, Masked { place, layer, .. }) in masked.iter().enumerate() {
        let most = runs.iter().try_fold(0.0f64, |most, above| Some(most.max(above[index]?)));
        let Some(most) = most else {
            let reason = "its mask leaves a row without any value";
            return Err(QuantiseError::Layer { layer: layer.name.clone(), reason: reason.into() });
        };
        masks.insert(*place, -(most * (1.0 + margin) + BELOW));
    }
    let mut fitted = graph.clone();
    for (place, node) in fitted.nodes_mut().enumerate() {
        let (Fused::Layer(layer), Some(own)) = (node, masks.get(&place)) else { continue };
        for term in &mut layer.terms {
            if let Term::Constant(constant) = term {
                constant.values.iter_mut().filter(|value| **value <= MASKED).for_each(|value| *value = *own);
            }
        }
    }
    Ok(Some(fitted))
}

fn masked((id, node): (NodeId, &Fused)) -> Option<Masked<'_>> {
    let Fused::Layer(layer) = node else { return None };
    Some(Masked { place: id.index(), layer, mask: mask(layer)? })
}

/// The constant of a layer that masks some of its values.
fn mask(layer: &FusedLayer) -> Option<&Array3<f64>> {
    layer.terms.iter().find_map(|term| match term {
        Term::Constant(constant) => {
            Some(&constant.values).filter(|values| values.iter().any(|value| *value <= MASKED))
        }
        _ => None,
    })
}

/// How far a masked score is above the largest of its row that is not; `None` if a row has no other.
fn above(layer: &FusedLayer, mask: &Array3<f64>, sums: &Array3<f64>) -> Option<f64> {
    let groups = layer.terms.iter().find_map(|term| match term {
        Term::Product(product) => Some(product.groups),
        _ => None,
    });
    let (channels, height, width) = sums.dim();
    let size = (channels / groups.unwrap_or(1).max(1)).max(1);
    let mut most = f64::NEG_INFINITY;
    for (group, y, x) in ndarray::indices((channels / size, height, width)) {
        let row = (group * size..(group + 1) * size).map(|plane| (mask[(plane, y, x)], sums[(plane, y, x)]));
        let (mut open, mut shut) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (mask, sum) in row {
            let largest = if mask <= MASKED { &mut shut } else { &mut open };
            *largest = largest.max(if mask <= MASKED { sum - mask } else { sum });
        }
        if open == f64::NEG_INFINITY {
            return None;
        }
        most = most.max(shut - open);
    }
    Some(most)
}
