//! The quantised graph: integers with one meaning. The executor runs it, a circuit proves it.
//!
//! A tensor value `v` stands for the real number `v / 2^scale` with its channel's scale, or, where the model file is quantised already, for
//! `v * unit` ([`Stored`]).

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::activation::FixedActivation;
use crate::layer::{Layer, LayerNode};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::rescale::{Rescale, Stored};

/// A node of the quantised graph.
pub type Fixed = LayerNode<i64>;
/// A quantised layer: its bias is in the accumulators' scale.
pub type FixedLayer = Layer<i64>;

/// The quantised input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedInput {
    /// Shape of the input.
    pub shape: Planes,
    /// Power-of-two scale of each channel.
    pub scale: PerChannel<i32>,
    /// Integers the input may hold.
    pub range: ValueRange,
    /// How the values are stored, if the model file says so; the scale is 0 then.
    pub stored: Option<Stored>,
}

/// What becomes of a quantised layer's accumulators, and what its integers stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedFinish {
    /// Bits of a weight: weights lie in `[-2^(bits-1), 2^(bits-1))`.
    pub weight_bits: u32,
    /// Power-of-two scale of each channel's accumulators.
    pub accumulator_scale: PerChannel<i32>,
    /// What becomes of the accumulators.
    pub kind: OutputKind,
}

/// What becomes of an accumulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OutputKind {
    /// It is the model's output as it stands.
    Raw,
    /// `p = activation(floor((acc + 2^shift / 2) / 2^shift))`: round half up, then the activation.
    Requantise {
        /// Bits dropped of each channel's accumulators.
        shift: PerChannel<u32>,
        /// The activation of the rounded accumulator.
        activation: FixedActivation,
        /// Integers the rounded accumulator may take.
        range: ValueRange,
    },
    /// It is scaled by fixed-point multipliers, or to a mean, and stored in bytes.
    Rescale(Rescale),
    /// It is the model's output as it stands: outputs of a model in bytes one after the other, each stored in a way of its own.
    Stored(PerChannel<Stored>),
}

impl OutputKind {
    /// Whether accumulators are the model's output as they stand.
    pub fn is_raw(&self) -> bool {
        matches!(self, Self::Raw | Self::Stored(_))
    }
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
    /// The real number that the value 1 of a channel stands for.
    pub fn unit(&self, channel: usize) -> f64 {
        match self {
            Self::Input(input) => input.unit(channel),
            Self::Layer(layer) => layer.unit(channel),
        }
    }

    /// Scale of each channel's values.
    pub fn scale(&self) -> PerChannel<i32> {
        match self {
            Self::Input(input) => input.scale.clone(),
            Self::Layer(layer) => layer.scale(),
        }
    }

    /// The real numbers that values of the node stand for.
    pub fn dequantise(&self, values: &Array3<i64>) -> Array3<f64> {
        let mut real = values.mapv(|value| value as f64);
        for (channel, mut plane) in real.outer_iter_mut().enumerate() {
            plane *= self.unit(channel);
        }
        real
    }

    /// Shape of the values.
    pub fn shape(&self) -> Planes {
        match self {
            Self::Input(input) => input.shape,
            Self::Layer(layer) => layer.output,
        }
    }

    /// How the values are stored, if the model file says so.
    pub fn stored(&self) -> Option<PerChannel<Stored>> {
        match self {
            Self::Input(input) => input.stored.map(PerChannel::uniform),
            Self::Layer(layer) => match &layer.finish.kind {
                OutputKind::Rescale(rescale) => Some(PerChannel::uniform(rescale.stored)),
                OutputKind::Stored(stored) => Some(stored.clone()),
                OutputKind::Raw | OutputKind::Requantise { .. } => None,
            },
        }
    }
}

