//! Arithmetic between tensors and constants, with broadcasting: Add, Sub, Mul, Div, Neg, Pow, Sum, Mean, Min, Max, PRelu.

use zklayout_model::{Activation, Clamp, FloatOp, Function};

use super::mask;
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Layers, zip};
use crate::onnx::value::{Kind, Value};

/// Numbers of all inputs together, from the first on.
fn fold(node: &Node<'_>, apply: impl Fn(f64, f64) -> f64) -> Results {
    let mut result = node.value(0)?.clone();
    for value in node.values().skip(1) {
        result = zip(&result, value, &apply).at(node)?;
    }
    Ok(vec![result])
}

/// Numbers of one input.
fn each(node: &Node<'_>, apply: impl Fn(f64) -> f64) -> Results {
    let value = node.value(0)?;
    let numbers = node.numbers(0)?.iter().map(|number| apply(*number)).collect();
    Ok(vec![Value::numbers(value.kind, value.dims.clone(), numbers)])
}

fn rectified() -> Activation {
    Activation::Clamp(Clamp { lo: Some(0.0), hi: None })
}

/// Numbers changed one by one.
fn changed(value: &Value, change: impl Fn(f64) -> f64) -> Option<Value> {
    let numbers = value.as_numbers()?.iter().map(|number| change(*number)).collect();
    Some(Value::numbers(value.kind, value.dims.clone(), numbers))
}

pub(super) fn import_add(node: &Node<'_>, layers: &mut Layers) -> Results {
    let [a, b] = [mask::held(node.value(0)?), mask::held(node.value(1)?)];
    let infinite = |value: &Value| value.as_numbers().is_some_and(|all| all.iter().any(|one| !one.is_finite()));
    if infinite(&a) || infinite(&b) {
        return Err(node.unsupported("one of its constants is infinite where it is no mask"));
    }
    Ok(vec![layers.sum(&node.name(), &[(&a, 1.0), (&b, 1.0)]).at(node)?])
}

pub(super) fn evaluate_add(node: &Node<'_>) -> Results {
    fold(node, |a, b| a + b)
}

pub(super) fn import_sub(node: &Node<'_>, layers: &mut Layers) -> Results {
    let difference = layers.sum(&node.name(), &[(node.value(0)?, 1.0), (node.value(1)?, -1.0)]);
    Ok(vec![difference.at(node)?])
}

pub(super) fn evaluate_sub(node: &Node<'_>) -> Results {
    fold(node, |a, b| a - b)
}

pub(super) fn import_sum(node: &Node<'_>, layers: &mut Layers) -> Results {
    let terms: Vec<(&Value, f64)> = node.values().map(|value| (value, 1.0)).collect();
    Ok(vec![layers.sum(&node.name(), &terms).at(node)?])
}

pub(super) fn evaluate_sum(node: &Node<'_>) -> Results {
    evaluate_add(node)
}

pub(super) fn import_mean(node: &Node<'_>, layers: &mut Layers) -> Results {
    node.refuse_integers(0, "a mean of integers that depend on the input; cast them to floats")?;
    let sum = import_sum(node, layers)?;
    let share = Value::number(1.0 / node.values().count().max(1) as f64);
    Ok(vec![layers.product(&node.name(), &sum[0], &share).at(node)?])
}

pub(super) fn evaluate_mean(node: &Node<'_>) -> Results {
    let count = node.values().count().max(1) as f64;
    let sum = evaluate_add(node)?;
    Ok(sum.iter().filter_map(|sum| changed(sum, |number| number / count)).collect())
}

pub(super) fn import_mul(node: &Node<'_>, layers: &mut Layers) -> Results {
    Ok(vec![layers.product(&node.name(), node.value(0)?, node.value(1)?).at(node)?])
}

pub(super) fn evaluate_mul(node: &Node<'_>) -> Results {
    fold(node, |a, b| a * b)
}

pub(super) fn import_div(node: &Node<'_>, layers: &mut Layers) -> Results {
    for slot in [0, 1] {
        node.refuse_integers(slot, "a quotient of integers that depend on the input; cast them to floats")?;
    }
    let (a, b, name) = (node.value(0)?, node.value(1)?, node.name());
    let inverse = match b.as_numbers() {
        Some(numbers) if numbers.contains(&0.0) => return Err(node.unsupported("it divides by a constant 0")),
        Some(_) => changed(b, f64::recip).ok_or_else(|| node.unsupported("it has no divisor"))?,
        None => layers.apply(&name, b, &Activation::Function(Function::Reciprocal)).at(node)?,
    };
    Ok(vec![layers.product(&name, a, &inverse).at(node)?])
}

/// Quotients of integers are cut.
pub(super) fn evaluate_div(node: &Node<'_>) -> Results {
    if node.value(0)?.kind == Kind::Float {
        return fold(node, |a, b| a / b);
    }
    if node.numbers(1)?.contains(&0.0) {
        return Err(node.unsupported("it divides by a constant 0"));
    }
    fold(node, |a, b| (a / b).trunc())
}

pub(super) fn import_neg(node: &Node<'_>, layers: &mut Layers) -> Results {
    Ok(vec![layers.sum(&node.name(), &[(node.value(0)?, -1.0)]).at(node)?])
}

