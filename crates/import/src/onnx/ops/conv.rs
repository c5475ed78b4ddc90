//! Conv: a grouped 2-D convolution with stride, dilation and zero padding.

use ndarray::Array4;
use zklayout_model::{FloatOp, Kernel, Padding, Planes};

use super::Node;
use crate::error::ImportError;

pub(super) fn import(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let weights = node.constant(1)?;
    let [out, inner, kh, kw] = *weights.dims.as_slice() else {
        return Err(node.unsupported(format!("weights of shape {:?}; only 2-D is supported", weights.dims)));
    };
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let stride = uniform(node, "strides", 1)?;
    let [dilate_y, dilate_x] = node.sizes("dilations", &[1, 1])?[..] else {
        return Err(node.unsupported("dilations of other than two directions"));
    };
    if groups == 0
        || out % groups != 0
        || inner * groups != node.shape.channels
        || stride * dilate_y * dilate_x == 0
    {
        return Err(node.unsupported(format!(
            "weights {:?} with group {groups} and stride {stride} do not fit a {} input",
            weights.dims, node.shape
        )));
    }
    let bias = match node.optional(2)? {
        Some(bias) if bias.values.len() == out => bias.values.clone(),
        Some(bias) => return Err(node.unsupported(format!("bias of {} values for {out}", bias.values.len()))),
        None => vec![0.0; out],
    };
    let kernel = Array4::from_shape_vec((out, inner, kh, kw), weights.values.clone())
        .map_err(|e| node.unsupported(e.to_string()))?;
    let kernel = dilated(&kernel, (dilate_y, dilate_x));
    let padding = padding(node, (kernel.dim().2, kernel.dim().3), stride)?;
    let shape = output_shape(node, &kernel, groups, stride, padding)?;
    Ok(Some((FloatOp::Conv { kernel, bias, groups, stride, padding }, shape)))
}

/// The same kernel with zeros between its taps.
fn dilated(kernel: &Array4<f64>, (y, x): (usize, usize)) -> Array4<f64> {
    let (out, inner, kh, kw) = kernel.dim();
    let extent = |taps: usize, dilation: usize| taps.saturating_sub(1) * dilation + taps.min(1);
    let mut wide = Array4::zeros((out, inner, extent(kh, y), extent(kw, x)));
    for ((o, i, dy, dx), weight) in kernel.indexed_iter() {
        wide[[o, i, dy * y, dx * x]] = *weight;
    }
    wide
}

/// An attribute that must hold the same number for both directions.
pub(super) fn uniform(node: &Node<'_>, name: &str, default: usize) -> Result<usize, ImportError> {
    match node.sizes(name, &[default, default])?.as_slice() {
        [y, x] if y == x => Ok(*y),
        other => Err(node.unsupported(format!("{name} {other:?}; both directions must be equal"))),
    }
}

/// Explicit or automatic zero padding.
pub(super) fn padding(node: &Node<'_>, kernel: (usize, usize), stride: usize) -> Result<Padding, ImportError> {
    let automatic = node.text("auto_pad");
    let same = |size: usize, kernel: usize| ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
    let (rows, columns) = (same(node.shape.height, kernel.0), same(node.shape.width, kernel.1));
    match automatic.as_str() {
        "" | "NOTSET" => {
            let pads = node.sizes("pads", &[0; 4])?;
            Ok(Padding { top: pads[0], left: pads[1], bottom: pads[2], right: pads[3] })
        }
        "VALID" => Ok(Padding::default()),
        "SAME_UPPER" => {
            Ok(Padding { top: rows / 2, left: columns / 2, bottom: rows.div_ceil(2), right: columns.div_ceil(2) })
        }
        "SAME_LOWER" => {
            Ok(Padding { top: rows.div_ceil(2), left: columns.div_ceil(2), bottom: rows / 2, right: columns / 2 })
        }
        other => Err(node.unsupported(format!("auto_pad {other:?}"))),
    }
}

fn output_shape(
    node: &Node<'_>,
    kernel: &Array4<f64>,
    groups: usize,
    stride: usize,
    padding: Padding,
) -> Result<Planes, ImportError> {
    let kernel = Kernel { input: node.shape, window: 1, weights: kernel.clone(), groups, stride, padding };
    let shape = kernel.output();
    if shape.is_empty() {
        return Err(node.unsupported(format!("the kernel is larger than its padded {} input", node.shape)));
    }
    Ok(shape)
}
