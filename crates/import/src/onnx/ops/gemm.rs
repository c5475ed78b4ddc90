//! Gemm and MatMul with one constant operand, over any leading axes.

use ndarray::Array2;

use super::contract::{Weights, in_order};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::layers::{Layers, repeat, zip};
use crate::onnx::value::{Kind, Value};

/// A matrix, transposed where an attribute says so.
fn operand(node: &Node<'_>, slot: usize, attribute: &str) -> Result<Value, ImportError> {
    let value = node.value(slot)?;
    if value.dims.len() != 2 {
        return Err(node.unsupported(format!("an operand of shape {:?}; expected a matrix", value.dims)));
    }
    Ok(if node.int(attribute, 0) != 0 { in_order(value, &[1, 0]) } else { value.clone() })
}

pub(super) fn import_gemm(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let (a, b) = (operand(node, 0, "transA")?, operand(node, 1, "transB")?);
    let summand = node.optional_value(2).filter(|_| beta != 0.0);
    let scaled = |value: &Value, factor: f64| match value.as_numbers() {
        Some(_) if factor != 1.0 => zip(value, &Value::number(factor), |x, factor| x * factor),
        _ => Ok(value.clone()),
    };
    let (a, b) =
        (scaled(&a, alpha).at(node)?, scaled(&b, if a.as_numbers().is_none() { alpha } else { 1.0 }).at(node)?);
    let dims = [a.dims[0], b.dims[1]];
    let constant = match summand {
        Some(value) => match value.as_numbers() {
            Some(_) => {
                Some(repeat(&scaled(value, beta).at(node)?, &dims).map_err(|_| refused_bias(node, value, &dims))?)
            }
            None if beta == 1.0 => None,
            None => return Err(node.unsupported("a summand that depends on the input, times beta")),
        },
        None => None,
    };
    // One number for each column is the layer's own bias.
    let rows = constant.as_ref().and_then(Value::as_numbers).map(|numbers| numbers.chunks(dims[1]));
    let bias = rows.and_then(|mut rows| {
        let first = rows.next()?.to_vec();
        rows.all(|row| row == first).then_some(first)
    });
    let own = bias.is_some();
    let product = matrices(node, layers, &a, &b, bias)?;
    let rest = summand.filter(|value| value.as_numbers().is_none()).or(constant.as_ref().filter(|_| !own));
    let Some(rest) = rest else { return Ok(vec![product]) };
    Ok(vec![layers.sum(&node.name(), &[(&product, 1.0), (rest, 1.0)]).at(node)?])
}

fn refused_bias(node: &Node<'_>, value: &Value, dims: &[usize]) -> ImportError {
    node.unsupported(format!("bias of shape {:?} for a result of {dims:?}", value.dims))
}

pub(super) fn import_matmul(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (a, b) = (node.value(0)?, node.value(1)?);
    Ok(vec![matrices(node, layers, a, b, None)?])
}

/// The extents of a product: leading axes, rows, contracted, columns; and whether the operands are vectors.
pub(super) fn extents_of(node: &Node<'_>, a: &Value, b: &Value) -> Result<(Vec<usize>, [usize; 3]), ImportError> {
    let wrong = || node.unsupported(format!("operands of shapes {:?} and {:?}", a.dims, b.dims));
    let (left, right) = (matrix_dims(&a.dims, false), matrix_dims(&b.dims, true));
    let ([.., rows, inner], [.., other, columns]) = (&left[..], &right[..]) else { return Err(wrong()) };
    let leading = extents::broadcast(&left[..left.len() - 2], &right[..right.len() - 2]).ok_or_else(wrong)?;
    if inner != other || a.dims.is_empty() || b.dims.is_empty() {
        return Err(wrong());
    }
    Ok((leading, [*rows, *inner, *columns]))
}

/// A vector is a row on the left, a column on the right.
fn matrix_dims(dims: &[usize], column: bool) -> Vec<usize> {
    match dims {
        [extent] if column => vec![*extent, 1],
        [extent] => vec![1, *extent],
        _ => dims.to_vec(),
    }
}

/// Extents of the result as the standard has them: vectors lose the axis that they were given.
pub(super) fn result_dims(a: &Value, b: &Value, leading: &[usize], rows: usize, columns: usize) -> Vec<usize> {
    let mut dims = leading.to_vec();
    dims.extend((a.dims.len() > 1).then_some(rows));
    dims.extend((b.dims.len() > 1).then_some(columns));
    dims
}

