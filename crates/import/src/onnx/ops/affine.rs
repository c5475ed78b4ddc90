//! Mul, Div, Add, Sub and Neg with a constant: one factor per channel, one summand per channel or position. Of two tensors,
//! they are sums and products.

use ndarray::Array3;
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
    shifted(node, 1.0, 1.0)
}

pub(super) fn import_sub(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.is_tensor(0) && node.is_tensor(1) {
        return sum::import_sub(node);
    }
    let (factor, sign) = if node.is_tensor(0) { (1.0, -1.0) } else { (-1.0, 1.0) };
    shifted(node, factor, sign)
}

/// `factor * x + sign * constant`, with a constant of each channel or of each position.
fn shifted(node: &Node<'_>, factor: f64, sign: f64) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let refusal = match per_channel(node) {
        Ok(constant) => {
            let scale = vec![factor; constant.len()];
            let shift = constant.into_iter().map(|value| sign * value).collect();
            return Ok(Some((FloatOp::Affine { scale, shift }, node.shape)));
        }
        Err(refusal) => refusal,
    };
    let Some(values) = per_position(node)? else { return Err(refusal) };
    Ok(Some((FloatOp::Offset { factor, values: values * sign }, node.shape)))
}

/// A constant that is broadcast over the positions of a tensor, by its last three axes; `None` if it is none, or if the tensor
/// has other axes than those of its planes.
fn per_position(node: &Node<'_>) -> Result<Option<Array3<f64>>, ImportError> {
    let constant = node.constant(usize::from(node.is_tensor(0)))?;
    let shape = node.shape;
    let dims = match *constant.dims.as_slice() {
        [width] => [1, 1, width],
        [height, width] => [1, height, width],
        [channels, height, width] | [1, channels, height, width] => [channels, height, width],
        _ => return Ok(None),
    };
    let fits =
        dims.iter().zip([shape.channels, shape.height, shape.width]).all(|(dim, full)| [1, full].contains(dim));
    if shape.plane() == 1 || !fits {
        return Ok(None);
    }
    let values = Array3::from_shape_vec(dims, constant.values.clone()).ok();
    Ok(values.and_then(|values| Some(values.broadcast(shape.dims())?.to_owned())))
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
