//! FULLY_CONNECTED: weights `[out, feature]`. The features of planes are theirs row by row, channels fastest; the kernel has
//! them plane by plane.

use ndarray::Array4;
use tract_tflite::tflite::FullyConnectedOptionsWeightsFormat;
use zklayout_model::{Padding, Planes, Scaling};

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place, Weighted};
use super::super::operator::Operator;
use super::super::scaling::factors;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_fully_connected_options())?;
    if options.weights_format() != FullyConnectedOptionsWeightsFormat::DEFAULT {
        return Err(operator.unsupported(format!("weights in the format {:?}", options.weights_format())));
    }
    let (source, input) = builder.source(operator, 0)?;
    let (kernel, scales) = kernel(operator, input)?;
    let outputs = kernel.dim().0;
    let scaling = Scaling::Factors(factors(operator, &scales, outputs)?);
    let bounds = stored_bounds(operator, options.fused_activation_function(), &operator.output.stored()?)?;
    let padding = Padding::default();
    builder.push_weighted(operator, source, Weighted { kernel, scaling, groups: 1, stride: 1, padding, bounds })
}

/// Weights plane by plane, and their scales.
fn kernel(operator: &Operator<'_>, input: Planes) -> Result<(Array4<i64>, Vec<f32>), ImportError> {
    let weights = operator.input(1)?;
    let [outputs, features] = *weights.dims else {
        return Err(weights.wrong(format!("expected two dimensions, found {:?}", weights.dims)));
    };
    if features != input.len() {
        return Err(operator.unsupported(format!("weights for {features} features; its input is {input}")));
    }
    let (values, scales) = weights.weights(0)?;
    let shape = (outputs, input.channels, input.height, input.width);
    let kernel = Array4::from_shape_fn(shape, |(o, c, y, x)| {
        values[o * features + (y * input.width + x) * input.channels + c]
    });
    Ok((kernel, scales))
}
