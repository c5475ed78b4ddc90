//! How full a layout is: which of its lookups count, how many cells of running sums they move, and which lanes are filled alike.
//!
//! It knows shapes of tensors and lanes, and no price.

use crate::shape::Occupancy;
use crate::streams::home::{Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};

/// How full a layout is, whose private weights have so many columns.
pub(crate) fn occupancy(knobs: &StreamKnobs, weights: usize, homes: &[Home], weight_rows: usize) -> Occupancy {
    let fractions = if let LookupArgument::Sums { chunk } = knobs.lookups { chunk } else { 0 };
    let chunk = fractions.max(1);
    // A row moves a sum for each chunk of its values. All rows of a plane are full but the last one.
    let moved = |home: &Home| {
        let (plane, lanes) = (home.shape.plane(), knobs.lanes);
        home.shape.channels * (plane / lanes * lanes.div_ceil(chunk) + (plane % lanes).div_ceil(chunk))
    };
    let together = knobs.weights_together();
    let each = 1 + knobs.remainders();
    let sum = |of: &dyn Fn(&Home) -> usize| each * homes.iter().map(of).sum::<usize>();
    Occupancy {
        fractions,
        lookups: sum(&|home| home.shape.len()) + weights.div_ceil(together) * weight_rows,
        moved: sum(&moved) + weights.div_ceil(together * chunk) * weight_rows,
        same_masks: same_masks(homes, knobs.lanes),
        public_values: homes.iter().filter(|home| home.public != Public::No).map(|home| home.shape.len()).sum(),
    }
}

/// Lanes that hold values wherever the lane before does: no tensor's row of values begins or ends between the two.
fn same_masks(homes: &[Home], lanes: usize) -> usize {
    let mut edges = vec![false; lanes];
    homes.iter().for_each(|home| home.mark_edges(&mut edges));
    edges.iter().skip(1).filter(|edge| !**edge).count()
}
