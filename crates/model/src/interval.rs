//! Interval analysis: how far accumulators can go. It knows ranges of values, not which values occur.

use ndarray::Array3;

use crate::fixed::FixedLayer;
use crate::layer::reads;
use crate::planes::Planes;
use crate::term::{Extent, Term};

impl FixedLayer {
    /// By output channel, the least and the greatest accumulator that tensors with values between the given bounds can give,
    /// each tensor being 0 where it is padded or not added; `None` means overflow.
    pub fn reach(&self, tensors: &[(i64, i64)]) -> Option<Vec<(i64, i64)>> {
        let extents: Vec<Extent> = tensors.iter().map(|&(lo, hi)| Extent { lo, hi, planes: None }).collect();
        reach(&self.terms, &self.bias, self.output, &extents)
    }
}

/// Moves of a layer beyond which bounds are taken value by value: as bounds of channels, each would count everywhere.
const FEW_MOVES: usize = 8;

/// By output channel, bounds of the accumulators over all values of the tensors that terms read; `None` means overflow.
pub(crate) fn reach(
    terms: &[Term<i64>],
    bias: &[i64],
    output: Planes,
    sources: &[Extent],
) -> Option<Vec<(i64, i64)>> {
    if add_to_few(terms) && sources.iter().all(|source| source.planes.is_some()) {
        return reach_of_values(terms, bias, output, sources);
    }
    let mut bounds: Vec<(i64, i64)> = bias.iter().map(|&bias| (bias, bias)).collect();
    for (term, sources) in reads(terms, sources) {
        term.reach(&mut bounds, sources, output)?;
    }
    Some(bounds)
}

/// Whether terms are moves of which each may be added to few values: many, or all to different places.
fn add_to_few(terms: &[Term<i64>]) -> bool {
    let moves = terms.iter().filter(|term| !term.replaces_bias());
    let moves = moves.map(|term| if let Term::Move(moved) = term { Some(moved) } else { None });
    let Some(moves) = moves.collect::<Option<Vec<_>>>() else { return false };
    let mut offsets: Vec<(i64, i64)> = moves.iter().map(|moved| moved.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let apart = moves.len() > 1 && offsets.len() == moves.len();
    moves.len() > FEW_MOVES || apart && moves.iter().all(|moved| moved.factor.values() == [1])
}

/// The same of a layer of moves and known biases, each of which is added to few values.
fn reach_of_values(
    terms: &[Term<i64>],
    bias: &[i64],
    output: Planes,
    sources: &[Extent],
) -> Option<Vec<(i64, i64)>> {
    let mut bounds = Array3::from_shape_fn(output.dims(), |(channel, ..)| (bias[channel], bias[channel]));
    for (term, sources) in reads(terms, sources) {
        match (term, sources) {
            (Term::Move(moved), [source]) => moved.reach_values(&mut bounds, source, source.planes?)?,
            (Term::KnownBias(known), []) => known.reach_values(&mut bounds)?,
            _ => return None,
        }
    }
    let of_plane = |plane: ndarray::ArrayView2<'_, (i64, i64)>| {
        let widest = |(low, high): (i64, i64), &(least, most): &(i64, i64)| (low.min(least), high.max(most));
        plane.iter().fold((i64::MAX, i64::MIN), widest)
    };
    Some(bounds.outer_iter().map(of_plane).collect())
}
