//! Why a plan, a model and an execution do not make a circuit.

/// A lowering error. Messages hold places and bits, never values of the execution or weights.
#[derive(Debug, thiserror::Error)]
pub enum CircuitError {
    /// The circuit that was built differs from the one that was planned.
    #[error("the realised circuit differs from the plan: {what} is {realised}, planned {planned}")]
    Shape {
        /// Which count.
        what: &'static str,
        /// Count in the plan.
        planned: usize,
        /// Count in the circuit.
        realised: usize,
    },
    /// The plan contradicts the model.
    #[error("plan and model disagree: {0}")]
    Mismatch(String),
    /// A value has no entry in its lookup table.
    #[error("layer {layer}: a value has no entry in its lookup table; the execution and the plan disagree")]
    NotInTable {
        /// Place of the layer in the quantised graph.
        layer: usize,
        /// The value.
        value: i64,
    },
    /// An input value that no commitment holds.
    #[error("an input value does not fit the 16 bits of a commitment to it")]
    InputRange {
        /// The value.
        value: i64,
    },
    /// A weight does not fit the plan's bits.
    #[error("layer {layer}: a weight does not fit {bits} bits")]
    WeightRange {
        /// Place of the layer in the quantised graph.
        layer: usize,
        /// The weight.
        value: i64,
        /// Bits in the plan.
        bits: u32,
    },
}

impl CircuitError {
    /// The value or weight that was refused: not for messages that others read.
    pub fn private_value(&self) -> Option<i64> {
        match self {
            Self::NotInTable { value, .. } | Self::InputRange { value } | Self::WeightRange { value, .. } => {
                Some(*value)
            }
            Self::Shape { .. } | Self::Mismatch(_) => None,
        }
    }
}
