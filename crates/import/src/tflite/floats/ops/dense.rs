//! Products with matrices: fully connected layers, whose weights are by output and input, and products of two tensors.

use super::super::translation::{Translation, integer, list};
use crate::error::ImportError;
use crate::tflite::operator::Operator;

pub(super) fn layer(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_fully_connected_options())?;
    let (input, weights) = (operator.input(0)?, operator.input(1)?);
    let &[outputs, features] = &weights.dims[..] else {
        return Err(operator.unsupported(format!("weights {:?}; expected two axes", weights.dims)));
    };
    let values = input.dims.iter().try_fold(1usize, |values, dim| values.checked_mul(*dim));
    let Some(values) = values.filter(|values| features > 0 && outputs > 0 && values.is_multiple_of(features))
    else {
        return Err(operator.unsupported(format!("{features} features of a tensor {:?}", input.dims)));
    };
    let (rows, plain) = (values / features, input.dims.len() == 2);
    let (mut value, kernel) = (to.input(operator, 0)?, to.input(operator, 1)?);
    if !plain {
        value = to.reshaped(&value, &[rows, features]);
    }
    let mut inputs = vec![value, kernel];
    if operator.optional(2).is_some() {
        inputs.push(to.input(operator, 2)?);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let mut result = to.add("Gemm", &inputs, vec![integer("transB", 1)]);
    if operator.output.dims != [rows, outputs] {
        result = to.reshaped(&result, &operator.output.dims);
    }
    to.end_activated(operator, &result, options.fused_activation_function())
}

pub(super) fn product(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_batch_mat_mul_options())?;
    let mut inputs = Vec::new();
    for (slot, turned) in [options.adj_x(), options.adj_y()].into_iter().enumerate() {
        let (value, rank) = (to.input(operator, slot)?, operator.input(slot)?.dims.len() as i64);
        inputs.push(match turned && rank > 1 {
            true => {
                let order: Vec<i64> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
                to.add("Transpose", &[&value], vec![list("perm", &order)])
            }
            false => value,
        });
    }
    let result = to.add("MatMul", &[&inputs[0], &inputs[1]], Vec::new());
    to.end(operator, &result)
}
