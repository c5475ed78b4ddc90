//! A model's integers as a layout names them: constants, weights and digits of biases.

use zklayout_model::{Fixed, Graph};
use zklayout_plan::{Datum, Direct, Weights};

use crate::error::CircuitError;
use crate::streams::{bias_digit, layer};

/// The numbers of a model that a layout does not compute.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// The layout's constants, then fixed weights.
    pub constants: Vec<i64>,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    node: usize,
    kernel: Vec<i64>,
    /// Biases with the rounding term of the requantisation.
    biases: Vec<i64>,
    /// Bits of a digit.
    bits: u32,
}

impl Numbers {
    /// The numbers of `graph`.
    ///
    /// # Errors
    /// A weight that does not fit its layer's bits, or a plan of another graph.
    pub fn of(plan: &Direct, graph: &Graph<Fixed>) -> Result<Self, CircuitError> {
        let mut numbers = Self { constants: plan.constants.clone(), layers: Vec::new() };
        for planned in &plan.layers {
            let (model, _) = layer(graph, planned.node)?;
            let kernel: Vec<i64> =
                model.kernel().map_or_else(Vec::new, |kernel| kernel.weights.iter().copied().collect());
            let biases = model.rounded_bias();
            if (kernel.len(), biases.len()) != (planned.geometry.weights(), planned.geometry.output.channels) {
                return Err(CircuitError::Mismatch(format!("layer {} has other weights", planned.node)));
            }
            if let Some((_, value)) = model.weight_beyond_bits() {
                return Err(CircuitError::WeightRange {
                    layer: planned.node,
                    value,
                    bits: model.finish.weight_bits,
                });
            }
            match planned.weights {
                Weights::Fixed { .. } => numbers.constants.extend(kernel.into_iter().chain(biases)),
                Weights::Private { bits, .. } => {
                    numbers.layers.push(Layer { node: planned.node, kernel, biases, bits });
                }
            }
        }
        Ok(numbers)
    }

    /// A number of the model; `None` for the input and for places that the model does not have.
    pub(crate) fn get(&self, datum: Datum) -> Option<i64> {
        let layer = |node: usize| self.layers.iter().find(|layer| layer.node == node);
        match datum {
            Datum::Input(_) => None,
            Datum::Weight { node, index } => layer(node)?.kernel.get(index).copied(),
            Datum::Digit { node, output, digit } => {
                let layer = layer(node)?;
                Some(bias_digit(*layer.biases.get(output)?, digit, layer.bits))
            }
        }
    }
}
