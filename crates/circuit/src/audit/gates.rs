//! The gates of an exact audit, on every active row, which is every usable row but the last.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 2 | active * (folded - sum_i rho^(m-1-i) * (w_i - half)) = 0 |
//! | 2 | (active - used) * (w_i - half) = 0 |
//! | 5 | active * ((sum_j(+1) - sum_j) * d_1 * d_2 * d_3 - n_1 * d_2 * d_3 - n_2 * d_1 * d_3 - n_3 * d_1 * d_2) = 0 |
//! | 2 | edge * (sum_1 + sum_2 + ...) = 0, edge * folded = 0 on the last usable row |
//!
//! The fractions are `1 / (beta + w_i)` of every lane and `-multiplicity / (beta + entry)` of every table row: a lane holds what some
//! table holds, on every row. A cheating prover would commit to a number in the last usable row, where no lookup is: `edge` also says
//! that the folded column is 0 there, so that by the link every lane is.

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Constraints, Expression, VirtualCells};
use halo2_proofs::poly::Rotation;

use crate::audit::columns::AuditColumns;
use crate::audit::shape::{AuditShape, CHUNK};
use crate::field::{Scalar, scalar};

type Cell = Expression<Scalar>;

/// A numerator and a denominator.
type Fraction = (Cell, Cell);

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, columns: &AuditColumns, shape: &AuditShape) {
    let (Some(folded), Some(active), Some(edge), Some(used)) =
        (columns.folded, columns.active, columns.edge, columns.used)
    else {
        return;
    };
    let half = constant(shape.half());
    cs.create_gate("folded weights", |meta| {
        let (active, rho) =
            (meta.query_fixed(active, Rotation::cur()), meta.query_challenge(columns.challenges[0]));
        let weights = columns.weights.iter();
        let sum = weights.fold(constant(0), |sum, &lane| sum * rho.clone() + cell(meta, lane, 0) - half.clone());
        vec![("a row's weights are folded", active * (cell(meta, folded, 0) - sum))]
    });
    cs.create_gate("rows without weights", |meta| {
        let idle = meta.query_fixed(active, Rotation::cur()) - meta.query_fixed(used, Rotation::cur());
        let lanes = columns.weights.iter();
        let zero = lanes.map(|&lane| ("they hold none", idle.clone() * (cell(meta, lane, 0) - half.clone())));
        zero.collect::<Vec<_>>()
    });
    cs.create_gate("lookups", |meta| {
        let active = meta.query_fixed(active, Rotation::cur());
        let fractions = fractions(meta, columns);
        let sums = fractions.chunks(CHUNK).zip(&columns.sums).map(|(chunk, &sum)| {
            let step = cell(meta, sum, 1) - cell(meta, sum, 0);
            step * product(chunk, None) - numerators(chunk)
        });
        let sums: Vec<_> = sums.map(|sum| ("the next sum is this one with the row's fractions", sum)).collect();
        Constraints::with_selector(active, sums)
    });
    cs.create_gate("ends", |meta| {
        let edge = meta.query_fixed(edge, Rotation::cur());
        let active = meta.query_fixed(active, Rotation::cur());
        let total = columns.sums.iter().fold(constant(0), |total, &sum| total + cell(meta, sum, 0));
        let last = edge.clone() * (constant(1) - active);
        vec![
            ("all sums together are 0 at both ends", edge * total),
            ("the last usable row has no weight", last * cell(meta, folded, 0)),
        ]
    });
    cs.set_minimum_degree(2 + CHUNK);
}

fn constant(value: i64) -> Cell {
    Expression::Constant(scalar(value))
}

fn cell(meta: &mut VirtualCells<'_, Scalar>, column: Column<Advice>, at: i32) -> Cell {
    meta.query_advice(column, Rotation(at))
}

/// The lanes, then the table rows.
fn fractions(meta: &mut VirtualCells<'_, Scalar>, columns: &AuditColumns) -> Vec<Fraction> {
    let beta = meta.query_challenge(columns.challenges[1]);
    let mut fractions: Vec<Fraction> = Vec::new();
    for &lane in &columns.weights {
        fractions.push((constant(1), beta.clone() + cell(meta, lane, 0)));
    }
    for (&count, &table) in columns.multiplicities.iter().zip(&columns.tables) {
        fractions.push((-cell(meta, count, 0), beta.clone() + meta.query_fixed(table, Rotation::cur())));
    }
    fractions
}

/// Product of the denominators, without the one at `skipped`.
fn product(chunk: &[Fraction], skipped: Option<usize>) -> Cell {
    let factors = chunk.iter().enumerate().filter(|(index, _)| Some(*index) != skipped);
    let product = factors.map(|(_, (_, denominator))| denominator.clone()).reduce(|a, b| a * b);
    product.unwrap_or_else(|| constant(1))
}

fn numerators(chunk: &[Fraction]) -> Cell {
    let terms =
        chunk.iter().enumerate().map(|(index, (numerator, _))| numerator.clone() * product(chunk, Some(index)));
    terms.reduce(|a, b| a + b).unwrap_or_else(|| constant(0))
}
