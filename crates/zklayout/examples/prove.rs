//! Proves the inference of a model file, and verifies the proof.
//!
//! Run it with a model (ONNX, or int8 TensorFlow Lite) and an input, and samples that choose the scales of a float model:
//! `cargo run --release --example prove -- fixtures/models/mnist_cnn.onnx fixtures/inputs/digit_7.npy
//! fixtures/models/mnist_cnn.samples.npz`.

use zklayout::{AnyModel, PlanOptions, QuantiseOptions, Samples, Setup, Srs, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, input, samples @ ..] = arguments.as_slice() else {
        return Err("give a model, an input, and samples for a float model".into());
    };
    let model = AnyModel::open(path)?;
    let input = Samples::read(input, model.input_shape())?;
    let samples = match samples.first() {
        Some(samples) => Samples::read(samples, model.input_shape())?.inputs,
        None => Vec::new(),
    };
    let quantised = model.quantise(&samples, &QuantiseOptions::default())?;
    let plan = quantised.plan(&PlanOptions::default())?;
    println!("{plan}");

    // Anyone can forge proofs under these powers; `Srs::from_file` reads a ceremony's.
    let srs = Srs::development(plan.k(), 0)?;
    let setup = Setup::new(quantised, &plan, &srs)?;
    let bundle = setup.prove(&srs, &input.inputs[0], b"a nonce of the verifier's")?;
    let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"a nonce of the verifier's")?;
    println!("{} bytes show the output {:?}", bundle.proof.len(), public.output_values);
    Ok(())
}
