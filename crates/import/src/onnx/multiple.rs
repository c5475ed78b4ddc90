//! What is remembered of a tensor that is another one times constants, or of one of its values. It knows nothing of what that is looked up for.

use std::sync::Arc;

use zklayout_model::NodeId;

use super::value::{Element, Value};

/// A value of a node, times a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) factor: f64,
    pub(super) node: NodeId,
    pub(super) place: u32,
}

/// A tensor times numbers, in the planes of a node.
#[derive(Clone, Debug)]
pub(super) struct Multiple {
    value: Value,
    /// By place of the tensor, the place in the planes; the same if not given.
    order: Option<Arc<Vec<u32>>>,
    /// By place in the planes, or one for all.
    factors: Vec<f64>,
}

impl Multiple {
    /// A tensor times numbers.
    pub(super) fn new(value: &Value, order: Option<Arc<Vec<u32>>>, factors: Vec<f64>) -> Self {
        Self { value: value.clone(), order, factors }
    }

    /// Whether values are multiplied by different numbers.
    pub(super) fn differs(&self) -> bool {
        self.factors.len() > 1
    }

    /// What the value at a place in the planes is multiplied by.
    pub(super) fn factor(&self, place: usize) -> f64 {
        if let [one] = self.factors[..] { one } else { self.factors[place] }
    }

    /// By place in the planes, the value before.
    pub(super) fn elements(&self) -> Vec<Element> {
        let elements = self.value.elements();
        let mut arranged = elements.to_vec();
        for (element, place) in elements.iter().zip(self.order.iter().flat_map(|order| order.iter())) {
            arranged[*place as usize] = *element;
        }
        arranged
    }
}
