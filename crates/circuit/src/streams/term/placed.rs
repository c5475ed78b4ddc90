//! What every kind of term answers of its products, and what it is given for them. It knows no kind.

use ndarray::Array3;
use zklayout_model::Planes;
use zklayout_plan::{Home, LinearFact, Streams};

use crate::error::CircuitError;

/// What a term adds to product polynomials.
pub(crate) trait TermProduct {
    /// Exponents below which all that it adds lies.
    fn positions(&self) -> usize;

    /// Adds to the polynomial of an output channel, by exponent.
    fn add_to(&self, plane: &mut [i64], output: usize);
}

/// A term's layer on the tapes, and the tensors that the term reads.
pub(crate) struct Placed<'a> {
    pub(crate) plan: &'a Streams,
    pub(crate) fact: &'a LinearFact,
    pub(crate) sources: &'a [&'a Array3<i64>],
}

impl<'a> Placed<'a> {
    /// The home that the layer writes.
    pub(crate) fn output(&self) -> &'a Home {
        &self.plan.homes[self.fact.output]
    }

    /// Exponent of the output's value (0, 0).
    pub(crate) fn origin(&self) -> usize {
        self.output().origin_exponent()
    }

    /// The one tensor that the term reads, in the home that the plan gives it.
    pub(crate) fn only(&self, home: usize) -> Result<(&'a Home, &'a Array3<i64>), CircuitError> {
        match (self.plan.homes.get(home), self.sources) {
            (Some(home), [values]) => Ok((home, *values)),
            _ => Err(self.mismatch("reads other tensors than the plan")),
        }
    }

    pub(crate) fn mismatch(&self, reason: &str) -> CircuitError {
        CircuitError::Mismatch(format!("layer {} {reason}", self.fact.layer))
    }
}

/// Window sums of the part of a tensor that has a home.
pub(super) fn pooled(x: &Array3<i64>, home: Planes, window: usize) -> Array3<i64> {
    Array3::from_shape_fn((home.channels, home.height / window, home.width / window), |(c, y, z)| {
        (0..window * window).map(|i| x[[c, y * window + i / window, z * window + i % window]]).sum()
    })
}
