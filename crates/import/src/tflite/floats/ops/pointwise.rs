//! Operators on single values, those of several tensors with broadcasts as ONNX has them.

use tract_tflite::tflite::{ActivationFunctionType, BuiltinOperator};

use super::super::translation::{Translation, integer, real};
use crate::error::ImportError;
use crate::tflite::operator::Operator;

/// Operators without attributes, by ONNX's names.
const PLAIN: [(BuiltinOperator, &str); 29] = [
    (BuiltinOperator::ABS, "Abs"),
    (BuiltinOperator::CEIL, "Ceil"),
    (BuiltinOperator::COS, "Cos"),
    (BuiltinOperator::DEQUANTIZE, "Identity"),
    (BuiltinOperator::ELU, "Elu"),
    (BuiltinOperator::EQUAL, "Equal"),
    (BuiltinOperator::EXP, "Exp"),
    (BuiltinOperator::FLOOR, "Floor"),
    (BuiltinOperator::GREATER, "Greater"),
    (BuiltinOperator::GREATER_EQUAL, "GreaterOrEqual"),
    (BuiltinOperator::HARD_SWISH, "HardSwish"),
    (BuiltinOperator::LESS, "Less"),
    (BuiltinOperator::LESS_EQUAL, "LessOrEqual"),
    (BuiltinOperator::LOG, "Log"),
    (BuiltinOperator::LOGICAL_AND, "And"),
    (BuiltinOperator::LOGICAL_NOT, "Not"),
    (BuiltinOperator::LOGICAL_OR, "Or"),
    (BuiltinOperator::LOGISTIC, "Sigmoid"),
    (BuiltinOperator::MAXIMUM, "Max"),
    (BuiltinOperator::MINIMUM, "Min"),
    (BuiltinOperator::NEG, "Neg"),
    (BuiltinOperator::POW, "Pow"),
    (BuiltinOperator::PRELU, "PRelu"),
    (BuiltinOperator::RELU, "Relu"),
    (BuiltinOperator::ROUND, "Round"),
    (BuiltinOperator::SELECT_V2, "Where"),
    (BuiltinOperator::SIN, "Sin"),
    (BuiltinOperator::SQRT, "Sqrt"),
    (BuiltinOperator::TANH, "Tanh"),
];

pub(super) fn plain(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let name = PLAIN.iter().find(|(code, _)| *code == operator.code).map(|(_, name)| *name);
    let name = name.ok_or_else(|| operator.unsupported("it is not known"))?;
    let inputs = (0..operator.inputs.len()).map(|slot| to.input(operator, slot));
    let inputs = inputs.collect::<Result<Vec<String>, _>>()?;
    let result = to.add(name, &inputs.iter().map(String::as_str).collect::<Vec<_>>(), Vec::new());
    to.end(operator, &result)
}

fn of_two(
    operator: &Operator<'_>,
    to: &mut Translation,
    name: &str,
    activation: Option<ActivationFunctionType>,
) -> Result<(), ImportError> {
    let (left, right) = (to.input(operator, 0)?, to.input(operator, 1)?);
    let result = to.add(name, &[&left, &right], Vec::new());
    to.end_activated(operator, &result, activation.unwrap_or(ActivationFunctionType::NONE))
}

pub(super) fn sum(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.table.builtin_options_as_add_options();
    of_two(operator, to, "Add", options.map(|options| options.fused_activation_function()))
}

pub(super) fn difference(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.table.builtin_options_as_sub_options();
    of_two(operator, to, "Sub", options.map(|options| options.fused_activation_function()))
}

pub(super) fn product(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.table.builtin_options_as_mul_options();
    of_two(operator, to, "Mul", options.map(|options| options.fused_activation_function()))
}

pub(super) fn quotient(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.table.builtin_options_as_div_options();
    of_two(operator, to, "Div", options.map(|options| options.fused_activation_function()))
}

pub(super) fn square(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let value = to.input(operator, 0)?;
    let result = to.add("Mul", &[&value, &value], Vec::new());
    to.end(operator, &result)
}

pub(super) fn squared_difference(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let (left, right) = (to.input(operator, 0)?, to.input(operator, 1)?);
    let difference = to.add("Sub", &[&left, &right], Vec::new());
    let result = to.add("Mul", &[&difference, &difference], Vec::new());
    to.end(operator, &result)
}

pub(super) fn inverse_root(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let value = to.input(operator, 0)?;
    let root = to.add("Sqrt", &[&value], Vec::new());
    let result = to.add("Reciprocal", &[&root], Vec::new());
    to.end(operator, &result)
}

pub(super) fn clipped(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let value = to.input(operator, 0)?;
    let (lo, hi) = if operator.code == BuiltinOperator::RELU6 { (0.0, 6.0) } else { (-1.0, 1.0) };
    let result = to.clipped(&value, lo, hi);
    to.end(operator, &result)
}

pub(super) fn leaky(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_leaky_relu_options())?;
    let value = to.input(operator, 0)?;
    let result = to.add("LeakyRelu", &[&value], vec![real("alpha", options.alpha())]);
    to.end(operator, &result)
}

/// `x / 2 * (1 + erf(x / sqrt 2))`, or its approximation by tanh.
pub(super) fn gelu(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let approximate =
        operator.table.builtin_options_as_gelu_options().is_some_and(|options| options.approximate());
    let value = to.input(operator, 0)?;
    let (half, one) = (to.reals(&[], &[0.5]), to.reals(&[], &[1.0]));
    let inner = if approximate {
        let (three, cubic) = (to.reals(&[], &[3.0]), to.reals(&[], &[0.044_715]));
        let cube = to.add("Pow", &[&value, &three], Vec::new());
        let cube = to.add("Mul", &[&cube, &cubic], Vec::new());
        let sum = to.add("Add", &[&value, &cube], Vec::new());
        let scale = to.reals(&[], &[std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2]);
        let scaled = to.add("Mul", &[&sum, &scale], Vec::new());
        to.add("Tanh", &[&scaled], Vec::new())
    } else {
        let scale = to.reals(&[], &[std::f32::consts::FRAC_1_SQRT_2]);
        let scaled = to.add("Mul", &[&value, &scale], Vec::new());
        to.add("Erf", &[&scaled], Vec::new())
    };
    let share = to.add("Add", &[&inner, &one], Vec::new());
    let halved = to.add("Mul", &[&value, &half], Vec::new());
    let result = to.add("Mul", &[&halved, &share], Vec::new());
    to.end(operator, &result)
}

/// Over the last axis, of values times `beta`.
pub(super) fn softmax(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let beta = operator.options(operator.table.builtin_options_as_softmax_options())?.beta();
    let mut value = to.input(operator, 0)?;
    if beta.to_bits() != 1.0f32.to_bits() {
        let beta = to.reals(&[], &[beta]);
        value = to.add("Mul", &[&value, &beta], Vec::new());
    }
    let result = to.add("Softmax", &[&value], vec![integer("axis", -1)]);
    to.end(operator, &result)
}
