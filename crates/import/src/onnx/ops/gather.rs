//! Gather, GatherElements and GatherND with constant indices.

use super::Node;
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

type Moved = Result<Vec<Picked>, ImportError>;

/// The place along an axis that an index stands for; negative ones count from the end.
fn place(node: &Node<'_>, index: f64, extent: usize) -> Result<usize, ImportError> {
    let counted = if index < 0.0 { index + extent as f64 } else { index };
    if counted >= 0.0 && counted < extent as f64 {
        return Ok(counted as usize);
    }
    Err(node.unsupported(format!("index {index} of an axis of {extent}")))
}

pub(super) fn gather(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axis = node.axis(node.int("axis", 0), dims.len())?;
    let indices = node.numbers(1)?;
    let indices = indices.iter().map(|index| place(node, *index, dims[axis])).collect::<Result<Vec<_>, _>>()?;
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut shape = dims[..axis].to_vec();
    shape.extend(&node.value(1)?.dims);
    shape.extend(&dims[axis + 1..]);
    let count = extents::count(&shape).map_err(|reason| node.unsupported(reason))?;
    let mut places = Vec::with_capacity(count);
    for before in 0..outer {
        for index in &indices {
            let first = (before * dims[axis] + index) * inner;
            places.extend((first..first + inner).map(|place| Some(place as u32)));
        }
    }
    Ok(vec![Picked::of_places(shape, places)])
}

pub(super) fn gather_elements(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axis = node.axis(node.int("axis", 0), dims.len())?;
    let (shape, own) = (node.value(1)?.dims.clone(), extents::steps(dims));
    let fits =
        shape.len() == dims.len() && (0..dims.len()).all(|other| other == axis || shape[other] <= dims[other]);
    if !fits {
        return Err(node.unsupported(format!("indices of shape {shape:?} of a tensor of shape {dims:?}")));
    }
    let mut places = Vec::new();
    for (at, index) in node.numbers(1)?.iter().enumerate() {
        let mut cell = extents::index(&shape, at);
        cell[axis] = place(node, *index, dims[axis])?;
        places.push(Some(cell.iter().zip(&own).map(|(at, own)| at * own).sum::<usize>() as u32));
    }
    Ok(vec![Picked::of_places(shape, places)])
}

pub(super) fn gather_nd(node: &Node<'_>, dims: &[usize]) -> Moved {
    if node.int("batch_dims", 0) != 0 {
        return Err(node.unsupported("batch_dims; only indices of whole cells are read"));
    }
    let (indices, own) = (node.value(1)?, extents::steps(dims));
    let depth = indices.dims.last().copied().unwrap_or(0);
    if depth == 0 || depth > dims.len() {
        return Err(node.unsupported(format!("indices of {depth} axes of a tensor of shape {dims:?}")));
    }
    let inner: usize = dims[depth..].iter().product();
    let shape = [&indices.dims[..indices.dims.len() - 1], &dims[depth..]].concat();
    let mut places = Vec::new();
    for cell in node.numbers(1)?.chunks(depth) {
        let mut first = 0;
        for (axis, index) in cell.iter().enumerate() {
            first += place(node, *index, dims[axis])? * own[axis];
        }
        places.extend((first..first + inner).map(|place| Some(place as u32)));
    }
    Ok(vec![Picked::of_places(shape, places)])
}
