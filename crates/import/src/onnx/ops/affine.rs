//! Mul, Div, Add, Sub and Neg with a constant: one factor or summand per channel. Of two tensors, they are sums and
//! products.

use zklayout_model::{FloatOp, Planes};

use super::{Node, sum};
use crate::error::ImportError;

pub(super) fn import_mul(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.is_tensor(0) && node.is_tensor(1) {
        return match node.tensor_shape(1) {
            Some(shape) if shape == node.shape => Ok(Some((FloatOp::Product, shape))),
            shape => {
                Err(node
                    .unsupported(format!("factors of shapes {} and {shape:?}; they must be equal", node.shape)))
            }
        };
    }
    Ok(scaled(node, per_channel(node)?))
}

pub(super) fn import_div(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if !node.is_tensor(0) || node.is_tensor(1) {
        return Err(node.unsupported("the divisor depends on the input; it must be a constant"));
    }
    Ok(scaled(node, per_channel(node)?.into_iter().map(f64::recip).collect()))
}

pub(super) fn import_neg(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    Ok(scaled(node, vec![-1.0; node.shape.channels]))
}

fn scaled(node: &Node<'_>, scale: Vec<f64>) -> Option<(FloatOp, Planes)> {
    let shift = vec![0.0; scale.len()];
    Some((FloatOp::Affine { scale, shift }, node.shape))
}

pub(super) fn import_add(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.is_tensor(0) && node.is_tensor(1) {
        return sum::combine(node, vec![1.0, 1.0]);
    }
    let shift = per_channel(node)?;
    let scale = vec![1.0; shift.len()];
    Ok(Some((FloatOp::Affine { scale, shift }, node.shape)))
}

pub(super) fn import_sub(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.is_tensor(0) && node.is_tensor(1) {
        return sum::import_sub(node);
    }
    let constant = per_channel(node)?;
    let (scale, sign) = if node.is_tensor(0) { (1.0, -1.0) } else { (-1.0, 1.0) };
    let scale = vec![scale; constant.len()];
    let shift = constant.into_iter().map(|value| sign * value).collect();
    Ok(Some((FloatOp::Affine { scale, shift }, node.shape)))
}

pub(super) fn per_channel(node: &Node<'_>) -> Result<Vec<f64>, ImportError> {
    if node.is_tensor(0) && node.is_tensor(1) {
        return Err(node.unsupported("both operands depend on the input; one must be a constant per channel"));
    }
    let constant = node.constant(usize::from(node.is_tensor(0)))?;
    let Planes { channels, height, width } = node.shape;
    let rank_four = height * width > 1;
    let broadcast = match *constant.dims.as_slice() {
        [] | [1] | [1, 1] | [1, 1, 1] | [1, 1, 1, 1] => return Ok(vec![constant.values[0]; channels]),
        [c, 1, 1] | [1, c, 1, 1] => c == channels,
        [c] | [1, c] => c == channels && !rank_four,
        _ => false,
    };
    if broadcast {
        return Ok(constant.values.clone());
    }
    Err(node.unsupported(format!(
        "a constant of shape {:?} on a {} tensor; expected one value, or one per channel",
        constant.dims, node.shape
    )))
}
