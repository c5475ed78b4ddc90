//! How full a layout is: which of its lookups count, and how many cells of running sums they move.
//!
//! It knows shapes of tensors and lanes, and no price.

use crate::shape::Occupancy;
use crate::streams::home::{Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};

/// How full a layout is, whose private weights have so many columns.
pub(crate) fn occupancy(knobs: &StreamKnobs, weights: usize, homes: &[Home], weight_rows: usize) -> Occupancy {
    let chunk = if let LookupArgument::Sums { chunk } = knobs.lookups { chunk } else { 1 };
    // A row moves a sum for each of its values at most, and where values lie side by side one for each chunk of the lanes that a plane fills.
    let moved =
        |home: &Home| home.shape.len().min(home.rows() * home.shape.plane().min(knobs.lanes).div_ceil(chunk));
    let together = knobs.weights_together();
    let each = 1 + knobs.remainders();
    let sum = |of: &dyn Fn(&Home) -> usize| each * homes.iter().map(of).sum::<usize>();
    Occupancy {
        lookups: sum(&|home| home.shape.len()) + weights.div_ceil(together) * weight_rows,
        moved: sum(&moved) + weights.div_ceil(together * chunk) * weight_rows,
        public_values: homes.iter().filter(|home| home.public != Public::No).map(|home| home.shape.len()).sum(),
    }
}
