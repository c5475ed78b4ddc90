//! Small test networks and what is needed to prove them.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

pub mod operators;
pub mod sequence;
pub mod stored;
pub mod strided;

use std::sync::Arc;

use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use ndarray::{Array3, Array4};
use zklayout_circuit::streams::{FixedGrid, WeightTape, Witness};
use zklayout_circuit::{CircuitParams, Grid, InferenceCircuit, Scalar, check_shape, instance_columns};
use zklayout_model::{
    Activation, Clamp, Constant, Fixed, FixedFinish, FixedLayer, Float, FloatFinish, Fused, FusedLayer, Graph,
    Kernel, Move, OutputKind, Padding, Planes, Precision, QuantiseError, QuantiseOptions, Trace, ValueRange,
    execute, fuse, quantise,
};
use zklayout_plan::{
    Content, Family, InputMode, Plan, PlanOptions, Requantise, Streams, TableKind, Visibility, WeightMode, plan,
};

/// A deterministic generator; the tests need variety, not randomness.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// In [-1, 1).
    pub fn real(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// One layer of a test network.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub outputs: usize,
    /// Kernel rows and columns; `None` covers the whole plane.
    pub kernel: Option<(usize, usize)>,
    pub stride: usize,
    pub padding: usize,
    pub window: usize,
    pub depthwise: bool,
    pub clamp: Clamp<f64>,
    /// Node whose result the layer reads; the one before it if not given. Node 0 is the input.
    pub source: Option<usize>,
    /// Node whose result is added.
    pub skip: Option<usize>,
}

pub const RELU: Clamp<f64> = Clamp { lo: Some(0.0), hi: None };
pub const RELU1: Clamp<f64> = Clamp { lo: Some(0.0), hi: Some(1.0) };
pub const NONE: Clamp<f64> = Clamp { lo: None, hi: None };

pub fn conv(outputs: usize, kernel: usize, padding: usize, clamp: Clamp<f64>) -> Spec {
    let kernel = Some((kernel, kernel));
    Spec { outputs, kernel, stride: 1, padding, window: 1, depthwise: false, clamp, source: None, skip: None }
}

pub fn dense(outputs: usize, clamp: Clamp<f64>) -> Spec {
    Spec { kernel: None, ..conv(outputs, 1, 0, clamp) }
}

