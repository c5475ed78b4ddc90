//! The activation tape: values, and the two evaluations that run down it.
//!
//! With `pre_i = D * (q_i - offset) + r_i0 + B * r_i1 + ...` and `v_i = p_i - value_offset * mask_i`:
//!
//! ```text
//! q_0 r_0 p_0 | ... | q_w r_w p_w | read                          | write
//!                                 | step * read(-1) + E(v)        | step * write(-1) + E(pre)
//! ```
//!
//! `E` is a sum over lanes with fixed powers of sigma, `step` a power of sigma or 0 where a plane starts.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | active * (1 - mask_i) * p_i = 0 |
//! | 3 | active * (read - step * read(-1) - E(v)) = 0 |
//! | 4 | active * (write - step * write(-1) - E(pre)) = 0 |
//! | 3 | active * (second - second_step * rho^w * second(-1) - sum_i rho^(w-1-i) * v_i) = 0 |
//!
//! On rows marked `squares` the read sum is `sum_i v_i^2`, of degree 4 with both switches; on rows marked `turned` the
//! written sum and its step are in powers of rho. The columns of these are there only where some tensor needs them.
//!
//! A cheating prover would put a value into a padding position (the mask forbids it), or use the quotients of lanes
//! outside a narrow tile (they are not summed).

use crate::algebra::{Algebra, Challenge, Constraint};
use crate::streams::gates::formulas::StreamGates;

pub(super) fn padding<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let strips = &gates.strips;
    let active = a.fixed(strips.fixed.active);
    let lanes = strips.fixed.masks.iter().zip(strips.values.columns());
    lanes
        .map(|(&mask, column)| {
            let (one, mask, value) = (a.constant(1), a.fixed(mask), a.advice(column, 0));
            ("a padding position's value is 0", active.clone() * (one - mask) * value)
        })
        .collect()
}

pub(super) fn read<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> A::Value {
    let strips = &gates.strips;
    let value = |a: &mut A, lane: usize| value(gates, a, lane);
    let sum = a.selected(&strips.fixed.read_sums, &gates.read_tiles, &gates.raster, value);
    let sum = match strips.fixed.squares.map(|column| a.fixed(column)) {
        None => sum,
        Some(squares) => {
            let values: Vec<A::Value> = (0..gates.knobs.lanes).map(|lane| value(a, lane)).collect();
            let raster = a.horner(Challenge::Sigma, &gates.raster, |_, lane| values[lane].clone());
            let zero = a.constant(0);
            let sum_of_squares = values.into_iter().fold(zero, |sum, value| sum + value.clone() * value);
            sum + squares * (sum_of_squares - raster)
        }
    };
    let step = steps(a, &strips.fixed.read_steps, &gates.passes.read_steps);
    evaluation(gates, a, strips.read.first, step, sum)
}

/// A lane's value, without the offset that it is stored with.
fn value<A: Algebra>(gates: &StreamGates<'_>, a: &mut A, lane: usize) -> A::Value {
    let (strips, offset) = (&gates.strips, gates.numbers.value_offset);
    let value = a.advice(strips.values.at(lane), 0);
    if offset == 0 { value } else { value - a.fixed(strips.fixed.masks[lane]) * a.constant(offset) }
}

/// Of no plan without products.
pub(super) fn second<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Option<A::Value> {
    let strips = &gates.strips;
    let step = a.fixed(strips.fixed.second_step?) * a.power(Challenge::Rho, gates.knobs.lanes);
    let sum = a.horner(Challenge::Rho, &gates.raster, |a, lane| value(gates, a, lane));
    Some(evaluation(gates, a, strips.second.first, step, sum))
}

pub(super) fn write<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> A::Value {
    let strips = &gates.strips;
    let accumulator = |a: &mut A, lane: usize| accumulator(gates, a, lane);
    let sum = a.selected(&strips.fixed.write_tiles, &gates.write_tiles, &gates.raster, accumulator);
    let step = steps(a, &strips.fixed.write_steps, &gates.passes.write_steps);
    let (step, sum) = match strips.fixed.turned.map(|columns| columns.map(|column| a.fixed(column))) {
        None => (step, sum),
        Some([turned, goes_on]) => {
            let [other, raster] =
                [Challenge::Rho, Challenge::Sigma].map(|base| a.horner(base, &gates.raster, accumulator));
            let turned_step = goes_on * a.power(Challenge::Rho, gates.knobs.lanes);
            (step + turned_step, sum + turned * (other - raster))
        }
    };
    evaluation(gates, a, strips.write.first, step, sum)
}

/// `active * (column - step * column(-1) - sum)`.
fn evaluation<A: Algebra>(
    gates: &StreamGates<'_>,
    a: &mut A,
    column: usize,
    step: A::Value,
    sum: A::Value,
) -> A::Value {
    let active = a.fixed(gates.strips.fixed.active);
    let (current, previous) = (a.advice(column, 0), a.advice(column, -1));
    active * (current - step * previous - sum)
}

/// The marked cell times its power of sigma, 0 on unmarked rows.
pub(super) fn steps<A: Algebra>(a: &mut A, marks: &[usize], exponents: &[usize]) -> A::Value {
    a.marked(marks, |a, index| a.power(Challenge::Sigma, exponents[index]))
}

/// `D * (q - offset) + sum_j B^j * r_j`, or the quotient alone where there are no remainders.
pub(super) fn accumulator<A: Algebra>(gates: &StreamGates<'_>, a: &mut A, lane: usize) -> A::Value {
    let strips = &gates.strips;
    let quotient = a.advice(strips.quotients.at(lane), 0) - a.constant(gates.numbers.quotient_offset);
    let Some(divisor) = strips.fixed.divisor else { return quotient };
    let divided = a.fixed(divisor) * quotient;
    let limbs = strips.remainders.columns().skip(lane).step_by(gates.knobs.lanes);
    limbs.zip(gates.factors.iter().copied()).fold(divided, |sum, (column, factor)| {
        let limb = a.advice(column, 0);
        sum + if factor == 1 { limb } else { limb * a.constant(factor) }
    })
}
