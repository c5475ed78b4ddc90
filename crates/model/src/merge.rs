//! What merges with what.
//!
//! Scales and shifts fold into the weights before or after them, average pools into the window sums of the layer that
//! reads them, flattening into a kernel that covers the whole plane, and additions into the last convolution that
//! nobody else reads. What cannot fold becomes a depthwise layer of its own. Values that nobody reads are cropped away.

use ndarray::{Array2, Array4};

use crate::activation::{Activation, Clamp, Function};
use crate::float::{Float, FloatOp};
use crate::fused::{Fused, Precision};
use crate::graph::{Graph, NodeId};
use crate::linear::{Linear, Padding};
use crate::planes::Planes;
use crate::skip::Skip;

/// Side of the largest window that folds into the layer reading it, unless it is the whole plane; larger pools become
/// layers.
const LARGEST_FOLDED_WINDOW: usize = 4;

/// Merges float operators into layers.
pub fn fuse(graph: &Graph<Float>) -> Graph<Fused> {
    let input = graph.nodes().next().map_or(Planes::new(0, 0, 0), |(_, node)| node.shape);
    let mut merger = Merger { input, layers: Vec::new() };
    let mut branches: Vec<Branch> = Vec::new();
    for (id, node) in graph.nodes() {
        let sources = graph.inputs(id).into_iter().map(|source| {
            let mut branch = branches[source.index()].clone();
            branch.owned &= graph.consumers(source) == 1;
            branch
        });
        let branch = merger.push(node, sources.collect());
        branches.push(branch);
    }
    let last = branches.pop();
    merger.finish(last)
}

/// What a layer reads: the model's input, or another layer.
pub(crate) type Source = Option<usize>;

struct Layer {
    name: String,
    linear: Linear<f64>,
    activation: Activation,
    source: Source,
    skips: Vec<(Source, Skip<f64>)>,
    precision: Precision,
}

impl Layer {
    fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        std::iter::once(self.source).chain(self.skips.iter().map(|(source, _)| *source))
    }
}

/// What has been seen since a layer was closed, in the order it applies: window means, then an affine map, then
/// flattening.
#[derive(Clone)]
struct Pending {
    window: usize,
    scale: Vec<f64>,
    shift: Vec<f64>,
    flat_from: Option<Planes>,
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

/// A tensor of the float graph: a closed layer's result and what is pending on it.
#[derive(Clone)]
pub(crate) struct Branch {
    pub(crate) source: Source,
    pending: Pending,
    /// Whether nobody but this branch reads the layer, so that it may still change.
    owned: bool,
}

impl Branch {
    /// A closed tensor.
    pub(crate) fn on(source: Source, channels: usize) -> Self {
        Self { source, pending: Pending::none(channels), owned: false }
    }
}

/// How a layer evaluates its source.
#[derive(PartialEq)]
enum Way {
    Positions,
    /// Sums of windows of a side, perhaps each for itself.
    Windows(usize, bool),
}

/// Layers under construction.
pub(crate) struct Merger {
    input: Planes,
    layers: Vec<Layer>,
}

impl Merger {
    fn push(&mut self, node: &Float, mut sources: Vec<Branch>) -> Branch {
        match &node.op {
            FloatOp::Sum { terms } => return self.push_sum(&node.name, terms, sources, node.shape),
            FloatOp::Product => return self.push_product(&node.name, sources, node.shape),
            _ => {}
        }
        let Some(branch) = sources.pop() else {
            return Branch { source: None, pending: Pending::none(self.input.channels), owned: false };
        };
        let name = &node.name;
        match &node.op {
            FloatOp::Input | FloatOp::Sum { .. } | FloatOp::Product => branch,
            FloatOp::Conv { kernel, bias, groups, stride, padding } => {
                let blocked = branch.pending.has_shift() && !padding.is_none();
                let flushed = blocked || branch.pending.flat_from.is_some();
                let branch = if flushed { self.flush(name, branch) } else { branch };
                self.push_linear(name, &branch, kernel.clone(), bias.clone(), (*groups, *stride, *padding))
            }
            FloatOp::Gemm { weights, bias } => self.push_gemm(name, branch, weights, bias),
            FloatOp::Activation(activation) => self.push_activation(name, branch, activation),
            FloatOp::ChannelLeaky { slopes } => self.push_channel_leaky(name, branch, slopes),
            FloatOp::MaxPool { window, stride, padding } => {
                self.push_max_pool(name, branch, *window, (*stride, *padding), node.shape)
            }
            FloatOp::AveragePool { window, stride } => self.push_pool(name, branch, *window, *stride),
            FloatOp::Affine { scale, shift } => self.push_affine(name, branch, scale, shift),
            FloatOp::Flatten => {
                let planes = self.planes(&branch);
                Branch { pending: Pending { flat_from: Some(planes), ..branch.pending }, ..branch }
            }
        }
    }

