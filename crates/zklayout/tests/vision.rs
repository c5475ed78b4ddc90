//! Trained vision and audio networks: they import as they are, and their integers agree with their floats.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Ix2, Ix4, OwnedRepr};
use ndarray_npy::NpzReader;
use zklayout::graph::{Fixed, FixedInput};
use zklayout::prover::{DEVELOPMENT_SEED, keygen, prove};
use zklayout::{Model, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Srs, verify};

/// Name, and the largest difference of an output from the float model's.
const NETWORKS: [(&str, f64); 3] = [("resnet8", 0.2), ("ds_cnn", 0.2), ("mobilenet_vww", 0.025)];
/// Share of samples on which both models must choose the same class.
const LEAST_AGREEMENT: f64 = 0.99;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn quantised(name: &str) -> (Model, QuantisedModel, Samples) {
    let model = Model::load(fixture(&format!("models/{name}.onnx"))).unwrap();
    let samples = Samples::read(fixture(&format!("inputs/{name}.npz")), model.input_shape()).unwrap();
    let options = QuantiseOptions { weight_bits: 12, table_bits: 13, ..QuantiseOptions::default() };
    let quantised = model.quantise(&samples.inputs, &options).unwrap();
    (model, quantised, samples)
}

/// The same network in bytes, its inputs less the zero point, and the stored logits that the reference kernels give.
fn stored(name: &str) -> (QuantisedModel, Vec<Vec<i64>>, Vec<Vec<i64>>) {
    let model = QuantisedModel::load(fixture(&format!("models/{name}_int8.tflite"))).unwrap();
    let zero_point = match model.graph().nodes().next() {
        Some((_, Fixed::Input(FixedInput { stored: Some(stored), .. }))) => stored.zero_point,
        other => panic!("{name}: {other:?} is not stored in bytes"),
    };
    let mut golden = NpzReader::new(File::open(fixture(&format!("inputs/{name}_int8.npz"))).unwrap()).unwrap();
    let inputs = golden.by_name::<OwnedRepr<i8>, Ix4>("inputs").unwrap();
    let planes = inputs
        .outer_iter()
        .map(|input| input.permuted_axes([2, 0, 1]).iter().map(|&byte| i64::from(byte) - zero_point).collect());
    let logits = golden.by_name::<OwnedRepr<i8>, Ix2>("logits").unwrap();
    let rows = logits.outer_iter().map(|row| row.iter().map(|&byte| i64::from(byte)).collect());
    (model, planes.collect(), rows.collect())
}

/// The heavy job.
#[test]
#[ignore = "a minute"]
fn networks_in_bytes_are_proven_bit_for_bit() {
    for (name, _) in NETWORKS {
        let (model, inputs, logits) = stored(name);
        let plan = model.plan(&PlanOptions::default()).unwrap();
        let srs = Srs::development(plan.k(), DEVELOPMENT_SEED).unwrap();
        let key = keygen(&srs, &plan, model.graph()).unwrap();
        assert_eq!(inputs.len(), 20, "{name}");
        for (sample, (input, expected)) in inputs.iter().zip(&logits).enumerate() {
            let trace = model.run_integers(input).unwrap();
            let bytes = plan.output_bytes(&trace.output()).unwrap();
            assert_eq!(bytes, *expected, "{name}, sample {sample}");
            if sample % 10 > 0 {
                continue;
            }
            let bundle = prove(&srs, &key, model.graph(), &trace, &[]).unwrap();
            let public = verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
            assert_eq!(public.output_stored.as_ref(), Some(expected), "{name}");
            let mut other = bundle;
            other.output[0] += 1;
            assert!(verify(srs.verifier(), key.verifying(), &other, &[]).is_err(), "{name}");
        }
        println!("{name}: proven in bytes on 2^{} rows", plan.k());
    }
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
        let bundle = prove(&srs, &key, quantised.graph(), &trace, &[]).unwrap();
        let public = verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
        assert_eq!(public.output, trace.output(), "{name}");
        let mut other = bundle;
        other.output[0] += 1;
        assert!(verify(srs.verifier(), key.verifying(), &other, &[]).is_err(), "{name}");
        println!("{name}: proven on 2^{} rows", plan.k());
    }
}
