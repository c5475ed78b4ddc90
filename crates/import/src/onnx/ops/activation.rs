//! Relu, Clip, PRelu and the functions of one value.

use zklayout_model::{Activation, Clamp, FloatOp, Function, Planes};

use super::{Node, affine};
use crate::error::ImportError;

pub(super) fn import_relu(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    Ok(Some((FloatOp::Activation(Activation::Clamp(Clamp { lo: Some(0.0), hi: None })), node.shape)))
}

pub(super) fn import_clip(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let bound = |slot: usize, attribute: &str| -> Result<Option<f64>, ImportError> {
        let input = node.optional(slot)?.and_then(|constant| constant.values.first().copied());
        Ok(input.or_else(|| node.optional_float(attribute)).filter(|bound| bound.abs() < f64::from(f32::MAX)))
    };
    let clamp = Clamp { lo: bound(1, "min")?, hi: bound(2, "max")? };
    if let Clamp { lo: Some(lo), hi: Some(hi) } = clamp
        && lo > hi
    {
        return Err(node.unsupported(format!("the lower bound {lo} is above the upper bound {hi}")));
    }
    Ok(Some((FloatOp::Activation(Activation::Clamp(clamp)), node.shape)))
}

/// A function with nothing to choose.
fn function(node: &Node<'_>, function: Function) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    Ok(Some((FloatOp::Activation(Activation::Function(function)), node.shape)))
}

pub(super) fn import_sigmoid(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::Sigmoid)
}

pub(super) fn import_tanh(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::Tanh)
}

pub(super) fn import_softplus(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::Softplus)
}

pub(super) fn import_abs(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::Abs)
}

pub(super) fn import_hard_swish(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::HardSwish)
}

pub(super) fn import_hard_sigmoid(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    function(node, Function::HardSigmoid { alpha, beta })
}

pub(super) fn import_leaky_relu(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::LeakyRelu { slope: node.float("alpha", 0.01) })
}

pub(super) fn import_elu(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    function(node, Function::Elu { alpha: node.float("alpha", 1.0) })
}

/// One slope, or one per channel.
pub(super) fn import_prelu(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let slopes = affine::per_channel(node)?;
    match slopes.first() {
        Some(&slope) if slopes.iter().all(|other| *other == slope) => {
            function(node, Function::LeakyRelu { slope })
        }
        _ => Ok(Some((FloatOp::ChannelLeaky { slopes }, node.shape))),
    }
}
