//! The permutation argument: running products over sets of columns, and what they have to fulfil.
//!
//! ```text
//! z(row + 1) / z(row) = product over columns of (value + beta * delta^column * point + gamma) / (value + beta * sigma + gamma)
//! ```
//!
//! A set has as many columns as the degree admits; each product starts where the one before it ends.

use ff::{BatchInvert, Field, PrimeField};
use halo2_proofs::plonk::{Any, Column, ConstraintSystem};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::domain::Domain;
use crate::core::expression::{Arena, Expression, Source};
use crate::core::hiding::Hiding;
use crate::core::key::Key;

/// The argument's challenges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges {
    pub(super) beta: Fr,
    pub(super) gamma: Fr,
}

/// Columns to a set.
pub(super) fn set_length(cs: &ConstraintSystem<Fr>) -> usize {
    cs.degree() - 2
}

/// The running products, by row, with their hiding rows.
pub(super) fn products(
    key: &Key,
    values: impl Fn(&Column<Any>) -> Vec<Fr>,
    challenges: Challenges,
    hiding: &mut Hiding<impl rand::RngCore>,
) -> Vec<Vec<Fr>> {
    let (cs, domain) = (key.constraints(), &key.domain);
    let (columns, length) = (cs.permutation().get_columns(), set_length(cs));
    let permutations = &key.permutations;
    let hidden = domain.len() - cs.blinding_factors();
    let (mut start, mut delta) = (Fr::ONE, Fr::ONE);
    let sets = columns.chunks(length).zip(permutations.chunks(length)).map(|(columns, permutations)| {
        let values: Vec<Vec<Fr>> = columns.iter().map(&values).collect();
        let deltas: Vec<Fr> =
            std::iter::successors(Some(delta), |delta| Some(*delta * Fr::DELTA)).take(columns.len()).collect();
        delta = deltas[deltas.len() - 1] * Fr::DELTA;
        let permutations: Vec<&[Fr]> = permutations.iter().map(Vec::as_slice).collect();
        let set = Set { values: &values, permutations: &permutations, deltas: &deltas, challenges };
        let mut product = set.product(domain, start);
        hiding.fill(&mut product[hidden..]);
        hiding.skip_unused();
        start = product[hidden - 1];
        product
    });
    sets.collect()
}

/// The columns of one running product.
pub(super) struct Set<'a> {
    pub(super) values: &'a [Vec<Fr>],
    pub(super) permutations: &'a [&'a [Fr]],
    pub(super) deltas: &'a [Fr],
    pub(super) challenges: Challenges,
}

impl Set<'_> {
    pub(super) fn product(&self, domain: &Domain, start: Fr) -> Vec<Fr> {
        let mut ratios = vec![Fr::ONE; domain.len()];
        let size = domain.len().div_ceil(rayon::current_num_threads());
        ratios.par_chunks_mut(size).enumerate().for_each(|(place, ratios)| {
            self.ratios(ratios, place * size, domain.root);
        });
        let mut running = start;
        ratios.iter_mut().for_each(|ratio| running *= std::mem::replace(ratio, running));
        ratios
    }

    /// The ratios of rows from `first` on; `ratios` holds ones.
    fn ratios(&self, ratios: &mut [Fr], first: usize, root: Fr) {
        let Challenges { beta, gamma } = self.challenges;
        for (values, permutation) in self.values.iter().zip(self.permutations) {
            let cells = values[first..].iter().zip(&permutation[first..]);
            ratios
                .iter_mut()
                .zip(cells)
                .for_each(|(ratio, (value, sigma))| *ratio *= *value + beta * sigma + gamma);
        }
        ratios.batch_invert();
        let mut point = beta * root.pow_vartime([first as u64]);
        for (row, ratio) in ratios.iter_mut().enumerate() {
            for (values, delta) in self.values.iter().zip(self.deltas) {
                *ratio *= values[first + row] + *delta * point + gamma;
            }
            point *= root;
        }
    }
}

/// The argument's constraints, in the protocol's order, with their degrees.
pub(super) fn constraints(key: &Key, challenges: Challenges, arena: &mut Arena) -> Vec<(usize, Expression)> {
    let cs = key.constraints();
    let (columns, length) = (cs.permutation().get_columns(), set_length(cs));
    let products: Vec<Expression> =
        (0..columns.len().div_ceil(length)).map(|set| arena.cell(Source::Product(set), 0)).collect();
    let (Some(first), Some(last)) = (products.first(), products.last()) else { return Vec::new() };
    let [first_row, last_row, active_rows] =
        [key.first_row, key.last_row, key.active_rows].map(|place| arena.cell(Source::Fixed(place), 0));
    let one = Expression::constant(Fr::ONE);
    let starts = arena.add(&one, first, -Fr::ONE);
    let square = arena.multiply(last, last);
    let ends = arena.add(&square, last, -Fr::ONE);
    let mut constraints = vec![(2, arena.multiply(&first_row, &starts)), (3, arena.multiply(&last_row, &ends))];
    for (set, product) in products.iter().enumerate().skip(1) {
        let before = arena.cell(Source::Product(set - 1), last_rotation(cs));
        let continues = arena.add(product, &before, -Fr::ONE);
        constraints.push((2, arena.multiply(&first_row, &continues)));
    }
    for (set, columns) in columns.chunks(length).enumerate() {
        let step = step(key, (set, set * length, columns), challenges, arena);
        constraints.push((2 + columns.len(), arena.multiply(&active_rows, &step)));
    }
    constraints
}

/// Rotation from the first row to the last usable one.
pub(super) fn last_rotation(cs: &ConstraintSystem<Fr>) -> i32 {
    -(cs.blinding_factors() as i32 + 1)
}

/// `z(row + 1) * product of denominators - z * product of numerators`, for a set and its first column.
fn step(
    key: &Key,
    (set, first, columns): (usize, usize, &[Column<Any>]),
    Challenges { beta, gamma }: Challenges,
    arena: &mut Arena,
) -> Expression {
    let (mut left, mut right) = (arena.cell(Source::Product(set), 1), arena.cell(Source::Product(set), 0));
    let point = arena.cell(Source::Point, 0);
    let gamma = Expression::constant(gamma);
    for (place, column) in (first..).zip(columns) {
        let source = match column.column_type() {
            Any::Advice(_) => Source::Advice(column.index()),
            Any::Fixed => Source::Fixed(key.fixed[column.index()]),
            Any::Instance => Source::Instance(column.index()),
        };
        let value = arena.cell(source, 0);
        let base = arena.add(&value, &gamma, Fr::ONE);
        let sigma = arena.cell(Source::Fixed(key.permutation[place]), 0);
        let denominator = arena.add(&base, &sigma, beta);
        let numerator = arena.add(&base, &point, beta * Fr::DELTA.pow_vartime([place as u64]));
        left = arena.multiply(&left, &denominator);
        right = arena.multiply(&right, &numerator);
    }
    arena.add(&left, &right, -Fr::ONE)
}