    /// Shape of the closed layer's result.
    pub(crate) fn result(&self, source: Source) -> Planes {
        source.map_or(self.input, |index| self.layers[index].linear.output)
    }

    /// Shape after everything pending but flattening.
    fn planes(&self, branch: &Branch) -> Planes {
        let source = self.result(branch.source);
        let window = branch.pending.window;
        Planes::new(source.channels, source.height / window, source.width / window)
    }

    /// The layer that a branch may still change: nothing is pending on it and nobody else reads it.
    fn open_layer(&mut self, branch: &Branch) -> Option<&mut Layer> {
        let index = branch.source.filter(|_| branch.owned && branch.pending.is_none())?;
        self.layers.get_mut(index)
    }

    fn push_gemm(&mut self, name: &str, mut branch: Branch, weights: &Array2<f64>, bias: &[f64]) -> Branch {
        let planes = branch.pending.flat_from.take().unwrap_or_else(|| self.planes(&branch));
        let shape = (weights.nrows(), planes.channels, planes.height, planes.width);
        let kernel =
            Array4::from_shape_fn(shape, |(o, c, y, x)| weights[[o, c * planes.plane() + y * planes.width + x]]);
        self.push_linear(name, &branch, kernel, bias.to_vec(), (1, 1, Padding::default()))
    }

    pub(crate) fn push_activation(&mut self, name: &str, mut branch: Branch, activation: &Activation) -> Branch {
        let flat = branch.pending.flat_from.take();
        let joins = self.open_layer(&branch).is_some_and(|layer| layer.activation.then(activation).is_some());
        if !joins {
            branch = self.flush(name, branch);
        }
        if let Some(layer) = self.open_layer(&branch) {
            layer.activation = layer.activation.then(activation).unwrap_or(*activation);
        }
        branch.pending.flat_from = flat;
        branch
    }

    fn push_pool(&mut self, name: &str, mut branch: Branch, window: (usize, usize), stride: usize) -> Branch {
        let producer_stride = branch.source.map_or(1, |index| self.layers[index].linear.stride);
        let planes = self.planes(&branch);
        let whole = window == (planes.height, planes.width);
        let folds = window.0 == window.1
            && (stride == window.0 || whole)
            && branch.pending.window == 1
            && branch.pending.flat_from.is_none()
            && (whole || window.0 * producer_stride <= LARGEST_FOLDED_WINDOW);
        if folds {
            // A mean of shifted values is the shifted mean, so a pending affine map may wait.
            branch.pending.window = window.0;
            return branch;
        }
        if branch.pending.window != 1 {
            branch = self.flush(name, branch);
        }
        let channels = planes.channels;
        let mean = 1.0 / (window.0 * window.1) as f64;
        let kernel = Array4::from_elem((channels, 1, window.0, window.1), mean);
        self.push_linear(name, &branch, kernel, vec![0.0; channels], (channels, stride, Padding::default()))
    }

