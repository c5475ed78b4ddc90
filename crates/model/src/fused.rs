//! The merged graph: layers of one linear operator each, perhaps skip connections, and one activation; and how it runs in floats.
//!
//! It does not know what merges with what.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::graph::Graph;
use crate::linear::Linear;
use crate::planes::Planes;
use crate::skip::Skip;

/// A node of the merged graph.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Fused {
    /// The model's input.
    Input(Planes),
    /// A linear operator on the first input, skip connections from the others, and an activation.
    Layer {
        /// Name of the ONNX node that the layer started from.
        name: String,
        /// The linear operator.
        linear: Linear<f64>,
        /// How every input after the first is added; factors are 1 or -1.
        skips: Vec<Skip<f64>>,
        /// The activation.
        activation: Activation,
        /// What its integers may lose.
        precision: Precision,
    },
}

/// What a layer's integers may lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// They are rounded as the bit budget and the calibration samples say.
    #[default]
    Calibrated,
    /// Nothing: weights are integers, and values keep the scale of what is read.
    Exact,
    /// Nothing, and no value lies outside of the range of the first tensor that is added.
    Maximum,
}

/// Runs the merged graph in floats: the pre-activations and the values of every node.
pub fn run_fused(graph: &Graph<Fused>, input: &Array3<f64>) -> Vec<(Array3<f64>, Array3<f64>)> {
    let mut results: Vec<(Array3<f64>, Array3<f64>)> = Vec::new();
    for (id, node) in graph.nodes() {
        results.push(match node {
            Fused::Input(_) => (input.clone(), input.clone()),
            Fused::Layer { linear, skips, activation, .. } => {
                let sources: Vec<_> = graph.inputs(id).iter().map(|source| &results[source.index()].1).collect();
                let mut before = linear.apply(sources[0]).unwrap_or_else(|| Array3::zeros(linear.output.dims()));
                for (skip, source) in skips.iter().zip(&sources[1..]) {
                    // Floats do not overflow.
                    skip.add_to(&mut before, source, linear.skip_stride());
                }
                let after = before.mapv(|value| activation.apply(value));
                (before, after)
            }
        });
    }
    results
}
