//! What merges with what.
//!
//! Scales and shifts fold into the weights before or after them, average pools into the window sums of the layer that
//! reads them, flattening into a kernel that covers the whole plane, and additions into the last convolution that
//! nobody else reads. What cannot fold becomes a depthwise layer of its own. Values that nobody reads are cropped away.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Array4, Axis};

use crate::activation::Activation;
use crate::clamp::Clamp;
use crate::error::FuseError;
use crate::float::{Float, FloatOp};
use crate::function::Function;
use crate::fused::{FloatFinish, Fused, FusedLayer, Precision};
use crate::graph::{Graph, NodeId};
use crate::maxima::{Magnitude, MaximumStep, Operand, maxima};
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::regions::merge_regions;
use crate::term::{Constant, Kernel, KnownBias, Move, Padding, Term};
use crate::wanted::wanted;

/// Side of the largest window that folds into the layer reading it, unless it is the whole plane; larger pools become
/// layers.
const LARGEST_FOLDED_WINDOW: usize = 4;

/// Merges float operators into layers.
///
/// # Errors
/// A graph that does not start with its one input, or an operator that reads another number of tensors than it has.
pub fn fuse(graph: &Graph<Float>) -> Result<Graph<Fused>, FuseError> {
    merge(&wanted(graph))
}

/// Merges all operators of a graph.
pub(crate) fn merge(graph: &Graph<Float>) -> Result<Graph<Fused>, FuseError> {
    let graph = &*merge_regions(graph);
    let Some(Float { op: FloatOp::Input, shape, .. }) = graph.nodes().next().map(|(_, node)| node) else {
        return Err(FuseError::NoInput);
    };
    let mut merger = Merger { input: *shape, layers: Vec::new(), left: BTreeMap::new() };
    let mut last = Branch::on(None, shape.channels);
    let mut branches = vec![last.clone()];
    for (id, node) in graph.nodes().skip(1) {
        let sources = graph.inputs(id).into_iter().map(|source| {
            let mut branch = branches[source.index()].clone();
            branch.owned &= graph.consumers(source) == 1;
            branch
        });
        last = merger.push(node, sources.collect())?;
        branches.push(last.clone());
    }
    Ok(merger.finish(last))
}

/// What a layer reads: the model's input, or another layer.
pub(crate) type Source = Option<usize>;

/// A layer under construction, and what its terms read.
struct Built {
    layer: FusedLayer,
    sources: Vec<Source>,
}

impl Built {
    /// Whether tensors may be added to the layer. A strided convolution's values are too far apart for others to be added in
    /// place.
    fn takes_terms(&self) -> bool {
        let finish = &self.layer.finish;
        finish.activation.is_identity()
            && finish.precision == Precision::Calibrated
            && self.layer.reading().all(|term| term.stride() == 1)
    }

    /// Whether constants of the positions of some planes may be added to the layer. A grouped kernel's outputs share no rows of
    /// weights, so that each constant would take a row by itself.
    fn takes_constants(&self, planes: Planes) -> bool {
        let FloatFinish { activation, precision } = &self.layer.finish;
        let ungrouped = self.layer.kernel().is_none_or(|kernel| kernel.groups == 1);
        let rounds = activation.is_identity() && *precision == Precision::Calibrated;
        rounds && ungrouped && self.layer.output == planes
    }

    /// The kernel and what it reads.
    fn kernel(&self) -> Option<(&Kernel<f64>, Source)> {
        let mut reads = self.layer.reads(&self.sources);
        reads.find_map(|(term, sources)| Some((term.as_kernel()?, *sources.first()?)))
    }
}

/// What has been seen since a layer was closed, in the order it applies: window means, then an affine map, then
/// flattening.
#[derive(Clone, PartialEq)]
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
    layers: Vec<Built>,
    /// Products by place, each with the convolution or rotation that gives its left tensor to it alone.
    left: BTreeMap<usize, usize>,
}

