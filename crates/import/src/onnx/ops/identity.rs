//! Operators whose output is their input: Identity, Dropout outside of training, Cast to floats.

use tract_onnx::pb;
use zklayout_model::{FloatOp, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import(_: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    Ok(None)
}

pub(super) fn import_dropout(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let first = |slot: usize| Ok(node.optional(slot)?.and_then(|constant| constant.values.first().copied()));
    let (ratio, training): (Option<f64>, Option<f64>) = (first(1)?, first(2)?);
    if training.is_some_and(|training| training != 0.0) && ratio != Some(0.0) {
        return Err(node.unsupported("training_mode; export the model for inference"));
    }
    Ok(None)
}

pub(super) fn import_cast(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let to = node.int("to", 0);
    if to == pb::tensor_proto::DataType::Float as i64 {
        return Ok(None);
    }
    Err(node.unsupported(format!("a cast to element type {to}; only 32-bit floats are kept as they are")))
}
