//! Residual networks of any width, depth and resolution, with made-up weights.

use ndarray::{Array2, Array4};
use zklayout::graph::{Activation, Clamp, Float, FloatOp, Graph, Move, NodeId, Padding, Planes};

/// Stages, each with twice the channels and half the resolution of the one before.
const STAGES: usize = 3;
const CLASSES: usize = 10;
const RELU: FloatOp = FloatOp::Activation(Activation::Clamp(Clamp { lo: Some(0.0), hi: None }));

/// What a residual network's size is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNet {
    /// Channels of the first stage.
    pub width: usize,
    /// Residual blocks of each stage.
    pub depth: usize,
    /// Rows and columns of the input.
    pub resolution: usize,
}

impl ResNet {
    /// The network's operators.
    pub fn graph(&self) -> Graph<Float> {
        let mut net = Net { graph: Graph::new(), seed: 1 };
        let input = Planes::new(3, self.resolution, self.resolution);
        let mut x = net.add("input", FloatOp::Input, &[], input);
        x = net.conv(x, self.width, 3, 1);
        x = net.relu(x);
        for stage in 0..STAGES {
            for block in 0..self.depth {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = net.block(x, self.width << stage, stride);
            }
        }
        net.head(x);
        net.graph
    }
}

struct Net {
    graph: Graph<Float>,
    seed: u64,
}

impl Net {
    fn add(&mut self, name: &str, op: FloatOp, sources: &[NodeId], shape: Planes) -> NodeId {
        let name = format!("{name}_{}", self.graph.len());
        self.graph.add(Float { name, op, shape }, sources)
    }

    fn shape(&self, node: NodeId) -> Planes {
        self.graph.node(node).shape
    }

    /// Numbers between -1 and 1, the same in every run.
    fn number(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn conv(&mut self, source: NodeId, outputs: usize, size: usize, stride: usize) -> NodeId {
        let shape = self.shape(source);
        let scale = (3.0 / (shape.channels * size * size) as f64).sqrt();
        let dims = (outputs, shape.channels, size, size);
        let kernel = Array4::from_shape_simple_fn(dims, || self.number() * scale);
        let bias = vec![0.0; outputs];
        let p = (size - 1) / 2;
        let padding = Padding { top: p, left: p, bottom: p, right: p };
        let side = |side: usize| side.div_ceil(stride);
        let shape = Planes::new(outputs, side(shape.height), side(shape.width));
        self.add("conv", FloatOp::Conv { kernel, bias, groups: 1, stride, padding }, &[source], shape)
    }

    fn relu(&mut self, source: NodeId) -> NodeId {
        self.add("relu", RELU, &[source], self.shape(source))
    }

    fn block(&mut self, source: NodeId, width: usize, stride: usize) -> NodeId {
        let inner = self.conv(source, width, 3, stride);
        let inner = self.relu(inner);
        let inner = self.conv(inner, width, 3, 1);
        let same = self.shape(source) == self.shape(inner);
        let shortcut = if same { source } else { self.conv(source, width, 1, stride) };
        let terms = vec![Move::plain(1.0); 2];
        let sum = self.add("sum", FloatOp::Sum { terms }, &[inner, shortcut], self.shape(inner));
        self.relu(sum)
    }

    fn head(&mut self, source: NodeId) {
        let shape = self.shape(source);
        let (window, features) = ((shape.height, shape.width), Planes::vector(shape.channels));
        let pooled = self.add("mean", FloatOp::AveragePool { window, stride: 1 }, &[source], features);
        let weights = Array2::from_shape_simple_fn((CLASSES, shape.channels), || self.number());
        let bias = vec![0.0; CLASSES];
        self.add("dense", FloatOp::Gemm { weights, bias }, &[pooled], Planes::vector(CLASSES));
    }
}