impl Spec {
    pub fn strided(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
    pub fn pooled(self, window: usize) -> Self {
        Self { window, ..self }
    }
    pub fn reading(self, source: usize) -> Self {
        Self { source: Some(source), ..self }
    }
    pub fn plus(self, skip: usize) -> Self {
        Self { skip: Some(skip), ..self }
    }
    pub fn depthwise(self) -> Self {
        Self { depthwise: true, ..self }
    }
}

/// A network with made-up weights.
pub fn network(input: Planes, specs: &[Spec], seed: u64) -> Graph<Fused> {
    let mut numbers = Numbers::new(seed);
    let mut layers: Vec<FusedLayer> = Vec::new();
    let mut shapes = vec![input];
    for (index, spec) in specs.iter().enumerate() {
        let shape = shapes[spec.source.unwrap_or(index)];
        let (height, width) = (shape.height / spec.window, shape.width / spec.window);
        let (kh, kw) = spec.kernel.unwrap_or((height, width));
        let (outputs, inner, groups) =
            if spec.depthwise { (shape.channels, 1, shape.channels) } else { (spec.outputs, shape.channels, 1) };
        let scale = 1.5 / ((inner * kh * kw) as f64).sqrt() / (spec.window * spec.window) as f64;
        let kernel = Array4::from_shape_simple_fn((outputs, inner, kh, kw), || numbers.real() * scale);
        let bias = (0..outputs).map(|_| numbers.real() * 0.3).collect();
        let p = spec.padding;
        let padding = Padding { top: p, left: p, bottom: p, right: p };
        let (window, stride) = (spec.window, spec.stride);
        let kernel = Kernel { input: shape, window, weights: kernel, groups, stride, padding };
        let finish = FloatFinish { activation: Activation::Clamp(spec.clamp), precision: Precision::Calibrated };
        let moves = spec.skip.iter().map(|node| Move::plain(if node % 2 == 0 { 1.0 } else { -1.0 }).into());
        shapes.push(kernel.output());
        layers.push(FusedLayer {
            name: format!("layer{index}"),
            output: kernel.output(),
            terms: std::iter::once(kernel.into()).chain(moves).collect(),
            bias,
            finish,
        });
    }
    crop(&mut layers, specs);
    let mut graph = Graph::new();
    let mut nodes = vec![graph.add(Fused::Input(input), &[])];
    for (index, (layer, spec)) in layers.into_iter().zip(specs).enumerate() {
        let sources: Vec<_> =
            std::iter::once(spec.source.unwrap_or(index)).chain(spec.skip).map(|node| nodes[node]).collect();
        nodes.push(graph.add(Fused::Layer(layer), &sources));
    }
    graph
}

/// The network with a constant of each position added in the first layer that rounds, and in half of the others.
pub fn with_constants(graph: &Graph<Fused>, seed: u64) -> Graph<Fused> {
    let mut numbers = Numbers::new(seed + 77);
    let (mut other, mut first) = (Graph::new(), true);
    for (id, node) in graph.nodes() {
        let mut node = node.clone();
        if let Fused::Layer(layer) = &mut node
            && layer.finish.precision == Precision::Calibrated
            && (std::mem::take(&mut first) || numbers.below(2) == 0)
        {
            let values = Array3::from_shape_simple_fn(layer.output.dims(), || numbers.real() * 0.5);
            layer.terms.push(Constant { values }.into());
        }
        other.add(node, &graph.inputs(id));
    }
    other
}

/// As merging does: no layer computes what its consumers do not read.
fn crop(layers: &mut [FusedLayer], specs: &[Spec]) {
    let mut needs = vec![(0, 0); layers.len() + 1];
    let output = layers[layers.len() - 1].output;
    needs[layers.len()] = (output.height, output.width);
    for index in (0..layers.len()).rev() {
        let output = &mut layers[index].output;
        (output.height, output.width) =
            (needs[index + 1].0.min(output.height), needs[index + 1].1.min(output.width));
        let output = *output;
        let sources = std::iter::once(specs[index].source.unwrap_or(index)).chain(specs[index].skip);
        for (term, node) in layers[index].terms.iter().zip(sources) {
            let (height, width) = term.live_source(output);
            needs[node] = (height.max(needs[node].0), width.max(needs[node].1));
        }
    }
    for index in 0..layers.len() {
        if let Some(source) = specs[index].source.unwrap_or(index).checked_sub(1) {
            let input = layers[source].output;
            layers[index].kernel_mut().unwrap().input = input;
        }
    }
}

/// A quantised network with an execution.
pub struct Case {
    pub graph: Graph<Fixed>,
    pub trace: Trace,
}

impl Case {
    pub fn new(input: Planes, specs: &[Spec], signed: bool, seed: u64) -> Self {
        Self::try_new(input, specs, signed, seed).unwrap()
    }

    /// Fails where the bits of the tests cannot represent a layer.
    pub fn try_new(input: Planes, specs: &[Spec], signed: bool, seed: u64) -> Result<Self, QuantiseError> {
        Self::with_weight_bits(6, input, specs, signed, seed)
    }

    /// The same with weights of so many bits.
    pub fn with_weight_bits(
        weight_bits: u32,
        input: Planes,
        specs: &[Spec],
        signed: bool,
        seed: u64,
    ) -> Result<Self, QuantiseError> {
        Self::of_layers(weight_bits, &network(input, specs, seed), signed, seed)
    }

    /// A network of merged layers.
    pub fn of_layers(
        weight_bits: u32,
        float: &Graph<Fused>,
        signed: bool,
        seed: u64,
    ) -> Result<Self, QuantiseError> {
        let Some((_, Fused::Input(input))) = float.nodes().next() else { panic!("a graph starts with its input") };
        let mut numbers = Numbers::new(seed + 1000);
        let sample: Vec<f64> =
            (0..input.len()).map(|_| if signed { numbers.real() } else { numbers.real().abs() }).collect();
        let options = QuantiseOptions { input_bits: 6, weight_bits, table_bits: 8, ..QuantiseOptions::default() };
        let graph = quantise(float, std::slice::from_ref(&sample), &options)?;
        let trace = execute(&graph, &sample).unwrap();
        Ok(Self { graph, trace })
    }

