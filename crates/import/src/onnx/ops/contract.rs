//! Contractions: a tensor times constant weights along one axis, position by position. Gemm, MatMul and sums over any axes are
//! of this form.
//!
//! The contracted axis becomes the channels of planes, all that is kept their positions: the weights are a convolution of one
//! position, or, where nothing is kept, a fully connected layer.

use ndarray::{Array2, Array4};
use zklayout_model::{FloatOp, Padding, Planes};

use crate::onnx::extents;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Content, Element, Kind, Value};

/// Weights of groups: `[group * outputs, inputs of the group]`.
pub(super) struct Weights {
    pub(super) groups: usize,
    pub(super) matrix: Array2<f64>,
    /// One value for each row.
    pub(super) bias: Vec<f64>,
}

impl Layers {
    /// A tensor whose axes are, in order, groups, contracted and kept, times weights: `[groups, outputs, kept]`.
    pub(super) fn contract(
        &mut self,
        name: &str,
        value: &Value,
        [groups, inner, kept]: [usize; 3],
        weights: Weights,
    ) -> Result<Value, String> {
        let rows = weights.matrix.nrows();
        let dims = vec![groups, rows / groups.max(1), kept];
        if weights.matrix.ncols() != inner || weights.groups != groups {
            return Err(format!("weights of {} inputs for an axis of {inner}", weights.matrix.ncols()));
        }
        let flat = value.with_dims(vec![groups, inner, kept]);
        if kept == 1
            && let Some(picked) = self.picked(&flat, &weights)
        {
            return Ok(Value { whole: value.whole, ..picked.with_dims(dims) });
        }
        if groups == 1 && kept == 1 {
            let source = self.vector(name, &flat)?;
            let op = FloatOp::Gemm { weights: weights.matrix, bias: weights.bias };
            return Ok(Value::whole(Kind::Float, dims, self.add(name, op, Planes::vector(rows), &[source])));
        }
        let planes = self.positions(&flat, groups * inner, kept);
        let source = self.bring(name, &flat, &flat.dims, &Frame::in_order(planes))?;
        let kernel = Array4::from_shape_vec((rows, inner, 1, 1), weights.matrix.into_iter().collect());
        let kernel = kernel.map_err(|e| e.to_string())?;
        let op = FloatOp::Conv { kernel, bias: weights.bias, groups, stride: 1, padding: Padding::default() };
        let result = self.add(name, op, Planes { channels: rows, ..planes }, &[source]);
        Ok(Value::whole(Kind::Float, dims, result))
    }

    /// What weights pick of a vector, if each row of them is a single 1: such values are looked up, not multiplied.
    fn picked(&self, value: &Value, weights: &Weights) -> Option<Value> {
        let (elements, inner) = (value.elements(), weights.matrix.ncols());
        let vector =
            |element: &Element| matches!(element, Element::Place(node, _) if self.planes(*node).plane() == 1);
        if weights.bias.iter().any(|bias| *bias != 0.0) || !elements.iter().all(vector) {
            return None;
        }
        let of_group = weights.matrix.nrows() / weights.groups.max(1);
        let rows = weights.matrix.outer_iter().enumerate();
        let picked = rows.map(|(row, weights)| {
            let place = single_one(weights.iter().copied())?;
            Some(elements[row / of_group * inner + place])
        });
        let picked = picked.collect::<Option<Vec<Element>>>()?;
        Some(Value::of_elements(value.kind, vec![picked.len()], picked))
    }

    /// A tensor as a vector that a fully connected layer reads: planes are covered by its kernel.
    fn vector(&mut self, name: &str, value: &Value) -> Result<zklayout_model::NodeId, String> {
        let vector = Planes::vector(value.len());
        match value.content {
            Content::Whole(node) if self.planes(node).plane() > 1 => {
                Ok(self.add(name, FloatOp::Flatten, vector, &[node]))
            }
            _ => self.bring(name, value, &value.dims, &Frame::in_order(vector)),
        }
    }

    /// Planes of so many channels and positions: those of the tensor's own node if it lies in such.
    fn positions(&self, value: &Value, channels: usize, kept: usize) -> Planes {
        let first = match &value.content {
            Content::Whole(node) => Some(*node),
            Content::Elements(elements) => match elements.first() {
                Some(Element::Place(node, 0)) => Some(*node),
                _ => None,
            },
            Content::Numbers(_) => None,
        };
        let own = first.map(|node| self.planes(node));
        own.filter(|own| own.channels == channels && own.plane() == kept).unwrap_or(Planes::new(channels, 1, kept))
    }
}

/// The place of the only number that is not 0, if that is 1.
fn single_one(numbers: impl Iterator<Item = f64>) -> Option<usize> {
    let mut others = numbers.enumerate().filter(|(_, number)| *number != 0.0);
    match (others.next(), others.next()) {
        (Some((place, 1.0)), None) => Some(place),
        _ => None,
    }
}

/// A tensor with its axes in another order, and what undoes it.
pub(super) fn in_order(value: &Value, order: &[usize]) -> Value {
    let shape = order.iter().map(|axis| value.dims[*axis]).collect();
    // Axes of one place may go anywhere.
    let long: Vec<usize> = order.iter().copied().filter(|axis| value.dims[*axis] > 1).collect();
    if long.is_sorted() {
        return value.with_dims(shape);
    }
    let places = extents::transposed(&value.dims, order).into_iter().map(Some).collect();
    value.pick(crate::onnx::value::Picked::of_places(shape, places))
}
