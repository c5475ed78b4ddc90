//! Comparisons, truth values and choices between tensors: Greater, Less, Equal, And, Or, Xor, Not, Where.
//!
//! A truth value is 0 or 1. `Where` is `b + condition * (a - b)`.

use zklayout_model::{Activation, Function};

use super::mask;
use super::{AtNode, Node, Results};
use crate::onnx::layers::{Layers, repeat, together, zip};
use crate::onnx::value::{Kind, Value};

fn truth(value: Value) -> Vec<Value> {
    vec![Value { kind: Kind::Boolean, whole: true, ..value }]
}

fn evaluate(node: &Node<'_>, holds: impl Fn(f64, f64) -> bool) -> Results {
    let both = zip(node.value(0)?, node.value(1)?, |a, b| f64::from(u8::from(holds(a, b))));
    Ok(truth(both.at(node)?))
}

/// Whether `sign * (a - b)` is above 0, or also at it.
fn exceeds(node: &Node<'_>, layers: &mut Layers, sign: f64, or_zero: bool) -> Results {
    let name = node.name();
    let difference = layers.sum(&name, &[(node.value(0)?, sign), (node.value(1)?, -sign)]).at(node)?;
    let positive = Activation::Function(Function::Positive { or_zero });
    Ok(truth(layers.apply(&name, &difference, &positive).at(node)?))
}

pub(super) fn import_greater(node: &Node<'_>, layers: &mut Layers) -> Results {
    exceeds(node, layers, 1.0, false)
}

pub(super) fn evaluate_greater(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a > b)
}

pub(super) fn import_greater_or_equal(node: &Node<'_>, layers: &mut Layers) -> Results {
    exceeds(node, layers, 1.0, true)
}

pub(super) fn evaluate_greater_or_equal(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a >= b)
}

pub(super) fn import_less(node: &Node<'_>, layers: &mut Layers) -> Results {
    exceeds(node, layers, -1.0, false)
}

pub(super) fn evaluate_less(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a < b)
}

pub(super) fn import_less_or_equal(node: &Node<'_>, layers: &mut Layers) -> Results {
    exceeds(node, layers, -1.0, true)
}

pub(super) fn evaluate_less_or_equal(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a <= b)
}

pub(super) fn import_equal(node: &Node<'_>, layers: &mut Layers) -> Results {
    let name = node.name();
    if !(node.value(0)?.is_whole() && node.value(1)?.is_whole()) {
        return Err(node.unsupported("whether floats that depend on the input are equal; rounding decides that"));
    }
    let difference = layers.sum(&name, &[(node.value(0)?, 1.0), (node.value(1)?, -1.0)]).at(node)?;
    Ok(truth(layers.apply(&name, &difference, &Activation::Function(Function::Zero)).at(node)?))
}

pub(super) fn evaluate_equal(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a == b)
}

pub(super) fn import_and(node: &Node<'_>, layers: &mut Layers) -> Results {
    Ok(truth(layers.product(&node.name(), node.value(0)?, node.value(1)?).at(node)?))
}

pub(super) fn evaluate_and(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a != 0.0 && b != 0.0)
}

/// `a + b - a b`.
pub(super) fn import_or(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (a, b, name) = (node.value(0)?, node.value(1)?, node.name());
    let both = layers.product(&name, a, b).at(node)?;
    Ok(truth(layers.sum(&name, &[(a, 1.0), (b, 1.0), (&both, -1.0)]).at(node)?))
}

pub(super) fn evaluate_or(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| a != 0.0 || b != 0.0)
}

/// `(a - b)^2`.
pub(super) fn import_xor(node: &Node<'_>, layers: &mut Layers) -> Results {
    let name = node.name();
    let difference = layers.sum(&name, &[(node.value(0)?, 1.0), (node.value(1)?, -1.0)]).at(node)?;
    Ok(truth(layers.apply(&name, &difference, &Activation::Function(Function::Abs)).at(node)?))
}

pub(super) fn evaluate_xor(node: &Node<'_>) -> Results {
    evaluate(node, |a, b| (a != 0.0) != (b != 0.0))
}

pub(super) fn import_not(node: &Node<'_>, layers: &mut Layers) -> Results {
    let one = Value::number(1.0);
    Ok(truth(layers.sum(&node.name(), &[(&one, 1.0), (node.value(0)?, -1.0)]).at(node)?))
}

pub(super) fn evaluate_not(node: &Node<'_>) -> Results {
    let value = node.value(0)?;
    Ok(truth(zip(value, value, |a, _| f64::from(u8::from(a == 0.0))).at(node)?))
}

/// Integers are numbers.
pub(super) fn import_is_nan(node: &Node<'_>, _: &mut Layers) -> Results {
    let value = node.value(0)?;
    Ok(truth(Value::numbers(Kind::Boolean, value.dims.clone(), vec![0.0; value.len()])))
}

pub(super) fn evaluate_is_nan(node: &Node<'_>) -> Results {
    let value = node.value(0)?;
    let truths = node.numbers(0)?.iter().map(|number| f64::from(u8::from(number.is_nan())));
    Ok(truth(Value::numbers(Kind::Boolean, value.dims.clone(), truths.collect())))
}

pub(super) fn import_where(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (condition, a, b, name) = (node.value(0)?, node.value(1)?, node.value(2)?, node.name());
    if let Some(truths) = condition.as_numbers() {
        for (tensor, other, taken) in [(a, b, 0.0), (b, a, 1.0)] {
            if tensor.as_numbers().is_none() && mask::masks(other) {
                // What is chosen instead of a score is a mask: it is added to it.
                let lowest = |truth: &f64| if *truth == taken { f64::NEG_INFINITY } else { 0.0 };
                let numbers = truths.iter().map(lowest).collect();
                let mask = mask::held(&Value::numbers(tensor.kind, condition.dims.clone(), numbers));
                return Ok(vec![layers.sum(&name, &[(tensor, 1.0), (&mask, 1.0)]).at(node)?]);
            }
        }
        return Ok(vec![chosen(node)?]);
    }
    if [a, b].iter().filter_map(|value| value.as_numbers()).flatten().any(|number| !number.is_finite()) {
        return Err(node.unsupported("a choice of an infinite number by a condition that depends on the input"));
    }
    let difference = layers.sum(&name, &[(a, 1.0), (b, -1.0)]).at(node)?;
    let more = layers.product(&name, condition, &difference).at(node)?;
    let result = layers.sum(&name, &[(b, 1.0), (&more, 1.0)]).at(node)?;
    Ok(vec![Value { kind: a.kind, ..result }])
}

/// A choice by a constant condition.
fn chosen(node: &Node<'_>) -> Result<Value, crate::error::ImportError> {
    let values = [node.value(0)?, node.value(1)?, node.value(2)?];
    let dims = together(values).at(node)?;
    let [condition, a, b] = values.map(|value| repeat(value, &dims));
    let (condition, a, b) = (condition.at(node)?, a.at(node)?, b.at(node)?);
    let numbers = condition.as_numbers().ok_or_else(|| node.unsupported("its condition depends on the input"))?;
    let (left, right) = (a.elements(), b.elements());
    let pick = |(place, truth): (usize, &f64)| if *truth != 0.0 { left[place] } else { right[place] };
    Ok(Value::of_elements(a.kind, dims, numbers.iter().enumerate().map(pick).collect()))
}

pub(super) fn evaluate_where(node: &Node<'_>) -> Results {
    Ok(vec![chosen(node)?])
}
