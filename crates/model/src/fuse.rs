//! Merging: float operators become layers, each one linear operator and one clamp.
//!
//! Scales and shifts fold into the weights before or after them, average pools into the window sums of the
//! layer that reads them, flattening into a kernel that covers the whole plane. What cannot fold becomes a
//! depthwise layer of its own. Values that nobody reads are cropped away.

use ndarray::{Array3, Array4};
use serde::{Deserialize, Serialize};

use crate::activation::Clamp;
use crate::float::{Float, FloatOp};
use crate::graph::{Graph, NodeId};
use crate::linear::{Linear, Padding};
use crate::shape::Shape;

/// A node of the merged graph.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Fused {
    /// The model's input.
    Input(Shape),
    /// A linear operator and its activation.
    Layer {
        /// Name of the ONNX node that the layer started from.
        name: String,
        /// The linear operator.
        linear: Linear<f64>,
        /// The activation.
        clamp: Clamp<f64>,
    },
}

/// Side of the largest window that folds into the layer reading it, unless it is the whole plane; larger pools become
/// layers.
const LARGEST_FOLDED_WINDOW: usize = 4;

/// Merges a chain of float operators into layers.
pub fn fuse(graph: &Graph<Float>) -> Graph<Fused> {
    let mut nodes = graph.nodes().map(|(_, node)| node);
    let input = nodes.next().map_or(Shape::new(0, 0, 0), |node| node.shape);
    let mut chain = Chain::new(input);
    for node in nodes {
        chain.push(node);
    }
    chain.finish()
}

/// Runs the merged graph in floats: the pre-activations and the values of every node.
pub fn run_fused(graph: &Graph<Fused>, input: &Array3<f64>) -> Vec<(Array3<f64>, Array3<f64>)> {
    let mut results: Vec<(Array3<f64>, Array3<f64>)> = Vec::new();
    for (_, node) in graph.nodes() {
        results.push(match node {
            Fused::Input(_) => (input.clone(), input.clone()),
            Fused::Layer { linear, clamp, .. } => {
                let source = &results[results.len() - 1].1;
                let before = linear.apply(source).unwrap_or_else(|| Array3::zeros(linear.output.dims()));
                let after = before.mapv(|value| clamp.apply(value));
                (before, after)
            }
        });
    }
    results
}

struct Layer {
    name: String,
    linear: Linear<f64>,
    clamp: Clamp<f64>,
}

/// What has been seen since the last layer was closed, in the order it applies: window means, then an affine
/// map, then flattening.
struct Pending {
    window: usize,
    scale: Vec<f64>,
    shift: Vec<f64>,
    flat_from: Option<Shape>,
}

impl Pending {
    fn none(channels: usize) -> Self {
        Self { window: 1, scale: vec![1.0; channels], shift: vec![0.0; channels], flat_from: None }
    }

    fn is_none(&self) -> bool {
        self.window == 1 && self.flat_from.is_none() && !self.has_affine()
    }

    fn has_affine(&self) -> bool {
        self.scale.iter().any(|&s| s != 1.0) || self.has_shift()
    }

    fn has_shift(&self) -> bool {
        self.shift.iter().any(|&s| s != 0.0)
    }

    /// The factor that window sums and scale leave on channel `c`.
    fn factor(&self, c: usize) -> f64 {
        self.scale[c] / (self.window * self.window) as f64
    }
}

struct Chain {
    input: Shape,
    layers: Vec<Layer>,
    pending: Pending,
}

impl Chain {
    fn new(input: Shape) -> Self {
        Self { input, layers: Vec::new(), pending: Pending::none(input.channels) }
    }

    /// Shape of the last closed layer's result, which the next layer reads.
    fn source(&self) -> Shape {
        self.layers.last().map_or(self.input, |layer| layer.linear.output)
    }

    /// Shape after everything pending but flattening.
    fn planes(&self) -> Shape {
        let source = self.source();
        let window = self.pending.window;
        Shape::new(source.channels, source.height / window, source.width / window)
    }

    fn push(&mut self, node: &Float) {
        match &node.op {
            FloatOp::Input => {}
            FloatOp::Conv { kernel, bias, groups, stride, padding } => {
                if (self.pending.has_shift() && !padding.is_none()) || self.pending.flat_from.is_some() {
                    self.flush(&node.name);
                }
                self.push_linear(&node.name, kernel.clone(), bias.clone(), *groups, *stride, *padding);
            }
            FloatOp::Gemm { weights, bias } => self.push_gemm(&node.name, weights, bias),
            FloatOp::Clamp(clamp) => self.push_clamp(&node.name, clamp),
            FloatOp::AveragePool { window, stride } => self.push_pool(&node.name, *window, *stride),
            FloatOp::Affine { scale, shift } => self.push_affine(&node.name, scale, shift),
            FloatOp::Flatten => self.pending.flat_from = Some(self.planes()),
        }
    }

    fn push_gemm(&mut self, name: &str, weights: &ndarray::Array2<f64>, bias: &[f64]) {
        let planes = self.pending.flat_from.take().unwrap_or_else(|| self.planes());
        let shape = (weights.nrows(), planes.channels, planes.height, planes.width);
        let kernel =
            Array4::from_shape_fn(shape, |(o, c, y, x)| weights[[o, c * planes.plane() + y * planes.width + x]]);
        self.push_linear(name, kernel, bias.to_vec(), 1, 1, Padding::default());
    }

