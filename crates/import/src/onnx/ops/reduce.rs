//! Sums, means, maxima and minima over any axes.

use ndarray::{Array2, Array4};
use zklayout_model::{FloatOp, Padding, Planes};

use super::contract::{Weights, in_order};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Kind, Value};

/// What is reduced: the axes, in order, and the extents of the result.
pub(super) struct Reduction {
    pub(super) axes: Vec<usize>,
    pub(super) dims: Vec<usize>,
}

/// `None` if nothing is reduced.
fn reduction(node: &Node<'_>) -> Result<Option<Reduction>, ImportError> {
    let given = node.list(1, "axes")?.unwrap_or_default();
    if given.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
        return Ok(None);
    }
    let rank = node.value(0)?.dims.len();
    let chosen = given.into_iter().map(|axis| node.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let axes: Vec<usize> = (0..rank).filter(|axis| chosen.is_empty() || chosen.contains(axis)).collect();
    Ok(Some(Reduction::over(axes, &node.value(0)?.dims, node.int("keepdims", 1) != 0)))
}

impl Reduction {
    /// Over some axes, which the result keeps with one place or loses.
    pub(super) fn over(axes: Vec<usize>, dims: &[usize], keeps: bool) -> Self {
        let kept = dims.iter().enumerate().filter_map(|(axis, dim)| match axes.contains(&axis) {
            true => keeps.then_some(1),
            false => Some(*dim),
        });
        Self { dims: kept.collect(), axes }
    }

    /// The tensor as kept times reduced, in that order or the other.
    fn matrix(&self, value: &Value, reduced_first: bool) -> (Value, [usize; 2]) {
        let rank = value.dims.len();
        let kept: Vec<usize> = (0..rank).filter(|axis| !self.axes.contains(axis)).collect();
        let extent = |axes: &[usize]| axes.iter().map(|axis| value.dims[*axis]).product::<usize>();
        let counts = [extent(&kept), extent(&self.axes)];
        let order = if reduced_first {
            [&self.axes[..], &kept[..]].concat()
        } else {
            [&kept[..], &self.axes[..]].concat()
        };
        (in_order(value, &order), counts)
    }

    /// Rows and columns of planes that are reduced, and whether all channels are, if nothing else is.
    fn of_planes(&self, value: &Value, layers: &Layers) -> Option<(Planes, [usize; 2], bool)> {
        let rank = value.dims.len();
        let natural = Frame::natural(&value.dims);
        let planes = natural.planes;
        if rank < 3 || layers.frame(value) != Some(natural) {
            return None;
        }
        let leading = (0..rank - 2).filter(|axis| value.dims[*axis] > 1);
        let reduced: Vec<bool> = leading.map(|axis| self.axes.contains(&axis)).collect();
        let channels = reduced.first().copied().unwrap_or(false);
        let extent = |axis: usize, extent: usize| if self.axes.contains(&axis) { extent } else { 1 };
        let window = [extent(rank - 2, planes.height), extent(rank - 1, planes.width)];
        reduced.iter().all(|own| *own == channels).then_some((planes, window, channels))
    }
}

pub(super) fn import_mean(node: &Node<'_>, layers: &mut Layers) -> Results {
    import_weighted(node, layers, true)
}

pub(super) fn import_sum(node: &Node<'_>, layers: &mut Layers) -> Results {
    import_weighted(node, layers, false)
}

