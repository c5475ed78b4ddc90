//! Concat along any axis, of tensors and constants.

use super::{AtNode, Node, Results};
use crate::onnx::extents;
use crate::onnx::layers::Layers;
use crate::onnx::value::Value;

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let whole = layers.rotated_parts(&node.name(), joined(node)?).at(node)?;
    Ok(vec![layers.settled(&node.name(), whole).at(node)?])
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    Ok(vec![joined(node)?])
}

fn joined(node: &Node<'_>) -> Result<Value, crate::error::ImportError> {
    let first = node.value(0)?;
    let axis = node.axis(node.int("axis", 1), first.dims.len())?;
    let mut shape = first.dims.clone();
    shape[axis] = 0;
    for value in node.values() {
        let same = value.dims.len() == shape.len()
            && (0..shape.len()).all(|other| other == axis || value.dims[other] == shape[other]);
        if !same {
            return Err(node.unsupported(format!("parts of shapes {:?} and {:?}", first.dims, value.dims)));
        }
        shape[axis] += value.dims[axis];
    }
    let count = extents::count(&shape).at(node)?;
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let parts: Vec<_> = node.values().map(|value| (value.elements(), value.dims[axis] * inner)).collect();
    let mut elements = Vec::with_capacity(count);
    for before in 0..outer {
        for (part, length) in &parts {
            elements.extend_from_slice(&part[before * length..(before + 1) * length]);
        }
    }
    Ok(Value::of_elements(first.kind, shape, elements))
}