    fn push_clamp(&mut self, name: &str, clamp: &Clamp<f64>) {
        let flat = self.pending.flat_from.take();
        if !self.pending.is_none() || self.layers.is_empty() {
            self.flush(name);
        }
        if let Some(last) = self.layers.last_mut() {
            last.clamp = last.clamp.then(clamp);
        }
        self.pending.flat_from = flat;
    }

    fn push_pool(&mut self, name: &str, window: (usize, usize), stride: usize) {
        let producer_stride = self.layers.last().map_or(1, |layer| layer.linear.stride);
        let planes = self.planes();
        let whole = window == (planes.height, planes.width);
        let folds = window.0 == window.1
            && (stride == window.0 || whole)
            && self.pending.window == 1
            && self.pending.flat_from.is_none()
            && (whole || window.0 * producer_stride <= LARGEST_FOLDED_WINDOW);
        if folds {
            // A mean of shifted values is the shifted mean, so a pending affine map may wait.
            self.pending.window = window.0;
            return;
        }
        let channels = self.source().channels;
        if self.pending.window != 1 {
            self.flush(name);
        }
        let mean = 1.0 / (window.0 * window.1) as f64;
        let kernel = Array4::from_elem((channels, 1, window.0, window.1), mean);
        self.push_linear(name, kernel, vec![0.0; channels], channels, stride, Padding::default());
    }

    fn push_affine(&mut self, name: &str, scale: &[f64], shift: &[f64]) {
        if self.pending.flat_from.is_some() && self.planes().plane() != 1 {
            self.flush(name);
        }
        let open = self.pending.window == 1
            && !self.pending.has_affine()
            && self.layers.last().is_some_and(|layer| layer.clamp.is_identity());
        match self.layers.last_mut().filter(|_| open) {
            Some(layer) => {
                for ((o, ..), weight) in layer.linear.kernel.indexed_iter_mut() {
                    *weight *= scale[o];
                }
                for (o, bias) in layer.linear.bias.iter_mut().enumerate() {
                    *bias = *bias * scale[o] + shift[o];
                }
            }
            None => {
                for c in 0..scale.len() {
                    self.pending.scale[c] *= scale[c];
                    self.pending.shift[c] = self.pending.shift[c] * scale[c] + shift[c];
                }
            }
        }
    }

    /// Closes the pending operators over a new linear operator.
    fn push_linear(
        &mut self,
        name: &str,
        mut kernel: Array4<f64>,
        mut bias: Vec<f64>,
        groups: usize,
        stride: usize,
        padding: Padding,
    ) {
        let per_group = (kernel.dim().0 / groups, kernel.dim().1);
        for ((o, c, ..), weight) in kernel.indexed_iter_mut() {
            let channel = o / per_group.0 * per_group.1 + c;
            bias[o] += *weight * self.pending.shift[channel];
            *weight *= self.pending.factor(channel);
        }
        let input = self.source();
        let mut linear =
            Linear { input, output: input, window: self.pending.window, kernel, bias, groups, stride, padding };
        linear.output = linear.full_output();
        self.pending = Pending::none(linear.output.channels);
        self.layers.push(Layer { name: name.to_owned(), linear, clamp: Clamp::none() });
    }

    /// Turns what is pending into a depthwise layer. A flattened tensor stays flattened.
    fn flush(&mut self, name: &str) {
        let channels = self.source().channels;
        match self.pending.flat_from.take() {
            None => {
                let kernel = Array4::from_elem((channels, 1, 1, 1), 1.0);
                self.push_linear(name, kernel, vec![0.0; channels], channels, 1, Padding::default());
            }
            Some(planes) => {
                // Flattening is a fully connected layer that picks one value per output.
                let shape = (planes.len(), planes.channels, planes.height, planes.width);
                let kernel = Array4::from_shape_fn(shape, |(o, c, y, x)| {
                    f64::from(u8::from(o == c * planes.plane() + y * planes.width + x))
                });
                self.push_linear(name, kernel, vec![0.0; planes.len()], 1, 1, Padding::default());
            }
        }
    }

    fn finish(mut self) -> Graph<Fused> {
        self.pending.flat_from = None;
        if !self.pending.is_none() || self.layers.is_empty() {
            self.flush("output");
        }
        self.crop();
        let mut graph = Graph::new();
        let mut last: NodeId = graph.add(Fused::Input(self.input), &[]);
        for Layer { name, linear, clamp } in self.layers {
            last = graph.add(Fused::Layer { name, linear, clamp }, &[last]);
        }
        graph
    }

    /// Shrinks every output to what its consumer reads.
    fn crop(&mut self) {
        for consumer in (1..self.layers.len()).rev() {
            let (height, width) = self.layers[consumer].linear.live_input();
            let output = &mut self.layers[consumer - 1].linear.output;
            (output.height, output.width) = (height.min(output.height), width.min(output.width));
            self.layers[consumer].linear.input = self.layers[consumer - 1].linear.output;
        }
    }
}
