//! The weight tape and the scalar sum: one linear identity per layer and channel group.
//!
//! ```text
//! w_0 ... w_m | weight_sum                          | operand | scalar
//!             | step * weight_sum(-1) + E(w)        |    a    |   s
//!             |                                     |         |   s(+1)
//! ```
//!
//! `E(w) = sum_i rho^(m-1-i) * w_i`, `step` a power of sigma, a digit's base, or 0.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | active * (weight_sum - step * weight_sum(-1) - E(w)) = 0 |
//! | 4 | active * (s(+1) - s - output * ((rho - 1) * s + a) + a * (product * weight_sum + skip)) = 0 |
//! | 2 | edge * s = 0, closes * s = 0 |
//!
//! `skip` is the fixed factor of a skip connection times its power of sigma, 0 on other rows. Where layers are in limbs,
//! `output * a` is `scale * a`: the scale is the inverse of an output's factor, the negative of its offset over its factor on
//! the row after, and 0 elsewhere.
//!
//! The operand is a copy of an evaluation. A cheating prover would leave a remainder in the sum for a later layer to
//! cancel (`closes` forbids it), or start it elsewhere than at 0 (`edge`).

use halo2_proofs::plonk::{ConstraintSystem, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::{Streams, WeightStep};

use crate::field::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{Expr, constant, fixed, horner, power, steps};

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    cs.create_gate("weights' evaluation", |meta| {
        let active = fixed(meta, &columns.fixed, columns.places.active);
        let rho = meta.query_challenge(columns.challenges.rho);
        let sum = horner(&rho, lanes(meta, plan, columns).into_iter().rev().enumerate().collect());
        let current = meta.query_advice(columns.weight_sum, Rotation::cur());
        let previous = meta.query_advice(columns.weight_sum, Rotation::prev());
        vec![active * (current - step(meta, plan, columns) * previous - sum)]
    });
    cs.create_gate("scalar sum", |meta| {
        let [active, output, product] = [columns.places.active, columns.places.output, columns.places.product]
            .map(|place| fixed(meta, &columns.fixed, place));
        let rho = meta.query_challenge(columns.challenges.rho);
        let operand = meta.query_advice(columns.operand, Rotation::cur());
        let weights = meta.query_advice(columns.weight_sum, Rotation::cur());
        let sum = meta.query_advice(columns.scalar, Rotation::cur());
        let next = meta.query_advice(columns.scalar, Rotation::next());
        let skips = steps(meta, columns, &columns.places.skips, &plan.passes.skips);
        let raised = (rho - constant(1)) * sum.clone();
        let taken = product * weights + skips;
        vec![match columns.places.scale.map(|place| fixed(meta, &columns.fixed, place)) {
            None => active * (next - sum - output * (raised + operand.clone()) + operand * taken),
            Some(scale) => active * (next - sum - output * raised + operand * (taken - scale)),
        }]
    });
    cs.create_gate("scalar sum is zero", |meta| {
        let sum = meta.query_advice(columns.scalar, Rotation::cur());
        [columns.places.edge, columns.places.closes]
            .map(|place| fixed(meta, &columns.fixed, place) * sum.clone())
            .to_vec()
    });
}

fn lanes(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Vec<Expr> {
    let half = 1i64 << (plan.weight_bits - 1);
    let private = columns.weights.iter().map(|&column| (column, half));
    let mut lanes: Vec<Expr> = Vec::new();
    for (column, offset) in private {
        lanes.push(meta.query_advice(column, Rotation::cur()) - constant(offset));
    }
    for &place in &columns.places.weights {
        lanes.push(fixed(meta, &columns.fixed, place));
    }
    lanes
}

fn step(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Expr {
    let sigma = meta.query_challenge(columns.challenges.sigma);
    columns.places.weight_steps.iter().zip(&plan.passes.weight_steps).fold(constant(0), |sum, (&place, step)| {
        let factor = match step {
            WeightStep::Position(exponent) => power(&sigma, *exponent),
            WeightStep::Digit(bits) => constant(1 << bits),
        };
        sum + fixed(meta, &columns.fixed, place) * factor
    })
}
