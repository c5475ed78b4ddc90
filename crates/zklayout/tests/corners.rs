//! Corner cases through real proofs: what the executor refuses, no plan, prover or verifier accepts.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ndarray::{Array3, Array4};
use zklayout::graph::{
    Clamp, Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Graph, Kernel, OutputKind, Padding,
    PerChannel, Planes, RangeSource, Rescale, Scaling, Stored, ValueRange, execute,
};
use zklayout::plan::{DirectKnobs, DotVariant, Family, InputMode, Knobs, ReluVariant, Visibility, WeightMode};
use zklayout::prover::{keygen, prove};
use zklayout::{Plan, PlanOptions, ProvingKey, Srs, Trace, verify};
use zklayout_model::execute_integers;

const PRIVATE: Visibility = Visibility { input: InputMode::Private, weights: WeightMode::Private };

/// The plan and key of a model.
struct Setup {
    srs: Srs,
    key: ProvingKey,
}

impl Setup {
    fn new(plan: &Plan, model: &Graph<Fixed>) -> Self {
        let srs = Srs::development(plan.k(), 1).unwrap();
        let key = keygen(&srs, plan, model).unwrap();
        Self { srs, key }
    }

    /// What the verifier says to a prover who holds weights and an execution of its own.
    fn attempt(&self, held: &Graph<Fixed>, trace: &Trace) -> Result<Vec<i64>, String> {
        let bundle = prove(&self.srs, &self.key, held, trace, &[]).map_err(|error| format!("prove: {error}"))?;
        let public = verify(self.srs.verifier(), self.key.verifying(), &bundle, &[]);
        Ok(public.map_err(|error| format!("verify: {error}"))?.output)
    }
}

/// The graph with changed layers.
fn changed(graph: &Graph<Fixed>, change: impl Fn(usize, &mut FixedLayer)) -> Graph<Fixed> {
    let mut other = Graph::new();
    for (id, node) in graph.nodes() {
        let mut node = node.clone();
        if let Fixed::Layer(layer) = &mut node {
            change(id.index(), layer);
        }
        other.add(node, &graph.inputs(id));
    }
    other
}

fn layer(graph: &Graph<Fixed>, place: usize) -> &FixedLayer {
    match graph.nodes().nth(place) {
        Some((_, Fixed::Layer(layer))) => layer,
        _ => panic!("no layer at {place}"),
    }
}

fn dense(kernel: &[&[i64]], bias: &[i64], kind: OutputKind) -> FixedLayer {
    let (outputs, inputs) = (kernel.len(), kernel[0].len());
    let kernel = Kernel {
        input: Planes::vector(inputs),
        window: 1,
        weights: Array4::from_shape_vec((outputs, inputs, 1, 1), kernel.concat()).unwrap(),
        groups: 1,
        stride: 1,
        padding: Padding::default(),
    };
    let finish = FixedFinish { weight_bits: 9, accumulator_scale: PerChannel::uniform(0), kind };
    let (output, terms) = (Planes::vector(outputs), vec![kernel.into()]);
    FixedLayer { name: "dense".into(), output, terms, bias: bias.to_vec(), finish }
}

fn chain(range: (i64, i64), stored: Option<Stored>, layers: Vec<FixedLayer>) -> Graph<Fixed> {
    let range = ValueRange { lo: range.0, hi: range.1, source: RangeSource::WorstCase };
    let shape = layers[0].kernel().unwrap().input;
    let mut graph = Graph::new();
    let mut last =
        graph.add(Fixed::Input(FixedInput { shape, scale: PerChannel::uniform(0), range, stored }), &[]);
    for layer in layers {
        last = graph.add(Fixed::Layer(layer), &[last]);
    }
    graph
}

