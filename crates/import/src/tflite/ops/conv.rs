//! CONV_2D: weights `[out, row, column, in of the group]`.

use ndarray::Array4;
use zklayout_model::{Planes, Scaling};

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place, Weighted};
use super::super::operator::Operator;
use super::super::padding::padding;
use super::super::scaling::multipliers;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_conv_2_doptions())?;
    operator.undilated(options.dilation_h_factor(), options.dilation_w_factor())?;
    let (source, input) = builder.source(operator, 0)?;
    let (kernel, scales) = kernel(operator, input)?;
    let (outputs, inputs, rows, columns) = kernel.dim();
    let strides = operator.strides(options.stride_h(), options.stride_w())?;
    let stride = operator.stride(strides)?;
    let padding = padding(operator, options.padding(), input, (rows, columns), strides)?;
    let scaling = Scaling::Multipliers(multipliers(operator, &scales, outputs)?);
    let bounds = stored_bounds(operator, options.fused_activation_function(), &operator.output.stored()?)?;
    let groups = input.channels / inputs;
    builder.push_weighted(operator, source, Weighted { kernel, scaling, groups, stride, padding, bounds })
}

/// Weights plane by plane, and their scales.
fn kernel(operator: &Operator<'_>, input: Planes) -> Result<(Array4<i64>, Vec<f32>), ImportError> {
    let weights = operator.input(1)?;
    let [outputs, rows, columns, inputs] = *weights.dims else {
        return Err(weights.wrong(format!("expected four dimensions, found {:?}", weights.dims)));
    };
    if inputs == 0 || !input.channels.is_multiple_of(inputs) {
        let found = input.channels;
        return Err(operator.unsupported(format!("weights for {inputs} channels; its input has {found}")));
    }
    let (values, scales) = weights.weights(0)?;
    let kernel = Array4::from_shape_fn((outputs, inputs, rows, columns), |(o, i, y, x)| {
        values[((o * rows + y) * columns + x) * inputs + i]
    });
    Ok((kernel, scales))
}
