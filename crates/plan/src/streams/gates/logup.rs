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

use crate::algebra::{Algebra, Challenge, Constraint};
use crate::streams::gates::formulas::StreamGates;
use crate::streams::gates::lookup::{Entry, entry};
use crate::streams::knobs::LookupArgument;

struct Fraction<V> {
    numerator: V,
    denominator: V,
}

pub(super) fn sums<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let LookupArgument::Sums { chunk } = gates.knobs.lookups else { return Vec::new() };
    let active = a.fixed(gates.strips.fixed.active);
    let fractions = fractions(gates, a);
    let mut constraints = Vec::new();
    for (chunk, column) in fractions.chunks(chunk).zip(gates.strips.sums.columns()) {
        let (current, next) = (a.advice(column, 0), a.advice(column, 1));
        let constraint = active.clone() * ((next - current) * product(a, chunk, None) - numerators(a, chunk));
        constraints.push(("the next sum is this one with the row's fractions", constraint));
    }
    constraints
}

pub(super) fn balance<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let edge = a.fixed(gates.strips.fixed.edge);
    let columns = gates.strips.sums.columns();
    let total = columns.fold(a.constant(0), |total, column| total + a.advice(column, 0));
    vec![("all sums together are 0 at both ends", edge * total)]
}

/// The lookups, then the table rows.
fn fractions<A: Algebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Fraction<A::Value>> {
    let mut fractions = Vec::new();
    for lookup in gates.strips.lookups() {
        let Entry { mask, tag, x, y } = entry(&lookup, a);
        let numerator = mask.unwrap_or_else(|| a.constant(1));
        fractions.push(Fraction { numerator, denominator: compress(a, tag, x, y) });
    }
    for (set, column) in gates.strips.multiplicities.columns().enumerate() {
        let denominator = table_denominator(gates, set, a);
        fractions.push(Fraction { numerator: -a.advice(column, 0), denominator });
    }
    fractions
}

pub(super) fn table_denominator<A: Algebra>(gates: &StreamGates<'_>, set: usize, a: &mut A) -> A::Value {
    let [tag, x, y] = gates.strips.fixed.tables[set].map(|column| a.fixed(column));
    compress(a, tag, x, Some(y))
}

/// `beta + tag + gamma * x + gamma^2 * y`.
fn compress<A: Algebra>(a: &mut A, tag: A::Value, x: A::Value, y: Option<A::Value>) -> A::Value {
    let (beta, gamma) = (a.challenge(Challenge::Beta), a.challenge(Challenge::Gamma));
    let rest = match y {
        Some(y) => x + gamma.clone() * y,
        None => x,
    };
    beta + tag + gamma * rest
}

/// Product of the denominators, without the one at `skipped`.
fn product<A: Algebra>(a: &mut A, chunk: &[Fraction<A::Value>], skipped: Option<usize>) -> A::Value {
    let factors = chunk.iter().enumerate().filter(|(index, _)| Some(*index) != skipped);
    let product = factors.map(|(_, fraction)| fraction.denominator.clone()).reduce(|a, b| a * b);
    product.unwrap_or_else(|| a.constant(1))
}

fn numerators<A: Algebra>(a: &mut A, chunk: &[Fraction<A::Value>]) -> A::Value {
    let terms = chunk.iter().enumerate().map(|(index, fraction)| match chunk.len() {
        1 => fraction.numerator.clone(),
        _ => fraction.numerator.clone() * product(a, chunk, Some(index)),
    });
    let sum = terms.reduce(|a, b| a + b);
    sum.unwrap_or_else(|| a.constant(0))
}
