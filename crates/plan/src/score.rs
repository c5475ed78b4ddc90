//! A simple resource score: nanoseconds of the heavy kernels, from the prover's step counts.
//!
//! It orders layouts; it is not a time that anyone should quote.

use crate::shape::CircuitShape;

/// Nanoseconds per point of a full-width multi-scalar multiplication, by logarithm of its size.
const FULL_WIDTH: [u64; 5] = [5_900, 4_200, 3_100, 2_900, 2_700];
const FULL_WIDTH_FIRST_K: u32 = 12;
/// The same with 16-bit scalars.
const SMALL: u64 = 700;
/// Nanoseconds per point of one Fourier transform.
const TRANSFORM: u64 = 350;

/// The score of a shape; smaller is better.
pub(crate) fn score(shape: &CircuitShape) -> u64 {
    let count = |columns: usize| columns as u64;
    let parts = count((shape.degree - 1).next_power_of_two());
    let wide = shape.wide_advice + shape.products + 1 + (shape.degree - 1) + 2;
    let advice = shape.small_advice + shape.wide_advice;
    let per_part = advice + shape.fixed + shape.products + shape.permuted + shape.instance + 3;
    let transforms = count(advice + shape.products) + parts * count(per_part);
    let step = shape.k.saturating_sub(FULL_WIDTH_FIRST_K) as usize;
    let full_width = FULL_WIDTH[step.min(FULL_WIDTH.len() - 1)];
    let per_row = count(wide) * full_width + count(shape.small_advice) * SMALL + transforms * TRANSFORM;
    per_row << shape.k
}
