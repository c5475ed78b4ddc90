//! The supported operators, one file each or for several that are alike.

mod average_pool;
mod conv;
mod depthwise;
mod ends;
mod fully_connected;
mod hard_swish;
mod max_pool;
mod mean;
mod mul;
mod pad;
mod reshape;
mod sum;
mod table;

use tract_tflite::tflite::BuiltinOperator;

use super::builder::{Builder, Place};
use super::operator::Operator;
use crate::error::{ImportError, MissingOperator};

type Importer = fn(&Operator<'_>, &mut Builder<'_>) -> Result<Place, ImportError>;

const OPERATORS: [(BuiltinOperator, Importer); 18] = [
    (BuiltinOperator::ADD, sum::add),
    (BuiltinOperator::AVERAGE_POOL_2D, average_pool::import),
    (BuiltinOperator::CONV_2D, conv::import),
    (BuiltinOperator::DEPTHWISE_CONV_2D, depthwise::import),
    (BuiltinOperator::DEQUANTIZE, ends::dequantise),
    (BuiltinOperator::FULLY_CONNECTED, fully_connected::import),
    (BuiltinOperator::HARD_SWISH, table::hard_swish),
    (BuiltinOperator::LOGISTIC, table::logistic),
    (BuiltinOperator::MAX_POOL_2D, max_pool::import),
    (BuiltinOperator::MEAN, mean::import),
    (BuiltinOperator::MUL, mul::import),
    (BuiltinOperator::PAD, pad::zero),
    (BuiltinOperator::PADV2, pad::constant),
    (BuiltinOperator::QUANTIZE, ends::quantise),
    (BuiltinOperator::RESHAPE, reshape::import),
    (BuiltinOperator::SOFTMAX, ends::softmax),
    (BuiltinOperator::SUB, sum::subtract),
    (BuiltinOperator::TANH, table::tanh),
];

/// Adds what an operator computes to the graph, and says where its result is.
pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    match OPERATORS.iter().find(|(code, _)| *code == operator.code) {
        Some((_, import)) => import(operator, builder),
        None => {
            let supported = tflite_operators();
            let (node, op) = (operator.name(), operator.label());
            let advice = "export the model with these";
            let missing = vec![MissingOperator { op, nodes: vec![node], advice }];
            Err(ImportError::UnsupportedOps { missing, supported: supported.join(", ") })
        }
    }
}

/// Names of every operator.
pub fn tflite_operators() -> Vec<&'static str> {
    OPERATORS.iter().filter_map(|(code, _)| code.variant_name()).collect()
}
