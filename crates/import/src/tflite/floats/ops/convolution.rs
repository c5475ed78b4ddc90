//! Convolutions: weights are by output channel, row, column and input channel; of one by channel, the last axis is that of the
//! output.

use tract_tflite::tflite::{ActivationFunctionType, Padding};

use super::super::translation::{Translation, integer, list};
use crate::error::ImportError;
use crate::tflite::operator::Operator;
use crate::tflite::padding::around;

/// How a kernel goes over planes.
struct Walk {
    padding: Padding,
    strides: (usize, usize),
    dilations: (usize, usize),
    activation: ActivationFunctionType,
}

pub(super) fn whole(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_conv_2_doptions())?;
    let walk = Walk {
        padding: options.padding(),
        strides: operator.strides(options.stride_h(), options.stride_w())?,
        dilations: operator.strides(options.dilation_h_factor(), options.dilation_w_factor())?,
        activation: options.fused_activation_function(),
    };
    let (input, weights) = (operator.input(0)?.dims.clone(), operator.input(1)?.dims.clone());
    let (&[.., channels], &[.., group]) = (&input[..], &weights[..]) else {
        return Err(operator.unsupported(format!("weights {weights:?} on a tensor {input:?}")));
    };
    if group == 0 || channels % group != 0 {
        return Err(operator.unsupported(format!("weights of {group} channels on {channels}")));
    }
    convolution(operator, to, &walk, (&[0, 3, 1, 2], channels / group))
}

pub(super) fn by_channel(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_depthwise_conv_2_doptions())?;
    let walk = Walk {
        padding: options.padding(),
        strides: operator.strides(options.stride_h(), options.stride_w())?,
        dilations: operator.strides(options.dilation_h_factor(), options.dilation_w_factor())?,
        activation: options.fused_activation_function(),
    };
    let channels = operator.input(0)?.dims.last().copied().unwrap_or(0);
    convolution(operator, to, &walk, (&[3, 0, 1, 2], channels))
}

fn convolution(
    operator: &Operator<'_>,
    to: &mut Translation,
    walk: &Walk,
    (order, groups): (&[i64], usize),
) -> Result<(), ImportError> {
    let (input, weights) = (&operator.input(0)?.dims, &operator.input(1)?.dims);
    let (&[_, height, width, _], &[_, rows, columns, _]) = (&input[..], &weights[..]) else {
        return Err(operator.unsupported(format!("weights {weights:?} on a tensor {input:?}")));
    };
    let Walk { padding, strides, dilations, activation } = walk;
    let reach = |size: usize, apart: usize| size.saturating_sub(1).saturating_mul(apart).saturating_add(1);
    let sizes = (reach(rows, dilations.0), reach(columns, dilations.1));
    let pads = pads(operator, *padding, [(height, sizes.0, strides.0), (width, sizes.1, strides.1)])?;
    let attributes = vec![
        list("strides", &[strides.0 as i64, strides.1 as i64]),
        list("dilations", &[dilations.0 as i64, dilations.1 as i64]),
        list("pads", &pads),
        integer("group", groups as i64),
    ];
    let (value, kernel) = (to.input(operator, 0)?, to.input(operator, 1)?);
    let kernel = to.add("Transpose", &[&kernel], vec![list("perm", order)]);
    let planes = to.planes(&value);
    let mut inputs = vec![planes, kernel];
    if operator.optional(2).is_some() {
        inputs.push(to.input(operator, 2)?);
    }
    let result = to.add("Conv", &inputs.iter().map(String::as_str).collect::<Vec<_>>(), attributes);
    let result = to.channels_last(&result);
    to.end_activated(operator, &result, *activation)
}

/// Padding at the start of rows and columns, then at their ends, for a kernel's reach and stride in each.
pub(super) fn pads(
    operator: &Operator<'_>,
    scheme: Padding,
    axes: [(usize, usize, usize); 2],
) -> Result<Vec<i64>, ImportError> {
    let [(top, bottom), (left, right)] = match scheme {
        Padding::VALID => [(0, 0); 2],
        Padding::SAME => axes.map(|(size, kernel, stride)| around(size, kernel, stride)),
        other => return Err(operator.unsupported(format!("padding {other:?}"))),
    };
    Ok([top, left, bottom, right].map(|pad| pad as i64).to_vec())
}
