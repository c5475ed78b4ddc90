//! The numbers that a graph of layers can hold, and what belongs to each: 64-bit floats before quantisation, 64-bit integers
//! after it.

use std::fmt::Debug;

/// A number that layers can be run on; `None` means overflow.
pub trait Number: Copy + PartialEq + Send + Sync + 'static {
    /// What is known of a graph's input.
    type Input: Clone + Debug;
    /// What becomes of a layer's accumulators.
    type Finish: Clone + Debug + PartialEq;
    /// Zero.
    const ZERO: Self;
    /// `self + a * b`.
    fn mul_add(self, a: Self, b: Self) -> Option<Self>;
    /// `self + a`.
    fn add(self, a: Self) -> Option<Self>;
}

impl Number for f64 {
    type Input = crate::planes::Planes;
    type Finish = crate::fused::FloatFinish;
    const ZERO: Self = 0.0;
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        Some(self + a * b)
    }
    fn add(self, a: Self) -> Option<Self> {
        Some(self + a)
    }
}

impl Number for i64 {
    type Input = crate::fixed::FixedInput;
    type Finish = crate::fixed::FixedFinish;
    const ZERO: Self = 0;
    fn mul_add(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
    fn add(self, a: Self) -> Option<Self> {
        self.checked_add(a)
    }
}
