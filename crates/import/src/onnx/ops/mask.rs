//! Masks: what a file takes out of a softmax by adding minus infinity, or a number that stands for it.

use crate::onnx::value::Value;

/// Summands below this are masks.
const LEAST_SUMMAND: f64 = -1e4;
/// What a mask adds instead, in nats: nothing is left of a share. Integers take another, that fits the scores.
const MASK: f64 = -1e5;

/// Whether all numbers of a constant mask what they are added to.
pub(super) fn masks(value: &Value) -> bool {
    value.as_numbers().is_some_and(|numbers| numbers.iter().all(|number| *number <= LEAST_SUMMAND))
}

/// A constant of masks and zeros, of which the masks are numbers that integers hold; any other value as it is.
pub(super) fn held(value: &Value) -> Value {
    match value.as_numbers() {
        Some(numbers) if numbers.iter().all(|number| *number == 0.0 || *number <= LEAST_SUMMAND) => {
            let held = numbers.iter().map(|number| if *number == 0.0 { 0.0 } else { MASK });
            Value::numbers(value.kind, value.dims.clone(), held.collect())
        }
        _ => value.clone(),
    }
}
