//! The instance column: outputs, then inputs that are public. Every one is a copy of the cell that holds it.

use zklayout_plan::Direct;

use crate::error::CircuitError;

/// The instance columns of an execution.
///
/// `output` and `input` are integers in the tensors' own order; `input` has the values that the plan makes public.
///
/// # Errors
/// A number of values other than the plan's.
pub(crate) fn instance_columns(
    plan: &Direct,
    output: &[i64],
    input: &[i64],
) -> Result<Vec<Vec<i64>>, CircuitError> {
    let input = if plan.visibility.shows_input() { input } else { &[] };
    let values: Vec<i64> = output.iter().chain(input).copied().collect();
    if output.len() != plan.output().len() || values.len() != plan.public_values() {
        let reason = format!("{} public values, the plan has {}", values.len(), plan.public_values());
        return Err(CircuitError::Mismatch(reason));
    }
    Ok(vec![values])
}