    fn push_affine(&mut self, name: &str, mut branch: Branch, scale: &[f64], shift: &[f64]) -> Branch {
        if branch.pending.flat_from.is_some() && self.planes(&branch).plane() != 1 {
            branch = self.flush(name, branch);
        }
        let open = self.open_layer(&branch);
        match open.filter(|layer| {
            layer.activation.is_identity() && layer.skips.is_empty() && layer.precision == Precision::Calibrated
        }) {
            Some(layer) => {
                for ((o, ..), weight) in layer.linear.kernel.indexed_iter_mut() {
                    *weight *= scale[o];
                }
                for (o, bias) in layer.linear.bias.iter_mut().enumerate() {
                    *bias = *bias * scale[o] + shift[o];
                }
            }
            None => {
                let pending = &mut branch.pending;
                for c in 0..scale.len() {
                    pending.scale[c] *= scale[c];
                    pending.shift[c] = pending.shift[c] * scale[c] + shift[c];
                }
            }
        }
        branch
    }

    /// Adds tensors: the last open layer takes the others as skip connections.
    fn push_sum(&mut self, name: &str, terms: &[Skip<f64>], sources: Vec<Branch>, shape: Planes) -> Branch {
        let mut branches: Vec<Branch> = sources.into_iter().map(|branch| self.settle(name, branch)).collect();
        let mut terms = terms.to_vec();
        let hosts = (0..terms.len()).filter(|&slot| {
            let plain = terms[slot].is_plain() && terms[slot].factor.values() == [1.0];
            plain && self.result(branches[slot].source) == shape && self.takes_skips(&branches[slot])
        });
        let host = match hosts.collect::<Vec<_>>().into_iter().max_by_key(|&slot| branches[slot].source) {
            Some(slot) => {
                terms.remove(slot);
                branches.remove(slot)
            }
            None => {
                let moved = branches.iter().map(|branch| branch.source).zip(terms);
                return self.push_moved(name, moved.collect(), shape, Activation::none());
            }
        };
        if let Some(layer) = self.open_layer(&host) {
            layer.skips.extend(branches.iter().map(|branch| branch.source).zip(terms));
        }
        host
    }

    /// Whether a branch is a layer that other tensors can be added to. A strided convolution's values are too far apart
    /// for others to be added in place.
    fn takes_skips(&mut self, branch: &Branch) -> bool {
        self.open_layer(branch).is_some_and(|layer| {
            layer.activation.is_identity() && layer.linear.stride == 1 && layer.precision == Precision::Calibrated
        })
    }

    /// Closes whatever is pending on a branch.
    pub(crate) fn settle(&mut self, name: &str, branch: Branch) -> Branch {
        if branch.pending.is_none() { branch } else { self.flush(name, branch) }
    }

    /// A layer of skip connections alone. One that moves a single tensor rounds nothing.
    pub(crate) fn push_moved(
        &mut self,
        name: &str,
        terms: Vec<(Source, Skip<f64>)>,
        shape: Planes,
        activation: Activation,
    ) -> Branch {
        let source = terms.first().and_then(|(source, _)| *source);
        let single = terms.iter().all(|(other, _)| *other == source);
        self.push_layer(Layer {
            name: name.to_owned(),
            linear: Linear::nothing(self.result(source), shape, 1),
            activation,
            source,
            skips: terms,
            precision: if single { Precision::Exact } else { Precision::Calibrated },
        })
    }

    /// Has the layer that a branch ends in take every `stride`-th row and column of what it adds.
    pub(crate) fn set_skip_stride(&mut self, branch: &Branch, stride: usize) {
        if let Some(layer) = branch.source.and_then(|index| self.layers.get_mut(index)) {
            layer.linear.stride = stride;
        }
    }

    /// Says what the integers of the layer that a branch ends in may lose.
    pub(crate) fn keep(&mut self, branch: &Branch, precision: Precision) {
        if let Some(layer) = branch.source.and_then(|index| self.layers.get_mut(index)) {
            layer.precision = precision;
        }
    }

    /// Leaves out of the layer that a branch ends in what lies beyond a shape.
    pub(crate) fn crop_to(&mut self, branch: &Branch, shape: Planes) {
        if let Some(layer) = branch.source.and_then(|index| self.layers.get_mut(index)) {
            let output = &mut layer.linear.output;
            (output.height, output.width) = (output.height.min(shape.height), output.width.min(shape.width));
        }
    }

