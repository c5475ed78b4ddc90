//! Gemm and MatMul: a feature vector times a constant matrix.

use ndarray::Array2;
use zklayout_model::{FloatOp, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import_gemm(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    if node.int("transA", 0) != 0 {
        return Err(node.unsupported("transA"));
    }
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let weights = matrix(node, node.int("transB", 0) != 0)?.mapv(|w| w * alpha);
    let outputs = weights.nrows();
    let bias = match node.optional(2)? {
        None => vec![0.0; outputs],
        Some(bias) if bias.values.len() == outputs => bias.values.iter().map(|b| b * beta).collect(),
        Some(bias) if bias.values.len() == 1 => vec![bias.values[0] * beta; outputs],
        Some(bias) => {
            return Err(node.unsupported(format!("bias of shape {:?} for {outputs} outputs", bias.dims)));
        }
    };
    Ok(Some((FloatOp::Gemm { weights, bias }, Planes::vector(outputs))))
}

pub(super) fn import_matmul(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let weights = matrix(node, false)?;
    let outputs = weights.nrows();
    Ok(Some((FloatOp::Gemm { weights, bias: vec![0.0; outputs] }, Planes::vector(outputs))))
}

/// The constant operand as `[out, in]`.
fn matrix(node: &Node<'_>, transposed: bool) -> Result<Array2<f64>, ImportError> {
    if !node.is_tensor(0) || node.is_tensor(1) {
        return Err(node.unsupported("the first operand must be the tensor, the second a constant matrix"));
    }
    let constant = node.constant(1)?;
    let [rows, columns] = *constant.dims.as_slice() else {
        return Err(node.unsupported(format!("a constant of shape {:?}; expected a matrix", constant.dims)));
    };
    let stored = Array2::from_shape_vec((rows, columns), constant.values.clone())
        .map_err(|e| node.unsupported(e.to_string()))?;
    let weights = if transposed { stored } else { stored.reversed_axes() };
    if node.shape.plane() != 1 || weights.ncols() != node.shape.channels {
        return Err(node.unsupported(format!(
            "a matrix of {} inputs on a {} tensor; flatten to one feature vector first",
            weights.ncols(),
            node.shape
        )));
    }
    Ok(weights.as_standard_layout().into_owned())
}
