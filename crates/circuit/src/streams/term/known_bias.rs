//! Known biases, wherever biases are.

use zklayout_model::KnownBias;
use zklayout_plan::KnownBiasFact;

use super::placed::{Placed, TermProduct};
use crate::error::CircuitError;

/// Known biases on their way into product polynomials.
pub(crate) struct KnownBiasProduct<'a> {
    known: &'a KnownBias<i64>,
    positions: usize,
}

impl<'a> KnownBiasProduct<'a> {
    pub(crate) fn of(
        known: &'a KnownBias<i64>,
        fact: &KnownBiasFact,
        placed: &Placed<'a>,
    ) -> Result<Self, CircuitError> {
        let home = placed.plan.homes.get(fact.ones).filter(|_| known.numbers == fact.numbers);
        match home.map(|home| (fact.read_row + 1) * home.tile.columns) {
            Some(positions) if positions > placed.origin() => Ok(Self { known, positions }),
            _ => Err(placed.mismatch("has other known biases than the plan")),
        }
    }
}

impl TermProduct for KnownBiasProduct<'_> {
    fn positions(&self) -> usize {
        self.positions
    }

    fn add_to(&self, plane: &mut [i64], output: usize) {
        plane[..self.positions].iter_mut().for_each(|sum| *sum += self.known.numbers.of(output));
    }
}
