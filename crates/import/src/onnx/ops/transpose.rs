//! Transpose: axes in another order.

use super::Node;
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

pub(super) fn transpose(node: &Node<'_>, dims: &[usize]) -> Result<Vec<Picked>, ImportError> {
    let given = node.integers("perm");
    let order = match node.attribute("perm") {
        None => (0..dims.len()).rev().collect(),
        Some(_) => given.iter().map(|axis| node.axis(*axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..dims.len()).collect::<Vec<_>>() {
        return Err(node.unsupported(format!("perm {given:?} of a tensor of shape {dims:?}")));
    }
    let shape: Vec<usize> = order.iter().map(|axis| dims[*axis]).collect();
    // Axes of one place may go anywhere.
    let long: Vec<usize> = order.iter().copied().filter(|axis| dims[*axis] > 1).collect();
    if long.is_sorted() {
        return Ok(vec![Picked::in_order(shape)]);
    }
    let places = extents::transposed(dims, &order);
    Ok(vec![Picked::of_places(shape, places.into_iter().map(Some).collect())])
}
