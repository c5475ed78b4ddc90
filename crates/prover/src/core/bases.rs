//! What columns are committed with: the Lagrange basis of the powers of tau, as tables that are made once.

use ff::Field;
use halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

use crate::core::domain::Domain;
use crate::core::small;
use crate::core::tables::Tables;
use crate::fixed_base::FixedBase;

/// Tables of the Lagrange basis, and of the rows that hide.
pub(super) struct Bases {
    tables: Tables,
    /// Multiples of the bases of the rows that hide a column.
    hiding: Vec<FixedBase<G1Affine>>,
}

impl Bases {
    /// Those of a basis whose last `hiding` rows are random in every column.
    pub(super) fn new(tables: Tables, hiding: usize) -> Self {
        let bases = tables.rows.bases();
        let hiding = bases[bases.len() - hiding..].par_iter().map(|base| FixedBase::new(*base)).collect();
        Self { tables, hiding }
    }

    /// A column of integers, and of the random rows after them.
    pub(super) fn small(&self, values: &[i64], hiding: &[Fr]) -> G1 {
        let bases = &self.tables.rows.bases()[..values.len()];
        let products = self.hiding.iter().zip(hiding).map(|(base, scalar)| base.multiple(scalar));
        products.fold(small::sum(values, bases), |sum, product| sum + product)
    }

    /// A column of field elements. Rows that repeat the row before cost nothing where differences are committed.
    pub(super) fn wide(&self, values: &[Fr]) -> G1 {
        match differences(values) {
            Some(differences) => self.tables.suffixes.sum(&differences, 0),
            None => self.tables.rows.sum(values, 0),
        }
    }

    /// The same on all threads.
    pub(super) fn wide_on_threads(&self, values: &[Fr]) -> G1 {
        self.tables.rows.sum_on_threads(values)
    }

    /// Polynomials of at most as many coefficients as there are rows. Each is summed on one thread if that keeps all
    /// threads busy: the buckets are then weighed once.
    pub(super) fn polynomials(&self, domain: &Domain, polynomials: &[Vec<Fr>]) -> Vec<G1> {
        let alone = polynomials.len().is_multiple_of(rayon::current_num_threads());
        let commit = |polynomial: &Vec<Fr>| {
            let values = domain.by_row(polynomial);
            if alone { self.tables.rows.sum(&values, 0) } else { self.tables.rows.sum_on_threads(&values) }
        };
        if alone { polynomials.par_iter().map(commit).collect() } else { polynomials.iter().map(commit).collect() }
    }
}

/// Differences from row to row, if fewer of them than of the values are not 0.
fn differences(values: &[Fr]) -> Option<Vec<Fr>> {
    let filled = values.iter().filter(|value| **value != Fr::ZERO).count();
    let steps = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let before = std::iter::once(&Fr::ZERO).chain(values);
    (steps < filled).then(|| values.iter().zip(before).map(|(value, before)| *value - before).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use halo2_proofs::arithmetic::best_multiexp;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::srs::Srs;

    #[test]
    fn commitments_are_those_of_the_library() {
        let (k, hiding) = (6, 6);
        let lagrange = Srs::development(k, 3).unwrap().lagrange(k).unwrap();
        let bases = Bases::new(Tables::new(lagrange.clone()), hiding);
        let domain = Domain::new(k);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut values: Vec<Fr> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        assert_eq!(bases.wide(&values), best_multiexp(&values, &lagrange));
        let repeated = values[60];
        values[3..50].fill(repeated);
        assert!(differences(&values).is_some());
        assert_eq!(bases.wide(&values), best_multiexp(&values, &lagrange));
        assert_eq!(bases.wide_on_threads(&values), bases.wide(&values));
        let coefficients = domain.coefficients(|row| values[row] * domain.scale);
        assert_eq!(bases.polynomials(&domain, &[coefficients]), [bases.wide(&values)]);
        let integers: Vec<i64> = (0..58).map(|i| i * i * i - 9_999).collect();
        values.iter_mut().zip(&integers).for_each(|(value, integer)| {
            *value = if *integer < 0 { -Fr::from(integer.unsigned_abs()) } else { Fr::from(*integer as u64) };
        });
        assert_eq!(bases.small(&integers, &values[58..]), best_multiexp(&values, &lagrange));
    }
}
