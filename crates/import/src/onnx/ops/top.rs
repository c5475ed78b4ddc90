//! TopK of one value: the largest, or the least, along an axis. Which one it is, is left out.

use super::reduce::Reduction;
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::Layers;
use crate::onnx::value::Value;

fn reduction(node: &Node<'_>) -> Result<Reduction, ImportError> {
    let count = match node.optional_numbers(1)? {
        Some(count) => count.first().copied().unwrap_or(0.0) as i64,
        None => node.int("k", 0),
    };
    if count != 1 {
        return Err(node.unsupported(format!("the {count} largest; only the largest one is known")));
    }
    let dims = &node.value(0)?.dims;
    let axis = node.axis(node.int("axis", -1), dims.len())?;
    Ok(Reduction::over(vec![axis], dims, true))
}

fn sign(node: &Node<'_>) -> f64 {
    if node.int("largest", 1) != 0 { 1.0 } else { -1.0 }
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (reduction, sign, name) = (reduction(node)?, sign(node), node.name());
    let signed = layers.sum(&name, &[(node.value(0)?, sign)]).at(node)?;
    let largest = layers.largest(&name, &signed, &reduction).at(node)?;
    Ok(vec![layers.sum(&name, &[(&largest, sign)]).at(node)?])
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    let (reduction, sign, value) = (reduction(node)?, sign(node), node.value(0)?);
    let axis = reduction.axes.first().copied().unwrap_or(0);
    let (extent, inner) = (value.dims[axis], value.dims[axis + 1..].iter().product::<usize>());
    let numbers = node.numbers(0)?;
    let largest = |place: usize| {
        let (outer, rest) = (place / inner, place % inner);
        let along = (0..extent).map(|at| sign * numbers[(outer * extent + at) * inner + rest]);
        sign * along.fold(f64::NEG_INFINITY, f64::max)
    };
    let count = reduction.dims.iter().product();
    Ok(vec![Value::numbers(value.kind, reduction.dims.clone(), (0..count).map(largest).collect())])
}
