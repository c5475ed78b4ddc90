//! AVERAGE_POOL_2D: sums of windows, and the rounding of their means.

use ndarray::Array4;
use zklayout_model::{Kernel, Padding, Planes, Rescale, Scaling};

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place};
use super::super::operator::Operator;
use super::super::padding::padding;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_pool_2_doptions())?;
    let (source, input) = builder.source(operator, 0)?;
    let window = window(operator, (options.filter_height(), options.filter_width()), input)?;
    let strides = operator.strides(options.stride_h(), options.stride_w())?;
    // One window does not move.
    let stride = if window == (input.height, input.width) { 1 } else { operator.stride(strides)? };
    if !padding(operator, options.padding(), input, window, strides)?.is_none() {
        return Err(operator.unsupported("windows that reach beyond the plane"));
    }
    let stored = operator.same_stored()?;
    let (lo, hi) = stored_bounds(operator, options.fused_activation_function(), &stored)?;
    let scaling = Scaling::Mean((window.0 * window.1) as i64);
    let rescale = Rescale { scaling, stored, lo, hi, reach: Vec::new() };
    builder.push_rescaled(operator, source, (sums(input, window, stride), vec![0; input.channels]), rescale)
}

fn window(
    operator: &Operator<'_>,
    (height, width): (i32, i32),
    input: Planes,
) -> Result<(usize, usize), ImportError> {
    match (usize::try_from(height), usize::try_from(width)) {
        (Ok(rows @ 1..), Ok(columns @ 1..)) if rows <= input.height && columns <= input.width => {
            Ok((rows, columns))
        }
        _ => Err(operator.unsupported(format!("windows of {height}x{width} values in {input}"))),
    }
}

/// Window sums by the operator's own windows where they lie side by side, otherwise by kernels of ones.
pub(super) fn sums(input: Planes, (rows, columns): (usize, usize), stride: usize) -> Kernel<i64> {
    let whole = input.height.is_multiple_of(rows) && input.width.is_multiple_of(columns);
    let side_by_side =
        rows == columns && (stride == rows || (input.height, input.width) == (rows, columns)) && whole;
    let (window, size, stride) = if side_by_side { (rows, (1, 1), 1) } else { (1, (rows, columns), stride) };
    let weights = Array4::ones((input.channels, 1, size.0, size.1));
    Kernel { input, window, weights, groups: input.channels, stride, padding: Padding::default() }
}
