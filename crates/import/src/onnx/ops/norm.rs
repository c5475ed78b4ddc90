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
    /// The axes that means are over.
    axes: Vec<usize>,
    centred: bool,
    epsilon: f64,
    scale: Option<Value>,
    shift: Option<Value>,
}

impl Norm {
    /// Over all axes from one on.
    fn of_layer(node: &Node<'_>, centred: bool) -> Result<Self, ImportError> {
        let rank = node.value(0)?.dims.len();
        let axis = node.axis(node.int("axis", -1), rank)?;
        if (1..node.outputs()).any(|output| node.gives(output)) {
            return Err(node.unsupported("its mean or its deviation is read"));
        }
        let epsilon = node.float("epsilon", 1e-5);
        let shift = if centred { constant(node, 2)? } else { None };
        Ok(Self { axes: (axis..rank).collect(), centred, epsilon, scale: constant(node, 1)?, shift })
    }

    /// Over all axes after the second, with a factor and a summand for each place of that.
    fn of_instance(node: &Node<'_>) -> Result<Self, ImportError> {
        let dims = &node.value(0)?.dims;
        let rank = dims.len();
        if rank < 3 {
            return Err(node.unsupported(format!("a tensor of shape {dims:?}; expected [N, C, ...]")));
        }
        let of_channels = |slot: usize| -> Result<Option<Value>, ImportError> {
            let Some(value) = constant(node, slot)? else { return Ok(None) };
            let mut own = vec![1; rank - 1];
            own[0] = value.len();
            Ok(Some(value.with_dims(own)))
        };
        let (scale, shift) = (of_channels(1)?, of_channels(2)?);
        Ok(Self { axes: (2..rank).collect(), centred: true, epsilon: node.float("epsilon", 1e-5), scale, shift })
    }

    /// Axes that are normalised, and then the others.
    fn order(&self, rank: usize) -> Vec<usize> {
        let others = (0..rank).filter(|axis| !self.axes.contains(axis));
        self.axes.iter().copied().chain(others).collect()
    }

    fn import(&self, node: &Node<'_>, layers: &mut Layers) -> Results {
        let (value, name) = (node.value(0)?, node.name());
        let order = self.order(value.dims.len());
        let arranged = in_order(value, &order);
        let size: usize = self.axes.iter().map(|axis| value.dims[*axis]).product();
        let planes = Planes::new(size, 1, value.len() / size.max(1));
        let source = layers.bring(&name, &arranged, &arranged.dims, &Frame::in_order(planes)).at(node)?;
        let op = FloatOp::Normalise { centred: self.centred, epsilon: self.epsilon };
        let result = Value::whole(Kind::Float, arranged.dims, layers.add(&name, op, planes, &[source]));
        let result = in_order(&result, &undone(&order));
        let (one, zero) = (Value::number(1.0), Value::number(0.0));
        let (scale, shift) = (self.scale.as_ref().unwrap_or(&one), self.shift.as_ref().unwrap_or(&zero));
        Ok(vec![layers.affine(&name, &result, &result.dims, scale, shift).at(node)?])
    }

    fn evaluate(&self, node: &Node<'_>) -> Results {
        let value = node.value(0)?;
        let mut order = self.order(value.dims.len());
        order.rotate_left(self.axes.len());
        let rows = in_order(value, &order);
        let size: usize = self.axes.iter().map(|axis| value.dims[*axis]).product();
        let normalised = |row: &[f64]| {
            let mean = if self.centred { row.iter().sum::<f64>() / row.len() as f64 } else { 0.0 };
            let square: f64 = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
            let root = (square + self.epsilon).sqrt();
            row.iter().map(|value| (value - mean) / root).collect::<Vec<f64>>()
        };
        let numbers = rows.as_numbers().unwrap_or_default().chunks(size.max(1)).flat_map(normalised).collect();
        let result = in_order(&Value::numbers(Kind::Float, rows.dims.clone(), numbers), &undone(&order));
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
