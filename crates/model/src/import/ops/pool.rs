//! AveragePool, GlobalAveragePool, and ReduceMean over whole planes.

use super::Node;
use super::conv::{padding, uniform};
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::shape::Shape;

pub(super) fn import_average(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    let window = match node.sizes("kernel_shape", &[0, 0])?.as_slice() {
        [y, x] if *y > 0 && *x > 0 => (*y, *x),
        other => return Err(node.unsupported(format!("kernel_shape {other:?}"))),
    };
    let stride = uniform(node, "strides", 1)?;
    if !padding(node, window, stride)?.is_none() || node.int("ceil_mode", 0) != 0 {
        return Err(node.unsupported("padding or ceil_mode; only whole windows inside the plane are averaged"));
    }
    if stride == 0 || window.0 > node.shape.height || window.1 > node.shape.width {
        return Err(node.unsupported(format!("window {window:?}, stride {stride} on a {} tensor", node.shape)));
    }
    let extent = |size: usize, window: usize| (size - window) / stride + 1;
    let shape =
        Shape::new(node.shape.channels, extent(node.shape.height, window.0), extent(node.shape.width, window.1));
    Ok(Some((FloatOp::AveragePool { window, stride }, shape)))
}

pub(super) fn import_global(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    let window = (node.shape.height, node.shape.width);
    Ok(Some((FloatOp::AveragePool { window, stride: 1 }, Shape::vector(node.shape.channels))))
}

pub(super) fn import_reduce_mean(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    let axes = match node.optional(1)? {
        Some(axes) => axes.values.iter().map(|axis| *axis as i64).collect(),
        None => node.integers("axes"),
    };
    match *axes.as_slice() {
        [2, 3] | [3, 2] | [-2, -1] | [-1, -2] => import_global(node),
        _ => {
            Err(node
                .unsupported(format!("axes {axes:?}; only means over whole planes, axes [2, 3], are supported")))
        }
    }
}
