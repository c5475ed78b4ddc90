//! Files of floats: they are said again in ONNX's words, and imported as those are.
//!
//! Tensors keep the format's order, channels last; what works on planes is put between two transpositions. Weights of fewer bits
//! are the floats that they stand for. This module knows what operators of the two formats have in common, and nothing of graphs of
//! layers.

mod ops;
mod translation;

use std::path::Path;

use super::file::File;
use super::tensor::Tensor;
use crate::error::{ImportError, MissingOperator};
use prost::Message;

use translation::Translation;

pub use ops::float_tflite_operators;

/// Whether a TensorFlow Lite file computes in floats: neither its inputs nor what it computes are bytes.
///
/// # Errors
/// An unreadable or malformed file.
pub fn is_float_tflite(bytes: &[u8], path: &Path) -> Result<bool, ImportError> {
    let bytes = super::file::aligned(bytes);
    let file = File::read(&bytes, path)?;
    let inputs = file.inputs()?;
    let operators = file.operators().collect::<Result<Vec<_>, _>>()?;
    let mut made = operators.iter().flat_map(|operator| &operator.outputs);
    Ok(!inputs.is_empty() && !inputs.iter().any(Tensor::is_bytes) && !made.any(Tensor::is_bytes))
}

/// The ONNX file that a TensorFlow Lite file of floats stands for; `path` names it in errors.
///
/// # Errors
/// An unreadable or malformed file, operators that are not supported (all of them), or a use of one that is not.
pub fn tflite_as_onnx(bytes: &[u8], path: &Path) -> Result<Vec<u8>, ImportError> {
    let bytes = super::file::aligned(bytes);
    let file = File::read(&bytes, path)?;
    let operators = file.operators().collect::<Result<Vec<_>, _>>()?;
    let (inputs, outputs) = (file.inputs()?, file.outputs()?);
    let computed = operators.iter().flat_map(|operator| &operator.outputs);
    inputs.iter().chain(computed).try_for_each(check_floats)?;
    check_known(&operators)?;
    let mut translation = Translation::new(bytes.len());
    for operator in &operators {
        ops::translate(operator, &mut translation)?;
    }
    Ok(translation.finish(&inputs, &outputs)?.encode_to_vec())
}

/// Refuses a tensor that holds bytes, or that has no fixed extents.
fn check_floats(tensor: &Tensor<'_>) -> Result<(), ImportError> {
    if tensor.is_bytes() {
        return Err(tensor.wrong("bytes are computed with, which a file of floats does not"));
    }
    if tensor.is_free() {
        return Err(tensor.wrong("only its batch may be free: export the model with fixed extents"));
    }
    Ok(())
}

/// Refuses operators that are not known, all at once.
fn check_known(operators: &[super::operator::Operator<'_>]) -> Result<(), ImportError> {
    let mut missing: Vec<MissingOperator> = Vec::new();
    for operator in operators.iter().filter(|operator| !ops::knows(operator.code)) {
        let (op, node) = (operator.label(), operator.name());
        match missing.iter_mut().find(|other| other.op == op) {
            Some(other) => other.nodes.push(node),
            None => {
                missing.push(MissingOperator { op, nodes: vec![node], advice: "export the model with these" });
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(ImportError::UnsupportedOps { missing, supported: float_tflite_operators().join(", ") }),
    }
}
