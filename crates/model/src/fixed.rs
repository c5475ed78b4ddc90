//! The quantised graph: integers with one meaning. The executor runs it, a circuit proves it.
//!
//! A tensor value `v` stands for the real number `v / 2^scale`, or, where the model file is quantised already, for
//! `v * unit` ([`Stored`]).

use serde::{Deserialize, Serialize};

use crate::activation::FixedActivation;
use crate::linear::Linear;
use crate::rescale::{Rescale, Stored};
use crate::shape::Shape;
use crate::skip::Skip;

/// A node of the quantised graph.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Fixed {
    /// The model's input.
    Input(FixedInput),
    /// A linear operator on the first input, skip connections from the others, requantisation and activation.
    Layer(FixedLayer),
}

/// The quantised input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedInput {
    /// Shape of the input.
    pub shape: Shape,
    /// Power-of-two scale.
    pub scale: i32,
    /// Integers the input may hold.
    pub range: ValueRange,
    /// How the values are stored, if the model file says so; the scale is 0 then.
    pub stored: Option<Stored>,
}

/// A quantised layer: `acc = bias + kernel * x + sum_i skips_i * x_i`, then [`OutputKind`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedLayer {
    /// Name of the node of the model file that the layer started from.
    pub name: String,
    /// Integer weights and bias; the bias is in the accumulator's scale.
    pub linear: Linear<i64>,
    /// How every input after the first is added.
    pub skips: Vec<Skip<i64>>,
    /// Bits of a weight: weights lie in `[-2^(bits-1), 2^(bits-1))`.
    pub weight_bits: u32,
    /// Scale of the weights.
    pub weight_scale: i32,
    /// Scale of the accumulator.
    pub accumulator_scale: i32,
    /// What becomes of the accumulator.
    pub kind: OutputKind,
}

/// What becomes of an accumulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OutputKind {
    /// It is the model's output as it stands.
    Raw,
    /// `p = activation(floor((acc + 2^shift / 2) / 2^shift))`: round half up, then the activation.
    Requantise {
        /// Bits dropped.
        shift: u32,
        /// The activation of the rounded accumulator.
        activation: FixedActivation,
        /// Integers the rounded accumulator may take.
        range: ValueRange,
    },
    /// It is scaled by fixed-point multipliers, or to a mean, and stored in bytes.
    Rescale(Rescale),
}

/// An inclusive range of integers and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ValueRange {
    /// Smallest value.
    pub lo: i64,
    /// Largest value.
    pub hi: i64,
    /// How the bounds were found.
    pub source: RangeSource,
}

/// How a range was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RangeSource {
    /// No input in range can leave it.
    WorstCase,
    /// Seen on calibration samples, widened by a margin.
    Calibrated,
}

impl ValueRange {
    /// Whether `value` lies inside.
    pub fn contains(&self, value: i64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }

    /// Number of integers inside.
    pub fn len(&self) -> usize {
        usize::try_from(self.hi - self.lo + 1).unwrap_or(0)
    }

    /// Whether the range is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Fixed {
    /// The real number that the value 1 stands for.
    pub fn unit(&self) -> f64 {
        match self {
            Self::Input(input) => input.unit(),
            Self::Layer(layer) => layer.unit(),
        }
    }

    /// Scale of the values.
    pub fn scale(&self) -> i32 {
        match self {
            Self::Input(input) => input.scale,
            Self::Layer(layer) => layer.scale(),
        }
    }

    /// How the values are stored, if the model file says so.
    pub fn stored(&self) -> Option<Stored> {
        match self {
            Self::Input(input) => input.stored,
            Self::Layer(FixedLayer { kind: OutputKind::Rescale(rescale), .. }) => Some(rescale.stored),
            Self::Layer(_) => None,
        }
    }
}

impl FixedInput {
    /// The real number that the value 1 stands for.
    pub fn unit(&self) -> f64 {
        self.stored.map_or_else(|| f64::powi(2.0, -self.scale), |stored| stored.unit.into())
    }
}

impl FixedLayer {
    /// The real number that the value 1 of the result stands for.
    pub fn unit(&self) -> f64 {
        match &self.kind {
            OutputKind::Rescale(rescale) => rescale.stored.unit.into(),
            _ => f64::powi(2.0, -self.scale()),
        }
    }

    /// The bias with the rounding term of the requantisation added, which leaves a plain floor.
    pub fn rounded_bias(&self) -> Vec<i64> {
        let half = match self.kind {
            OutputKind::Requantise { shift, .. } if shift > 0 => 1 << (shift - 1),
            _ => 0,
        };
        self.linear.bias.iter().map(|bias| bias + half).collect()
    }

    /// Scale of the tensor that the layer reads.
    pub fn source_scale(&self) -> i32 {
        self.accumulator_scale - self.weight_scale
    }

    /// Scale of the layer's result.
    pub fn scale(&self) -> i32 {
        match &self.kind {
            OutputKind::Requantise { activation: FixedActivation::Table(table), .. } => table.scale,
            _ => self.rounded_scale(),
        }
    }

    /// Scale of the rounded accumulator, before the activation.
    pub fn rounded_scale(&self) -> i32 {
        match &self.kind {
            OutputKind::Raw | OutputKind::Rescale(_) => self.accumulator_scale,
            OutputKind::Requantise { shift, .. } => self.accumulator_scale - *shift as i32,
        }
    }
}

/// `floor((acc + 2^shift / 2) / 2^shift)`: the one rounding of this library, round half up.
pub(crate) fn round_shift(acc: i64, shift: u32) -> Option<i64> {
    if shift == 0 {
        return Some(acc);
    }
    Some(acc.checked_add(1 << (shift - 1))? >> shift)
}
