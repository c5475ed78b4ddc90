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
//!
//! A cheating prover would put a value into a padding position (the mask forbids it), or use the quotients of lanes
//! outside a narrow tile (they are not summed).

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::Streams;

use crate::field::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{Expr, constant, fixed, horner, steps};

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    cs.create_gate("padding holds no value", |meta| {
        let active = fixed(meta, &columns.fixed, columns.places.active);
        (0..plan.knobs.lanes)
            .map(|lane| {
                let mask = fixed(meta, &columns.fixed, columns.places.masks[lane]);
                let value = meta.query_advice(columns.values[lane], Rotation::cur());
                active.clone() * (constant(1) - mask) * value
            })
            .collect::<Vec<_>>()
    });
    cs.create_gate("consumer's evaluation", |meta| {
        let sum = read_sum(meta, plan, columns);
        let steps = steps(meta, columns, &columns.places.read_steps, &plan.passes.read_steps);
        vec![evaluation(meta, columns, columns.read, steps, sum)]
    });
    cs.create_gate("producer's evaluation", |meta| {
        let sum = write_sum(meta, plan, columns);
        let steps = steps(meta, columns, &columns.places.write_steps, &plan.passes.write_steps);
        vec![evaluation(meta, columns, columns.write, steps, sum)]
    });
}

/// `active * (column - step * column(-1) - sum)`.
fn evaluation(
    meta: &mut VirtualCells<'_, Scalar>,
    columns: &Columns,
    column: Column<Advice>,
    step: Expr,
    sum: Expr,
) -> Expr {
    let active = fixed(meta, &columns.fixed, columns.places.active);
    let current = meta.query_advice(column, Rotation::cur());
    let previous = meta.query_advice(column, Rotation::prev());
    active * (current - step * previous - sum)
}

fn read_sum(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Expr {
    let lanes = plan.knobs.lanes;
    let values: Vec<Expr> = (0..lanes)
        .map(|lane| {
            let mask = fixed(meta, &columns.fixed, columns.places.masks[lane]);
            let value = meta.query_advice(columns.values[lane], Rotation::cur());
            if plan.value_offset == 0 { value } else { value - mask * constant(plan.value_offset) }
        })
        .collect();
    let sums = plan.passes.read_sums.iter().map(|sum| (0..lanes).map(|lane| sum.exponent(lane, lanes)).collect());
    select(meta, columns, &columns.places.read_sums, sums.collect(), &values)
}

fn write_sum(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Expr {
    let lanes = plan.knobs.lanes;
    let accumulators: Vec<Expr> = (0..lanes).map(|lane| accumulator(meta, plan, columns, lane)).collect();
    let tiles =
        plan.passes.write_tiles.iter().map(|tile| (0..lanes).map(|lane| tile.exponent(lane, lanes)).collect());
    select(meta, columns, &columns.places.write_tiles, tiles.collect(), &accumulators)
}

/// `D * (q - offset) + sum_j B^j * r_j`, or the quotient alone where there are no remainders.
pub(super) fn accumulator(
    meta: &mut VirtualCells<'_, Scalar>,
    plan: &Streams,
    columns: &Columns,
    lane: usize,
) -> Expr {
    let quotient = meta.query_advice(columns.quotients[lane], Rotation::cur()) - constant(plan.quotient_offset);
    let Some(divisor) = columns.places.divisor else { return quotient };
    let divided = fixed(meta, &columns.fixed, divisor) * quotient;
    let limbs = columns.remainders.iter().skip(lane).step_by(plan.knobs.lanes);
    limbs.zip(plan.knobs.remainder_factors()).fold(divided, |sum, (&column, factor)| {
        let limb = meta.query_advice(column, Rotation::cur());
        sum + if factor == 1 { limb } else { limb * constant(factor) }
    })
}

/// The sum over lanes with the marked exponents; on unmarked rows lanes hold consecutive positions.
fn select(
    meta: &mut VirtualCells<'_, Scalar>,
    columns: &Columns,
    places: &[usize],
    exponents: Vec<Vec<Option<usize>>>,
    lanes: &[Expr],
) -> Expr {
    let sigma = meta.query_challenge(columns.challenges.sigma);
    let raster: Vec<_> = lanes.iter().rev().cloned().enumerate().collect();
    let raster = horner(&sigma, raster);
    places.iter().zip(exponents).fold(raster.clone(), |sum, (&place, exponents)| {
        let terms = exponents.iter().zip(lanes).filter_map(|(exponent, lane)| Some(((*exponent)?, lane.clone())));
        let other = horner(&sigma, terms.collect());
        sum + fixed(meta, &columns.fixed, place) * (other - raster.clone())
    })
}