    /// A network of float operators. Fails where the bits of the tests cannot represent a layer.
    pub fn of_operators(graph: &Graph<Float>, seed: u64) -> Result<Self, QuantiseError> {
        let mut numbers = Numbers::new(seed + 1000);
        let shape = graph.nodes().next().unwrap().1.shape;
        let sample: Vec<f64> = (0..shape.len()).map(|_| numbers.real()).collect();
        let options =
            QuantiseOptions { input_bits: 6, weight_bits: 6, table_bits: 7, ..QuantiseOptions::default() };
        let graph = quantise(&fuse(graph).unwrap(), std::slice::from_ref(&sample), &options)?;
        let trace = execute(&graph, &sample).unwrap();
        Ok(Self { graph, trace })
    }

    pub fn plan(&self, visibility: Visibility) -> Plan {
        let options =
            PlanOptions { visibility, max_k: 14, family: Some(Family::Streams), ..PlanOptions::default() };
        plan(&self.graph, &options).unwrap()
    }
}

/// The tables accept exactly the values that the executor does.
fn check_ranges(case: &Case, plan: &Plan) {
    let layout = plan.layout.as_streams().unwrap();
    for home in &layout.homes {
        for channel in 0..home.shape.channels {
            let table = home.table(channel).map(|table| &layout.tables[table].kind);
            let Some(TableKind::Activation { lo, hi, .. }) = table else { continue };
            let range = match home.content {
                Content::Ones => continue,
                Content::Input => plan.input_range,
                Content::Layer(place) => match case.graph.nodes().nth(place).map(|(_, node)| node) {
                    Some(Fixed::Layer(FixedLayer {
                        finish: FixedFinish { kind: OutputKind::Requantise { range, shift, .. }, .. },
                        ..
                    })) => {
                        let split = layout.knobs.requantise[place - 1] == Requantise::Split;
                        let shift = if split { 0 } else { shift.of(channel) };
                        ValueRange { lo: range.lo << shift, hi: ((range.hi + 1) << shift) - 1, ..*range }
                    }
                    other => panic!("{other:?} has a table"),
                },
            };
            assert_eq!((*lo, *hi), (range.lo, range.hi));
        }
    }
}

/// An honest witness of the planned circuit is accepted.
pub fn accept(name: &str, case: &Case, plan: Plan) {
    check_ranges(case, &plan);
    plan.check_model(&case.graph).unwrap();
    let proof = Proof::new(case, plan);
    let mut cs = ConstraintSystem::default();
    let params = CircuitParams(Some(proof.plan.clone()));
    InferenceCircuit::configure_with_params(&mut cs, params);
    let grid = Grid::of(&proof.plan, &case.graph).unwrap();
    check_shape(&proof.plan, &cs, &grid).unwrap_or_else(|error| panic!("{name}: {error}"));
    proof.check(proof.witness.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
}

pub const PRIVATE: Visibility = Visibility { input: InputMode::Private, weights: WeightMode::Private };

/// Everything that a mock proof needs.
pub struct Proof {
    pub plan: Arc<Plan>,
    pub layout: Streams,
    pub grid: FixedGrid,
    pub witness: Witness,
    pub instance: Vec<Vec<Scalar>>,
}

impl Proof {
    pub fn new(case: &Case, plan: Plan) -> Self {
        let layout = plan.layout.as_streams().unwrap().clone();
        let weights = WeightTape::of(&layout, &case.graph).unwrap();
        let grid = FixedGrid::of(&layout, &weights).unwrap();
        let witness = Witness::of(&layout, &case.graph, &case.trace, &grid).unwrap();
        let input: Vec<i64> = case.trace.values[0].iter().copied().collect();
        let instance = instance_columns(&plan, &case.trace.output(), shown(&plan, &input)).unwrap();
        let instance = instance.iter().map(|column| column.iter().map(|&v| field(v)).collect()).collect();
        Self { plan: Arc::new(plan), layout, grid, witness, instance }
    }

    /// Runs the mock prover on a witness; `Err` describes the first failure.
    pub fn check(&self, witness: Witness) -> Result<(), String> {
        let grid = Arc::new(Grid::Streams(Box::new(self.grid.clone())));
        let witness = Arc::new(zklayout_circuit::Witness::Streams(witness));
        let circuit = InferenceCircuit::with_witness(self.plan.clone(), grid, witness);
        let prover = MockProver::run(self.plan.k(), &circuit, self.instance.clone()).unwrap();
        // halo2 panics while describing a failed row that also queries a blinding row; that too is a rejection.
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| prover.verify()));
        match verdict {
            Ok(result) => {
                result.map_err(|failures| format!("{} failures, first: {}", failures.len(), failures[0]))
            }
            Err(_) => Err("a constraint fails beside a blinding row".to_owned()),
        }
    }
}