/// The product of a tensor and a constant, in either order; `bias` is of the result's columns.
fn matrices(
    node: &Node<'_>,
    layers: &mut Layers,
    a: &Value,
    b: &Value,
    bias: Option<Vec<f64>>,
) -> Result<Value, ImportError> {
    let (leading, [rows, inner, columns]) = extents_of(node, a, b)?;
    let dims = result_dims(a, b, &leading, rows, columns);
    let (tensor, constant, left) = match (a.as_numbers(), b.as_numbers()) {
        (None, Some(_)) => (a, b, true),
        (Some(_), None) => (b, a, false),
        (Some(_), Some(_)) => return evaluated(node, a, b, bias),
        (None, None) => {
            let reason = "both operands depend on the input; MatMul multiplies such tensors";
            return Err(node.unsupported(reason));
        }
    };
    let count: usize = leading.iter().product();
    let (own, others) = if left { (rows, columns) } else { (columns, rows) };
    let shaped = |value: &Value, column: bool, last: [usize; 2]| {
        let mut full = leading.clone();
        full.extend(last);
        repeat(&value.with_dims(matrix_dims(&value.dims, column)), &full)
    };
    let sides = [[rows, inner], [inner, columns]];
    let tensor = shaped(tensor, !left, sides[usize::from(!left)]).at(node)?;
    let shared = constant.len() == inner * others;
    let weights =
        if shared { constant.clone() } else { shaped(constant, left, sides[usize::from(left)]).at(node)? };
    let (groups, kept) = if shared { (1, count * own) } else { (count, own) };
    let numbers = weights.as_numbers().unwrap_or_default();
    // The weights of an output are those of one column on the right, of one row on the left.
    let weight = |group: usize, output: usize, input: usize| {
        let place = if left { input * columns + output } else { output * inner + input };
        numbers[group * inner * others + place]
    };
    let matrix =
        Array2::from_shape_fn((groups * others, inner), |(row, input)| weight(row / others, row % others, input));
    let of_columns = bias.as_ref().filter(|_| left);
    let own_bias = of_columns.map_or(vec![0.0; groups * others], |bias| bias.repeat(groups));
    // Groups, contracted and kept, from leading, rows and inner, or leading, inner and columns.
    let tensor = match (left, shared) {
        (true, true) => in_order(&tensor.with_dims(vec![count * rows, inner]), &[1, 0]),
        (true, false) => in_order(&tensor.with_dims(vec![count, rows, inner]), &[0, 2, 1]),
        (false, true) => in_order(&tensor.with_dims(vec![count, inner, columns]), &[1, 0, 2]),
        (false, false) => tensor,
    };
    let weights = Weights { groups, matrix, bias: own_bias };
    let product = layers.contract(&node.name(), &tensor, [groups, inner, kept], weights).at(node)?;
    let product = match (left, shared) {
        (true, true) => in_order(&product.with_dims(vec![others, kept]), &[1, 0]),
        (true, false) => in_order(&product, &[0, 2, 1]),
        (false, true) => in_order(&product.with_dims(vec![others, count, own]), &[1, 0, 2]),
        (false, false) => product,
    };
    let whole = tensor.whole && constant.is_whole() && bias.is_none();
    let product = Value { whole, ..product.with_dims(dims) };
    match bias.filter(|_| !left) {
        Some(bias) => {
            let bias = Value::numbers(Kind::Float, vec![bias.len()], bias);
            layers.sum(&node.name(), &[(&product, 1.0), (&bias, 1.0)]).at(node)
        }
        None => Ok(product),
    }
}

/// The product of two constants.
fn evaluated(node: &Node<'_>, a: &Value, b: &Value, bias: Option<Vec<f64>>) -> Result<Value, ImportError> {
    let (leading, [rows, inner, columns]) = extents_of(node, a, b)?;
    let dims = result_dims(a, b, &leading, rows, columns);
    extents::count(&dims).at(node)?;
    let full = |value: &Value, column: bool, last: [usize; 2]| {
        let mut full = leading.clone();
        full.extend(last);
        repeat(&value.with_dims(matrix_dims(&value.dims, column)), &full)
    };
    let (a, b) = (full(a, false, [rows, inner]).at(node)?, full(b, true, [inner, columns]).at(node)?);
    let (left, right) = (a.as_numbers().unwrap_or_default(), b.as_numbers().unwrap_or_default());
    let mut numbers = Vec::new();
    for group in 0..leading.iter().product() {
        for row in 0..rows {
            for column in 0..columns {
                let own = |k: usize| {
                    left[(group * rows + row) * inner + k] * right[(group * inner + k) * columns + column]
                };
                let sum: f64 = (0..inner).map(own).sum();
                numbers.push(sum + bias.as_ref().map_or(0.0, |bias| bias[column]));
            }
        }
    }
    Ok(Value::numbers(a.kind, dims, numbers))
}

pub(super) fn evaluate_matmul(node: &Node<'_>) -> Results {
    Ok(vec![evaluated(node, node.value(0)?, node.value(1)?, None)?])
}

pub(super) fn evaluate_gemm(node: &Node<'_>) -> Results {
    let (a, b) = (operand(node, 0, "transA")?, operand(node, 1, "transB")?);
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let product = evaluated(node, &a, &b, None)?;
    let product = zip(&product, &Value::number(alpha), |x, alpha| x * alpha).at(node)?;
    let Some(summand) = node.optional_value(2) else { return Ok(vec![product]) };
    let summand = zip(summand, &Value::number(beta), |x, beta| x * beta).at(node)?;
    Ok(vec![zip(&product, &summand, |x, y| x + y).at(node)?])
}
