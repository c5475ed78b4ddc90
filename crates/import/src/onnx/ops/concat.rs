//! Concat along channels, rows or columns.

use zklayout_model::{FloatOp, Move, Planes};

use super::Node;
use crate::error::ImportError;
use crate::onnx::node::Axis;

pub(super) fn import(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let axis = node.axis(node.int("axis", 1))?;
    let mut parts = Vec::new();
    for slot in 0..node.inputs() {
        let part = node.tensor_shape(slot);
        parts
            .push(part.ok_or_else(|| node.unsupported(format!("input {slot} must depend on the model's input")))?);
    }
    let length = parts.iter().map(|part| axis.extent(*part)).sum();
    let shape = axis.with_extent(node.shape, length);
    if let Some(part) = parts.iter().find(|part| axis.with_extent(**part, length) != shape) {
        return Err(node.unsupported(format!("parts of shapes {} and {part} along {axis:?}", node.shape)));
    }
    let mut start = 0;
    let terms = parts.into_iter().map(|part| {
        let term = term(axis, start, axis.extent(part), shape);
        start += axis.extent(part);
        term
    });
    Ok(Some((FloatOp::Sum { terms: terms.collect() }, shape)))
}

/// A part whose first slice is slice `start` of the whole.
fn term(axis: Axis, start: usize, length: usize, shape: Planes) -> Move<f64> {
    let before = -(start as i64);
    match axis {
        Axis::Channel => {
            let channel = |o: usize| o.checked_sub(start).filter(|c| *c < length);
            Move { channels: Some((0..shape.channels).map(channel).collect()), ..Move::plain(1.0) }
        }
        Axis::Row => Move { offset: (before, 0), ..Move::plain(1.0) },
        Axis::Column => Move { offset: (0, before), ..Move::plain(1.0) },
    }
}
