//! The prover's steps on made-up columns, for whoever measures what they take. It measures nothing, and knows no circuit.

use std::collections::HashMap;

use ff::{Field, PrimeField};
use halo2_proofs::arithmetic::kate_division;
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use crate::core::bases::Bases;
use crate::core::columns::Column;
use crate::core::domain::{Domain, Twiddles};
use crate::core::expression::{Arena, Expression, Source};
use crate::core::hiding::Hiding;
use crate::core::opening::{Opening, evaluate};
use crate::core::permutation::{self, Set};
use crate::core::program::Program;
use crate::core::queries::Query;
use crate::core::quotient::{add_pieces, remainder};
use crate::core::tables::Tables;

/// Columns that are worked on at once: more than most machines' cores would leave idle.
pub(crate) const COLUMNS: usize = 8;
/// Columns of a set of the permutation, and pieces of a quotient: those of degree 5.
pub(crate) const SET: usize = 3;
pub(crate) const PIECES: usize = 4;
/// Columns that gates read.
const GATE_COLUMNS: usize = 48;
/// Rows that hide a column.
const HIDING: usize = 6;
/// Running sums repeat the row before on about every third row.
const REPEATS: usize = 3;

/// Columns to work on.
pub(crate) struct Kernels {
    domain: Domain,
    bases: Bases,
    coset: Twiddles,
    /// 16-bit integers, and three columns of 8 bits to each of them.
    small: Vec<Vec<i64>>,
    hiding: Vec<Fr>,
    /// Random elements, some of which repeat the row before.
    wide: Vec<Vec<Fr>>,
    polynomials: Vec<Vec<Fr>>,
    /// One of each polynomial, and what they are there.
    queries: Vec<Query>,
    evaluations: HashMap<Query, Fr>,
}

/// Gates that read as many columns as those of a layout do, more than the nearest caches hold.
pub(crate) struct Gates {
    columns: Vec<Vec<Fr>>,
    program: Program,
}

impl Kernels {
    /// Draws columns, and makes what proofs of a key would share.
    pub(crate) fn new(lagrange: Vec<G1Affine>) -> Self {
        let domain = Domain::new(lagrange.len().trailing_zeros());
        let rows = domain.len();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut integers = |bits: usize| -> Vec<i64> {
            (0..rows - HIDING).map(|_| i64::from(rng.next_u32() >> (32 - bits))).collect()
        };
        let small = (0..COLUMNS).map(|place| integers(if place % 4 > 0 { 8 } else { 16 })).collect();
        let mut random = |rows: usize| -> Vec<Fr> { (0..rows).map(|_| Fr::random(&mut rng)).collect() };
        let polynomials: Vec<Vec<Fr>> = (0..COLUMNS).map(|_| random(rows)).collect();
        let hiding = random(HIDING);
        let wide = polynomials.iter().map(|values| repeated(values)).collect();
        let coset = domain.coset(Fr::MULTIPLICATIVE_GENERATOR);
        let queries: Vec<Query> = (0..COLUMNS).map(|polynomial| Query { polynomial, rotation: 0 }).collect();
        let evaluations = evaluate(&domain, hiding[0], &slices(&polynomials), &queries);
        Self {
            queries,
            evaluations,
            bases: Bases::new(Tables::new(lagrange), HIDING),
            domain,
            coset,
            small,
            hiding,
            wide,
            polynomials,
        }
    }

    pub(crate) fn commit_alone(&self) -> Vec<G1> {
        self.bases.polynomials(&self.domain, &self.polynomials[..1])
    }

    pub(crate) fn commit_wide(&self) -> Vec<G1> {
        self.wide.par_iter().map(|values| self.bases.wide(values)).collect()
    }

    pub(crate) fn commit_small(&self) -> Vec<G1> {
        self.small.par_iter().map(|values| self.bases.small(values, &self.hiding)).collect()
    }

    /// Columns of nothing but what hides them.
    pub(crate) fn commit_empty(&self) -> Vec<G1> {
        let zeros = vec![0; self.domain.len() - HIDING];
        (0..COLUMNS).into_par_iter().map(|_| self.bases.small(&zeros, &self.hiding)).collect()
    }

    /// Of as many columns of integers as of elements.
    pub(crate) fn coefficients(&self) -> Vec<Vec<Fr>> {
        let small = self.small.iter().map(|values| Column::Small { values, hiding: self.hiding.clone() });
        let columns: Vec<Column<'_>> = small.chain(self.wide.iter().cloned().map(Column::Wide)).collect();
        columns.into_par_iter().map(|column| column.coefficients(&self.domain)).collect()
    }

