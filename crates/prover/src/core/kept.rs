//! A key's columns on the cosets that constraints are evaluated on, kept from one proof to the next where they are few.

use std::collections::{BTreeSet, HashMap};

use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::domain::Twiddles;
use crate::core::key::Key;

/// Values by coset and place.
pub(super) struct Kept(Vec<HashMap<usize, Vec<Fr>>>);

impl Kept {
    /// Keeps the values of the columns that are read on each coset, unless they take too much memory.
    pub(super) fn of(key: &Key, cosets: &[Fr], read: &[BTreeSet<usize>], most_kept: usize) -> Self {
        let columns: usize = read.iter().map(BTreeSet::len).sum();
        if columns * key.domain.len() * size_of::<Fr>() > most_kept {
            return Self(Vec::new());
        }
        let on = |(shift, places): (&Fr, &BTreeSet<usize>)| on_coset(key, &key.domain.coset(*shift), places);
        Self(cosets.iter().zip(read).map(on).collect())
    }

    /// Whether every column has to be transformed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Values on a coset, if they are kept.
    pub(super) fn get(&self, coset: usize, place: usize) -> Option<&[Fr]> {
        self.0.get(coset)?.get(&place).map(Vec::as_slice)
    }
}

fn on_coset(key: &Key, coset: &Twiddles, places: &BTreeSet<usize>) -> HashMap<usize, Vec<Fr>> {
    let values = places.par_iter().map(|place| {
        let mut values = key.coefficients(*place).to_vec();
        key.domain.to_coset(&mut values, coset);
        (*place, values)
    });
    values.collect()
}
