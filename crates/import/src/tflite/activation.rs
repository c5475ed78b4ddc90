//! Fused activations: clamps of stored integers.

use tract_tflite::tflite::ActivationFunctionType;
use zklayout_model::Stored;

use super::operator::Operator;
use super::tensor::BYTE;
use crate::error::ImportError;

/// Smallest and largest stored integer after an operator's fused activation.
pub(super) fn stored_bounds(
    operator: &Operator<'_>,
    activation: ActivationFunctionType,
    stored: &Stored,
) -> Result<(i64, i64), ImportError> {
    let integer = |real: f64| stored.value(real).saturating_add(stored.zero_point);
    let (lo, hi) = match activation {
        ActivationFunctionType::NONE => BYTE,
        ActivationFunctionType::RELU => (integer(0.0).max(BYTE.0), BYTE.1),
        ActivationFunctionType::RELU6 => (integer(0.0).max(BYTE.0), integer(6.0).min(BYTE.1)),
        other => return Err(operator.unsupported(format!("fused activation {other:?}"))),
    };
    Ok((lo, hi))
}
