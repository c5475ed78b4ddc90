//! Add, Sub and Sum of tensors that all depend on the input.

use zklayout_model::{FloatOp, Move, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import_sum(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    combine(node, vec![1.0; node.inputs()])
}

pub(super) fn import_sub(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    combine(node, vec![1.0, -1.0])
}

/// The tensors' sum with one factor each.
pub(super) fn combine(node: &Node<'_>, factors: Vec<f64>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    for slot in 0..factors.len() {
        match node.tensor_shape(slot) {
            Some(shape) if shape == node.shape => {}
            Some(shape) => {
                let reason = format!("operands of shapes {} and {shape}; they must be equal", node.shape);
                return Err(node.unsupported(reason));
            }
            None => return Err(node.unsupported(format!("input {slot} must depend on the model's input"))),
        }
    }
    let terms = factors.into_iter().map(Move::plain).collect();
    Ok(Some((FloatOp::Sum { terms }, node.shape)))
}