impl FixedInput {
    /// The real number that the value 1 of a channel stands for.
    pub fn unit(&self, channel: usize) -> f64 {
        self.stored.map_or_else(|| f64::powi(2.0, -self.scale.of(channel)), |stored| stored.unit.into())
    }
}

impl FixedLayer {
    /// The layer with other accumulators' fate.
    pub fn with_kind(self, kind: OutputKind) -> Self {
        Self { finish: FixedFinish { kind, ..self.finish }, ..self }
    }

    /// The real number that the value 1 of a channel of the result stands for.
    pub fn unit(&self, channel: usize) -> f64 {
        match &self.finish.kind {
            OutputKind::Rescale(rescale) => rescale.stored.unit.into(),
            OutputKind::Stored(stored) => stored.of(channel).unit.into(),
            OutputKind::Requantise { activation: FixedActivation::Table(table), .. } => {
                f64::powi(2.0, -table.scale)
            }
            _ => self.rounded_unit(channel),
        }
    }

    /// The first weight that the layer's bits do not hold in two's complement, with its output channel.
    pub fn weight_beyond_bits(&self) -> Option<(usize, i64)> {
        // More bits than an integer has hold every weight.
        let half = 1i64.checked_shl(self.finish.weight_bits.saturating_sub(1)).filter(|half| *half > 0)?;
        let kernel = self.kernel()?;
        let mut weights = kernel.weights.indexed_iter();
        weights
            .find(|(_, weight)| !(-half..half).contains(*weight))
            .map(|((channel, ..), &weight)| (channel, weight))
    }

    /// The bias with the rounding term of the requantisation added, which leaves a plain floor.
    pub fn rounded_bias(&self) -> Vec<i64> {
        let half = |channel: usize| match &self.finish.kind {
            OutputKind::Requantise { shift, .. } => 1 << shift.of(channel) >> 1,
            OutputKind::Raw | OutputKind::Rescale(_) | OutputKind::Stored(_) => 0,
        };
        self.bias.iter().enumerate().map(|(channel, bias)| bias + half(channel)).collect()
    }

    /// Scale of each channel of the layer's result.
    pub fn scale(&self) -> PerChannel<i32> {
        match &self.finish.kind {
            OutputKind::Requantise { activation: FixedActivation::Table(table), .. } => {
                PerChannel::uniform(table.scale)
            }
            OutputKind::Requantise { shift, .. } => self.finish.accumulator_scale.less(shift),
            OutputKind::Raw | OutputKind::Rescale(_) | OutputKind::Stored(_) => {
                self.finish.accumulator_scale.clone()
            }
        }
    }

    /// The real number that the value 1 of a channel's rounded accumulator stands for, before the activation.
    pub fn rounded_unit(&self, channel: usize) -> f64 {
        let dropped = match &self.finish.kind {
            OutputKind::Raw | OutputKind::Rescale(_) | OutputKind::Stored(_) => 0,
            OutputKind::Requantise { shift, .. } => shift.of(channel) as i32,
        };
        f64::powi(2.0, dropped - self.finish.accumulator_scale.of(channel))
    }
}

impl Number for i64 {
    type Input = FixedInput;
    type Finish = FixedFinish;
    const ZERO: Self = 0;
    fn of(integer: i32) -> Self {
        integer.into()
    }
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
    fn add(self, a: Self) -> Option<Self> {
        self.checked_add(a)
    }
    fn magnitude(self) -> u64 {
        self.unsigned_abs()
    }
    fn mul_add_fitting(self, a: Self, b: Self) -> Self {
        self.wrapping_add(a.wrapping_mul(b))
    }
}

/// `floor((acc + 2^shift / 2) / 2^shift)`, round half up: how accumulators of float models are requantised. Those of models in
/// bytes are rounded as their file says.
pub(crate) fn round_shift(acc: i64, shift: u32) -> Option<i64> {
    if shift == 0 {
        return Some(acc);
    }
    Some(acc.checked_add(1 << (shift - 1))? >> shift)
}