/// A layer in bytes whose second channel has steps of 2^30 accumulators. The first channel's table has 128 of them.
fn in_bytes() -> Graph<Fixed> {
    let stored = Stored { unit: 0.1, zero_point: 0 };
    let kernel: [&[i64]; 2] = [&[3, -2, 5, 1], &[1, 2, 3, 4]];
    let rounding = |reach| {
        let scaling = Scaling::Factors(vec![0.05, f64::powi(2.0, -30)]);
        OutputKind::Rescale(Rescale { scaling, stored, lo: 0, hi: 127, reach })
    };
    let mut layer = dense(&kernel, &[10, 1 << 29], rounding(vec![]));
    layer.finish.kind = rounding(layer.reach(&[(-128, 127)]).unwrap());
    chain((-128, 127), Some(stored), vec![layer])
}

/// The reference kernels' accumulators have 32 bits, which a prover's own weights may leave.
#[test]
fn accumulators_beyond_32_bits_are_refused() {
    let model = in_bytes();
    let plan = zklayout_plan::plan(&model, &PlanOptions::default()).unwrap();
    let setup = Setup::new(&plan, &model);
    let input = [7, -3, 11, 2];
    let dot = |kernel: [i64; 4]| kernel.iter().zip(input).map(|(w, x)| w * x).sum::<i64>();
    let first = ((dot([3, -2, 5, 1]) + 10) as f64 * 0.05).round() as i64;
    let beyond = i64::from(i32::MAX) + 1;
    for (accumulator, value, fits) in [
        ((1 << 29) + dot([1, 2, 3, 4]), 1, true),
        (1 << 30, 1, true),
        (1 << 28, 0, true),
        (beyond, 2, false),
        (3_000_000_000, 3, false),
        (30_000_000_000, 28, false),
        (-beyond - 1, 0, false),
        (-3_000_000_000, 0, false),
    ] {
        let bias = accumulator - dot([1, 2, 3, 4]);
        let held = changed(&model, |_, layer| layer.bias[1] = bias);
        assert_eq!(execute_integers(&held, &input).is_ok(), fits, "executor on {accumulator}");
        let array = |values: &[i64]| Array3::from_shape_vec((values.len(), 1, 1), values.to_vec()).unwrap();
        let trace = Trace {
            accumulators: vec![array(&input), array(&[dot([3, -2, 5, 1]) + 10, accumulator])],
            values: vec![array(&input), array(&[first, value])],
        };
        match setup.attempt(&held, &trace) {
            Ok(output) => assert!(fits && output == [first, value], "{accumulator} is accepted"),
            Err(reason) => {
                assert!(!fits && reason.contains("has no entry in its lookup table"), "{accumulator}: {reason}")
            }
        }
    }
}

/// Two rounded layers with ranges that are no power of two.
fn rounded() -> Graph<Fixed> {
    let kind = |shift, lo, (least, most)| {
        let activation = FixedActivation::Clamp(Clamp { lo, hi: None });
        let range = ValueRange { lo: least, hi: most, source: RangeSource::Calibrated };
        OutputKind::Requantise { shift: PerChannel::uniform(shift), activation, range }
    };
    let first = dense(&[&[9, 4, -7], &[-3, 8, 5]], &[30, -20], kind(3, Some(0), (-37, 41)));
    let second = dense(&[&[3, -5], &[2, 7]], &[1, 2], kind(0, None, (-150, 300)));
    chain((-31, 31), None, vec![first, second])
}

