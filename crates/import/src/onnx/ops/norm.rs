//! Norms: values less their mean, if they are centred, over the root of their mean square and a small number, then a factor
//! and a summand for each place of the normalised axes.

use zklayout_model::{FloatOp, Planes};

use super::contract::in_order;
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers, zip};
use crate::onnx::value::{Kind, Value};

/// What is normalised, and by what.
struct Norm {
    /// The extents that the tensor is read in.
    dims: Vec<usize>,
    /// The axes of those that means are over.
    axes: Vec<usize>,
    centred: bool,
    epsilon: f64,
    scale: Option<Value>,
    shift: Option<Value>,
}

impl Norm {
    /// Over all axes from one on.
    fn of_layer(node: &Node<'_>, centred: bool) -> Result<Self, ImportError> {
        let dims = node.value(0)?.dims.clone();
        let rank = dims.len();
        let axis = node.axis(node.int("axis", -1), rank)?;
        if (1..node.outputs()).any(|output| node.gives(output)) {
            return Err(node.unsupported("its mean or its deviation is read"));
        }
        let epsilon = node.float("epsilon", 1e-5);
        let shift = if centred { constant(node, 2)? } else { None };
        Ok(Self { dims, axes: (axis..rank).collect(), centred, epsilon, scale: constant(node, 1)?, shift })
    }

    /// Over all axes after the second, with a factor and a summand for each place of that.
    fn of_instance(node: &Node<'_>) -> Result<Self, ImportError> {
        let dims = node.value(0)?.dims.clone();
        let rank = dims.len();
        if rank < 3 {
            return Err(node.unsupported(format!("a tensor of shape {dims:?}; expected [N, C, ...]")));
        }
        let (scale, shift) = (of_channels(node, 1, rank, 1)?, of_channels(node, 2, rank, 1)?);
        let epsilon = node.float("epsilon", 1e-5);
        Ok(Self { dims, axes: (2..rank).collect(), centred: true, epsilon, scale, shift })
    }

    /// Over groups of channels and all axes after them, with a factor and a summand for each channel, or for each group.
    fn of_groups(node: &Node<'_>) -> Result<Self, ImportError> {
        let dims = &node.value(0)?.dims;
        let groups = usize::try_from(node.int("num_groups", 0)).unwrap_or(0);
        let ([batch, channels, rest @ ..], 1..) = (dims.as_slice(), groups) else {
            return Err(node.unsupported(format!("{groups} groups of a tensor of shape {dims:?}")));
        };
        if channels % groups != 0 {
            return Err(node.unsupported(format!("{groups} groups of {channels} channels")));
        }
        let own = |slot: usize| -> Result<Option<Value>, ImportError> {
            let each = node.numbers(slot)?.len() == *channels;
            of_channels(node, slot, dims.len(), if each { 1 } else { channels / groups })
        };
        let within = channels / groups * rest.iter().product::<usize>();
        let (read, epsilon) = (vec![*batch, groups, within], node.float("epsilon", 1e-5));
        Ok(Self { dims: read, axes: vec![2], centred: true, epsilon, scale: own(1)?, shift: own(2)? })
    }

    /// Axes that are normalised, and then the others.
    fn order(&self, rank: usize) -> Vec<usize> {
        let others = (0..rank).filter(|axis| !self.axes.contains(axis));
        self.axes.iter().copied().chain(others).collect()
    }

    fn import(&self, node: &Node<'_>, layers: &mut Layers) -> Results {
        let (given, name) = (node.value(0)?, node.name());
        let value = given.with_dims(self.dims.clone());
        let order = self.order(value.dims.len());
        let arranged = in_order(&value, &order);
        let size: usize = self.axes.iter().map(|axis| value.dims[*axis]).product();
        let planes = Planes::new(size, 1, value.len() / size.max(1));
        let source = layers.bring(&name, &arranged, &arranged.dims, &Frame::in_order(planes)).at(node)?;
        let op = FloatOp::Normalise { centred: self.centred, epsilon: self.epsilon };
        let result = Value::whole(Kind::Float, arranged.dims, layers.add(&name, op, planes, &[source]));
        let result = in_order(&result, &undone(&order)).with_dims(given.dims.clone());
        let (one, zero) = (Value::number(1.0), Value::number(0.0));
        let (scale, shift) = (self.scale.as_ref().unwrap_or(&one), self.shift.as_ref().unwrap_or(&zero));
        Ok(vec![layers.affine(&name, &result, &result.dims, scale, shift).at(node)?])
    }

