//! Interval analysis: how far accumulators can go. It knows ranges of values, not which values occur.

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

/// By output channel, bounds of the accumulators over all values of the tensors that terms read; `None` means overflow.
pub(crate) fn reach(
    terms: &[Term<i64>],
    bias: &[i64],
    output: Planes,
    sources: &[Extent],
) -> Option<Vec<(i64, i64)>> {
    let mut bounds: Vec<(i64, i64)> = bias.iter().map(|&bias| (bias, bias)).collect();
    for (term, sources) in reads(terms, sources) {
        term.reach(&mut bounds, sources, output)?;
    }
    Some(bounds)
}
