//! Constant, ConstantOfShape, Range, Shape and Size: what depends on no value of the input.

use super::expand::stated;
use super::{Node, Results};
use crate::onnx::constant::load;
use crate::onnx::extents::MOST_VALUES;
use crate::onnx::value::{Kind, Value};

pub(super) fn constant(node: &Node<'_>) -> Results {
    let list = |kind: Kind, numbers: Vec<f64>| Value::numbers(kind, vec![numbers.len()], numbers);
    let floats = |name: &str| node.attribute(name).map(|attribute| attribute.floats.iter().map(|f| f64::from(*f)));
    let value = if let Some(tensor) = node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        load(tensor)?
    } else if let Some(number) = node.optional_float("value_float") {
        Value::number(number)
    } else if let Some(numbers) = floats("value_floats") {
        list(Kind::Float, numbers.collect())
    } else if node.attribute("value_int").is_some() {
        Value::numbers(Kind::Integer, Vec::new(), vec![node.int("value_int", 0) as f64])
    } else if node.attribute("value_ints").is_some() {
        list(Kind::Integer, node.integers("value_ints").into_iter().map(|number| number as f64).collect())
    } else {
        return Err(node.unsupported("it holds no numbers; strings and sparse tensors are not read"));
    };
    Ok(vec![value])
}

pub(super) fn constant_of_shape(node: &Node<'_>) -> Results {
    let shape = stated(node, 0)?;
    let filling = match node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        Some(tensor) => load(tensor)?,
        None => Value::number(0.0),
    };
    let number = filling.as_numbers().and_then(|numbers| numbers.first().copied()).unwrap_or(0.0);
    let count = shape.iter().product();
    Ok(vec![Value::numbers(filling.kind, shape, vec![number; count])])
}

pub(super) fn range(node: &Node<'_>) -> Results {
    let number = |slot: usize| {
        let numbers = node.numbers(slot)?;
        numbers.first().copied().ok_or_else(|| node.unsupported(format!("input {slot} holds no number")))
    };
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !count.is_finite() || count > MOST_VALUES as f64 {
        return Err(node.unsupported(format!("a range of {count} numbers; at most {MOST_VALUES} are held")));
    }
    let numbers = (0..count as usize).map(|at| start + at as f64 * delta).collect::<Vec<_>>();
    Ok(vec![Value::numbers(node.value(0)?.kind, vec![numbers.len()], numbers)])
}

pub(super) fn shape(node: &Node<'_>) -> Results {
    let dims = &node.value(0)?.dims;
    let rank = dims.len() as i64;
    let place = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
    let (start, end) = (place(node.int("start", 0)), place(node.int("end", rank)));
    let extents: Vec<f64> = dims.iter().take(end).skip(start).map(|dim| *dim as f64).collect();
    Ok(vec![Value::numbers(Kind::Integer, vec![extents.len()], extents)])
}

pub(super) fn size(node: &Node<'_>) -> Results {
    Ok(vec![Value::numbers(Kind::Integer, Vec::new(), vec![node.value(0)?.len() as f64])])
}
