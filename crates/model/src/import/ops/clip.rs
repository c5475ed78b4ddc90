//! Relu and Clip: clamps.

use super::Node;
use crate::activation::Clamp;
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::shape::Shape;

pub(super) fn import_relu(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    Ok(Some((FloatOp::Clamp(Clamp { lo: Some(0.0), hi: None }), node.shape)))
}

pub(super) fn import_clip(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
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
    Ok(Some((FloatOp::Clamp(clamp), node.shape)))
}