    fn push_layer(&mut self, layer: Layer) -> Branch {
        let pending = Pending::none(layer.linear.output.channels);
        self.layers.push(layer);
        Branch { source: Some(self.layers.len() - 1), pending, owned: true }
    }

    /// `a b = ((a + b)^2 - (a - b)^2) / 4`.
    fn push_product(&mut self, name: &str, sources: Vec<Branch>, shape: Planes) -> Branch {
        let sources: Vec<Source> = sources.into_iter().map(|branch| self.settle(name, branch).source).collect();
        let [a, b] = sources[..] else { return Branch { source: None, pending: Pending::none(0), owned: false } };
        let square = Activation::Function(Function::QuarterSquare);
        let squares = [1.0, -1.0].map(|sign| {
            let terms = vec![(a, Skip::plain(1.0)), (b, Skip::plain(sign))];
            self.push_moved(name, terms, shape, square).source
        });
        let terms = vec![(squares[0], Skip::plain(1.0)), (squares[1], Skip::plain(-1.0))];
        self.push_moved(name, terms, shape, Activation::none())
    }

    /// `slope * x + (1 - slope) * max(x, 0)`.
    fn push_channel_leaky(&mut self, name: &str, branch: Branch, slopes: &[f64]) -> Branch {
        let branch = self.settle(name, branch);
        let relu = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
        let shape = self.result(branch.source);
        let positive = self.push_moved(name, vec![(branch.source, Skip::plain(1.0))], shape, relu);
        let scaled = |merger: &mut Self, branch: &Branch, factor: &dyn Fn(f64) -> f64| {
            let kernel = Array4::from_shape_fn((slopes.len(), 1, 1, 1), |(c, ..)| factor(slopes[c]));
            let bias = vec![0.0; slopes.len()];
            merger.push_linear(name, branch, kernel, bias, (slopes.len(), 1, Padding::default()))
        };
        let whole = scaled(self, &branch, &|slope| slope);
        let rest = scaled(self, &positive, &|slope| 1.0 - slope);
        if let Some(layer) = self.open_layer(&rest) {
            layer.skips.push((whole.source, Skip::plain(1.0)));
        }
        rest
    }

    /// Closes what is pending on a branch over a new linear operator.
    pub(crate) fn push_linear(
        &mut self,
        name: &str,
        branch: &Branch,
        mut kernel: Array4<f64>,
        mut bias: Vec<f64>,
        (groups, stride, padding): (usize, usize, Padding),
    ) -> Branch {
        let per_group = (kernel.dim().0 / groups, kernel.dim().1);
        for ((o, c, ..), weight) in kernel.indexed_iter_mut() {
            let channel = o / per_group.0 * per_group.1 + c;
            bias[o] += *weight * branch.pending.shift[channel];
            *weight *= branch.pending.factor(channel);
        }
        let input = self.result(branch.source);
        let window = branch.pending.window;
        let mut linear = Linear { input, output: input, window, kernel, bias, groups, stride, padding };
        linear.output = linear.full_output();
        self.push_layer(Layer {
            name: name.to_owned(),
            linear,
            activation: Activation::none(),
            source: branch.source,
            skips: Vec::new(),
            precision: Precision::Calibrated,
        })
    }

    /// Turns what is pending into a depthwise layer.
    fn flush(&mut self, name: &str, mut branch: Branch) -> Branch {
        let channels = self.result(branch.source).channels;
        match branch.pending.flat_from.take() {
            None => {
                let kernel = Array4::from_elem((channels, 1, 1, 1), 1.0);
                self.push_linear(name, &branch, kernel, vec![0.0; channels], (channels, 1, Padding::default()))
            }
            Some(planes) => {
                // Flattening is a fully connected layer that picks one value per output.
                let shape = (planes.len(), planes.channels, planes.height, planes.width);
                let kernel = Array4::from_shape_fn(shape, |(o, c, y, x)| {
                    f64::from(u8::from(o == c * planes.plane() + y * planes.width + x))
                });
                self.push_linear(name, &branch, kernel, vec![0.0; planes.len()], (1, 1, Padding::default()))
            }
        }
    }

