//! The columns of a key that constraints read, each different one once: masks of lanes that agree are one column.

use std::collections::{BTreeSet, HashMap};

use halo2_proofs::plonk::ProvingKey;
use halo2curves::bn256::{Fr, G1Affine};
use rayon::prelude::*;

use crate::core::domain::{Domain, Twiddles};

/// Most bytes of values on cosets that are kept from one proof to the next; a key that has more of them has them
/// transformed in every proof.
const MOST_KEPT: usize = 256 << 20;

/// One of a key's polynomials.
#[derive(Clone, Copy, Debug)]
enum Polynomial {
    Fixed(usize),
    Permutation(usize),
    FirstRow,
    LastRow,
    ActiveRows,
}

/// A key's different polynomials, and their values on the cosets if they are kept.
#[derive(Debug)]
pub(super) struct KeyColumns {
    different: Vec<Polynomial>,
    /// Places of the fixed columns, of the permutation's polynomials, and of three that mark rows.
    pub(super) fixed: Vec<usize>,
    pub(super) permutation: Vec<usize>,
    pub(super) first_row: usize,
    pub(super) last_row: usize,
    pub(super) active_rows: usize,
    /// By coset and place.
    kept: Vec<HashMap<usize, Vec<Fr>>>,
}

impl KeyColumns {
    pub(super) fn of(key: &ProvingKey<G1Affine>) -> Self {
        let mut seen = HashMap::new();
        let mut different = Vec::new();
        let mut place = |polynomial: Polynomial| {
            *seen.entry(polynomial.coefficients(key)).or_insert_with(|| {
                different.push(polynomial);
                different.len() - 1
            })
        };
        let fixed = (0..key.fixed_polys().len()).map(|index| place(Polynomial::Fixed(index))).collect();
        let permutation = 0..key.permutation().polys().len();
        let permutation = permutation.map(|index| place(Polynomial::Permutation(index))).collect();
        let rows = [Polynomial::FirstRow, Polynomial::LastRow, Polynomial::ActiveRows];
        let [first_row, last_row, active_rows] = rows.map(&mut place);
        Self { different, fixed, permutation, first_row, last_row, active_rows, kept: Vec::new() }
    }

    /// Keeps the values of the columns that constraints read on each coset, unless they take too much memory.
    pub(super) fn keep(
        &mut self,
        key: &ProvingKey<G1Affine>,
        domain: &Domain,
        cosets: &[Fr],
        read: &[BTreeSet<usize>],
    ) {
        let columns: usize = read.iter().map(BTreeSet::len).sum();
        if columns * domain.len() * size_of::<Fr>() <= MOST_KEPT {
            let on =
                |(shift, places): (&Fr, &BTreeSet<usize>)| self.on(key, domain, &domain.coset(*shift), places);
            self.kept = cosets.iter().zip(read).map(on).collect();
        }
    }

    /// Values on a coset, if they are kept.
    pub(super) fn kept(&self, coset: usize, place: usize) -> Option<&[Fr]> {
        self.kept.get(coset)?.get(&place).map(Vec::as_slice)
    }

    pub(super) fn coefficients<'a>(&self, key: &'a ProvingKey<G1Affine>, place: usize) -> &'a [Fr] {
        self.different[place].coefficients(key)
    }

    fn on(
        &self,
        key: &ProvingKey<G1Affine>,
        domain: &Domain,
        coset: &Twiddles,
        places: &BTreeSet<usize>,
    ) -> HashMap<usize, Vec<Fr>> {
        let values = places.par_iter().map(|place| {
            let mut values = self.coefficients(key, *place).to_vec();
            domain.to_coset(&mut values, coset);
            (*place, values)
        });
        values.collect()
    }
}

impl Polynomial {
    fn coefficients(self, key: &ProvingKey<G1Affine>) -> &[Fr] {
        match self {
            Self::Fixed(index) => &key.fixed_polys()[index],
            Self::Permutation(index) => &key.permutation().polys()[index],
            Self::FirstRow => key.l0(),
            Self::LastRow => key.l_last(),
            Self::ActiveRows => key.l_active_row(),
        }
    }
}
