//! What can go wrong between a layer graph and an exact execution.

use crate::planes::Planes;

/// Why operators could not become layers.
#[derive(Debug, thiserror::Error)]
pub enum FuseError {
    /// The graph does not start with an input.
    #[error("the graph does not start with an input")]
    NoInput,
    /// An operator reads another number of tensors than it has terms, or it is a second input.
    #[error("operator {node:?} ({op}) reads {found} tensors, which is not what it is made for")]
    Sources {
        /// The operator's name.
        node: String,
        /// What it computes.
        op: &'static str,
        /// Number of tensors that it reads.
        found: usize,
    },
}

/// Why a graph could not be given integer semantics.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    /// There is nothing to calibrate with.
    #[error("no calibration sample was given; at least one input is needed to choose the scales")]
    NoSamples,
    /// A sample's shape is not the model's.
    #[error("sample {index} has {found} values, the model's input {expected} has {}", expected.len())]
    SampleShape {
        /// Which sample.
        index: usize,
        /// Number of values found.
        found: usize,
        /// The model's input.
        expected: Planes,
    },
    /// NaN or infinity in a sample.
    #[error("sample {index} holds NaN or infinity at position {position}; every value must be finite")]
    NotFinite {
        /// Which sample.
        index: usize,
        /// Flat position in it.
        position: usize,
        /// The value.
        value: f64,
    },
    /// A layer cannot be represented within the bit budget.
    #[error("layer {layer:?}: {reason}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// What does not fit and what to change.
        reason: String,
    },
    /// An option is outside its range.
    #[error("quantisation option {option}: {reason}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What was found and what is allowed.
        reason: String,
    },
}

/// Why the integer executor refused an input. Messages hold places and public ranges, never values of the input or of layers.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The input's length is not the model's.
    #[error("the input has {found} values, the model's input {expected} has {}", expected.len())]
    InputShape {
        /// Number of values found.
        found: usize,
        /// The model's input.
        expected: Planes,
    },
    /// NaN or infinity in the input.
    #[error("the input holds NaN or infinity at position {position}; every value must be finite")]
    NotFinite {
        /// Flat position.
        position: usize,
        /// The value.
        value: f64,
    },
    /// A value left the range its lookup table covers.
    #[error(
        "layer {layer:?}: the value at channel {channel}, row {row}, column {column} is outside [{lo:.4}, {hi:.4}], \
         the range this quantisation covers; calibrate with samples like this input"
    )]
    OutOfRange {
        /// The layer's name.
        layer: String,
        /// The value, dequantised.
        value: f64,
        /// Lower end, dequantised.
        lo: f64,
        /// Upper end, dequantised.
        hi: f64,
        /// Channel of the value.
        channel: usize,
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
    },
    /// A weight is not one of the layer's bits.
    #[error("layer {layer:?}: a weight of channel {channel} does not fit {bits} bits")]
    WeightRange {
        /// The layer's name.
        layer: String,
        /// Output channel of the weight.
        channel: usize,
        /// The weight.
        value: i64,
        /// Bits of a weight.
        bits: u32,
    },
    /// An accumulation left 64 bits.
    #[error("layer {layer:?}: an accumulator overflows 64 bits; lower the weight or activation bits")]
    Overflow {
        /// The layer's name.
        layer: String,
    },
}

impl ExecuteError {
    /// The value that was refused. It is of a private tensor or a weight: not for messages that others read.
    pub fn private_value(&self) -> Option<f64> {
        match self {
            Self::NotFinite { value, .. } | Self::OutOfRange { value, .. } => Some(*value),
            Self::WeightRange { value, .. } => Some(*value as f64),
            Self::InputShape { .. } | Self::Overflow { .. } => None,
        }
    }
}

impl QuantiseError {
    /// The value that was refused. It is of a sample: not for messages that others read.
    pub fn private_value(&self) -> Option<f64> {
        if let Self::NotFinite { value, .. } = self { Some(*value) } else { None }
    }
}
