//! The merged graph: what belongs to layers of floats.
//!
//! It does not know what merges with what.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::layer::{Layer, LayerNode};
use crate::number::Number;
use crate::planes::Planes;

/// A node of the merged graph.
pub type Fused = LayerNode<f64>;
/// A layer of the merged graph.
pub type FusedLayer = Layer<f64>;

/// What becomes of accumulators in floats, and what their integers may lose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloatFinish {
    /// The activation.
    pub activation: Activation,
    /// What the layer's integers may lose.
    pub precision: Precision,
}

/// What a layer's integers may lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// They are rounded as the bit budget and the calibration samples say.
    #[default]
    Calibrated,
    /// Nothing: weights are integers, and values keep the scale of what is read.
    Exact,
    /// Nothing, and no value lies outside of the range of the first tensor that is added.
    Maximum,
    /// Nothing, and sums are differences of two values of the first tensor that is added.
    Difference,
    /// Nothing, and sums are differences of a value of the first tensor and one that is no smaller.
    Deficit,
}

impl Number for f64 {
    type Input = Planes;
    type Finish = FloatFinish;
    const ZERO: Self = 0.0;
    fn of(integer: i32) -> Self {
        integer.into()
    }
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        Some(self + a * b)
    }
    fn add(self, a: Self) -> Option<Self> {
        Some(self + a)
    }
    fn magnitude(self) -> u64 {
        0
    }
    fn mul_add_fitting(self, a: Self, b: Self) -> Self {
        self + a * b
    }
}