/// The values of an input that a plan makes public.
pub fn shown<'a>(plan: &Plan, input: &'a [i64]) -> &'a [i64] {
    &input[..plan.visibility().shown(plan.input_shape).len()]
}

pub fn field(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Networks that between them use every layout.
#[expect(clippy::too_many_lines, reason = "a list of cases")]
pub fn cases() -> Vec<(&'static str, Planes, Vec<Spec>, bool)> {
    vec![
        ("one dense layer", Planes::vector(5), vec![dense(3, NONE)], false),
        ("perceptron", Planes::vector(7), vec![dense(6, RELU), dense(4, RELU), dense(3, NONE)], true),
        ("valid convolution", Planes::new(2, 5, 5), vec![conv(3, 3, 0, RELU), dense(2, NONE)], false),
        (
            "padded convolutions",
            Planes::new(1, 6, 5),
            vec![conv(2, 3, 1, RELU), conv(2, 3, 1, RELU), dense(2, NONE)],
            true,
        ),
        ("image output", Planes::new(1, 6, 6), vec![conv(2, 3, 1, RELU), conv(1, 3, 0, NONE)], false),
        ("activated output", Planes::new(1, 4, 4), vec![conv(2, 3, 0, RELU1)], false),
        (
            "pools",
            Planes::new(1, 14, 14),
            vec![conv(3, 3, 0, RELU1), conv(4, 3, 0, RELU).pooled(2), dense(5, RELU).pooled(2), dense(2, NONE)],
            false,
        ),
        (
            "padded pools",
            Planes::new(2, 8, 8),
            vec![conv(3, 5, 2, RELU), conv(4, 3, 1, RELU).pooled(2), dense(3, NONE).pooled(2)],
            false,
        ),
        (
            "strides",
            Planes::new(2, 9, 9),
            vec![conv(3, 3, 1, RELU).strided(2), conv(3, 3, 1, RELU).strided(2), dense(3, NONE)],
            true,
        ),
        (
            "strided pointwise",
            Planes::new(2, 7, 7),
            vec![conv(3, 1, 0, RELU).strided(2), conv(2, 3, 0, NONE)],
            false,
        ),
        (
            "depthwise",
            Planes::new(3, 6, 6),
            vec![
                conv(0, 3, 1, RELU1).depthwise(),
                conv(4, 1, 0, RELU),
                conv(0, 1, 0, NONE).depthwise(),
                dense(2, NONE),
            ],
            true,
        ),
        ("wide padding", Planes::new(1, 4, 4), vec![conv(2, 1, 1, RELU), conv(1, 1, 1, NONE)], true),
        ("wide padding, flattened", Planes::new(1, 4, 4), vec![conv(2, 2, 2, RELU), dense(2, NONE)], false),
        (
            "nothing but padding read",
            Planes::new(1, 4, 11),
            vec![
                conv(2, 1, 1, RELU).strided(2),
                conv(0, 1, 0, RELU).depthwise().strided(2),
                conv(0, 1, 0, RELU).depthwise().strided(2),
                dense(4, NONE),
            ],
            true,
        ),
        ("unread pixels", Planes::new(1, 8, 8), vec![conv(2, 3, 0, RELU).strided(2), dense(2, NONE)], false),
        (
            "averages after nothing",
            Planes::new(2, 6, 6),
            vec![conv(0, 3, 0, NONE).depthwise(), conv(2, 3, 0, NONE)],
            false,
        ),
        ("total", Planes::new(2, 5, 5), vec![conv(3, 3, 1, RELU), conv(2, 1, 0, NONE).pooled(5)], false),
        (
            "total of strides",
            Planes::new(1, 9, 9),
            vec![conv(2, 3, 1, RELU).strided(2), conv(3, 1, 0, RELU).pooled(5), dense(2, NONE)],
            true,
        ),
        ("total of the input", Planes::new(3, 4, 4), vec![conv(2, 1, 0, RELU).pooled(4), dense(2, NONE)], true),
        ("pool first", Planes::new(2, 8, 8), vec![conv(3, 3, 1, RELU).pooled(2), dense(2, NONE)], false),
        ("pooled vector", Planes::new(2, 4, 4), vec![dense(3, NONE).pooled(2)], false),
        (
            "signed activations",
            Planes::new(1, 6, 6),
            vec![conv(2, 3, 0, NONE), conv(2, 3, 1, NONE), dense(2, NONE)],
            true,
        ),
        (
            "residual block",
            Planes::new(1, 6, 6),
            vec![conv(2, 3, 1, RELU), conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).plus(1), dense(2, NONE)],
            true,
        ),
        (
            "residual block with a strided shortcut",
            Planes::new(2, 8, 8),
            vec![
                conv(2, 3, 1, RELU),
                conv(3, 1, 0, NONE).strided(2),
                conv(3, 3, 1, RELU).strided(2).reading(1),
                conv(3, 3, 1, RELU).plus(2),
                conv(3, 3, 1, RELU),
                conv(3, 3, 1, NONE).plus(4),
                conv(2, 1, 0, NONE).pooled(4),
            ],
            false,
        ),
        (
            "input added to a cropped output",
            Planes::new(2, 7, 7),
            vec![conv(2, 3, 1, RELU).plus(0), conv(2, 3, 0, RELU).strided(2), dense(2, NONE)],
            true,
        ),
        (
            "inverted bottleneck",
            Planes::new(2, 6, 6),
            vec![
                conv(5, 1, 0, RELU1),
                conv(0, 3, 1, RELU1).depthwise(),
                conv(2, 1, 0, NONE).plus(0),
                conv(0, 1, 0, RELU).depthwise().plus(3),
                dense(2, NONE),
            ],
            true,
        ),
        (
            "residual vectors",
            Planes::vector(5),
            vec![dense(5, RELU), dense(5, RELU).plus(0), dense(5, NONE).plus(1)],
            true,
        ),
    ]
}

