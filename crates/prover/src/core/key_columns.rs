//! A key's columns by row, and which of them are different: masks of lanes that agree are one column. It knows neither polynomials nor
//! commitments.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::assembly::Assembly;
use crate::core::copies::Copies;

/// Columns that mark rows: the first; the last usable one; all usable ones before it.
const MARKS: usize = 3;

/// A key's columns.
pub(super) struct KeyColumns {
    pub(super) fixed: Vec<Vec<Fr>>,
    pub(super) permutations: Vec<Vec<Fr>>,
    marks: [Vec<Fr>; MARKS],
    /// By column, fixed ones first and marks last, its place among the different ones.
    places: Vec<usize>,
    /// By such a place, the first column there: in the order of the columns.
    first: Vec<usize>,
}

/// Places of a key's columns among the different ones.
pub(super) struct Places<'a> {
    pub(super) fixed: &'a [usize],
    pub(super) permutations: &'a [usize],
    pub(super) marks: &'a [usize],
}

impl KeyColumns {
    /// Columns of a circuit of `2^k` rows, and its constraints.
    ///
    /// # Errors
    /// A circuit with selectors or constants, or one that takes more rows.
    pub(super) fn of<C: Circuit<Fr>>(k: u32, circuit: &C) -> Result<(ConstraintSystem<Fr>, Self), Error> {
        let mut cs = ConstraintSystem::default();
        let config = C::configure_with_params(&mut cs, circuit.params());
        let Assembly { fixed, copies, .. } = Assembly::of(&cs, k, (circuit, config))?;
        let (permutations, marks) = (permutations(&copies, k), marks(&cs, 1 << k));
        let columns: Vec<&Vec<Fr>> = fixed.iter().chain(&permutations).chain(&marks).collect();
        let (places, first) = different(&columns);
        Ok((cs, Self { fixed, permutations, marks, places, first }))
    }

    /// Where each column is among the different ones.
    pub(super) fn places(&self) -> Places<'_> {
        let (fixed, rest) = self.places.split_at(self.fixed.len());
        let (permutations, marks) = rest.split_at(self.permutations.len());
        Places { fixed, permutations, marks }
    }

    /// The different columns, those among the fixed ones first.
    pub(super) fn different(&self) -> Vec<&Vec<Fr>> {
        let columns: Vec<&Vec<Fr>> = self.fixed.iter().chain(&self.permutations).chain(&self.marks).collect();
        self.first.iter().map(|index| columns[*index]).collect()
    }

    /// The different columns, and the permutation's.
    pub(super) fn into_different(self) -> (Vec<Vec<Fr>>, Vec<Vec<Fr>>) {
        let permutations = self.permutations.clone();
        let columns = self.fixed.into_iter().chain(self.permutations).chain(self.marks);
        let mut first = self.first.into_iter().peekable();
        let different = columns.enumerate().filter(|(index, _)| first.next_if_eq(index).is_some());
        (different.map(|(_, values)| values).collect(), permutations)
    }

    /// How many of the different columns are fixed ones.
    pub(super) fn different_fixed(&self) -> usize {
        self.first.iter().filter(|index| **index < self.fixed.len()).count()
    }
}

/// Generator of the group of `2^k` rows.
pub(super) fn root(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

/// `delta^column * root^row` of the next cell of each cell's cycle.
fn permutations(copies: &Copies, k: u32) -> Vec<Vec<Fr>> {
    let root = root(k);
    let points: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |point| Some(*point * root)).take(1 << k).collect();
    let columns = copies.next().count();
    let deltas: Vec<Fr> =
        std::iter::successors(Some(Fr::ONE), |delta| Some(*delta * Fr::DELTA)).take(columns).collect();
    copies.next().map(|column| column.map(|(column, row)| deltas[column] * points[row]).collect()).collect()
}

fn marks(cs: &ConstraintSystem<Fr>, rows: usize) -> [Vec<Fr>; MARKS] {
    let last = rows - cs.blinding_factors() - 1;
    let marked = |is_marked: &dyn Fn(usize) -> bool| {
        (0..rows).map(|row| Fr::from(u64::from(is_marked(row)))).collect::<Vec<Fr>>()
    };
    [marked(&|row| row == 0), marked(&|row| row == last), marked(&|row| row < last)]
}

/// By column, the place of the first that equals it among those that are different; and where those are.
fn different(columns: &[&Vec<Fr>]) -> (Vec<usize>, Vec<usize>) {
    let (mut seen, mut first) = (HashMap::<u64, Vec<usize>>::new(), Vec::new());
    let hashes: Vec<u64> = columns.par_iter().map(|column| hash(column)).collect();
    let place = |(index, hash): (usize, &u64)| {
        let alike = seen.entry(*hash).or_default();
        let equal = alike.iter().find(|place| columns[first[**place]] == columns[index]);
        equal.copied().unwrap_or_else(|| {
            alike.push(first.len());
            first.push(index);
            first.len() - 1
        })
    };
    let places = hashes.iter().enumerate().map(place).collect();
    (places, first)
}

fn hash(column: &[Fr]) -> u64 {
    let mut hasher = DefaultHasher::new();
    column.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_columns_have_one_place_whatever_they_are() {
        let column = |number: u64| vec![Fr::from(number), Fr::ONE];
        let of = |numbers: &[u64]| numbers.iter().map(|number| column(*number)).collect::<Vec<_>>();
        let (fixed, permutations, marks) = (of(&[4, 5, 4, 6]), of(&[7, 5, 8]), [column(8), column(9), column(4)]);
        let columns: Vec<&Vec<Fr>> = fixed.iter().chain(&permutations).chain(&marks).collect();
        let (places, first) = different(&columns);
        let key = KeyColumns { fixed: fixed.clone(), permutations: permutations.clone(), marks, places, first };
        let Places { fixed: of_fixed, permutations: of_permutations, marks: of_marks } = key.places();
        assert_eq!((of_fixed, of_permutations, of_marks), (&[0, 1, 0, 2][..], &[3, 1, 4][..], &[4, 5, 0][..]));
        assert_eq!(key.different_fixed(), 3);
        let expected = of(&[4, 5, 6, 7, 8, 9]);
        assert_eq!(key.different(), expected.iter().collect::<Vec<_>>());
        assert_eq!(key.into_different(), (expected, permutations));
    }
}
