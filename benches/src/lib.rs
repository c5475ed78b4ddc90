//! What the benchmarks share: the fixture models, quantised on the fixture digits.

use std::path::PathBuf;

use ndarray_npy::read_npy;
use zklayout::{Error, Model, QuantiseOptions, QuantisedModel};

/// Names of the fixture models.
pub const MODELS: [&str; 2] = ["mnist_cnn", "mnist_strided"];

mod mobile;

pub use mobile::mobilenet_v2;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The fixture's digit 7; empty if the file is missing.
pub fn digit() -> Vec<f64> {
    let pixels: Result<ndarray::ArrayD<f32>, _> = read_npy(fixture("inputs/digit_7.npy"));
    pixels.map(|pixels| pixels.iter().map(|&pixel| f64::from(pixel)).collect()).unwrap_or_default()
}

/// A fixture model, quantised on the digit.
///
/// # Errors
/// A missing or unreadable fixture.
pub fn quantised(model: &str) -> Result<QuantisedModel, Error> {
    let model = Model::load(fixture(&format!("models/{model}.onnx")))?;
    model.quantise(&[digit()], &QuantiseOptions::default())
}