/// Digits hold a power of two of quotients, the calibrated range is any.
#[test]
fn digits_beyond_the_calibrated_range_are_refused() {
    let model = rounded();
    let wide = changed(&model, |_, layer| {
        if let OutputKind::Requantise { range, .. } = &mut layer.finish.kind {
            (range.lo, range.hi) = (range.lo - 1000, range.hi + 1000);
        }
    });
    let quotient = |trace: &Trace, node: usize, channel: usize| {
        let OutputKind::Requantise { shift, .. } = &layer(&model, node).finish.kind else {
            panic!("it is rounded")
        };
        let shift = shift.of(channel);
        let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
        (trace.accumulators[node][[channel, 0, 0]] + half) >> shift
    };
    let mut beyond = std::collections::BTreeSet::new();
    for columns in [8, 12] {
        let relu = ReluVariant::Bits;
        let knobs = DirectKnobs { k: 11, columns, dot: DotVariant::Plain, relu, slots: 2 };
        let setup = Setup::new(&Plan::realise(&model, PRIVATE, &Knobs::Direct(knobs)).unwrap(), &model);
        for input in [
            [0, 0, 0],
            [31, -1, 0],
            [30, 10, 2],
            [31, 10, 0],
            [31, 31, 0],
            [-31, 3, 0],
            [-31, -4, -3],
            [5, 31, 18],
        ] {
            let input: Vec<f64> = input.map(f64::from).to_vec();
            let trace = execute(&wide, &input).unwrap();
            let fits = execute(&model, &input).is_ok();
            let outcome = setup.attempt(&model, &trace);
            let quotients = [1, 2].map(|node| [0, 1].map(|channel| quotient(&trace, node, channel)));
            assert_eq!(outcome.is_ok(), fits, "quotients {quotients:?}, {columns} columns: {outcome:?}");
            beyond.insert((fits, quotients));
        }
    }
    assert!(
        beyond.iter().filter(|(fits, _)| *fits).count() >= 2
            && beyond.iter().filter(|(fits, _)| !fits).count() >= 3
    );
}

/// The layers' weights are looked up in one table: they have one number of bits, which the executor holds them to.
#[test]
fn weights_of_other_bits_are_refused() {
    let with = |bits: [u32; 2], weight: i64| {
        changed(&rounded(), |place, layer| {
            layer.finish.weight_bits = bits[place - 1];
            layer.kernel_mut().unwrap().weights[[0, 0, 0, 0]] = if place == 1 { weight } else { 3 };
        })
    };
    let options = PlanOptions { family: Some(Family::Streams), ..PlanOptions::default() };
    // A table for the wider layer would hold a weight of 12 in 4 bits.
    for bits in [[4, 9], [9, 4]] {
        let error = zklayout_plan::plan(&with(bits, 7), &options).unwrap_err().to_string();
        assert!(error.contains("one table holds all"), "{error}");
    }
    let input = [1.0, 2.0, 3.0];
    let trace = execute(&with([9, 9], 12), &input).unwrap();
    for (bits, weight) in [(4, 12), (4, 8), (4, -9), (5, 100)] {
        let error = execute(&with([bits, 9], weight), &input).unwrap_err().to_string();
        assert!(error.contains("does not fit"), "{error}");
    }
    let direct = DirectKnobs { k: 11, columns: 8, dot: DotVariant::Plain, relu: ReluVariant::Lookup, slots: 2 };
    let fixed = Visibility { weights: WeightMode::Fixed, ..PRIVATE };
    for (visibility, weight, fits) in [(PRIVATE, 7, true), (PRIVATE, 12, false), (fixed, 12, false)] {
        let (model, held) = (with([4, 4], 7), with([4, 4], weight));
        let held = changed(&held, |_, layer| {
            layer.kernel_mut().unwrap().weights.mapv_inplace(|w| if w == 12 { w } else { w.clamp(-8, 7) })
        });
        let model =
            changed(&model, |_, layer| layer.kernel_mut().unwrap().weights.mapv_inplace(|w| w.clamp(-8, 7)));
        let run = execute(&held, &input);
        assert_eq!(run.is_ok(), fits);
        let run = run.unwrap_or_else(|_| trace.clone());
        let streams = zklayout_plan::plan(&model, &PlanOptions { visibility, ..options.clone() }).unwrap();
        for plan in [streams, Plan::realise(&model, visibility, &Knobs::Direct(direct)).unwrap()] {
            match Setup::new(&plan, &model).attempt(&held, &run) {
                Ok(_) => assert!(fits, "a weight of {weight} in 4 bits is accepted"),
                Err(reason) => assert!(!fits && reason.contains("does not fit"), "{reason}"),
            }
        }
    }
}
