//! Trained vision and audio networks: they import as they are, and their integers agree with their floats.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use zklayout::{
    DEVELOPMENT_SEED, Model, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Srs, keygen, prove, verify,
};

/// Name, and the largest difference of an output from the float model's.
const NETWORKS: [(&str, f64); 3] = [("resnet8", 0.2), ("ds_cnn", 0.2), ("mobilenet_vww", 0.02)];
/// Share of samples on which both models must choose the same class.
const LEAST_AGREEMENT: f64 = 0.99;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn quantised(name: &str) -> (Model, QuantisedModel, Samples) {
    let model = Model::load(fixture(&format!("models/{name}.onnx"))).unwrap();
    let samples = Samples::read(&fixture(&format!("inputs/{name}.npz")), model.input_shape()).unwrap();
    let options = QuantiseOptions { weight_bits: 12, table_bits: 13, ..QuantiseOptions::default() };
    let quantised = model.quantise(&samples.inputs, &options).unwrap();
    (model, quantised, samples)
}

fn largest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
}

#[test]
fn integers_choose_what_floats_do() {
    for (name, bound) in NETWORKS {
        let (model, quantised, samples) = quantised(name);
        assert_eq!(samples.inputs.len(), 20, "{name}");
        let (mut same, mut error) = (0, 0.0f64);
        for input in &samples.inputs {
            let float = model.float_output(input).unwrap();
            let integer = quantised.dequantise(&quantised.run(input).unwrap());
            same += usize::from(largest(&float) == largest(&integer));
            error = float.iter().zip(&integer).fold(error, |error, (a, b)| error.max((a - b).abs()));
        }
        println!("{name}: same class on {same} of {}, outputs within {error:.4}", samples.inputs.len());
        assert!(same as f64 >= LEAST_AGREEMENT * samples.inputs.len() as f64, "{name}: {same}");
        assert!(error <= bound, "{name}: {error}");
    }
}

/// The heavy job: `cargo test --release --workspace --test vision -- --ignored --nocapture`.
#[test]
#[ignore = "a minute"]
fn trained_networks_are_proven() {
    for (name, _) in NETWORKS {
        let (_, quantised, samples) = quantised(name);
        let plan = quantised.plan(&PlanOptions::default()).unwrap();
        let srs = Srs::development(plan.k(), DEVELOPMENT_SEED).unwrap();
        let key = keygen(&srs, &plan, quantised.graph()).unwrap();
        let trace = quantised.run(&samples.inputs[0]).unwrap();
        let bundle = prove(&srs, &key, quantised.graph(), &trace).unwrap();
        let public = verify(srs.verifier(), key.verifying(), &bundle).unwrap();
        assert_eq!(public.output, trace.output(), "{name}");
        let mut other = bundle;
        other.output[0] += 1;
        assert!(verify(srs.verifier(), key.verifying(), &other).is_err(), "{name}");
        println!("{name}: proven on 2^{} rows", plan.k());
    }
}
