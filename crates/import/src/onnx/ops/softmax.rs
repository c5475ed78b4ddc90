//! Softmax along an axis: that axis becomes planes.

use zklayout_model::{FloatOp, Planes};

use super::contract::in_order;
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::node::LAST_FLAT_OPSET;
use crate::onnx::value::Value;

/// The axes that sums are over.
fn axes(node: &Node<'_>) -> Result<Vec<usize>, ImportError> {
    let rank = node.value(0)?.dims.len();
    let flat = node.opset <= LAST_FLAT_OPSET;
    let axis = node.axis(node.int("axis", if flat { 1 } else { -1 }), rank)?;
    Ok(if flat { (axis..rank).collect() } else { vec![axis] })
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (value, axes, name) = (node.value(0)?, axes(node)?, node.name());
    let Arranged { value: arranged, order, groups, planes } = layers.by_planes(value, &axes);
    let source = layers.bring(&name, &arranged, &arranged.dims, &Frame::in_order(planes)).at(node)?;
    let result = layers.add(&name, FloatOp::Softmax { groups }, planes, &[source]);
    let dims = order.iter().map(|axis| value.dims[*axis]).collect();
    let result = Value::whole(value.kind, dims, result);
    let back: Vec<usize> = (0..order.len()).filter_map(|axis| order.iter().position(|own| *own == axis)).collect();
    Ok(vec![in_order(&result, &back)])
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    let (value, axes) = (node.value(0)?, axes(node)?);
    let others: Vec<usize> = (0..value.dims.len()).filter(|axis| !axes.contains(axis)).collect();
    let order = [others, axes.clone()].concat();
    let size: usize = axes.iter().map(|axis| value.dims[*axis]).product();
    let rows = in_order(value, &order);
    let softmax = |row: &[f64]| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|value| (value - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    };
    let numbers = rows.as_numbers().unwrap_or_default().chunks(size.max(1)).flat_map(softmax).collect();
    let result = Value::numbers(value.kind, rows.dims.clone(), numbers);
    let back: Vec<usize> = (0..order.len()).filter_map(|axis| order.iter().position(|own| *own == axis)).collect();
    Ok(vec![in_order(&result, &back)])
}

/// A tensor with some axes as planes of groups.
pub(super) struct Arranged {
    /// Its values in the planes' order.
    pub(super) value: Value,
    /// By axis of that, the tensor's axis.
    pub(super) order: Vec<usize>,
    pub(super) groups: usize,
    pub(super) planes: Planes,
}

impl Layers {
    /// Some axes as planes: other axes are groups before them or positions after them, as they lie already if they do.
    pub(super) fn by_planes(&self, value: &Value, axes: &[usize]) -> Arranged {
        let others: Vec<usize> = (0..value.dims.len()).filter(|axis| !axes.contains(axis)).collect();
        let extent = |axes: &[usize]| axes.iter().map(|axis| value.dims[*axis]).product::<usize>();
        let arranged = |split: usize| {
            let (groups, kept) = others.split_at(split);
            let order = [groups, axes, kept].concat();
            let planes = Planes::new(extent(groups) * extent(axes), 1, extent(kept));
            Arranged { value: in_order(value, &order), order, groups: extent(groups), planes }
        };
        let lies = |arranged: &Arranged| {
            let node = self.in_place(&arranged.value.elements());
            let own = node.map(|node| self.planes(node));
            own.filter(|own| (own.channels, own.plane()) == (arranged.planes.channels, arranged.planes.width))
        };
        let found = (0..=others.len()).map(arranged).find_map(|arranged| {
            let planes = lies(&arranged)?;
            Some(Arranged { planes, ..arranged })
        });
        found.unwrap_or_else(|| arranged(0))
    }
}
