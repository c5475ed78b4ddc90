//! Flatten, Reshape, Squeeze and Unsqueeze between planes of one value and feature vectors.

use zklayout_model::{FloatOp, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import_flatten(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.int("axis", 1) != 1 {
        return Err(node.unsupported("axis other than 1"));
    }
    Ok(flatten(node))
}

pub(super) fn import_reshape(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let target = node.constant(1)?;
    let features = node.shape.len() as f64;
    match *target.values.as_slice() {
        // -1 stands for "the rest", 0 for "as it was".
        [batch, rest] if (batch == 1.0 || batch == 0.0) && (rest == -1.0 || rest == features) => Ok(flatten(node)),
        [batch, rest] if batch == -1.0 && rest == features => Ok(flatten(node)),
        [batch, c, h, w] if (batch, c, h, w) == same_dims(node.shape) => Ok(None),
        _ => Err(node.unsupported(format!(
            "target shape {:?} of a {} tensor; only [1, features] is supported",
            target.values, node.shape
        ))),
    }
}

/// Removing the sides of planes that hold one value.
pub(super) fn import_squeeze(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let axes = match node.optional(1)? {
        Some(axes) => axes.values.iter().map(|axis| *axis as i64).collect(),
        None => node.integers("axes"),
    };
    match *axes.as_slice() {
        [2, 3] | [3, 2] | [-2, -1] | [-1, -2] if node.shape.plane() == 1 => Ok(flatten(node)),
        _ => {
            Err(node.unsupported(format!("axes {axes:?} of a {} tensor; only [2, 3] of 1 x 1 planes", node.shape)))
        }
    }
}

/// Adding the sides of planes that hold one value.
pub(super) fn import_unsqueeze(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.shape.plane() == 1 {
        return Ok(None);
    }
    Err(node.unsupported(format!("of a {} tensor; only of feature vectors", node.shape)))
}

/// Permutations that leave every value where it is.
pub(super) fn import_transpose(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let order = node.integers("perm");
    let Planes { channels, height, width } = node.shape;
    let extents = [1, channels, height, width];
    let moved: Vec<i64> =
        order.iter().copied().filter(|&axis| extents.get(axis as usize).is_some_and(|e| *e > 1)).collect();
    if !order.is_empty() && moved.is_sorted() && node.shape.plane() == 1 {
        return Ok(None);
    }
    Err(node.unsupported(format!("perm {order:?} of a {} tensor; only vectors may be transposed", node.shape)))
}

fn flatten(node: &Node<'_>) -> Option<(FloatOp, Planes)> {
    let vector = Planes::vector(node.shape.len());
    (vector != node.shape).then_some((FloatOp::Flatten, vector))
}

fn same_dims(shape: Planes) -> (f64, f64, f64, f64) {
    (1.0, shape.channels as f64, shape.height as f64, shape.width as f64)
}
