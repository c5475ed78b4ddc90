//! Rotated heads, at the exponents of the output's positions.

use ndarray::Array3;
use zklayout_model::Rotation;
use zklayout_plan::RotationFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// A rotation on its way into product polynomials.
pub(crate) struct RotationProduct<'a> {
    values: &'a Array3<i64>,
    rotation: &'a Rotation<i64>,
}

impl<'a> RotationProduct<'a> {
    pub(crate) fn of(
        rotation: &'a Rotation<i64>,
        fact: &RotationFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let (home, values) = placed.only(fact.input)?;
        let (positions, planes) = (rotation.positions(), rotation.features() * rotation.positions());
        let same = home.shape.dims() == values.dim() && values.dim() == (planes, 1, fact.heads);
        let numbers = rotation.own.iter().eq(&fact.own)
            && rotation.other.iter().eq(&fact.other)
            && rotation.partners == fact.partners;
        if !same || !numbers || fact.positions != positions || placed.origin() + 1 != positions {
            return Err(placed.mismatch("rotates another tensor than the plan, or by other numbers"));
        }
        Ok(Self { values, rotation })
    }
}

impl TermProduct for RotationProduct<'_> {
    fn positions(&self) -> usize {
        self.rotation.positions()
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        let Rotation { own, other, partners } = self.rotation;
        let (head, feature) = (output / partners.len(), output % partners.len());
        let positions = self.rotation.positions();
        let value = |feature: usize, t: usize| self.values[[feature * positions + t, 0, head]];
        for t in 0..positions {
            let rotated =
                own[[feature, t]] * value(feature, t) + other[[feature, t]] * value(partners[feature], t);
            plane[positions - 1 - t] += rotated;
        }
    }
}
