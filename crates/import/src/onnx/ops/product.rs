//! MatMul: by constants as Gemm has it, or of two tensors that both depend on the model's input, a product for each place of the
//! leading axes.

use zklayout_model::{FloatOp, Planes};

use super::contract::in_order;
use super::gemm::{self, extents_of, result_dims};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers, repeat};
use crate::onnx::value::{Element, Kind, Value};

pub(super) fn import_matmul(node: &Node<'_>, layers: &mut Layers) -> Results {
    if node.is_tensor(0) && node.is_tensor(1) {
        return Ok(vec![import(node, layers)?]);
    }
    gemm::import_matmul(node, layers)
}

fn import(node: &Node<'_>, layers: &mut Layers) -> Result<Value, ImportError> {
    let (a, b) = (node.value(0)?, node.value(1)?);
    let (leading, [rows, inner, columns]) = extents_of(node, a, b)?;
    let dims = result_dims(a, b, &leading, rows, columns);
    Ok(layers.matmul(&node.name(), (a, b), &leading, [rows, inner, columns]).at(node)?.with_dims(dims))
}

impl Layers {
    /// A product of matrices for each place of the leading axes; what is summed over becomes planes of both, rows and columns their
    /// positions.
    pub(super) fn matmul(
        &mut self,
        name: &str,
        (a, b): (&Value, &Value),
        leading: &[usize],
        [rows, inner, columns]: [usize; 3],
    ) -> Result<Value, String> {
        let groups: usize = leading.iter().product();
        // A right tensor without leading axes serves all places of the left one's.
        let own_right = b.len() == inner * columns;
        let full = |value: &Value, last: [usize; 2]| {
            let matrix = value.dims.len().min(2);
            let mut own = value.dims[..value.dims.len() - matrix].to_vec();
            own.extend(last);
            repeat(&value.with_dims(own), &[leading, &last].concat())
        };
        let left = full(a, [rows, inner])?.with_dims(vec![groups, rows, inner]);
        let right = if own_right { b.clone() } else { full(b, [inner, columns])? };
        let (right, right_groups) = if own_right { (right, 1) } else { shared(&right, groups) };
        let left = in_order(&left, &[0, 2, 1]);
        let planes = Planes::new(groups * inner, 1, rows);
        let left = self.bring(name, &left, &left.dims, &Frame::in_order(planes))?;
        let right = right.with_dims(vec![right_groups * inner, columns]);
        let planes = Planes::new(right_groups * inner, 1, columns);
        // Values of the only token there is.
        let right = match self.spread(name, &right.elements(), planes) {
            Some(node) => node,
            None => self.bring(name, &right, &right.dims, &Frame::in_order(planes))?,
        };
        let op = FloatOp::MatMul { groups, right_groups };
        let product = self.add(name, op, Planes::new(groups * columns, 1, rows), &[left, right]);
        let product = Value::whole(Kind::Float, vec![groups, columns, rows], product);
        Ok(in_order(&product, &[0, 2, 1]))
    }
}

/// The groups of a tensor that others are not repetitions of, as keys that several heads share are repeated one after the other; and how many.
fn shared(value: &Value, groups: usize) -> (Value, usize) {
    let elements = value.elements();
    let size = elements.len() / groups.max(1);
    let group = |group: usize| &elements[group * size..(group + 1) * size];
    let repeat = |own: usize| (0..groups).all(|other| group(other) == group(other - other % (groups / own)));
    let own = (1..groups).find(|own| groups.is_multiple_of(*own) && repeat(*own)).unwrap_or(groups);
    if own == groups {
        return (value.clone(), groups);
    }
    let kept: Vec<Element> = (0..own).flat_map(|own_group| group(own_group * (groups / own)).to_vec()).collect();
    (Value::of_elements(value.kind, vec![own, size], kept), own)
}
