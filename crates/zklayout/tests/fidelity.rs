//! Integers answer what the float model answers, or there are none: models that once came out as something else, and tables
//! whose columns differ in size by many powers of ten.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use zklayout::prover::{keygen, prove};
use zklayout::{Error, Model, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Srs, verify};

/// Largest difference from onnxruntime's outputs, as a share of their reach.
const MOST_ERROR: f64 = 0.02;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn flat(value: &serde_json::Value) -> Vec<f64> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(flat).collect(),
        serde_json::Value::Object(outputs) => outputs.values().flat_map(flat).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

/// A case's input and onnxruntime's outputs.
fn case(name: &str) -> (Vec<f64>, Vec<f64>) {
    let text = std::fs::read(fixture(&format!("fidelity/{name}.json"))).unwrap();
    let case: serde_json::Value = serde_json::from_slice(&text).unwrap();
    (flat(&case["input"]), flat(&case["expected"]))
}

fn quantise(name: &str, input: &[f64]) -> Result<QuantisedModel, Error> {
    let model = Model::load(fixture(&format!("fidelity/{name}.onnx")))?;
    model.quantise(&[input.to_vec()], &QuantiseOptions::default())
}

#[test]
fn models_that_once_came_out_as_something_else_are_met() {
    let names = [
        "big_in_small_w",
        "bn_wide_act",
        "const_minus_conv",
        "dead_branch_prelu",
        "huge_weights",
        "positions",
        "softplus_100",
        "tab_norm",
        "tie",
        "tiny_weights",
    ];
    for name in names {
        let (input, expected) = case(name);
        let quantised = quantise(name, &input).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = quantised.dequantise(&quantised.run(&input).unwrap());
        let most = |sign: f64| expected.iter().fold(f64::NEG_INFINITY, |most, value| most.max(sign * value));
        let reach = (most(1.0) + most(-1.0)).max(most(1.0)).max(most(-1.0));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= MOST_ERROR * reach, "{name}: {found} is not {expected}");
        }
        let fidelity = quantised.fidelity().unwrap();
        assert!(fidelity.keeps(0.05) && fidelity.samples == 1, "{name}: {fidelity}");
    }
}

/// Constants of each position, in a real proof: the verifier has the executor's output and no other.
#[test]
fn constants_of_positions_are_proven() {
    let (input, expected) = case("positions");
    let quantised = quantise("positions", &input).unwrap();
    let plan = quantised.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k(), 0).unwrap();
    let key = keygen(&srs, &plan, quantised.graph()).unwrap();
    let trace = quantised.run(&input).unwrap();
    let bundle = prove(&srs, &key, quantised.graph(), &trace, b"").unwrap();
    let public = verify(srs.verifier(), key.verifying(), &bundle, b"").unwrap();
    assert_eq!(public.output_values, quantised.dequantise(&trace));
    let reach = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    for (found, expected) in public.output_values.iter().zip(&expected) {
        assert!((found - expected).abs() <= MOST_ERROR * reach, "{found} is not {expected}");
    }
    for place in 0..bundle.output.len() {
        let mut forged = bundle.clone();
        forged.output[place] += 1;
        assert!(verify(srs.verifier(), key.verifying(), &forged, b"").is_err(), "output {place} is free");
    }
}

#[test]
fn operators_of_other_domains_are_refused_by_name() {
    let message = quantise("shadow_domain", &case("shadow_domain").0).unwrap_err().to_string();
    assert!(message.contains("com.example:Relu"), "{message}");
}

/// Weights of two bits answer something else; what is allowed is the caller's.
#[test]
fn other_numbers_are_refused_by_layer_and_channel() {
    let model = Model::load(fixture("fidelity/bn_wide_act.onnx")).unwrap();
    let (input, _) = case("bn_wide_act");
    let quantise = |allow_error: f64| {
        let options = QuantiseOptions { weight_bits: 2, allow_error, ..QuantiseOptions::default() };
        model.quantise(std::slice::from_ref(&input), &options)
    };
    for allowed in [0.05, 0.0] {
        let message = quantise(allowed).unwrap_err().to_string();
        for part in ["layer \"c1\"", "channel", "% of the outputs' reach", &format!("{} %", 100.0 * allowed)] {
            assert!(message.to_lowercase().contains(&part.to_lowercase()), "{message:?} does not say {part:?}");
        }
    }
    assert!(quantise(1.0).is_ok());
    assert!(matches!(quantise(1.5), Err(Error::Quantise(_))));
}

/// Rows that were held out are classified as the float model classifies them; five of them are proven.
fn table(name: &str) {
    let model = Model::load(fixture(&format!("models/{name}.onnx"))).unwrap();
    let read = |path: String| Samples::read(fixture(&path), model.input_shape()).unwrap();
    let (training, held_out) = (read(format!("models/{name}.samples.npz")), read(format!("inputs/{name}.npz")));
    let quantised = model.quantise(&training.inputs, &QuantiseOptions::default()).unwrap();
    let fidelity = model.fidelity(&quantised, &held_out.inputs).unwrap();
    let labels = held_out.labels.unwrap();
    let right = |outputs: Option<Vec<f64>>, label: usize| {
        let largest = |values: &Vec<f64>| (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]));
        usize::from(outputs.as_ref().and_then(largest) == Some(label))
    };
    let (mut float, mut integer) = (0, 0);
    for (input, &label) in held_out.inputs.iter().zip(&labels) {
        float += right(model.float_output(input).ok(), label);
        integer += right(quantised.run(input).ok().map(|trace| quantised.dequantise(&trace)), label);
    }
    println!("{name}: {} rows, float {float} right, integers {integer} right; {fidelity}", labels.len());
    assert!(100 * float >= 95 * labels.len(), "the float model is wrong");
    assert!(100 * float.abs_diff(integer) <= labels.len(), "{name}: {integer} instead of {float} are right");
    let plan = quantised.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k(), 0).unwrap();
    let key = keygen(&srs, &plan, quantised.graph()).unwrap();
    for input in held_out.inputs.iter().take(5) {
        let trace = quantised.run(input).unwrap();
        let bundle = prove(&srs, &key, quantised.graph(), &trace, b"").unwrap();
        let public = verify(srs.verifier(), key.verifying(), &bundle, b"").unwrap();
        assert_eq!(public.output_values, quantised.dequantise(&trace));
    }
}

#[test]
fn rows_of_breast_cancer() {
    table("breast_cancer");
}

#[test]
fn rows_of_wine() {
    table("wine");
}
