//! What a number must be that a graph of layers can hold: 64-bit floats before quantisation, 64-bit integers after it.

use std::fmt::Debug;

/// A number that layers can be run on; `None` means overflow.
pub trait Number: Copy + PartialEq + Send + Sync + 'static {
    /// What is known of a graph's input.
    type Input: Clone + Debug;
    /// What becomes of a layer's accumulators.
    type Finish: Clone + Debug + PartialEq;
    /// Zero.
    const ZERO: Self;
    /// A small integer.
    fn of(integer: i32) -> Self;
    /// `self + a * b`.
    fn mul_add(self, a: Self, b: Self) -> Option<Self>;
    /// `self + a`.
    fn add(self, a: Self) -> Option<Self>;
}
