//! DEPTHWISE_CONV_2D: weights `[1, row, column, out]`, with neighbouring outputs that read one channel.

use ndarray::Array4;
use zklayout_model::{Planes, Scaling};

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place, Weighted};
use super::super::operator::Operator;
use super::super::padding::padding;
use super::super::scaling::multipliers;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_depthwise_conv_2_doptions())?;
    operator.undilated(options.dilation_h_factor(), options.dilation_w_factor())?;
    let (source, input) = builder.source(operator, 0)?;
    let (kernel, scales) = kernel(operator, input, options.depth_multiplier())?;
    let (outputs, _, rows, columns) = kernel.dim();
    let strides = operator.strides(options.stride_h(), options.stride_w())?;
    let stride = operator.stride(strides)?;
    let padding = padding(operator, options.padding(), input, (rows, columns), strides)?;
    let scaling = Scaling::Multipliers(multipliers(operator, &scales, outputs)?);
    let bounds = stored_bounds(operator, options.fused_activation_function(), &operator.output.stored()?)?;
    let groups = input.channels;
    builder.push_weighted(operator, source, Weighted { kernel, scaling, groups, stride, padding, bounds })
}

/// Weights plane by plane, and their scales.
fn kernel(operator: &Operator<'_>, input: Planes, each: i32) -> Result<(Array4<i64>, Vec<f32>), ImportError> {
    let weights = operator.input(1)?;
    let [1, rows, columns, outputs] = *weights.dims else {
        return Err(weights.wrong(format!("expected [1, rows, columns, channels], found {:?}", weights.dims)));
    };
    if usize::try_from(each).ok().and_then(|each| input.channels.checked_mul(each)) != Some(outputs) {
        let inputs = input.channels;
        return Err(
            operator.unsupported(format!("{outputs} outputs; expected {each} from each of {inputs} channels"))
        );
    }
    let (values, scales) = weights.weights(3)?;
    let place = |o: usize, y: usize, x: usize| (y * columns + x) * outputs + o;
    let kernel = Array4::from_shape_fn((outputs, 1, rows, columns), |(o, _, y, x)| values[place(o, y, x)]);
    Ok((kernel, scales))
}
