//! Lookups as running sums of fractions (Haböck, "Multivariate lookups based on logarithmic derivatives", 2022).
//!
//! A lookup of `(tag, x, y)` adds `mask / (beta + tag + gamma * x + gamma^2 * y)`, a table row subtracts
//! `multiplicity / (...)`. A chunk of at most three fractions shares a running-sum column:
//!
//! ```text
//! sum_j | sum_j(+1) = sum_j + n_1 / d_1 + n_2 / d_2 + n_3 / d_3
//! ```
//!
//! | degree | constraint |
//! |--------|------------|
//! | 2 + chunk | active * ((sum_j(+1) - sum_j) * d_1 * d_2 * d_3 - n_1 * d_2 * d_3 - n_2 * d_1 * d_3 - n_3 * d_1 * d_2) = 0 |
//! | 2 | edge * (sum_1 + sum_2 + ...) = 0, on the first and on the last usable row |
//!
//! Both edges together say that the fractions of all rows add up to 0. The number of lookups is far below the
//! field's characteristic, so multiplicities cannot cancel; tags keep the tables disjoint.

use halo2_proofs::plonk::{ConstraintSystem, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::Streams;

use crate::field::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{Expr, constant, fixed};
use crate::streams::gates::lookup::{Lookup, lookups};

struct Fraction {
    numerator: Expr,
    denominator: Expr,
}

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns, chunk: usize) {
    cs.create_gate("lookups", |meta| {
        let active = fixed(meta, &columns.fixed, columns.places.active);
        let fractions = fractions(meta, plan, columns);
        let mut constraints = Vec::new();
        for (chunk, &column) in fractions.chunks(chunk).zip(&columns.sums) {
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

/// The lookups, then the table rows.
fn fractions(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Vec<Fraction> {
    let compress = Compression::new(meta, columns);
    let mut fractions = Vec::new();
    for Lookup { mask, tag, x, y } in lookups(meta, plan, columns) {
        let numerator = mask.unwrap_or(constant(1));
        fractions.push(Fraction { numerator, denominator: compress.triple(tag, x, y) });
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