impl Merger {
    fn push(&mut self, node: &Float, sources: Vec<Branch>) -> Result<Branch, FuseError> {
        let found = sources.len();
        match &node.op {
            FloatOp::Sum { terms } if terms.len() == found => {
                return Ok(self.push_sum(&node.name, terms, sources, node.shape));
            }
            FloatOp::Product if found == 2 => return Ok(self.push_product(&node.name, sources, node.shape)),
            FloatOp::MatMul { groups, right_groups } if found == 2 => {
                return Ok(self.push_matmul(&node.name, sources, (*groups, *right_groups), node.shape));
            }
            _ => {}
        }
        match <[Branch; 1]>::try_from(sources) {
            Ok([branch]) if node.op.reads_one() => Ok(self.push_one(node, branch)),
            _ => Err(FuseError::Sources { node: node.name.clone(), op: node.op.label(), found }),
        }
    }

    /// Adds an operator that reads one tensor.
    fn push_one(&mut self, node: &Float, branch: Branch) -> Branch {
        let name = &node.name;
        match &node.op {
            FloatOp::Input | FloatOp::Sum { .. } | FloatOp::Product | FloatOp::MatMul { .. } => branch,
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
                let branch = self.settle(name, branch);
                let input = self.result(branch.source);
                let largest =
                    self.push_maxima(name, branch, maxima(input, *window, (*stride, *padding), node.shape));
                // Every window's maximum is read by the next: nothing joins them.
                Branch { owned: largest.owned && *stride > 1, ..largest }
            }
            FloatOp::AveragePool { window, stride } => self.push_pool(name, branch, *window, *stride),
            FloatOp::Affine { scale, shift } => self.push_affine(name, branch, scale, shift),
            FloatOp::Offset { factor, values } => self.push_offset(name, branch, *factor, values),
            FloatOp::Transpose { groups } => self.push_transpose(name, branch, *groups),
            FloatOp::Rotate(rotation) => self.push_rotation(name, branch, rotation),
            FloatOp::Softmax { groups } => self.push_softmax(name, branch, *groups),
            FloatOp::ArgMax { groups, last } => self.push_arg_max(name, branch, *groups, *last),
            FloatOp::Normalise { centred, epsilon } => self.push_normalise(name, branch, *centred, *epsilon),
            FloatOp::Flatten => {
                let planes = self.planes(&branch);
                Branch { pending: Pending { flat_from: Some(planes), ..branch.pending }, ..branch }
            }
        }
    }

    /// Shape of the closed layer's result.
    pub(crate) fn result(&self, source: Source) -> Planes {
        source.map_or(self.input, |index| self.layers[index].layer.output)
    }

    /// Shape after everything pending but flattening.
    fn planes(&self, branch: &Branch) -> Planes {
        let source = self.result(branch.source);
        let window = branch.pending.window;
        Planes::new(source.channels, source.height / window, source.width / window)
    }

    /// The place of the layer that a branch may still change: nothing is pending on it and nobody else reads it.
    fn open(&self, branch: &Branch) -> Option<usize> {
        branch.source.filter(|_| branch.owned && branch.pending.is_none())
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
        let joined = self.open(&branch).and_then(|index| {
            let joined = self.layers[index].layer.finish.activation.then(activation)?;
            Some((index, joined))
        });
        let (index, joined) = joined.unwrap_or_else(|| {
            branch = self.flush(name, branch.clone());
            (self.layers.len() - 1, activation.clone())
        });
        self.layers[index].layer.finish.activation = joined;
        branch.pending.flat_from = flat;
        branch
    }

    fn push_pool(&mut self, name: &str, mut branch: Branch, window: (usize, usize), stride: usize) -> Branch {
        let producer_stride = branch.source.map_or(1, |index| self.layers[index].layer.stride());
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

    /// Scales and shifts each channel: by the weights and biases of the last open layer, by the factor of its product, or later.
    fn push_affine(&mut self, name: &str, mut branch: Branch, scale: &[f64], shift: &[f64]) -> Branch {
        if branch.pending.flat_from.is_some() && self.planes(&branch).plane() != 1 {
            branch = self.flush(name, branch);
        }
        if self.open(&branch).is_some_and(|index| self.scale_product(index, scale, shift)) {
            return branch;
        }
        let open = self.open(&branch).map(|index| &mut self.layers[index].layer);
        let open = open.filter(|layer| {
            layer.finish.activation.is_identity() && layer.finish.precision == Precision::Calibrated
        });
        let scaled = open.and_then(|layer| match &mut layer.terms[..] {
            [Term::Kernel(kernel)] => Some((kernel, &mut layer.bias)),
            _ => None,
        });
        match scaled {
            Some((kernel, biases)) => {
                for ((o, ..), weight) in kernel.weights.indexed_iter_mut() {
                    *weight *= scale[o];
                }
                for (o, bias) in biases.iter_mut().enumerate() {
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

    /// Scales a product of two tensors as a whole: by the numbers of the convolution or rotation that gives its left one to it alone, or
    /// else by its factor; false if it is no such layer, or not scaled as a whole.
    fn scale_product(&mut self, index: usize, scale: &[f64], shift: &[f64]) -> bool {
        let whole = scale.iter().all(|one| *one == scale[0]) && shift.iter().all(|one| *one == 0.0);
        let left = self.left.get(&index).copied();
        let layer = &mut self.layers[index].layer;
        let open = layer.finish.activation.is_identity() && layer.finish.precision == Precision::Calibrated;
        match (&mut layer.terms[..], left) {
            ([Term::Product(product)], None) if whole && open => product.factor *= scale[0],
            ([Term::Product(_)], Some(left)) if whole && open => {
                let left = &mut self.layers[left].layer;
                left.bias.iter_mut().for_each(|bias| *bias *= scale[0]);
                for term in &mut left.terms {
                    match term {
                        Term::Kernel(kernel) => kernel.weights *= scale[0],
                        Term::Rotation(rotation) => *rotation = rotation.map(|number| number * scale[0]),
                        _ => {}
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// The convolution or rotation that gives a branch its tensor, and to nobody else.
    pub(crate) fn own_factors(&self, branch: &Branch) -> Option<usize> {
        let own = |index: &usize| {
            let FusedLayer { terms, finish, .. } = &self.layers[*index].layer;
            let open = finish.activation.is_identity() && finish.precision == Precision::Calibrated;
            open && matches!(terms[..], [Term::Kernel(_) | Term::Rotation(_)])
        };
        self.open(branch).filter(own)
    }

    /// Puts the channels of the convolution that gives a branch its tensor, and to nobody else, in another order; false if there is none.
    pub(crate) fn reorder(&mut self, branch: &Branch, order: &[usize]) -> bool {
        let Some(index) = self.own_factors(branch) else { return false };
        let FusedLayer { terms, bias, .. } = &mut self.layers[index].layer;
        match &mut terms[..] {
            [Term::Kernel(kernel)] if kernel.groups == 1 => {
                kernel.weights = kernel.weights.select(Axis(0), order);
                *bias = order.iter().map(|channel| bias[*channel]).collect();
                true
            }
            _ => false,
        }
    }

    /// Notes which layer gives a product its left tensor.
    pub(crate) fn note_left(&mut self, product: Source, left: Option<usize>) {
        self.left.extend(product.zip(left));
    }

    /// Adds constants of positions: the last open layer takes them as a term, or else a layer of their own does.
    fn push_offset(&mut self, name: &str, branch: Branch, factor: f64, values: &Array3<f64>) -> Branch {
        let (channels, height, width) = values.dim();
        let shape = Planes::new(channels, height, width);
        let open = self.open(&branch).filter(|_| factor == 1.0);
        let constant = Term::from(Constant { values: values.clone() });
        if let Some(index) = open.filter(|index| self.layers[*index].takes_constants(shape)) {
            self.layers[index].layer.terms.push(constant);
            return branch;
        }
        let source = self.settle(name, branch).source;
        let (terms, bias) = (vec![Move::plain(factor).into(), constant], vec![0.0; channels]);
        let finish = FloatFinish { activation: Activation::none(), precision: Precision::Calibrated };
        self.push_layer(FusedLayer { name: name.to_owned(), output: shape, terms, bias, finish }, vec![source])
    }

    /// Adds tensors: the last open layer takes the others as terms.
    fn push_sum(&mut self, name: &str, terms: &[Move<f64>], sources: Vec<Branch>, shape: Planes) -> Branch {
        let mut branches = self.settle_all(name, sources);
        let mut terms = terms.to_vec();
        let hosts = (0..terms.len()).filter_map(|slot| {
            let plain = terms[slot].is_plain() && terms[slot].factor.values() == [1.0];
            let host = self.open(&branches[slot]).filter(|host| self.layers[*host].takes_terms())?;
            (plain && self.result(Some(host)) == shape).then_some((host, slot))
        });
        let Some((host, slot)) = hosts.max_by_key(|(host, _)| *host) else {
            let moved = branches.iter().map(|branch| branch.source).zip(terms);
            return self.push_moved(name, moved.collect(), shape, Activation::none());
        };
        terms.remove(slot);
        let branch = branches.remove(slot);
        let Built { layer, sources } = &mut self.layers[host];
        layer.terms.extend(terms.into_iter().map(Term::from));
        sources.extend(branches.iter().map(|branch| branch.source));
        branch
    }

    /// Closes whatever is pending on a branch.
    pub(crate) fn settle(&mut self, name: &str, branch: Branch) -> Branch {
        if branch.pending.is_none() { branch } else { self.flush(name, branch) }
    }

    /// The same of several, once for all that are alike.
    fn settle_all(&mut self, name: &str, branches: Vec<Branch>) -> Vec<Branch> {
        let mut settled: Vec<(Branch, Branch)> = Vec::with_capacity(branches.len());
        for branch in branches {
            let alike = |(before, _): &&(Branch, Branch)| {
                (before.source, &before.pending) == (branch.source, &branch.pending) && !branch.pending.is_none()
            };
            let after = match settled.iter().find(alike) {
                Some((_, after)) => Branch { owned: false, ..after.clone() },
                None => self.settle(name, branch.clone()),
            };
            settled.push((branch, after));
        }
        let shared = |after: &Branch| settled.iter().filter(|(_, other)| other.source == after.source).count() > 1;
        let own = |(_, after): &(Branch, Branch)| Branch { owned: after.owned && !shared(after), ..after.clone() };
        settled.iter().map(own).collect()
    }

    /// A layer of moved tensors alone. One that moves a single tensor rounds nothing.
    pub(crate) fn push_moved(
        &mut self,
        name: &str,
        terms: Vec<(Source, Move<f64>)>,
        shape: Planes,
        activation: Activation,
    ) -> Branch {
        let (sources, terms): (Vec<Source>, Vec<Move<f64>>) = terms.into_iter().unzip();
        let single = sources.windows(2).all(|pair| pair[0] == pair[1]);
        let precision = if single { Precision::Exact } else { Precision::Calibrated };
        let (terms, bias) = (terms.into_iter().map(Term::from).collect(), vec![0.0; shape.channels]);
        let finish = FloatFinish { activation, precision };
        self.push_layer(FusedLayer { name: name.to_owned(), output: shape, terms, bias, finish }, sources)
    }

    /// The largest values of windows of a closed branch.
    fn push_maxima(&mut self, name: &str, branch: Branch, steps: Vec<MaximumStep>) -> Branch {
        let (input, first, mut result) = (branch.source, self.layers.len(), branch);
        for MaximumStep { terms, planes, magnitude } in steps {
            let terms = terms.into_iter().map(|(operand, moved)| {
                let source = match operand {
                    Operand::Input => input,
                    Operand::Step(step) => Some(first + step),
                };
                (source, moved.with_factor(moved.factor.map(|factor| factor as f64)))
            });
            let rectified = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
            let activation = if magnitude == Magnitude::Gain { rectified } else { Activation::none() };
            result = self.push_moved(name, terms.collect(), planes, activation);
            let precision = if magnitude == Magnitude::Maximum { Precision::Maximum } else { Precision::Exact };
            self.newest().layer.finish.precision = precision;
        }
        result
    }

    /// The layer that was added last.
    pub(crate) fn newest_finish(&mut self) -> &mut FloatFinish {
        &mut self.newest().layer.finish
    }

    /// What that is the sum of.
    pub(crate) fn newest_terms(&mut self) -> &mut Vec<Term<f64>> {
        &mut self.newest().layer.terms
    }

    fn newest(&mut self) -> &mut Built {
        let last = self.layers.len() - 1;
        &mut self.layers[last]
    }

    pub(crate) fn push_layer(&mut self, layer: FusedLayer, sources: Vec<Source>) -> Branch {
        let pending = Pending::none(layer.output.channels);
        self.layers.push(Built { layer, sources });
        Branch { source: Some(self.layers.len() - 1), pending, owned: true }
    }

    /// `a b = ((a + b)^2 - (a - b)^2) / 4`.
    fn push_product(&mut self, name: &str, sources: Vec<Branch>, shape: Planes) -> Branch {
        let sources: Vec<Source> = sources.into_iter().map(|branch| self.settle(name, branch).source).collect();
        let square = Activation::Function(Function::QuarterSquare);
        let squares = [1.0, -1.0].map(|sign| {
            let factors = [1.0, sign].map(Move::plain);
            let terms = sources.iter().copied().zip(factors).collect();
            self.push_moved(name, terms, shape, square.clone()).source
        });
        let terms = squares.into_iter().zip([1.0, -1.0].map(Move::plain)).collect();
        self.push_moved(name, terms, shape, Activation::none())
    }

    /// `slope * x + (1 - slope) * max(x, 0)`.
    fn push_channel_leaky(&mut self, name: &str, branch: Branch, slopes: &[f64]) -> Branch {
        let branch = self.settle(name, branch);
        let relu = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
        let shape = self.result(branch.source);
        let positive = self.push_moved(name, vec![(branch.source, Move::plain(1.0))], shape, relu);
        let scaled = |merger: &mut Self, branch: &Branch, factor: &dyn Fn(f64) -> f64| {
            let kernel = Array4::from_shape_fn((slopes.len(), 1, 1, 1), |(c, ..)| factor(slopes[c]));
            let bias = vec![0.0; slopes.len()];
            merger.push_linear(name, branch, kernel, bias, (slopes.len(), 1, Padding::default()))
        };
        let whole = scaled(self, &branch, &|slope| slope);
        let rest = scaled(self, &positive, &|slope| 1.0 - slope);
        if let Some(index) = rest.source {
            let Built { layer, sources } = &mut self.layers[index];
            layer.terms.push(Move::plain(1.0).into());
            sources.push(whole.source);
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
        let (input, window) = (self.result(branch.source), branch.pending.window);
        let kernel = Kernel { input, window, weights: kernel, groups, stride, padding };
        let finish = FloatFinish { activation: Activation::none(), precision: Precision::Calibrated };
        let (name, output) = (name.to_owned(), kernel.output());
        let layer = FusedLayer { name, output, terms: vec![kernel.into()], bias, finish };
        self.push_layer(layer, vec![branch.source])
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

    fn finish(mut self, mut last: Branch) -> Graph<Fused> {
        let mut graph = Graph::new();
        let input = graph.add(Fused::Input(self.input), &[]);
        last.pending.flat_from = None;
        self.separate_reads();
        if !last.pending.is_none() || last.source.is_none() {
            last = self.flush("output", last);
        }
        if last.source.is_some_and(|index| self.swaps(index)) {
            // Only tensors that are written plane by plane can be public.
            let shape = self.result(last.source);
            last = self.push_moved("output", vec![(last.source, Move::plain(1.0))], shape, Activation::none());
        }
        let order = self.order(last.source);
        self.crop(&order);
        self.know_biases(&order);
        let mut places: Vec<NodeId> = vec![input; self.layers.len()];
        let mut layers: Vec<Option<Built>> = self.layers.into_iter().map(Some).collect();
        for index in order {
            let Some(Built { layer, sources }) = layers[index].take() else { continue };
            let sources: Vec<NodeId> =
                sources.into_iter().map(|source| source.map_or(input, |index| places[index])).collect();
            places[index] = graph.add(Fused::Layer(layer), &sources);
        }
        graph
    }

    /// Copies of what layers without weights give have none either.
    fn know_biases(&mut self, order: &[usize]) {
        for &index in order {
            let Built { layer, sources } = &self.layers[index];
            let known = |source: &Source| source.is_some_and(|source| self.layers[source].layer.has_known_bias());
            let copies = matches!(layer.terms[..], [Term::Move(_)]) && layer.finish.precision == Precision::Exact;
            if copies && sources.iter().all(known) && layer.bias.iter().all(|bias| *bias == 0.0) {
                let bias = KnownBias { numbers: PerChannel::uniform(0.0) };
                self.layers[index].layer.terms.push(bias.into());
            }
        }
    }

    /// Gives a kernel that reads sums of windows, or all of a plane, a copy of its source if others read that differently: a
    /// tensor is evaluated in one way.
    fn separate_reads(&mut self) {
        for index in 0..self.layers.len() {
            let Some((kernel, source)) = self.layers[index].kernel() else { continue };
            let own = way(kernel);
            let differs = (0..self.layers.len())
                .filter(|other| *other != index)
                .any(|other| self.reads_otherwise(other, source, &own));
            if own != Way::Positions && differs {
                let shape = self.result(source);
                let terms = vec![(source, Move::plain(1.0))];
                let copy = self.push_moved("copy", terms, shape, Activation::none());
                self.redirect_kernel(index, copy.source);
            }
        }
    }

    /// Whether a layer reads a tensor in another way.
    fn reads_otherwise(&self, index: usize, tensor: Source, wanted: &Way) -> bool {
        let built = &self.layers[index];
        let mut reads = built.layer.reads(&built.sources).filter(|(_, sources)| sources.contains(&tensor));
        reads.any(|(term, _)| term.as_kernel().is_none_or(|kernel| way(kernel) != *wanted))
    }

    /// Has the kernel of a layer read another tensor.
    fn redirect_kernel(&mut self, index: usize, tensor: Source) {
        let Built { layer, sources } = &mut self.layers[index];
        let mut first = 0;
        for term in &layer.terms {
            if term.as_kernel().is_some() {
                sources[first] = tensor;
            }
            first += term.arity();
        }
    }

    /// Whether a layer is a tensor with its planes and positions swapped.
    fn swaps(&self, index: usize) -> bool {
        self.layers[index].layer.terms.iter().any(|term| term.floats().rounds_alike())
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
                // The first source is visited last, and lies next to its reader.
                stack.extend(self.layers[index].sources.iter().flatten().map(|source| (*source, false)));
            }
        }
        order
    }

    /// Shrinks every output to what its consumers read.
    fn crop(&mut self, order: &[usize]) {
        let mut needs = vec![(0, 0); self.layers.len()];
        if let Some(&last) = order.last() {
            needs[last] = (self.layers[last].layer.output.height, self.layers[last].layer.output.width);
        }
        for &index in order.iter().rev() {
            let Built { layer, sources } = &mut self.layers[index];
            let output = &mut layer.output;
            (output.height, output.width) = (needs[index].0.min(output.height), needs[index].1.min(output.width));
            drop_unreachable(layer, sources);
            let output = layer.output;
            layer.terms.iter_mut().for_each(|term| term.floats_mut().crop(output));
            for (term, sources) in layer.reads(sources) {
                let (height, width) = term.live_source(layer.output);
                for source in sources.iter().flatten() {
                    needs[*source] = (height.max(needs[*source].0), width.max(needs[*source].1));
                }
            }
        }
        for &index in order {
            self.fit_kernel(index);
        }
    }

    /// Tells a layer's kernel the planes of what it reads.
    fn fit_kernel(&mut self, index: usize) {
        let Some((_, Some(source))) = self.layers[index].kernel() else { return };
        let input = self.layers[source].layer.output;
        for term in &mut self.layers[index].layer.terms {
            if let Term::Kernel(kernel) = term {
                kernel.input = input;
            }
        }
    }
}

fn way(kernel: &Kernel<f64>) -> Way {
    match (kernel.window, kernel.is_full() && kernel.pooled().plane() > 1) {
        (1, false) => Way::Positions,
        (window, full) => Way::Windows(window, full),
    }
}

/// Drops moved tensors of which nothing is left.
fn drop_unreachable(layer: &mut FusedLayer, sources: &mut Vec<Source>) {
    let FusedLayer { terms, output, .. } = layer;
    let mut kept = Vec::with_capacity(sources.len());
    let mut rest = &sources[..];
    terms.retain(|term| {
        let (own, others) = rest.split_at(term.arity());
        rest = others;
        let reaches = term.reaches(*output);
        kept.extend(own.iter().copied().filter(|_| reaches));
        reaches
    });
    *sources = kept;
}
