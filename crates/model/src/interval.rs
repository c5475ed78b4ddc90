//! Interval analysis: how far accumulators can go. It knows ranges of values, not which values occur.

use crate::fixed::FixedLayer;
use crate::linear::Linear;

impl FixedLayer {
    /// By output channel, the least and the greatest accumulator that tensors with values between the given bounds can give,
    /// each tensor being 0 where it is padded or not added; `None` means overflow.
    pub fn reach(&self, tensors: &[(i64, i64)]) -> Option<Vec<(i64, i64)>> {
        let (first, others) = tensors.split_first()?;
        let mut bounds = channel_bounds(&self.linear, first.0, first.1)?;
        for (skip, (lo, hi)) in self.skips.iter().zip(others) {
            for (channel, (low, high)) in bounds.iter_mut().enumerate() {
                let factor = skip.factor.of(channel);
                let (a, b) = (factor.checked_mul(*lo)?, factor.checked_mul(*hi)?);
                (*low, *high) = (low.checked_add(a.min(b).min(0))?, high.checked_add(a.max(b).max(0))?);
            }
        }
        Some(bounds)
    }
}

/// Bounds of each output channel's accumulators over all inputs in `[lo, hi]`, zero padding included; `None` means
/// overflow.
pub fn channel_bounds(linear: &Linear<i64>, lo: i64, hi: i64) -> Option<Vec<(i64, i64)>> {
    let cells = i64::try_from(linear.window * linear.window).ok()?;
    let (lo, hi) = (lo.min(0).checked_mul(cells)?, hi.max(0).checked_mul(cells)?);
    let channel = |kernel: ndarray::ArrayView3<'_, i64>, bias: i64| {
        kernel.iter().try_fold((bias, bias), |(low, high), weight| {
            let (a, b) = (weight.checked_mul(lo)?, weight.checked_mul(hi)?);
            Some((low.checked_add(a.min(b))?, high.checked_add(a.max(b))?))
        })
    };
    linear.kernel.outer_iter().zip(&linear.bias).map(|(kernel, &bias)| channel(kernel, bias)).collect()
}
