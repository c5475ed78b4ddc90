//! The quotient: all constraints in one sum, divided by the polynomial that is 0 on every row.
//!
//! On a coset `shift * H` the divisor is the number `shift^n - 1`. With as many cosets as the quotient has pieces, its
//! remainders modulo `X^n - shift^n` are `sum of piece_m * shift^(n m)`, from which the pieces follow. One coset is in
//! memory at a time.

use std::collections::BTreeMap;

use ff::{Field, PrimeField};
use halo2_proofs::arithmetic::lagrange_interpolate;
use halo2_proofs::plonk::{ConstraintSystem, ProvingKey};
use halo2curves::bn256::{Fr, G1Affine};
use rayon::prelude::*;

use crate::core::domain::Domain;
use crate::core::expression::{Arena, Expression, Source};
use crate::core::key_columns::KeyColumns;
use crate::core::permutation;
use crate::core::program::Program;

/// Challenges that constraints depend on.
pub(super) struct Challenges<'a> {
    /// Of the circuit.
    pub(super) circuit: &'a [Fr],
    pub(super) permutation: permutation::Challenges,
    /// Tells constraints apart.
    pub(super) y: Fr,
}

/// The sum of all constraints.
pub(super) struct Numerator {
    arena: Arena,
    program: Program,
}

/// The polynomials that constraints are about, as coefficients.
pub(super) struct Polynomials<'a> {
    pub(super) key: &'a ProvingKey<G1Affine>,
    pub(super) key_columns: &'a KeyColumns,
    pub(super) advice: &'a [Vec<Fr>],
    pub(super) instance: &'a [Vec<Fr>],
    pub(super) products: &'a [Vec<Fr>],
}

/// Shifts of the cosets: one for each piece of the quotient.
pub(super) fn cosets(cs: &ConstraintSystem<Fr>) -> Vec<Fr> {
    (1..cs.degree()).map(|power| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([power as u64])).collect()
}

impl Numerator {
    /// Collects the constraints; none if a gate has a selector.
    pub(super) fn of(cs: &ConstraintSystem<Fr>, key: &KeyColumns, challenges: &Challenges<'_>) -> Option<Self> {
        let mut arena = Arena::default();
        let fixed = |index: usize| Source::Fixed(key.fixed[index]);
        let polynomials = cs.gates().iter().flat_map(|gate| gate.polynomials());
        let gates: Option<Vec<Expression>> =
            polynomials.map(|polynomial| arena.gate(polynomial, challenges.circuit, &fixed)).collect();
        let mut constraints = gates?;
        constraints.extend(permutation::constraints(cs, key, challenges.permutation, &mut arena));
        let (mut sum, mut power) = (Expression::constant(Fr::ZERO), Fr::ONE);
        for constraint in constraints.iter().rev() {
            sum = arena.add(&sum, constraint, power);
            power *= challenges.y;
        }
        let program = Program::of(&arena, &sum);
        Some(Self { arena, program })
    }

    /// The pieces of the quotient, as coefficients.
    pub(super) fn quotient(&self, domain: &Domain, polynomials: &Polynomials<'_>, cosets: &[Fr]) -> Vec<Vec<Fr>> {
        let remainders = cosets.iter().enumerate().map(|(place, shift)| {
            let mut values = self.on_coset(domain, polynomials, (place, *shift));
            domain.from_rows(&mut values);
            let divisor = shift.pow_vartime([domain.len() as u64]) - Fr::ONE;
            scale(
                &mut values,
                domain.scale * divisor.invert().unwrap_or(Fr::ZERO),
                shift.invert().unwrap_or(Fr::ZERO),
            );
            values
        });
        pieces(domain, &remainders.collect::<Vec<_>>(), cosets)
    }

    fn on_coset(&self, domain: &Domain, polynomials: &Polynomials<'_>, (place, shift): (usize, Fr)) -> Vec<Fr> {
        let coset = domain.coset(shift);
        let sources: BTreeMap<Source, ()> = self.arena.cells().iter().map(|cell| (cell.source, ())).collect();
        let computed: BTreeMap<Source, Vec<Fr>> = sources
            .into_par_iter()
            .filter_map(|(source, ())| {
                if let Source::Point = source {
                    return Some((source, domain.points(shift)));
                }
                if let Source::Fixed(column) = source
                    && polynomials.key_columns.kept(place, column).is_some()
                {
                    return None;
                }
                let mut values = polynomials.coefficients(source).to_vec();
                domain.to_coset(&mut values, &coset);
                Some((source, values))
            })
            .collect();
        let values = |source: Source| match (computed.get(&source), source) {
            (None, Source::Fixed(column)) => polynomials.key_columns.kept(place, column).unwrap_or_default(),
            (values, _) => values.map(Vec::as_slice).unwrap_or_default(),
        };
        let columns: Vec<&[Fr]> = self.arena.cells().iter().map(|cell| values(cell.source)).collect();
        let mut sum = vec![Fr::ZERO; domain.len()];
        self.program.run(&columns, &mut sum);
        sum
    }
}

impl Polynomials<'_> {
    fn coefficients(&self, source: Source) -> &[Fr] {
        match source {
            Source::Fixed(place) => self.key_columns.coefficients(self.key, place),
            Source::Advice(index) => &self.advice[index],
            Source::Instance(index) => &self.instance[index],
            Source::Product(set) => &self.products[set],
            Source::Point => &[],
        }
    }
}

/// `values[i] *= factor * base^i`, on all threads.
fn scale(values: &mut [Fr], factor: Fr, base: Fr) {
    let size = values.len().div_ceil(rayon::current_num_threads());
    values.par_chunks_mut(size).enumerate().for_each(|(place, values)| {
        let mut power = factor * base.pow_vartime([(place * size) as u64]);
        for value in values {
            *value *= power;
            power *= base;
        }
    });
}

/// The pieces whose sums with the powers of each coset's `shift^n` are its remainder.
fn pieces(domain: &Domain, remainders: &[Vec<Fr>], cosets: &[Fr]) -> Vec<Vec<Fr>> {
    let points: Vec<Fr> = cosets.iter().map(|shift| shift.pow_vartime([domain.len() as u64])).collect();
    let unit =
        |place: usize| (0..cosets.len()).map(|other| Fr::from(u64::from(other == place))).collect::<Vec<_>>();
    let basis: Vec<Vec<Fr>> = (0..cosets.len()).map(|place| lagrange_interpolate(&points, &unit(place))).collect();
    let piece = |index: usize| {
        let coefficient =
            |row| remainders.iter().zip(&basis).map(|(remainder, basis)| remainder[row] * basis[index]).sum();
        (0..domain.len()).into_par_iter().map(coefficient).collect()
    };
    (0..cosets.len()).map(piece).collect()
}
