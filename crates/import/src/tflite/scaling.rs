//! What accumulators are multiplied by: the input's unit times the weights', in the result's, in the floats of the kernels'
//! preparation.
//!
//! It knows nothing of how products are rounded.

use zklayout_model::Multiplier;

use super::operator::Operator;
use crate::error::ImportError;

/// One factor per output, from one scale for all weights or one per output.
pub(super) fn factors(operator: &Operator<'_>, scales: &[f32], outputs: usize) -> Result<Vec<f64>, ImportError> {
    let (input, output) = (operator.input(0)?.stored()?.unit, operator.output.stored()?.unit);
    let factor = |scale: &f32| f64::from(input) * f64::from(*scale) / f64::from(output);
    Ok(scales.iter().cycle().take(outputs).map(factor).collect())
}

/// The same as fixed-point multipliers.
pub(super) fn multipliers(
    operator: &Operator<'_>,
    scales: &[f32],
    outputs: usize,
) -> Result<Vec<Multiplier>, ImportError> {
    let multiplier = |factor: f64| {
        let refused =
            || operator.unsupported(format!("its sums are multiplied by {factor}; expected less than 2^30"));
        Multiplier::of(factor).ok_or_else(refused)
    };
    factors(operator, scales, outputs)?.into_iter().map(multiplier).collect()
}