    pub(crate) fn to_coset(&self) -> Vec<Vec<Fr>> {
        let to_coset = |polynomial: &Vec<Fr>| {
            let mut values = polynomial.clone();
            self.domain.to_coset(&mut values, &self.coset);
            values
        };
        self.polynomials.par_iter().map(to_coset).collect()
    }

    /// From sums on cosets to the quotient's pieces, and the commitments to them.
    pub(crate) fn quotient(&self) -> Vec<G1> {
        let shifts: Vec<Fr> =
            (1..=PIECES as u64).map(|power| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([power])).collect();
        let sums = shifts.iter().zip(&self.polynomials);
        let remainders: Vec<Vec<Fr>> =
            sums.map(|(shift, sum)| remainder(&self.domain, sum.clone(), *shift)).collect();
        let mut pieces = vec![vec![Fr::ZERO; self.domain.len()]; PIECES];
        add_pieces(&mut pieces, &remainders, &shifts);
        self.bases.polynomials(&self.domain, &pieces)
    }

    /// The running product of a set of columns.
    pub(crate) fn permutation(&self) -> Vec<Fr> {
        let permutations: Vec<&[Fr]> = self.polynomials[..SET].iter().map(Vec::as_slice).collect();
        let challenges = permutation::Challenges { beta: self.hiding[0], gamma: self.hiding[1] };
        let set = Set {
            values: &self.wide[..SET],
            permutations: &permutations,
            deltas: &self.hiding[..SET],
            challenges,
        };
        set.product(&self.domain, Fr::ONE)
    }

    /// Of every polynomial at one point.
    pub(crate) fn evaluate(&self) -> usize {
        evaluate(&self.domain, self.hiding[0], &slices(&self.polynomials), &self.queries).len()
    }

    /// Everything that a set of an opening takes but its division.
    pub(crate) fn opening(&self) -> Vec<Fr> {
        let opening = Opening {
            domain: &self.domain,
            x: self.hiding[0],
            polynomials: &slices(&self.polynomials),
            queries: &self.queries,
            evaluations: &self.evaluations,
        };
        let members: Vec<usize> = (0..COLUMNS).collect();
        opening.set(vec![0], &members, self.hiding[1]).sum
    }

    pub(crate) fn divide(&self) -> Vec<Fr> {
        kate_division(&self.polynomials[0], self.hiding[0])
    }

    pub(crate) fn draw(&self) -> Vec<Fr> {
        Hiding(ChaCha20Rng::seed_from_u64(4)).draw(self.domain.len())
    }
}

impl Gates {
    /// Draws the columns of `2^k` rows.
    pub(crate) fn new(k: u32) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let first: Vec<Fr> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        Self { columns: vec![first; GATE_COLUMNS], program: program() }
    }

    /// The sum of all gates on a coset.
    pub(crate) fn run(&self) -> Vec<Fr> {
        let column =
            |source| if let Source::Advice(index) = source { self.columns[index].as_slice() } else { &[] };
        let columns: Vec<&[Fr]> = self.program.cells.iter().map(|cell| column(cell.source)).collect();
        let mut sums = vec![Fr::ZERO; self.columns[0].len()];
        self.program.run(&columns, &mut sums);
        sums
    }

    /// Products that the gates take on all rows.
    pub(crate) fn products(&self) -> usize {
        self.program.products() * self.columns[0].len()
    }
}

fn slices(polynomials: &[Vec<Fr>]) -> Vec<&[Fr]> {
    polynomials.iter().map(Vec::as_slice).collect()
}

/// Every third value is the one before it.
fn repeated(values: &[Fr]) -> Vec<Fr> {
    (0..values.len()).map(|row| values[if row % REPEATS == 1 { row - 1 } else { row }]).collect()
}

/// Of each column, products of sums with columns that are farther and farther away, on this row and on the next.
fn program() -> Program {
    let mut arena = Arena::default();
    let mut sum = Expression::zero();
    for place in 0..GATE_COLUMNS {
        for distance in [1, 5, 17] {
            let [a, b] = [place, (place + distance) % GATE_COLUMNS].map(Source::Advice);
            let (a, b, next) = (arena.cell(a, 0), arena.cell(b, 0), arena.cell(b, 1));
            let shifted = arena.add(&a, &b, Fr::from(distance as u64));
            let product = arena.multiply(&shifted, &next);
            sum = arena.add(&sum, &product, Fr::from(place as u64 + 2));
        }
    }
    Program::of(&arena, &sum)
}