pub(super) fn evaluate_neg(node: &Node<'_>) -> Results {
    each(node, |number| -number)
}

/// One number that a constant holds everywhere.
fn uniform(value: &Value) -> Option<f64> {
    let numbers = value.as_numbers()?;
    numbers.first().copied().filter(|first| numbers.iter().all(|number| number == first))
}

pub(super) fn import_pow(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (base, exponent, name) = (node.value(0)?, node.value(1)?, node.name());
    let (of, function) = match (uniform(base), uniform(exponent)) {
        (_, Some(exponent)) => (base, Function::Power { exponent }),
        (Some(base), _) if base > 0.0 => (exponent, Function::Exponential { base }),
        _ => return Err(node.unsupported("a power whose exponent is not one constant, nor its base one above 0")),
    };
    Ok(vec![layers.apply(&name, of, &Activation::Function(function)).at(node)?])
}

pub(super) fn evaluate_pow(node: &Node<'_>) -> Results {
    fold(node, f64::powf)
}

/// `max(a, b) = b + max(a - b, 0)`, or a clamp where one is a single constant.
fn larger(name: &str, a: &Value, b: &Value, layers: &mut Layers) -> Result<Value, String> {
    for (value, bound) in [(a, b), (b, a)] {
        if let (Some(lo), None) = (uniform(bound), value.as_numbers())
            && bound.len() == 1
            && bound.dims.len() <= value.dims.len()
        {
            return layers.apply(name, value, &Activation::Clamp(Clamp { lo: Some(lo), hi: None }));
        }
    }
    let more = layers.sum(name, &[(a, 1.0), (b, -1.0)])?;
    let gain = layers.apply(name, &more, &rectified())?;
    layers.sum(name, &[(b, 1.0), (&gain, 1.0)])
}

/// `min(a, b) = b - max(b - a, 0)`, or a clamp where one is a single constant.
fn smaller(name: &str, a: &Value, b: &Value, layers: &mut Layers) -> Result<Value, String> {
    for (value, bound) in [(a, b), (b, a)] {
        if let (Some(hi), None) = (uniform(bound), value.as_numbers())
            && bound.len() == 1
            && bound.dims.len() <= value.dims.len()
        {
            return layers.apply(name, value, &Activation::Clamp(Clamp { lo: None, hi: Some(hi) }));
        }
    }
    let less = layers.sum(name, &[(b, 1.0), (a, -1.0)])?;
    let loss = layers.apply(name, &less, &rectified())?;
    layers.sum(name, &[(b, 1.0), (&loss, -1.0)])
}

type Pair = fn(&str, &Value, &Value, &mut Layers) -> Result<Value, String>;

fn in_turn(node: &Node<'_>, layers: &mut Layers, pair: Pair) -> Results {
    let mut result = node.value(0)?.clone();
    for value in node.values().skip(1) {
        result = pair(&node.name(), &result, value, layers).at(node)?;
    }
    Ok(vec![result])
}

pub(super) fn import_max(node: &Node<'_>, layers: &mut Layers) -> Results {
    in_turn(node, layers, larger)
}

pub(super) fn evaluate_max(node: &Node<'_>) -> Results {
    fold(node, f64::max)
}

pub(super) fn import_min(node: &Node<'_>, layers: &mut Layers) -> Results {
    in_turn(node, layers, smaller)
}

pub(super) fn evaluate_min(node: &Node<'_>) -> Results {
    fold(node, f64::min)
}

/// One slope, one per channel of the planes, or any: `slope * x + (1 - slope) * max(x, 0)`.
pub(super) fn import_prelu(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (value, slope, name) = (node.value(0)?, node.value(1)?, node.name());
    node.numbers(1)?;
    if let Some(slope) = uniform(slope) {
        return Ok(vec![
            layers.apply(&name, value, &Activation::Function(Function::LeakyRelu { slope })).at(node)?,
        ]);
    }
    if let Some(result) = layers.channel_leaky(&name, value, slope).at(node)? {
        return Ok(vec![result]);
    }
    let positive = layers.apply(&name, value, &rectified()).at(node)?;
    let rest = changed(slope, |slope| 1.0 - slope).ok_or_else(|| missing(node))?;
    let scaled = layers.product(&name, value, slope).at(node)?;
    let more = layers.product(&name, &positive, &rest).at(node)?;
    Ok(vec![layers.sum(&name, &[(&scaled, 1.0), (&more, 1.0)]).at(node)?])
}

fn missing(node: &Node<'_>) -> ImportError {
    node.unsupported("its slopes must be constants")
}

pub(super) fn evaluate_prelu(node: &Node<'_>) -> Results {
    fold(node, |x, slope| x.max(0.0) + slope * x.min(0.0))
}

impl Layers {
    /// `max(x, 0) + slope * min(x, 0)`, if the slopes are of the channels of the planes that the tensor is in.
    fn channel_leaky(&mut self, name: &str, value: &Value, slope: &Value) -> Result<Option<Value>, String> {
        let Some((frame, slopes)) = self.channels_of(value, slope)? else { return Ok(None) };
        let source = self.bring(name, value, &value.dims, &frame)?;
        let node = self.add(name, FloatOp::ChannelLeaky { slopes }, frame.planes, &[source]);
        Ok(Some(frame.value(value.kind, value.dims.clone(), node)))
    }
}