/// A random chain: convolutions of all kinds, then perhaps dense layers.
pub fn random_network(numbers: &mut Numbers) -> (Planes, Vec<Spec>) {
    let input = Planes::new(1 + numbers.below(3), 4 + numbers.below(8), 4 + numbers.below(8));
    let (mut height, mut width) = (input.height, input.width);
    let mut specs = Vec::new();
    for _ in 0..1 + numbers.below(3) {
        let window = if height.min(width) >= 6 && numbers.below(3) == 0 { 2 } else { 1 };
        (height, width) = (height / window, width / window);
        let size = 1 + numbers.below(3.min(height).min(width));
        let padding = numbers.below(size + 1);
        let stride = 1 + numbers.below(2);
        let clamp = [RELU, RELU1, NONE][numbers.below(3)];
        let depthwise = numbers.below(4) == 0;
        let kernel = Some((size, size));
        let outputs = 1 + numbers.below(4);
        let spec = Spec { kernel, stride, padding, window, depthwise, ..conv(outputs, 1, 0, clamp) };
        specs.push(spec);
        let extent = |full: usize| (full + 2 * padding - size) / stride + 1;
        (height, width) = (extent(height), extent(width));
        if numbers.below(3) == 0 {
            // A residual block: the shape stays, so that what came before can be added.
            let channels = if depthwise { None } else { Some(outputs) };
            if let Some(channels) = channels {
                let node = specs.len();
                specs.push(conv(channels, 3, 1, clamp));
                specs.push(conv(channels, 3, 1, RELU).plus(node));
            }
        }
    }
    for _ in 0..numbers.below(3) {
        specs.push(dense(1 + numbers.below(5), RELU));
    }
    (input, specs)
}
