//! Pools, and reductions over whole planes.

use ndarray::Array4;

use super::Node;
use super::conv::{padding, uniform};
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::linear::Padding;
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

pub(super) fn import_max(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    let window = match node.sizes("kernel_shape", &[0, 0])?.as_slice() {
        [y, x] if *y > 0 && *x > 0 => (*y, *x),
        other => return Err(node.unsupported(format!("kernel_shape {other:?}"))),
    };
    let stride = uniform(node, "strides", 1)?;
    let padding = padding(node, window, stride)?;
    if node.int("ceil_mode", 0) != 0 || uniform(node, "dilations", 1)? != 1 {
        return Err(node.unsupported("ceil_mode or dilations"));
    }
    if !padding.is_none() && !node.is_non_negative() {
        return Err(node.unsupported("padding of a tensor that may be negative; put a Relu before it"));
    }
    let (height, width) =
        (node.shape.height + padding.top + padding.bottom, node.shape.width + padding.left + padding.right);
    if stride == 0 || window.0 > height || window.1 > width {
        return Err(node.unsupported(format!("window {window:?}, stride {stride} on a {} tensor", node.shape)));
    }
    let extent = |size: usize, window: usize| (size - window) / stride + 1;
    let shape = Shape::new(node.shape.channels, extent(height, window.0), extent(width, window.1));
    Ok(Some((FloatOp::MaxPool { window, stride, padding }, shape)))
}

pub(super) fn import_global_max(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    let (window, padding) = ((node.shape.height, node.shape.width), Padding::default());
    Ok(Some((FloatOp::MaxPool { window, stride: 1, padding }, Shape::vector(node.shape.channels))))
}

pub(super) fn import_reduce_mean(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    whole_planes(node)?;
    import_global(node)
}

pub(super) fn import_reduce_max(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    whole_planes(node)?;
    import_global_max(node)
}

/// A sum is a depthwise convolution with a kernel of ones.
pub(super) fn import_reduce_sum(node: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    whole_planes(node)?;
    let Shape { channels, height, width } = node.shape;
    let kernel = Array4::from_elem((channels, 1, height, width), 1.0);
    let (bias, padding) = (vec![0.0; channels], Padding::default());
    Ok(Some((FloatOp::Conv { kernel, bias, groups: channels, stride: 1, padding }, Shape::vector(channels))))
}

fn whole_planes(node: &Node<'_>) -> Result<(), ImportError> {
    let axes: Vec<i64> = match node.optional(1)? {
        Some(axes) => axes.values.iter().map(|axis| *axis as i64).collect(),
        None => node.integers("axes"),
    };
    match *axes.as_slice() {
        [2, 3] | [3, 2] | [-2, -1] | [-1, -2] => Ok(()),
        _ => Err(node.unsupported(format!("axes {axes:?}; only whole planes, axes [2, 3], are supported"))),
    }
}
