//! Advice columns: integers that stay integers, or field elements, and the random rows that hide them.

use group::Curve;
use halo2curves::bn256::{Fr, G1, G1Affine};

use crate::core::bases::Bases;
use crate::core::domain::Domain;

/// A column of advice, by row.
#[derive(Clone, Debug)]
pub(super) enum Column<'a> {
    /// Integers, then random rows.
    Small { values: &'a [i64], hiding: Vec<Fr> },
    /// Field elements, the last of them random.
    Wide(Vec<Fr>),
}

impl Column<'_> {
    pub(super) fn commit(&self, bases: &Bases) -> G1 {
        match self {
            Self::Small { values, hiding } => bases.small(values, hiding),
            Self::Wide(values) => bases.wide(values),
        }
    }

    /// Every row as a field element.
    pub(super) fn values(&self) -> Vec<Fr> {
        match self {
            Self::Small { values, hiding } => {
                values.iter().map(|value| field(*value)).chain(hiding.iter().copied()).collect()
            }
            Self::Wide(values) => values.clone(),
        }
    }

    /// The coefficients of the column's polynomial, in the place of the rows where those are field elements.
    pub(super) fn coefficients(self, domain: &Domain) -> Vec<Fr> {
        match self {
            Self::Small { values, hiding } => domain.coefficients(|row| match values.get(row) {
                Some(value) => domain.scaled(*value),
                None => hiding[row - values.len()] * domain.scale,
            }),
            Self::Wide(values) => coefficients(domain, values),
        }
    }
}

/// The coefficients of the polynomial with given values, in their place.
pub(super) fn coefficients(domain: &Domain, mut values: Vec<Fr>) -> Vec<Fr> {
    domain.to_coefficients(&mut values);
    values
}

/// Commitments in affine form.
pub(super) fn affine(commitments: &[G1]) -> Vec<G1Affine> {
    let mut points = vec![G1Affine::default(); commitments.len()];
    G1::batch_normalize(commitments, &mut points);
    points
}

/// An integer as a field element.
pub(super) fn field(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