fn import_weighted(node: &Node<'_>, layers: &mut Layers, mean: bool) -> Results {
    let (value, name) = (node.value(0)?, node.name());
    if mean {
        node.refuse_integers(0, "a mean of integers that depend on the input; cast them to floats")?;
    }
    let Some(reduction) = reduction(node)? else { return Ok(vec![value.clone()]) };
    let count: usize = reduction.axes.iter().map(|axis| value.dims[*axis]).product();
    let weight = if mean { 1.0 / count as f64 } else { 1.0 };
    if let Some((planes, [rows, columns], channels)) = reduction.of_planes(value, layers) {
        let source = layers.bring(&name, value, &value.dims, &Frame::in_order(planes)).at(node)?;
        let whole = [rows, columns] == [planes.height, planes.width];
        let groups = if channels { 1 } else { planes.channels };
        let shape = Planes::new(groups, planes.height + 1 - rows, planes.width + 1 - columns);
        let op = if mean && whole && !channels {
            FloatOp::AveragePool { window: (rows, columns), stride: 1 }
        } else {
            let kernel = Array4::from_elem((groups, planes.channels / groups, rows, columns), weight);
            FloatOp::Conv { kernel, bias: vec![0.0; groups], groups, stride: 1, padding: Padding::default() }
        };
        return Ok(vec![Value::whole(Kind::Float, reduction.dims, layers.add(&name, op, shape, &[source]))]);
    }
    let (matrix, [kept, reduced]) = reduction.matrix(value, true);
    let weights = Weights { groups: 1, matrix: Array2::from_elem((1, reduced), weight), bias: vec![0.0] };
    let result = layers.contract(&name, &matrix, [1, reduced, kept], weights).at(node)?;
    Ok(vec![result.with_dims(reduction.dims)])
}

pub(super) fn import_max(node: &Node<'_>, layers: &mut Layers) -> Results {
    let value = node.value(0)?;
    let Some(reduction) = reduction(node)? else { return Ok(vec![value.clone()]) };
    Ok(vec![layers.largest(&node.name(), value, &reduction).at(node)?])
}

/// `min(x) = -max(-x)`.
pub(super) fn import_min(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (value, name) = (node.value(0)?, node.name());
    let Some(reduction) = reduction(node)? else { return Ok(vec![value.clone()]) };
    let negative = layers.sum(&name, &[(value, -1.0)]).at(node)?;
    let largest = layers.largest(&name, &negative, &reduction).at(node)?;
    Ok(vec![layers.sum(&name, &[(&largest, -1.0)]).at(node)?])
}

impl Layers {
    /// The largest values over some axes.
    pub(super) fn largest(&mut self, name: &str, value: &Value, reduction: &Reduction) -> Result<Value, String> {
        let padding = Padding::default();
        let (source, window, shape) = match reduction.of_planes(value, self) {
            Some((planes, window, false)) => {
                let source = self.bring(name, value, &value.dims, &Frame::in_order(planes))?;
                let shape =
                    Planes::new(planes.channels, planes.height + 1 - window[0], planes.width + 1 - window[1]);
                (source, window, shape)
            }
            _ => {
                let (matrix, [kept, reduced]) = reduction.matrix(value, false);
                let planes = Planes::new(kept, 1, reduced);
                let source = self.bring(name, &matrix, &matrix.dims, &Frame::in_order(planes))?;
                (source, [1, reduced], Planes::vector(kept))
            }
        };
        let op = FloatOp::MaxPool { window: window.into(), stride: 1, padding };
        let result = self.add(name, op, shape, &[source]);
        Ok(Value::whole(value.kind, reduction.dims.clone(), result))
    }
}

fn evaluate(node: &Node<'_>, of: impl Fn(&[f64]) -> f64) -> Results {
    let value = node.value(0)?;
    let Some(reduction) = reduction(node)? else { return Ok(vec![value.clone()]) };
    let (matrix, [_, reduced]) = reduction.matrix(value, false);
    let numbers = matrix.as_numbers().unwrap_or_default().chunks(reduced.max(1)).map(of).collect();
    Ok(vec![Value::numbers(value.kind, reduction.dims, numbers)])
}

pub(super) fn evaluate_mean(node: &Node<'_>) -> Results {
    let whole = node.value(0)?.kind != Kind::Float;
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
    evaluate(node, |numbers| if whole { mean(numbers).trunc() } else { mean(numbers) })
}

pub(super) fn evaluate_sum(node: &Node<'_>) -> Results {
    evaluate(node, |numbers| numbers.iter().sum())
}

pub(super) fn evaluate_max(node: &Node<'_>) -> Results {
    evaluate(node, |numbers| numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

pub(super) fn evaluate_min(node: &Node<'_>) -> Results {
    evaluate(node, |numbers| numbers.iter().copied().fold(f64::INFINITY, f64::min))
}
