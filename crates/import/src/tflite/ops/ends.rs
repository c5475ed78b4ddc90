//! What stands between the graph and the floats around it: QUANTIZE before it, SOFTMAX and DEQUANTIZE after it.

use super::super::builder::{Builder, Place};
use super::super::operator::Operator;
use crate::error::ImportError;

/// The model's float input, as bytes.
pub(super) fn quantise(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let input = operator.input(0)?;
    if !input.is_float() || !builder.is_float_input(input) {
        return Err(operator.unsupported("only the model's float input can be quantised"));
    }
    if input.dims != operator.output.dims {
        let found = &operator.output.dims;
        return Err(operator.unsupported(format!("its result's shape is {found:?}, its input's {:?}", input.dims)));
    }
    builder.push_input(&operator.output)
}

/// The graph ends at the values.
pub(super) fn dequantise(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    builder.end(operator)
}

/// The graph ends at the logits.
pub(super) fn softmax(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    builder.end(operator)
}
