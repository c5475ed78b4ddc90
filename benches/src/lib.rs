//! What the benchmarks share: the fixture models, quantised on the samples beside them, and inputs.

use std::path::PathBuf;

use zklayout::{Error, Model, QuantiseOptions, QuantisedModel, Samples};

/// Names of the fixture models whose proofs take seconds at most; `conv_stack` is left to `zklayout benchmark`.
pub const MODELS: [&str; 4] = ["mnist_cnn", "mnist_strided", "residual", "tiny"];

mod mobile;
mod resnet;

pub use mobile::mobilenet_v2;
pub use resnet::ResNet;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

fn input(model: &str) -> PathBuf {
    fixture(&match model {
        "mnist_cnn" | "mnist_strided" => "inputs/digit_7.npy".to_owned(),
        other => format!("inputs/{other}.npz"),
    })
}

/// A fixture model, quantised on the samples beside it, and an input.
///
/// # Errors
/// A missing or unreadable fixture.
pub fn quantised(name: &str) -> Result<(QuantisedModel, Vec<f64>), Error> {
    let model = Model::load(fixture(&format!("models/{name}.onnx")))?;
    let samples = Samples::read(fixture(&format!("models/{name}.samples.npz")), model.input_shape())?;
    let quantised = model.quantise(&samples.inputs, &QuantiseOptions::default())?;
    let path = input(name);
    let inputs = Samples::read(&path, model.input_shape())?;
    Ok((quantised, inputs.get(0, &path)?.clone()))
}
