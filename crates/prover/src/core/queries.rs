//! Which polynomials are opened where: the order in which evaluations are written, and that of the opening.

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;

use crate::core::permutation::{last_rotation, set_length};

/// A polynomial, by its place in [`Polynomials::all`], at a rotation of the evaluation point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Query {
    pub(super) polynomial: usize,
    pub(super) rotation: i32,
}

/// The polynomials that a proof opens, as coefficients.
pub(super) struct Polynomials<'a> {
    pub(super) advice: &'a [Vec<Fr>],
    pub(super) products: &'a [Vec<Fr>],
    pub(super) fixed: Vec<&'a [Fr]>,
    pub(super) permutation: Vec<&'a [Fr]>,
    pub(super) quotient: &'a [Fr],
    pub(super) blinding: &'a [Fr],
}

/// All queries of a proof.
pub(super) struct Queries {
    /// In the order in which evaluations are written; the quotient's is not.
    pub(super) written: Vec<Query>,
    /// In the order of the opening.
    pub(super) opened: Vec<Query>,
}

impl<'a> Polynomials<'a> {
    pub(super) fn all(&self) -> Vec<&'a [Fr]> {
        let computed = self.advice.iter().chain(self.products).map(Vec::as_slice);
        let of_key = self.fixed.iter().chain(&self.permutation).copied();
        computed.chain(of_key).chain([self.quotient, self.blinding]).collect()
    }
}

impl Queries {
    pub(super) fn of(cs: &ConstraintSystem<Fr>) -> Self {
        let permuted = cs.permutation().get_columns().len();
        let sets = permuted.div_ceil(set_length(cs));
        let products = cs.num_advice_columns();
        let fixed = products + sets;
        let permutation = fixed + cs.num_fixed_columns();
        let (quotient, blinding) = (permutation + permuted, permutation + permuted + 1);
        let at = |polynomial: usize, rotation: i32| Query { polynomial, rotation };
        let advice = || cs.advice_queries().iter().map(|(column, rotation)| at(column.index(), rotation.0));
        let fixed = || cs.fixed_queries().iter().map(|(column, rotation)| at(fixed + column.index(), rotation.0));
        let permutations = || (0..permuted).map(|place| at(permutation + place, 0));
        let last = |set: usize| (set + 1 < sets).then(|| at(products + set, last_rotation(cs)));
        let current_and_next = |set: usize| [at(products + set, 0), at(products + set, 1)];
        let written = (0..sets).flat_map(|set| current_and_next(set).into_iter().chain(last(set)));
        let written = advice().chain(fixed()).chain([at(blinding, 0)]).chain(permutations()).chain(written);
        let opened = (0..sets).flat_map(current_and_next).chain((0..sets).rev().filter_map(last));
        let opened = advice().chain(opened).chain(fixed()).chain(permutations());
        Self { written: written.collect(), opened: opened.chain([at(quotient, 0), at(blinding, 0)]).collect() }
    }
}
