//! Real proofs of layouts of the family `direct`, and one of a changed output that is refused.
#![allow(missing_docs, clippy::unwrap_used)]

use ndarray::Array4;
use zklayout::graph::{Activation, Clamp, Fixed, Graph, Planes};
use zklayout::plan::{DirectKnobs, DotVariant, InputMode, Knobs, ReluVariant, Visibility, WeightMode};
use zklayout::prover::{ProverError, keygen, prove};
use zklayout::{Plan, QuantiseOptions, Srs, verify};
use zklayout_model::{FloatFinish, Fused, FusedLayer, Kernel, Padding, Precision, execute, quantise};

/// A padded convolution, then window means and a dense layer.
fn network() -> Graph<Fused> {
    let weight = |place: usize| (place * 7 % 11) as f64 / 11.0 - 0.4;
    let linear = |input: Planes, window: usize, kernel: (usize, usize, usize, usize), pad: usize| {
        let weights = (0..kernel.0 * kernel.1 * kernel.2 * kernel.3).map(weight).collect();
        let (shape, bias) = (kernel, (0..kernel.0).map(weight).collect());
        let kernel = Kernel {
            input,
            window,
            weights: Array4::from_shape_vec(shape, weights).unwrap(),
            groups: 1,
            stride: 1,
            padding: Padding { top: pad, left: pad, bottom: pad, right: pad },
        };
        (kernel, bias)
    };
    let input = Planes::new(1, 4, 4);
    let mut graph = Graph::new();
    let first = linear(input, 1, (2, 1, 3, 3), 1);
    let second = linear(first.0.output(), 2, (3, 2, 2, 2), 0);
    let start = graph.add(Fused::Input(input), &[]);
    let relu = Clamp { lo: Some(0.0), hi: None };
    let hidden = graph.add(layer("hidden", first, relu), &[start]);
    graph.add(layer("output", second, Clamp::none()), &[hidden]);
    graph
}

fn layer(name: &str, (kernel, bias): (Kernel<f64>, Vec<f64>), clamp: Clamp<f64>) -> Fused {
    let finish = FloatFinish { activation: Activation::Clamp(clamp), precision: Precision::Calibrated };
    let (name, output) = (name.into(), kernel.output());
    Fused::Layer(FusedLayer { name, output, terms: vec![kernel.into()], bias, finish })
}

fn check(graph: &Graph<Fixed>, input: &[f64], visibility: Visibility, knobs: DirectKnobs) {
    let plan = Plan::realise(graph, visibility, &Knobs::Direct(knobs)).unwrap();
    let plan = Plan::from_json(&plan.to_json().unwrap()).unwrap();
    let srs = Srs::development(plan.k(), 1).unwrap();
    let key = keygen(&srs, &plan, graph).unwrap();
    let trace = execute(graph, input).unwrap();
    let bundle = prove(&srs, &key, graph, &trace, &[]).unwrap();
    assert_eq!(bundle.proof.len(), plan.shape.proof_bytes);
    let public = verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
    assert_eq!(public.output, trace.output());
    let mut other = bundle.clone();
    other.output[0] += 1;
    let refused = |result| matches!(result, Err(ProverError::Invalid(_)));
    assert!(refused(verify(srs.verifier(), key.verifying(), &other, &[])));
    if visibility.shows_input() {
        let mut other = bundle;
        other.input.as_mut().unwrap()[3] ^= 1;
        assert!(refused(verify(srs.verifier(), key.verifying(), &other, &[])));
    }
}

#[test]
fn every_variant_is_proven_and_verified() {
    let input: Vec<f64> = (0..16).map(|place| f64::from(place) / 16.0).collect();
    let options = QuantiseOptions { input_bits: 6, weight_bits: 6, table_bits: 8, ..QuantiseOptions::default() };
    let graph = quantise(&network(), std::slice::from_ref(&input), &options).unwrap();
    for dot in [DotVariant::Plain, DotVariant::Running] {
        for relu in [ReluVariant::Lookup, ReluVariant::Bits] {
            let weights = if relu == ReluVariant::Bits { WeightMode::Fixed } else { WeightMode::Private };
            let visibility = Visibility { input: InputMode::public_if(dot == DotVariant::Plain), weights };
            check(&graph, &input, visibility, DirectKnobs { k: 11, columns: 8, dot, relu, slots: 2 });
        }
    }
}
