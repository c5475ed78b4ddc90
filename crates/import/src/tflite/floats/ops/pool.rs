//! Pools: means over what a window has of the planes, and maxima.

use super::super::translation::{Translation, integer, list};
use super::convolution::pads;
use crate::error::ImportError;
use crate::tflite::operator::Operator;

pub(super) fn average(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    pooled(operator, to, "AveragePool")
}

pub(super) fn largest(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    pooled(operator, to, "MaxPool")
}

fn pooled(operator: &Operator<'_>, to: &mut Translation, name: &str) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_pool_2_doptions())?;
    let dims = &operator.input(0)?.dims;
    let &[_, height, width, _] = &dims[..] else {
        return Err(operator.unsupported(format!("a tensor {dims:?}; expected rows, columns and channels")));
    };
    let strides = operator.strides(options.stride_h(), options.stride_w())?;
    let window = operator.window(options.filter_height(), options.filter_width())?;
    let axes = [(height, window.0, strides.0), (width, window.1, strides.1)];
    let mut attributes = vec![
        list("kernel_shape", &[window.0 as i64, window.1 as i64]),
        list("strides", &[strides.0 as i64, strides.1 as i64]),
        list("pads", &pads(operator, options.padding(), axes)?),
    ];
    if name == "AveragePool" {
        attributes.push(integer("count_include_pad", 0));
    }
    let value = to.input(operator, 0)?;
    let planes = to.planes(&value);
    let result = to.add(name, &[&planes], attributes);
    let result = to.channels_last(&result);
    to.end_activated(operator, &result, options.fused_activation_function())
}
