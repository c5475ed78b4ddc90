//! TensorFlow Lite import: a file quantised to int8 becomes a [`Graph`] of [`Fixed`] nodes, with the integers of the
//! reference kernels. Several outputs lie one after the other in its last node.
//!
//! The integers are those of LiteRT 2. Earlier reference kernels rounded fully connected layers twice, as convolutions
//! still are.
//!
//! A tensor's value is its stored integer less the zero point, planes come before rows and columns, and the graph ends at
//! the logits: a softmax after them is a public function of what is public. The file's bytes are verified before anything
//! is read. This module knows nothing of floats between the input and the output; files of those are `floats`'.

mod activation;
mod builder;
mod file;
#[cfg(feature = "onnx")]
mod floats;
mod operator;
mod ops;
mod padding;
mod scaling;
mod tensor;

use std::path::Path;

use zklayout_model::{Fixed, Graph};

use crate::error::ImportError;

#[cfg(feature = "onnx")]
pub use floats::{float_tflite_operators, is_float_tflite, tflite_as_onnx};
pub use ops::tflite_operators;

/// Reads a TensorFlow Lite file.
///
/// # Errors
/// An unreadable or malformed file, or an operator, a tensor or a use of one that is not supported, by its name.
pub fn import_tflite(path: &Path) -> Result<Graph<Fixed>, ImportError> {
    let bytes = std::fs::read(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    import_tflite_bytes(&bytes, path)
}

/// Reads the contents of a TensorFlow Lite file; `path` names them in errors.
///
/// # Errors
/// See [`import_tflite`].
pub fn import_tflite_bytes(bytes: &[u8], path: &Path) -> Result<Graph<Fixed>, ImportError> {
    let bytes = file::aligned(bytes);
    let file = file::File::read(&bytes, path)?;
    let mut builder = builder::Builder::new(&file)?;
    for operator in file.operators() {
        let operator = operator?;
        file::only("output of an operator", operator.outputs.clone())?;
        let place = ops::import(&operator, &mut builder)?;
        builder.place_result(&operator, place)?;
    }
    builder.finish()
}

/// Names of a TensorFlow Lite file's outputs, each with its number of values; `path` names the file in errors.
///
/// # Errors
/// An unreadable or malformed file.
pub fn tflite_outputs(bytes: &[u8], path: &Path) -> Result<Vec<(String, usize)>, ImportError> {
    let bytes = file::aligned(bytes);
    let outputs = file::File::read(&bytes, path)?.outputs()?;
    outputs.into_iter().map(|output| Ok((output.name.clone(), output.shape()?.len()))).collect()
}
