//! Lookups as running sums of fractions (Haböck, "Multivariate lookups based on logarithmic derivatives", 2022).
//!
//! A lookup of `(tag, x, y)` adds `mask / (beta + tag + gamma * x + gamma^2 * y)`, a table row subtracts
//! `multiplicity / (...)`. Three fractions share a running-sum column:
//!
//! ```text
//! sum_j | sum_j(+1) = sum_j + n_1 / d_1 + n_2 / d_2 + n_3 / d_3
//! ```
//!
//! | degree | constraint |
//! |--------|------------|
//! | 5 | active * ((sum_j(+1) - sum_j) * d_1 * d_2 * d_3 - n_1 * d_2 * d_3 - n_2 * d_1 * d_3 - n_3 * d_1 * d_2) = 0 |
//! | 2 | edge * (sum_1 + sum_2 + ...) = 0, on the first and on the last usable row |
//!
//! Both edges together say that the fractions of all rows add up to 0. The number of lookups is far below the
//! field's characteristic, so multiplicities cannot cancel; tags keep the tables disjoint; looked-up rows carry a
//! non-zero tag, so that the zero entry of unused table rows is never theirs.

use halo2_proofs::plonk::{ConstraintSystem, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::{LOOKUPS_PER_SUM, Streams};

use crate::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{Expr, constant, fixed};

struct Fraction {
    numerator: Expr,
    denominator: Expr,
}

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    cs.create_gate("lookups", |meta| {
        let active = fixed(meta, &columns.fixed, columns.places.active);
        let fractions = fractions(meta, plan, columns);
        let mut constraints = Vec::new();
        for (chunk, &column) in fractions.chunks(LOOKUPS_PER_SUM).zip(&columns.sums) {
            let current = meta.query_advice(column, Rotation::cur());
            let next = meta.query_advice(column, Rotation::next());
            constraints.push(active.clone() * ((next - current) * product(chunk, None) - numerators(chunk)));
        }
        constraints
    });
    cs.create_gate("lookups balance", |meta| {
        let edge = fixed(meta, &columns.fixed, columns.places.edge);
        let total = columns
            .sums
            .iter()
            .fold(constant(0), |total, &column| total + meta.query_advice(column, Rotation::cur()));
        vec![edge * total]
    });
}

/// Values by lane, then remainders, then weights, then table rows: the order of the witness's hits.
fn fractions(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Vec<Fraction> {
    let compress = Compression::new(meta, columns);
    let masks: Vec<Expr> = columns.places.masks.iter().map(|&place| fixed(meta, &columns.fixed, place)).collect();
    let tag = fixed(meta, &columns.fixed, columns.places.tag);
    let mut fractions = Vec::new();
    for (lane, mask) in masks.iter().enumerate() {
        let quotient = meta.query_advice(columns.quotients[lane], Rotation::cur());
        let value = meta.query_advice(columns.values[lane], Rotation::cur());
        let denominator = compress.triple(tag.clone(), quotient, Some(value));
        fractions.push(Fraction { numerator: mask.clone(), denominator });
    }
    if let Some(place) = columns.places.divisor {
        let divisor = fixed(meta, &columns.fixed, place);
        for (&column, mask) in columns.remainders.iter().zip(&masks) {
            let remainder = meta.query_advice(column, Rotation::cur());
            let denominator = compress.triple(divisor.clone(), remainder, None);
            fractions.push(Fraction { numerator: mask.clone(), denominator });
        }
    }
    for &column in &columns.weights {
        let weight = meta.query_advice(column, Rotation::cur());
        let denominator = compress.triple(constant(1 << plan.weight_bits), weight, None);
        fractions.push(Fraction { numerator: constant(1), denominator });
    }
    for (&column, places) in columns.multiplicities.iter().zip(&columns.places.tables) {
        let [tag, x, y] = places.map(|place| fixed(meta, &columns.fixed, place));
        let multiplicity = meta.query_advice(column, Rotation::cur());
        fractions.push(Fraction { numerator: -multiplicity, denominator: compress.triple(tag, x, Some(y)) });
    }
    fractions
}

struct Compression {
    beta: Expr,
    gamma: Expr,
}

impl Compression {
    fn new(meta: &mut VirtualCells<'_, Scalar>, columns: &Columns) -> Self {
        Self {
            beta: meta.query_challenge(columns.challenges.beta),
            gamma: meta.query_challenge(columns.challenges.gamma),
        }
    }

    /// `beta + tag + gamma * x + gamma^2 * y`.
    fn triple(&self, tag: Expr, x: Expr, y: Option<Expr>) -> Expr {
        let rest = match y {
            Some(y) => x + self.gamma.clone() * y,
            None => x,
        };
        self.beta.clone() + tag + self.gamma.clone() * rest
    }
}

/// Product of the denominators, without the one at `skipped`.
fn product(chunk: &[Fraction], skipped: Option<usize>) -> Expr {
    let factors = chunk.iter().enumerate().filter(|(index, _)| Some(*index) != skipped);
    factors.map(|(_, fraction)| fraction.denominator.clone()).reduce(|a, b| a * b).unwrap_or(constant(1))
}

fn numerators(chunk: &[Fraction]) -> Expr {
    let terms = chunk.iter().enumerate().map(|(index, fraction)| {
        if chunk.len() == 1 {
            fraction.numerator.clone()
        } else {
            fraction.numerator.clone() * product(chunk, Some(index))
        }
    });
    terms.reduce(|a, b| a + b).unwrap_or(constant(0))
}
