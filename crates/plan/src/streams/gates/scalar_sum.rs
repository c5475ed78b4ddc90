//! The weight tape and the scalar sum: one linear identity per layer and channel group.
//!
//! ```text
//! w_0 ... w_m | weight_sum                          | operand | scalar
//!             | step * weight_sum(-1) + E(w)        |    a    |   s
//!             |                                     |         |   s(+1)
//! ```
//!
//! `E(w) = sum_i rho^(m-1-i) * w_i`, `step` a power of sigma, a digit's base, or 0. Where weights are committed outside of the
//! circuit, `E(w)` is a cell of a column of its own, `folded`, whose commitment the verifier ties to theirs. So is the input that is
//! committed to outside: on rows marked `bound` a cell of `folded_input` is added.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | active * (weight_sum - step * weight_sum(-1) - E(w)) = 0 |
//! | 4 | the same less multiply * a * a(-1), and with live * E(w), where evaluations are multiplied |
//! | 3 | the same less bound * folded_input, and with live * E(w), where the input is bound |
//! | 4 | active * (s(+1) - s - output * ((rho - 1) * s + a) + a * (product * weight_sum + skip)) = 0 |
//! | 2 | edge * s = 0, closes * s = 0 |
//!
//! `skip` is the fixed factor of a skip connection times its power of sigma, 0 on other rows; of a phase of an output's plane,
//! which is added, it is -1 times the power of the phase's last position. Where layers are in limbs, that is over the output's factor, and
//! `output * a` is `scale * a`: the scale is the inverse of an output's factor, the negative of its offset over its factor on
//! the row after, and 0 elsewhere.
//!
//! Lanes of weights are idle on rows that multiply and on those of a bound input, and a prover may hold anything there: `live` leaves
//! them out. A holder may have committed to anything in the other rows of `folded_input`: `bound` leaves those out.
//! The operand is a copy of an evaluation. A cheating prover would leave a remainder in the sum for a later layer to
//! cancel (`closes` forbids it), or start it elsewhere than at 0 (`edge`).

use crate::algebra::{Algebra, Challenge, Constraint};
use crate::streams::gates::activation::steps;
use crate::streams::gates::formulas::StreamGates;
use crate::streams::pass::WeightStep;

pub(super) fn weights<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> A::Value {
    let strips = &gates.strips;
    let active = a.fixed(strips.fixed.active);
    let sum = match strips.folded.count {
        0 => a.horner(Challenge::Rho, &gates.weight_exponents, |a, lane| weight(gates, a, lane)),
        _ => a.advice(strips.folded.first, 0),
    };
    let (current, previous) = (a.advice(strips.weight_sum.first, 0), a.advice(strips.weight_sum.first, -1));
    let step = a.marked(&strips.fixed.weight_steps, |a, index| match gates.passes.weight_steps[index] {
        WeightStep::Position(exponent) => a.power(Challenge::Sigma, exponent),
        WeightStep::Digit(bits) => a.constant(1 << bits),
    });
    let [multiply, live] = [strips.fixed.multiply, strips.fixed.live].map(|column| column.map(|one| a.fixed(one)));
    let rest = match live {
        None => current - step * previous - sum,
        Some(live) => current - step * previous - live * sum,
    };
    let rest = match strips.fixed.bound.map(|column| a.fixed(column)) {
        None => rest,
        Some(bound) => rest - bound * a.advice(strips.folded_input.first, 0),
    };
    let Some(multiply) = multiply else { return active * rest };
    let [operand, before] = [0, -1].map(|at| a.advice(strips.operand.first, at));
    active * (rest - multiply * (operand * before))
}

/// A weight, without the offset that private ones are stored with.
fn weight<A: Algebra>(gates: &StreamGates<'_>, a: &mut A, lane: usize) -> A::Value {
    match gates.strips.fixed.weights.get(lane) {
        Some(&column) => a.fixed(column),
        None => {
            let half = 1i64 << (gates.numbers.weight_bits - 1);
            a.advice(gates.strips.weights.at(lane), 0) - a.constant(half)
        }
    }
}

pub(super) fn sum<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> A::Value {
    let (strips, fixed) = (&gates.strips, &gates.strips.fixed);
    let [active, output, product] = [fixed.active, fixed.output, fixed.product].map(|column| a.fixed(column));
    let rho = a.challenge(Challenge::Rho);
    let operand = a.advice(strips.operand.first, 0);
    let weights = a.advice(strips.weight_sum.first, 0);
    let (sum, next) = (a.advice(strips.scalar.first, 0), a.advice(strips.scalar.first, 1));
    let skips = steps(a, &fixed.skips, &gates.passes.skips);
    let raised = (rho - a.constant(1)) * sum.clone();
    let taken = product * weights + skips;
    match fixed.scale.map(|column| a.fixed(column)) {
        None => active * (next - sum - output * (raised + operand.clone()) + operand * taken),
        Some(scale) => active * (next - sum - output * raised + operand * (taken - scale)),
    }
}

pub(super) fn zero<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let fixed = &gates.strips.fixed;
    let sum = a.advice(gates.strips.scalar.first, 0);
    let switches =
        [("0 at both ends of the tape", fixed.edge), ("0 where a layer's channel group closes", fixed.closes)];
    switches.into_iter().map(|(name, column)| (name, a.fixed(column) * sum.clone())).collect()
}
