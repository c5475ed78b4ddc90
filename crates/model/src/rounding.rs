//! Rounding of weights so that errors cancel on the calibration samples.
//!
//! Greedy path-following quantisation (Lybrand and Saab, "A Greedy Algorithm for Quantizing Neural Networks", 2021):
//! weights are rounded one after the other, and each takes over what the earlier ones and the quantised activations
//! have made the output drift by. No weight moves by more than one unit, so that samples unlike the calibration's lose
//! at most twice the error of plain rounding.

use ndarray::Array4;

use crate::calibration::Evidence;
use crate::per_channel::PerChannel;

/// A bias takes over the mean drift only if it is a mean of at least this many positions.
const FEWEST_POSITIONS: usize = 16;

/// How one layer is rounded.
pub(crate) struct Rounding<'a> {
    /// Scale of each output channel's accumulators.
    pub(crate) scale: &'a PerChannel<i32>,
    /// Scale of each channel of what is read.
    pub(crate) source: &'a PerChannel<i32>,
    /// Largest magnitude of an integer weight.
    pub(crate) largest: i64,
    /// What the weights are multiplied with.
    pub(crate) evidence: &'a Evidence,
    /// Whether rows of weights that are integers at their scale stay as they are.
    pub(crate) keeps_exact: bool,
}

impl Rounding<'_> {
    /// Integer weights, and for each output the mean drift that its bias should make up for.
    pub(crate) fn round(
        &self,
        weights: &Array4<f64>,
        first_input: &dyn Fn(usize) -> usize,
    ) -> (Array4<i64>, Vec<f64>) {
        let mut rounded = weights.map(|_| 0);
        let taps = rounded.dim().2 * rounded.dim().3;
        let norms: Vec<f64> = self.evidence.fixed.iter().map(|x| x.iter().map(|x| x * x).sum()).collect();
        let mut drifts = Vec::with_capacity(weights.dim().0);
        for (o, (weights, mut integers)) in weights.outer_iter().zip(rounded.outer_iter_mut()).enumerate() {
            let first = first_input(o) * taps;
            let factors = (0..weights.len()).map(|index| self.factor(o, (first + index) / taps));
            let exact: Vec<f64> = weights.iter().zip(factors).map(|(weight, factor)| weight * factor).collect();
            if self.keeps_exact && exact.iter().all(|weight| weight.fract() == 0.0) {
                integers.iter_mut().zip(exact).for_each(|(integer, weight)| *integer = weight as i64);
                drifts.push(0.0);
                continue;
            }
            let mut drift = vec![0.0; self.evidence.float.first().map_or(0, Vec::len)];
            for (index, (&weight, integer)) in weights.iter().zip(integers.iter_mut()).enumerate() {
                let column = first + index;
                let factor = self.factor(o, column / taps);
                *integer = self.round_one(weight, factor, (column, norms[column]), &mut drift);
            }
            drifts.push(if drift.len() < FEWEST_POSITIONS { 0.0 } else { mean(&drift) });
        }
        (rounded, drifts)
    }

    /// The number of integer units per real unit of a weight from a channel to an output.
    fn factor(&self, output: usize, channel: usize) -> f64 {
        f64::powi(2.0, self.scale.of(output) - self.source.of(channel))
    }

    /// `factor` is the number of integer units per real unit of the weight.
    fn round_one(&self, weight: f64, factor: f64, (column, norm): (usize, f64), drift: &mut [f64]) -> i64 {
        let (float, fixed) = (&self.evidence.float[column], &self.evidence.fixed[column]);
        for (drift, x) in drift.iter_mut().zip(float) {
            *drift += weight * x;
        }
        let exact = weight * factor;
        let wanted = if norm > 0.0 {
            let projection: f64 = drift.iter().zip(fixed).map(|(drift, x)| drift * x).sum();
            projection / norm * factor
        } else {
            exact
        };
        let integer = (wanted.clamp(exact - 0.5, exact + 0.5) + 0.5).floor() as i64;
        let integer = integer.clamp(-self.largest, self.largest);
        for (drift, x) in drift.iter_mut().zip(fixed) {
            *drift -= integer as f64 / factor * x;
        }
        integer
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
