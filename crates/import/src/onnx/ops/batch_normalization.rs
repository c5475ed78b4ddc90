//! BatchNormalization at inference: a scale and a shift per channel.

use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Layers, zip};
use crate::onnx::value::{Kind, Value};

/// Scale and shift, along the second axis.
fn affine(node: &Node<'_>) -> Result<[Value; 2], ImportError> {
    if node.int("training_mode", 0) != 0 {
        return Err(node.unsupported("training mode; export the model for inference"));
    }
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|slot| node.numbers(slot));
    let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
    let dims = &node.value(0)?.dims;
    let channels = dims.get(1).copied().unwrap_or(1);
    if [gamma, beta, mean, variance].iter().any(|constant| constant.len() != channels) {
        return Err(node.unsupported(format!("its parameters must hold {channels} values each")));
    }
    let epsilon = node.float("epsilon", 1e-5);
    let scale: Vec<f64> = gamma.iter().zip(variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift: Vec<f64> = (0..channels).map(|c| beta[c] - mean[c] * scale[c]).collect();
    let mut shape = vec![1; dims.len().saturating_sub(1)];
    if let Some(first) = shape.first_mut() {
        *first = channels;
    }
    Ok([scale, shift].map(|numbers| Value::numbers(Kind::Float, shape.clone(), numbers)))
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let ([scale, shift], value) = (affine(node)?, node.value(0)?);
    Ok(vec![layers.affine(&node.name(), value, &value.dims, &scale, &shift).at(node)?])
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    let ([scale, shift], value) = (affine(node)?, node.value(0)?);
    let scaled = zip(value, &scale, |x, scale| x * scale).at(node)?;
    Ok(vec![zip(&scaled, &shift, |x, shift| x + shift).at(node)?])
}
