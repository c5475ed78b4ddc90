//! Pools, and reductions over whole planes.

use ndarray::Array4;
use zklayout_model::{FloatOp, Padding, Planes};

use super::Node;
use super::conv::{padding, uniform};
use crate::error::ImportError;
use crate::onnx::node::Axis;

pub(super) fn import_average(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
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
        Planes::new(node.shape.channels, extent(node.shape.height, window.0), extent(node.shape.width, window.1));
    Ok(Some((FloatOp::AveragePool { window, stride }, shape)))
}

pub(super) fn import_global(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let window = (node.shape.height, node.shape.width);
    Ok(Some((FloatOp::AveragePool { window, stride: 1 }, Planes::vector(node.shape.channels))))
}

pub(super) fn import_max(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let window = match node.sizes("kernel_shape", &[0, 0])?.as_slice() {
        [y, x] if *y > 0 && *x > 0 => (*y, *x),
        other => return Err(node.unsupported(format!("kernel_shape {other:?}"))),
    };
    let stride = uniform(node, "strides", 1)?;
    let padding = padding(node, window, stride)?;
    if node.int("ceil_mode", 0) != 0 || uniform(node, "dilations", 1)? != 1 {
        return Err(node.unsupported("ceil_mode or dilations"));
    }
    if padding.top + padding.bottom >= window.0 || padding.left + padding.right >= window.1 {
        return Err(node.unsupported(format!("windows of {window:?} that may lie in the padding {padding:?}")));
    }
    let (height, width) =
        (node.shape.height + padding.top + padding.bottom, node.shape.width + padding.left + padding.right);
    if stride == 0 || window.0 > height || window.1 > width {
        return Err(node.unsupported(format!("window {window:?}, stride {stride} on a {} tensor", node.shape)));
    }
    let extent = |size: usize, window: usize| (size - window) / stride + 1;
    let shape = Planes::new(node.shape.channels, extent(height, window.0), extent(width, window.1));
    Ok(Some((FloatOp::MaxPool { window, stride, padding }, shape)))
}

pub(super) fn import_global_max(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let (window, padding) = ((node.shape.height, node.shape.width), Padding::default());
    Ok(Some((FloatOp::MaxPool { window, stride: 1, padding }, Planes::vector(node.shape.channels))))
}

pub(super) fn import_reduce_mean(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let Some(axes) = reduced(node)? else { return Ok(None) };
    if axes == [Axis::Row, Axis::Column] {
        return import_global(node);
    }
    let count: usize = axes.iter().map(|axis| axis.extent(node.shape)).product();
    Ok(Some(weighted_sum(node, &axes, 1.0 / count as f64)))
}

pub(super) fn import_reduce_sum(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    Ok(reduced(node)?.map(|axes| weighted_sum(node, &axes, 1.0)))
}

pub(super) fn import_reduce_max(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let Some(axes) = reduced(node)? else { return Ok(None) };
    if axes.contains(&Axis::Channel) {
        return Err(node.unsupported("the largest of several channels; only rows and columns are reduced"));
    }
    let extent = |axis: Axis| if axes.contains(&axis) { axis.extent(node.shape) } else { 1 };
    let (window, padding) = ((extent(Axis::Row), extent(Axis::Column)), Padding::default());
    Ok(Some((FloatOp::MaxPool { window, stride: 1, padding }, without(node.shape, &axes))))
}

/// A sum is a convolution with a kernel that covers the axes.
fn weighted_sum(node: &Node<'_>, axes: &[Axis], weight: f64) -> (FloatOp, Planes) {
    let extent = |axis: Axis| if axes.contains(&axis) { axis.extent(node.shape) } else { 1 };
    let shape = without(node.shape, axes);
    let groups = shape.channels;
    let kernel = (groups, extent(Axis::Channel), extent(Axis::Row), extent(Axis::Column));
    let (kernel, bias, padding) = (Array4::from_elem(kernel, weight), vec![0.0; groups], Padding::default());
    (FloatOp::Conv { kernel, bias, groups, stride: 1, padding }, shape)
}

fn without(shape: Planes, axes: &[Axis]) -> Planes {
    axes.iter().fold(shape, |shape, axis| axis.with_extent(shape, 1))
}

/// The axes of a reduction, in order; `None` if nothing is reduced.
fn reduced(node: &Node<'_>) -> Result<Option<Vec<Axis>>, ImportError> {
    let given: Vec<i64> = match node.optional(1)? {
        Some(axes) => axes.values.iter().map(|axis| *axis as i64).collect(),
        None => node.integers("axes"),
    };
    if given.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
        return Ok(None);
    }
    let all = vec![Axis::Channel, Axis::Row, Axis::Column];
    let chosen = given.into_iter().map(|axis| node.axis(axis)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(all.into_iter().filter(|axis| chosen.is_empty() || chosen.contains(axis)).collect()))
}
