//! Openings of all polynomials at all points by two commitments (SHPLONK: Boneh, Drake, Fisch, Gabizon, "Efficient
//! polynomial commitment schemes for multiple points and polynomials", 2020, as halo2 has it).
//!
//! ```text
//! H(X) = sum_i v^i * sum_j y^j * (P_ij(X) - R_ij(X)) / Z_i(X)
//! W(X) = (sum_i v^i * Z_all/Z_i(u) * sum_j y^j * (P_ij(X) - R_ij(u)) - Z_all(u) * H(X)) / ((X - u) * Z_all/Z_0(u))
//! ```
//!
//! with `i` over sets of points, `j` over the polynomials opened at set `i`, `R` of least degree with `P`'s evaluations.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::arithmetic::{eval_polynomial, kate_division, lagrange_interpolate};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::domain::Domain;
use crate::core::queries::Query;

/// Chains of an evaluation: each product waits for the one before it, but not for other chains.
const CHAINS: usize = 4;

/// What is opened: all polynomials, and what they are at the points that they are opened at.
pub(super) struct Opening<'a> {
    pub(super) domain: &'a Domain,
    pub(super) x: Fr,
    pub(super) polynomials: &'a [&'a [Fr]],
    pub(super) queries: &'a [Query],
    pub(super) evaluations: &'a HashMap<Query, Fr>,
}

/// Polynomials that are opened at the same points, in one sum.
pub(super) struct Set {
    rotations: Vec<i32>,
    points: Vec<Fr>,
    pub(super) sum: Vec<Fr>,
    /// Of least degree with the sum's evaluations.
    remainder: Vec<Fr>,
}

/// The opening after its first commitment.
pub(super) struct Opened {
    sets: Vec<Set>,
    v: Fr,
    /// `H` of the module's description.
    pub(super) quotient: Vec<Fr>,
}

/// Evaluates polynomials, on all threads.
pub(super) fn evaluate(domain: &Domain, x: Fr, polynomials: &[&[Fr]], queries: &[Query]) -> HashMap<Query, Fr> {
    let evaluate = |query: &Query| {
        let point = domain.rotate(x, query.rotation);
        (*query, evaluate_in_chains(polynomials[query.polynomial], point))
    };
    queries.par_iter().map(evaluate).collect()
}

fn evaluate_in_chains(polynomial: &[Fr], point: Fr) -> Fr {
    let step = point.pow_vartime([CHAINS as u64]);
    let mut chains = [Fr::ZERO; CHAINS];
    let chunks = polynomial.chunks_exact(CHAINS);
    let mut rest = [Fr::ZERO; CHAINS];
    rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    for chunk in std::iter::once(rest.as_slice()).chain(chunks.rev()) {
        chains.iter_mut().zip(chunk).for_each(|(chain, coefficient)| *chain = *chain * step + coefficient);
    }
    eval_polynomial(&chains, point)
}

impl Opening<'_> {
    /// Divides the sums of all sets, with the challenges that tell polynomials and sets apart.
    pub(super) fn open(&self, y: Fr, v: Fr) -> Opened {
        let sets: Vec<Set> =
            self.sets().into_iter().map(|(rotations, members)| self.set(rotations, &members, y)).collect();
        let quotients: Vec<Vec<Fr>> = sets.par_iter().map(Set::quotient).collect();
        let mut quotient = vec![Fr::ZERO; self.domain.len()];
        let mut power = Fr::ONE;
        for part in &quotients {
            add_scaled(&mut quotient, part, power);
            power *= v;
        }
        Opened { sets, v, quotient }
    }

    /// Sets of rotations and the polynomials opened at them, in the order of the first query of each.
    fn sets(&self) -> Vec<(Vec<i32>, Vec<usize>)> {
        let mut rotations: Vec<(usize, Vec<i32>)> = Vec::new();
        for query in self.queries {
            match rotations.iter_mut().find(|(polynomial, _)| *polynomial == query.polynomial) {
                Some((_, rotations)) => rotations.push(query.rotation),
                None => rotations.push((query.polynomial, vec![query.rotation])),
            }
        }
        let mut sets: Vec<(Vec<i32>, Vec<usize>)> = Vec::new();
        for (polynomial, mut rotations) in rotations {
            rotations.sort_unstable();
            match sets.iter_mut().find(|(set, _)| *set == rotations) {
                Some((_, members)) => members.push(polynomial),
                None => sets.push((rotations, vec![polynomial])),
            }
        }
        sets
    }

    pub(super) fn set(&self, rotations: Vec<i32>, members: &[usize], y: Fr) -> Set {
        let mut sum = vec![Fr::ZERO; self.domain.len()];
        let size = sum.len().div_ceil(rayon::current_num_threads());
        sum.par_chunks_mut(size).enumerate().for_each(|(place, sum)| {
            for &member in members.iter().rev() {
                let coefficients = &self.polynomials[member][place * size..];
                sum.iter_mut().zip(coefficients).for_each(|(sum, coefficient)| *sum = *sum * y + coefficient);
            }
        });
        let evaluation = |rotation: &i32| {
            let at = |member: &usize| self.evaluations[&Query { polynomial: *member, rotation: *rotation }];
            members.iter().rev().fold(Fr::ZERO, |sum, member| sum * y + at(member))
        };
        let points: Vec<Fr> = rotations.iter().map(|rotation| self.domain.rotate(self.x, *rotation)).collect();
        let remainder = lagrange_interpolate(&points, &rotations.iter().map(evaluation).collect::<Vec<_>>());
        Set { rotations, points, sum, remainder }
    }
}

impl Set {
    fn quotient(&self) -> Vec<Fr> {
        let mut numerator = self.sum.clone();
        numerator.iter_mut().zip(&self.remainder).for_each(|(coefficient, remainder)| *coefficient -= remainder);
        self.points.iter().fold(numerator, |quotient, point| kate_division(&quotient, *point))
    }
}

impl Opened {
    /// `W` of the module's description.
    pub(super) fn finish(self, u: Fr) -> Vec<Fr> {
        let mut points: Vec<(i32, Fr)> = Vec::new();
        for set in &self.sets {
            points.extend(set.rotations.iter().copied().zip(set.points.iter().copied()));
        }
        points.sort_unstable_by_key(|(rotation, _)| *rotation);
        points.dedup_by_key(|(rotation, _)| *rotation);
        let vanishing = |without: &[i32]| {
            let others = points.iter().filter(|(rotation, _)| !without.contains(rotation));
            others.fold(Fr::ONE, |product, (_, point)| product * (u - point))
        };
        let mut sum = vec![Fr::ZERO; self.quotient.len()];
        let mut power = Fr::ONE;
        for set in &self.sets {
            let factor = power * vanishing(&set.rotations);
            add_scaled(&mut sum, &set.sum, factor);
            sum[0] -= factor * eval_polynomial(&set.remainder, u);
            power *= self.v;
        }
        add_scaled(&mut sum, &self.quotient, -vanishing(&[]));
        let first = self.sets.first().map_or(Fr::ONE, |set| vanishing(&set.rotations));
        let factor = first.invert().unwrap_or(Fr::ZERO);
        let mut quotient = kate_division(&sum, u);
        quotient.par_iter_mut().for_each(|coefficient| *coefficient *= factor);
        quotient
    }
}

/// `sum[i] += factor * values[i]`, on all threads.
fn add_scaled(sum: &mut [Fr], values: &[Fr], factor: Fr) {
    sum.par_iter_mut().zip(values).for_each(|(sum, value)| *sum += *value * factor);
}