    fn evaluate(&self, node: &Node<'_>) -> Results {
        let given = node.value(0)?;
        let value = given.with_dims(self.dims.clone());
        let mut order = self.order(value.dims.len());
        order.rotate_left(self.axes.len());
        let rows = in_order(&value, &order);
        let size: usize = self.axes.iter().map(|axis| value.dims[*axis]).product();
        let normalised = |row: &[f64]| {
            let mean = if self.centred { row.iter().sum::<f64>() / row.len() as f64 } else { 0.0 };
            let square: f64 = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
            let root = (square + self.epsilon).sqrt();
            row.iter().map(|value| (value - mean) / root).collect::<Vec<f64>>()
        };
        let numbers = rows.as_numbers().unwrap_or_default().chunks(size.max(1)).flat_map(normalised).collect();
        let result = in_order(&Value::numbers(Kind::Float, rows.dims.clone(), numbers), &undone(&order));
        let result = result.with_dims(given.dims.clone());
        let scaled = match &self.scale {
            Some(scale) => zip(&result, scale, |x, scale| x * scale).at(node)?,
            None => result,
        };
        Ok(vec![match &self.shift {
            Some(shift) => zip(&scaled, shift, |x, shift| x + shift).at(node)?,
            None => scaled,
        }])
    }
}

fn constant(node: &Node<'_>, slot: usize) -> Result<Option<Value>, ImportError> {
    node.optional_numbers(slot)?;
    Ok(node.optional_value(slot).cloned())
}

/// A number for each channel of a tensor of some rank, each repeated so many times.
fn of_channels(node: &Node<'_>, slot: usize, rank: usize, times: usize) -> Result<Option<Value>, ImportError> {
    let Some(value) = constant(node, slot)? else { return Ok(None) };
    let numbers = node.numbers(slot)?.iter().flat_map(|number| std::iter::repeat_n(*number, times)).collect();
    let mut own = vec![1; rank - 1];
    own[0] = value.len() * times;
    Ok(Some(Value::numbers(Kind::Float, own, numbers)))
}

/// The order that undoes another.
fn undone(order: &[usize]) -> Vec<usize> {
    (0..order.len()).filter_map(|axis| order.iter().position(|own| *own == axis)).collect()
}

pub(super) fn import_layer(node: &Node<'_>, layers: &mut Layers) -> Results {
    Norm::of_layer(node, true)?.import(node, layers)
}

pub(super) fn evaluate_layer(node: &Node<'_>) -> Results {
    Norm::of_layer(node, true)?.evaluate(node)
}

pub(super) fn import_root(node: &Node<'_>, layers: &mut Layers) -> Results {
    Norm::of_layer(node, false)?.import(node, layers)
}

pub(super) fn evaluate_root(node: &Node<'_>) -> Results {
    Norm::of_layer(node, false)?.evaluate(node)
}

pub(super) fn import_instance(node: &Node<'_>, layers: &mut Layers) -> Results {
    Norm::of_instance(node)?.import(node, layers)
}

pub(super) fn evaluate_instance(node: &Node<'_>) -> Results {
    Norm::of_instance(node)?.evaluate(node)
}

pub(super) fn import_group(node: &Node<'_>, layers: &mut Layers) -> Results {
    Norm::of_groups(node)?.import(node, layers)
}

pub(super) fn evaluate_group(node: &Node<'_>) -> Results {
    Norm::of_groups(node)?.evaluate(node)
}
