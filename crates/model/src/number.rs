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
    /// How far it is from 0, as far as sums can overflow; 0 for floats, which never do.
    fn magnitude(self) -> u64;
    /// `self + a * b` where `products_fit` says that nothing overflows.
    fn mul_add_fitting(self, a: Self, b: Self) -> Self;
}

/// Whether a sum that starts with a number of magnitude `start` can take `count` products of numbers whose magnitudes are at most `a`
/// and `b`, in any order.
pub(crate) fn products_fit(start: u64, (a, b): (u64, u64), count: usize) -> bool {
    let products = a.checked_mul(b).and_then(|product| product.checked_mul(count as u64));
    products.and_then(|products| products.checked_add(start)).is_some_and(|sum| sum <= i64::MAX as u64)
}

/// The largest magnitude of some numbers.
pub(crate) fn largest_magnitude<'a, T: Number>(numbers: impl IntoIterator<Item = &'a T>) -> u64 {
    numbers.into_iter().fold(0, |most, number| most.max(number.magnitude()))
}
