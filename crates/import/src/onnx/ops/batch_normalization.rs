//! BatchNormalization at inference: a scale and a shift per channel.

use zklayout_model::{FloatOp, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.int("training_mode", 0) != 0 {
        return Err(node.unsupported("training mode; export the model for inference"));
    }
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|slot| node.constant(slot));
    let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
    let channels = node.shape.channels;
    if [gamma, beta, mean, variance].iter().any(|constant| constant.values.len() != channels) {
        return Err(node.unsupported(format!("its parameters must hold {channels} values each")));
    }
    let epsilon = node.float("epsilon", 1e-5);
    let scale: Vec<f64> =
        gamma.values.iter().zip(&variance.values).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift = (0..channels).map(|c| beta.values[c] - mean.values[c] * scale[c]).collect();
    Ok(Some((FloatOp::Affine { scale, shift }, node.shape)))
}
