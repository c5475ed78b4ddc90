//! The operators that are known, one file for those that are alike.

mod convolution;
mod dense;
mod pointwise;
mod pool;
mod reduce;
mod resize;
mod shape;

use tract_tflite::tflite::BuiltinOperator;

use super::translation::Translation;
use crate::error::ImportError;
use crate::tflite::operator::Operator;

type Translator = fn(&Operator<'_>, &mut Translation) -> Result<(), ImportError>;

const OPERATORS: [(BuiltinOperator, Translator); 63] = [
    (BuiltinOperator::ABS, pointwise::plain),
    (BuiltinOperator::ADD, pointwise::sum),
    (BuiltinOperator::ARG_MAX, reduce::largest),
    (BuiltinOperator::AVERAGE_POOL_2D, pool::average),
    (BuiltinOperator::BATCH_MATMUL, dense::product),
    (BuiltinOperator::CEIL, pointwise::plain),
    (BuiltinOperator::CONCATENATION, shape::concatenated),
    (BuiltinOperator::CONV_2D, convolution::whole),
    (BuiltinOperator::COS, pointwise::plain),
    (BuiltinOperator::DEPTHWISE_CONV_2D, convolution::by_channel),
    (BuiltinOperator::DEQUANTIZE, pointwise::plain),
    (BuiltinOperator::DIV, pointwise::quotient),
    (BuiltinOperator::ELU, pointwise::plain),
    (BuiltinOperator::EQUAL, pointwise::plain),
    (BuiltinOperator::EXP, pointwise::plain),
    (BuiltinOperator::EXPAND_DIMS, shape::reshaped),
    (BuiltinOperator::FLOOR, pointwise::plain),
    (BuiltinOperator::FULLY_CONNECTED, dense::layer),
    (BuiltinOperator::GATHER, shape::gathered),
    (BuiltinOperator::GELU, pointwise::gelu),
    (BuiltinOperator::GREATER, pointwise::plain),
    (BuiltinOperator::GREATER_EQUAL, pointwise::plain),
    (BuiltinOperator::HARD_SWISH, pointwise::plain),
    (BuiltinOperator::LEAKY_RELU, pointwise::leaky),
    (BuiltinOperator::LESS, pointwise::plain),
    (BuiltinOperator::LESS_EQUAL, pointwise::plain),
    (BuiltinOperator::LOG, pointwise::plain),
    (BuiltinOperator::LOGICAL_AND, pointwise::plain),
    (BuiltinOperator::LOGICAL_NOT, pointwise::plain),
    (BuiltinOperator::LOGICAL_OR, pointwise::plain),
    (BuiltinOperator::LOGISTIC, pointwise::plain),
    (BuiltinOperator::MAXIMUM, pointwise::plain),
    (BuiltinOperator::MAX_POOL_2D, pool::largest),
    (BuiltinOperator::MEAN, reduce::mean),
    (BuiltinOperator::MINIMUM, pointwise::plain),
    (BuiltinOperator::MUL, pointwise::product),
    (BuiltinOperator::NEG, pointwise::plain),
    (BuiltinOperator::PAD, shape::padded),
    (BuiltinOperator::PADV2, shape::padded),
    (BuiltinOperator::POW, pointwise::plain),
    (BuiltinOperator::PRELU, pointwise::plain),
    (BuiltinOperator::REDUCE_MAX, reduce::maximum),
    (BuiltinOperator::RELU, pointwise::plain),
    (BuiltinOperator::RELU6, pointwise::clipped),
    (BuiltinOperator::RELU_N1_TO_1, pointwise::clipped),
    (BuiltinOperator::RESHAPE, shape::reshaped),
    (BuiltinOperator::RESIZE_BILINEAR, resize::bilinear),
    (BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, resize::nearest),
    (BuiltinOperator::ROUND, pointwise::plain),
    (BuiltinOperator::RSQRT, pointwise::inverse_root),
    (BuiltinOperator::SELECT_V2, pointwise::plain),
    (BuiltinOperator::SIN, pointwise::plain),
    (BuiltinOperator::SLICE, shape::sliced),
    (BuiltinOperator::SOFTMAX, pointwise::softmax),
    (BuiltinOperator::SPLIT, shape::split),
    (BuiltinOperator::SQRT, pointwise::plain),
    (BuiltinOperator::SQUARE, pointwise::square),
    (BuiltinOperator::SQUARED_DIFFERENCE, pointwise::squared_difference),
    (BuiltinOperator::SQUEEZE, shape::reshaped),
    (BuiltinOperator::SUB, pointwise::difference),
    (BuiltinOperator::SUM, reduce::sum),
    (BuiltinOperator::TANH, pointwise::plain),
    (BuiltinOperator::TRANSPOSE, shape::transposed),
];

/// Whether an operator is known.
pub(super) fn knows(code: BuiltinOperator) -> bool {
    OPERATORS.iter().any(|(own, _)| *own == code)
}

/// Writes what an operator computes.
pub(super) fn translate(operator: &Operator<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    match OPERATORS.iter().find(|(code, _)| *code == operator.code) {
        Some((_, translate)) => translate(operator, translation),
        None => Err(operator.unsupported("it is not known")),
    }
}

/// Names of every operator of floats.
pub fn float_tflite_operators() -> Vec<&'static str> {
    OPERATORS.iter().filter_map(|(code, _)| code.variant_name()).collect()
}
