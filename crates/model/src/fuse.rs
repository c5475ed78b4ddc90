//! Merging: float operators become layers, each one linear operator, perhaps skip connections, and one clamp.
//!
//! This file holds the merged graph and how it runs; `merge` decides what merges with what.

use ndarray::{Array3, Slice};
use serde::{Deserialize, Serialize};

use crate::activation::Clamp;
use crate::float::Float;
use crate::graph::Graph;
use crate::linear::Linear;
use crate::merge::Merger;
use crate::shape::Shape;

/// A node of the merged graph.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Fused {
    /// The model's input.
    Input(Shape),
    /// A linear operator on the first input, skip connections from the others, and an activation.
    Layer {
        /// Name of the ONNX node that the layer started from.
        name: String,
        /// The linear operator.
        linear: Linear<f64>,
        /// What every input after the first is multiplied by before it is added.
        skips: Vec<f64>,
        /// The activation.
        clamp: Clamp<f64>,
    },
}

/// Merges float operators into layers.
pub fn fuse(graph: &Graph<Float>) -> Graph<Fused> {
    Merger::merge(graph)
}

/// Runs the merged graph in floats: the pre-activations and the values of every node.
pub fn run_fused(graph: &Graph<Fused>, input: &Array3<f64>) -> Vec<(Array3<f64>, Array3<f64>)> {
    let mut results: Vec<(Array3<f64>, Array3<f64>)> = Vec::new();
    for (id, node) in graph.nodes() {
        results.push(match node {
            Fused::Input(_) => (input.clone(), input.clone()),
            Fused::Layer { linear, skips, clamp, .. } => {
                let sources: Vec<_> = graph.inputs(id).iter().map(|source| &results[source.index()].1).collect();
                let mut before = linear.apply(sources[0]).unwrap_or_else(|| Array3::zeros(linear.output.dims()));
                for (factor, source) in skips.iter().zip(&sources[1..]) {
                    before.scaled_add(*factor, &cropped(source, linear.output));
                }
                let after = before.mapv(|value| clamp.apply(value));
                (before, after)
            }
        });
    }
    results
}

/// The part of a tensor that a skip connection reads: the output's planes may be cropped.
pub(crate) fn cropped<T: Clone>(tensor: &Array3<T>, shape: Shape) -> Array3<T> {
    let extents = [shape.channels, shape.height, shape.width];
    tensor.slice_each_axis(|axis| Slice::from(..extents[axis.axis.index()])).to_owned()
}
