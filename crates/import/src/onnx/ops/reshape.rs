//! Operators that keep values in order: Identity, Dropout, Reshape, Flatten, Squeeze, Unsqueeze.

use super::{Node, Results};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::layers::Layers;
use crate::onnx::value::{Kind, Picked, Value};

type Moved = Result<Vec<Picked>, ImportError>;

pub(super) fn identity(_: &Node<'_>, dims: &[usize]) -> Moved {
    Ok(vec![Picked::in_order(dims.to_vec())])
}

pub(super) fn import_dropout(node: &Node<'_>, _: &mut Layers) -> Results {
    evaluate_dropout(node)
}

/// Outside of training everything is kept, and the mask says so.
pub(super) fn evaluate_dropout(node: &Node<'_>) -> Results {
    let first = |slot: usize| Ok(node.optional_numbers(slot)?.and_then(|numbers| numbers.first().copied()));
    let (ratio, training): (Option<f64>, Option<f64>) = (first(1)?, first(2)?);
    if training.is_some_and(|training| training != 0.0) && ratio != Some(0.0) {
        return Err(node.unsupported("training_mode; export the model for inference"));
    }
    let value = node.value(0)?;
    let mask = Value::numbers(Kind::Boolean, value.dims.clone(), vec![1.0; value.len()]);
    Ok([value.clone(), mask].into_iter().take(node.outputs()).collect())
}

/// In a target, -1 stands for "the rest" and 0 for "as it was".
pub(super) fn reshape(node: &Node<'_>, dims: &[usize]) -> Moved {
    let target = node.list(1, "shape")?.ok_or_else(|| node.unsupported("it has no target shape"))?;
    let keeps_zero = node.int("allowzero", 0) != 0;
    let count: usize = dims.iter().product();
    let wrong = || node.unsupported(format!("target shape {target:?} of a tensor of shape {dims:?}"));
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &extent) in target.iter().enumerate() {
        shape.push(match extent {
            0 if !keeps_zero => *dims.get(axis).ok_or_else(wrong)?,
            -1 => 1,
            _ => usize::try_from(extent).map_err(|_| wrong())?,
        });
    }
    if let Some(rest) = target.iter().position(|extent| *extent == -1) {
        let others = extents::count(&shape).map_err(|_| wrong())?.max(1);
        shape[rest] = count / others;
    }
    let single = target.iter().filter(|extent| **extent == -1).count() <= 1;
    if !single || extents::count(&shape).ok() != Some(count) {
        return Err(wrong());
    }
    Ok(vec![Picked::in_order(shape)])
}

pub(super) fn flatten(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axis = node.int("axis", 1);
    let axis = if axis == dims.len() as i64 { dims.len() } else { node.axis(axis, dims.len())? };
    let (before, after) = dims.split_at(axis);
    Ok(vec![Picked::in_order(vec![before.iter().product(), after.iter().product()])])
}

pub(super) fn squeeze(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axes = match node.list(1, "axes")? {
        Some(axes) => axes.into_iter().map(|axis| node.axis(axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..dims.len()).filter(|axis| dims[*axis] == 1).collect(),
    };
    if let Some(axis) = axes.iter().find(|axis| dims[**axis] != 1) {
        return Err(node.unsupported(format!("axis {axis} of shape {dims:?} has several places")));
    }
    let kept = dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, dim)| *dim);
    Ok(vec![Picked::in_order(kept.collect())])
}

pub(super) fn unsqueeze(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axes = node.list(1, "axes")?.ok_or_else(|| node.unsupported("it has no axes"))?;
    let rank = dims.len() + axes.len();
    let mut axes = axes.into_iter().map(|axis| node.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(node.unsupported(format!("axes {axes:?}, one of them twice")));
    }
    let mut shape = dims.to_vec();
    axes.into_iter().for_each(|axis| shape.insert(axis, 1));
    Ok(vec![Picked::in_order(shape)])
}
