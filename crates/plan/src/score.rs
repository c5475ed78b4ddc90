//! A simple resource score: nanoseconds of the heavy kernels, from the prover's step counts.
//!
//! The constants were read off the proof system's own timers on two cores. The score orders layouts; it is not a time
//! that anyone should quote.

use crate::layout::{Candidate, Knobs};

/// Nanoseconds per point of a full-width multi-scalar multiplication, by logarithm of its size from
/// [`FULL_WIDTH_FIRST_K`] on; larger ones cost as much per point as the last.
const FULL_WIDTH: [u64; 6] = [6_300, 5_000, 4_300, 3_400, 3_000, 2_700];
const FULL_WIDTH_FIRST_K: u32 = 11;
/// The same with scalars of at most 16 bits.
const SMALL: u64 = 370;
/// Nanoseconds per point of one Fourier transform of an advice column, and of a fixed one.
const ADVICE_TRANSFORM: u64 = 250;
const FIXED_TRANSFORM: u64 = 215;
/// Nanoseconds per row of all gates on one part of the extended domain: a constant, and per lane of either tape.
const GATES: u64 = 1_800;
const GATES_PER_LANE: u64 = 600;
const GATES_PER_WEIGHT_LANE: u64 = 90;

/// The same per column of a grid of row gadgets.
const GATES_PER_COLUMN: u64 = 150;
/// Nanoseconds per row of sorting one lookup of the proof system's own, and its columns.
const SORT: u64 = 2_000;
const COLUMNS_PER_LOOKUP: usize = 3;

/// The score of a layout; smaller is better.
pub(crate) fn score(candidate: &Candidate) -> u64 {
    let shape = &candidate.shape;
    let count = |columns: usize| columns as u64;
    let parts = count((shape.degree - 1).next_power_of_two());
    let proven = COLUMNS_PER_LOOKUP * shape.native_lookups + shape.products;
    let committed = count(shape.small_advice + shape.wide_advice + proven);
    // The blinding polynomial, the quotient's pieces and the two openings are as wide as any evaluation.
    let wide = count(shape.wide_advice + proven + 1 + (shape.degree - 1) + 2);
    // Three more columns mark the first, last and active rows.
    let fixed = count(shape.fixed + shape.permuted + 3);
    let commitments = wide * full_width(shape.k) + count(shape.small_advice) * SMALL;
    let coefficients = committed * ADVICE_TRANSFORM + count(shape.native_lookups) * SORT;
    let transforms = (committed + count(shape.instance)) * ADVICE_TRANSFORM + fixed * FIXED_TRANSFORM;
    (commitments + coefficients + parts * (transforms + gates(&candidate.knobs))) << shape.k
}

/// Nanoseconds per row of all gates.
fn gates(knobs: &Knobs) -> u64 {
    let count = |columns: usize| columns as u64;
    match knobs {
        Knobs::Streams(knobs) => {
            GATES + GATES_PER_LANE * count(knobs.lanes) + GATES_PER_WEIGHT_LANE * count(knobs.weight_lanes)
        }
        Knobs::Direct(knobs) => GATES + GATES_PER_COLUMN * count(knobs.columns),
    }
}

fn full_width(k: u32) -> u64 {
    let step = k.saturating_sub(FULL_WIDTH_FIRST_K) as usize;
    FULL_WIDTH[step.min(FULL_WIDTH.len() - 1)]
}
