//! Expand and Tile: values repeated along axes.

use super::{AtNode, Node};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

type Moved = Result<Vec<Picked>, ImportError>;

/// A shape that a constant states.
pub(super) fn stated(node: &Node<'_>, slot: usize) -> Result<Vec<usize>, ImportError> {
    let numbers = node.numbers(slot)?;
    let extent = |number: &f64| (*number >= 0.0 && *number < 1e15).then_some(*number as usize);
    let shape: Option<Vec<usize>> = numbers.iter().map(extent).collect();
    let shape = shape.ok_or_else(|| node.unsupported(format!("a shape of {numbers:?}")))?;
    extents::count(&shape).at(node)?;
    Ok(shape)
}

pub(super) fn expand(node: &Node<'_>, dims: &[usize]) -> Moved {
    let target = stated(node, 1)?;
    let wrong = || node.unsupported(format!("a tensor of shape {dims:?} does not broadcast to {target:?}"));
    let shape = extents::broadcast(dims, &target).ok_or_else(wrong)?;
    extents::count(&shape).at(node)?;
    let places = extents::repeated(dims, &shape).ok_or_else(wrong)?;
    Ok(vec![Picked::of_places(shape, places.into_iter().map(Some).collect())])
}

pub(super) fn tile(node: &Node<'_>, dims: &[usize]) -> Moved {
    let repeats = stated(node, 1)?;
    if repeats.len() != dims.len() {
        return Err(node.unsupported(format!("repeats {repeats:?} of a tensor of shape {dims:?}")));
    }
    let extent = |(dim, times): (&usize, &usize)| dim.checked_mul(*times);
    let shape: Option<Vec<usize>> = dims.iter().zip(&repeats).map(extent).collect();
    let shape = shape.ok_or_else(|| node.unsupported(format!("repeats {repeats:?}")))?;
    let (count, own) = (extents::count(&shape).at(node)?, extents::steps(dims));
    let place = |at: usize| {
        let index = extents::index(&shape, at);
        index.iter().zip(dims).zip(&own).map(|((at, dim), own)| at % dim * own).sum::<usize>()
    };
    Ok(vec![Picked::of_places(shape.clone(), (0..count).map(|at| Some(place(at) as u32)).collect())])
}
