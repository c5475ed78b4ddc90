//! Float operators by hand, for networks of operators that are made of others.

use ndarray::{Array3, Array4};
use zklayout_model::{Activation, Clamp, Float, FloatOp, Function, Graph, Move, NodeId, Padding, Planes};

use super::Numbers;

pub const RECTIFY: FloatOp = FloatOp::Activation(Activation::Clamp(Clamp { lo: Some(0.0), hi: None }));

/// Float operators under construction.
pub struct Net {
    pub graph: Graph<Float>,
    pub numbers: Numbers,
}

impl Net {
    pub fn new(input: Planes) -> (Self, NodeId) {
        let mut net = Self { graph: Graph::new(), numbers: Numbers::new(7) };
        let input = net.add(FloatOp::Input, &[], input);
        (net, input)
    }

    pub fn add(&mut self, op: FloatOp, sources: &[NodeId], shape: Planes) -> NodeId {
        let name = format!("{}{}", op.label(), self.graph.len());
        self.graph.add(Float { name, op, shape }, sources)
    }

    pub fn shape(&self, node: NodeId) -> Planes {
        self.graph.node(node).shape
    }

    pub fn same(&mut self, op: FloatOp, sources: &[NodeId]) -> NodeId {
        self.add(op, sources, self.shape(sources[0]))
    }

    /// A padded convolution with made-up weights.
    pub fn conv(&mut self, source: NodeId, outputs: usize, size: usize, stride: usize) -> NodeId {
        let shape = self.shape(source);
        let scale = 1.5 / ((shape.channels * size * size) as f64).sqrt();
        let dims = (outputs, shape.channels, size, size);
        let kernel = Array4::from_shape_simple_fn(dims, || self.numbers.real() * scale);
        let bias = (0..outputs).map(|_| self.numbers.real() * 0.3).collect();
        let p = (size - 1) / 2;
        let padding = Padding { top: p, left: p, bottom: p, right: p };
        let extent = |side: usize| (side + 2 * p - size) / stride + 1;
        let shape = Planes::new(outputs, extent(shape.height), extent(shape.width));
        self.add(FloatOp::Conv { kernel, bias, groups: 1, stride, padding }, &[source], shape)
    }

    pub fn relu(&mut self, source: NodeId) -> NodeId {
        self.same(RECTIFY, &[source])
    }

    pub fn function(&mut self, source: NodeId, function: Function) -> NodeId {
        self.same(FloatOp::Activation(Activation::Function(function)), &[source])
    }

    pub fn max_pool(&mut self, source: NodeId, window: (usize, usize), stride: usize, p: usize) -> NodeId {
        let shape = self.shape(source);
        let padding = Padding { top: p, left: p, bottom: p, right: p };
        let extent = |side: usize, window: usize| (side + 2 * p - window) / stride + 1;
        let shape = Planes::new(shape.channels, extent(shape.height, window.0), extent(shape.width, window.1));
        self.add(FloatOp::MaxPool { window, stride, padding }, &[source], shape)
    }

    /// Tensors one after the other along the channels.
    pub fn concat(&mut self, sources: &[NodeId]) -> NodeId {
        let channels = sources.iter().map(|source| self.shape(*source).channels).sum();
        let (mut start, mut terms) = (0, Vec::new());
        for source in sources {
            let count = self.shape(*source).channels;
            let place = |o: usize| o.checked_sub(start).filter(|c| *c < count);
            terms.push(Move { channels: Some((0..channels).map(place).collect()), ..Move::plain(1.0) });
            start += count;
        }
        let shape = Planes { channels, ..self.shape(sources[0]) };
        self.add(FloatOp::Sum { terms }, sources, shape)
    }

    /// A tensor plus a made-up constant of each position.
    pub fn offset(&mut self, source: NodeId, factor: f64) -> NodeId {
        let dims = self.shape(source).dims();
        let values = Array3::from_shape_simple_fn(dims, || self.numbers.real() * 0.5);
        self.same(FloatOp::Offset { factor, values }, &[source])
    }

    /// A part of a tensor, or a tensor with zeros around it.
    pub fn part(&mut self, source: NodeId, offset: (i64, i64), shape: Planes) -> NodeId {
        self.add(FloatOp::Sum { terms: vec![Move { offset, ..Move::plain(1.0) }] }, &[source], shape)
    }
}

/// A random network of moved sums, maxima, products and activations beside convolutions.
pub fn random_operators(numbers: &mut Numbers) -> Net {
    let (mut net, input) = Net::new(Planes::new(1 + numbers.below(2), 3 + numbers.below(5), 3 + numbers.below(5)));
    let first = net.conv(input, 1 + numbers.below(3), 3, 1);
    let mut nodes = vec![net.relu(first)];
    for _ in 0..1 + numbers.below(4) {
        let x = nodes[numbers.below(nodes.len())];
        let shape = net.shape(x);
        let next = match numbers.below(7) {
            0 if shape.height.min(shape.width) >= 3 => {
                let (outputs, stride) = (1 + numbers.below(3), 1 + numbers.below(2));
                net.conv(x, outputs, 3, stride)
            }
            1 => net.function(x, [Function::Tanh, Function::HardSwish, Function::Abs][numbers.below(3)]),
            2 => {
                let window = (1 + numbers.below(shape.height.min(3)), 1 + numbers.below(shape.width.min(3)));
                let padding = if window.0.min(window.1) > 2 { numbers.below(2) } else { 0 };
                let stride = 1 + numbers.below(2);
                net.max_pool(x, window, stride, padding)
            }
            3 => net.same(FloatOp::Product, &[x, x]),
            4 => net.relu(x),
            _ => {
                let other = nodes[numbers.below(nodes.len())];
                moved(&mut net, &[x, other], numbers)
            }
        };
        nodes.push(next);
    }
    net
}

/// A sum of tensors whose channels, rows and columns are moved at random.
fn moved(net: &mut Net, sources: &[NodeId], numbers: &mut Numbers) -> NodeId {
    let first = net.shape(sources[0]);
    let side = |side: usize, numbers: &mut Numbers| (side + numbers.below(4)).saturating_sub(1).max(1);
    let shape = Planes::new(1 + numbers.below(3), side(first.height, numbers), side(first.width, numbers));
    let terms = sources.iter().map(|source| {
        let count = net.shape(*source).channels;
        let channels = (0..shape.channels).map(|_| Some(numbers.below(count)).filter(|_| numbers.below(4) > 0));
        let channels = Some(channels.collect());
        let offset = (numbers.below(5) as i64 - 2, numbers.below(5) as i64 - 2);
        Move { channels, offset, ..Move::plain(if numbers.below(2) == 0 { 1.0 } else { -1.0 }) }
    });
    let terms = terms.collect();
    net.add(FloatOp::Sum { terms }, sources, shape)
}
