//! What an execution makes public, as integers and as the circuit's public columns.

use zklayout_circuit::{Scalar, instance_columns};
use zklayout_model::Trace;
use zklayout_plan::Plan;

use crate::error::ProverError;

/// The input's integers that are public, if any are.
pub(crate) fn public_input(plan: &Plan, trace: &Trace) -> Option<Vec<i64>> {
    let shown = plan.visibility().shown(plan.input_shape).len();
    plan.visibility().shows_input().then(|| trace.values[0].iter().take(shown).copied().collect())
}

/// The public columns.
pub(crate) fn instance(
    plan: &Plan,
    output: &[i64],
    input: Option<&[i64]>,
) -> Result<Vec<Vec<Scalar>>, ProverError> {
    let columns = instance_columns(plan, output, input.unwrap_or_default())?;
    let field = |value: &i64| {
        let magnitude = Scalar::from(value.unsigned_abs());
        if *value < 0 { -magnitude } else { magnitude }
    };
    Ok(columns.iter().map(|column| column.iter().map(field).collect()).collect())
}