    fn finish(mut self, last: Option<Branch>) -> Graph<Fused> {
        let mut graph = Graph::new();
        let input = graph.add(Fused::Input(self.input), &[]);
        let Some(mut last) = last else { return graph };
        last.pending.flat_from = None;
        self.separate_reads();
        if !last.pending.is_none() || last.source.is_none() {
            last = self.flush("output", last);
        }
        let order = self.order(last.source);
        self.crop(&order);
        let mut places: Vec<NodeId> = vec![input; self.layers.len()];
        let mut layers: Vec<Option<Layer>> = self.layers.into_iter().map(Some).collect();
        for index in order {
            let Some(layer) = layers[index].take() else { continue };
            let reads: Vec<Source> = layer.sources().collect();
            let Layer { name, linear, activation, skips, precision, .. } = layer;
            let sources: Vec<NodeId> =
                reads.into_iter().map(|source| source.map_or(input, |index| places[index])).collect();
            let skips = skips.into_iter().map(|(_, skip)| skip).collect();
            let node = Fused::Layer { name, linear, skips, activation, precision };
            places[index] = graph.add(node, &sources);
        }
        graph
    }

    /// Gives a layer that reads sums of windows, or all of a plane, a copy of its source if others read that differently:
    /// a tensor is evaluated in one way.
    fn separate_reads(&mut self) {
        for index in 0..self.layers.len() {
            let source = self.layers[index].source;
            let own = self.way(index);
            let other =
                |other: &usize| *other != index && self.layers[*other].sources().any(|read| read == source);
            let differs = (0..self.layers.len()).filter(other).any(|other| {
                self.layers[other].skips.iter().any(|(read, _)| *read == source)
                    || (self.layers[other].source == source && self.way(other) != own)
            });
            if own != Way::Positions && differs {
                let shape = self.result(source);
                let terms = vec![(source, Skip::plain(1.0))];
                let copy = self.push_moved("copy", terms, shape, Activation::none());
                self.layers[index].source = copy.source;
            }
        }
    }

    fn way(&self, index: usize) -> Way {
        let linear = &self.layers[index].linear;
        match (linear.window, linear.is_full() && linear.pooled().plane() > 1) {
            (1, false) => Way::Positions,
            (window, full) => Way::Windows(window, full),
        }
    }

    /// The layers that the output depends on, producers first.
    fn order(&self, output: Source) -> Vec<usize> {
        let (mut order, mut seen) = (Vec::new(), vec![false; self.layers.len()]);
        // A layer is pushed twice: to visit its sources, then to be taken after them.
        let mut stack: Vec<(usize, bool)> = output.map(|index| (index, false)).into_iter().collect();
        while let Some((index, ready)) = stack.pop() {
            if ready {
                order.push(index);
            } else if !std::mem::replace(&mut seen[index], true) {
                stack.push((index, true));
                stack.extend(self.layers[index].sources().flatten().map(|source| (source, false)));
            }
        }
        order
    }

    /// Shrinks every output to what its consumers read.
    fn crop(&mut self, order: &[usize]) {
        let mut needs = vec![(0, 0); self.layers.len()];
        if let Some(&last) = order.last() {
            needs[last] = (self.layers[last].linear.output.height, self.layers[last].linear.output.width);
        }
        for &index in order.iter().rev() {
            let layer = &mut self.layers[index];
            let output = &mut layer.linear.output;
            (output.height, output.width) = (needs[index].0.min(output.height), needs[index].1.min(output.width));
            let output = *output;
            let stride = layer.linear.skip_stride();
            layer.skips.retain(|(_, skip)| skip.reaches(output, stride));
            let mut need = |source: Source, (height, width): (usize, usize)| {
                if let Some(source) = source {
                    needs[source] = (height.max(needs[source].0), width.max(needs[source].1));
                }
            };
            need(layer.source, layer.linear.live_input());
            layer.skips.iter().for_each(|(source, skip)| need(*source, skip.live_source(output, stride)));
        }
        for &index in order {
            if let Some(source) = self.layers[index].source {
                self.layers[index].linear.input = self.layers[source].linear.output;
            }
        }
    }
}
