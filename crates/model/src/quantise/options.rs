//! What quantisation may spend, and how far it may be off.

use serde::{Deserialize, Serialize};

use crate::error::QuantiseError;

/// The bit budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantiseOptions {
    /// Bits of an input value.
    pub input_bits: u32,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// An activation table holds at most `2^table_bits` entries.
    pub table_bits: u32,
    /// How far beyond the calibration samples a range reaches: 0.25 adds a quarter on either side.
    pub margin: f64,
    /// How far an output may be from the float model's, as a share of how far the float outputs go.
    pub allow_error: f64,
}

impl Default for QuantiseOptions {
    fn default() -> Self {
        Self { input_bits: 8, weight_bits: 9, table_bits: 11, margin: 0.25, allow_error: 0.05 }
    }
}

impl QuantiseOptions {
    pub(super) fn check(&self) -> Result<(), QuantiseError> {
        let bits = [
            ("input_bits", self.input_bits, 1, 16),
            ("weight_bits", self.weight_bits, 2, 16),
            ("table_bits", self.table_bits, 2, 20),
        ];
        for (option, found, least, most) in bits {
            if !(least..=most).contains(&found) {
                let reason = format!("{found} is outside {least} to {most}");
                return Err(QuantiseError::Option { option, reason });
            }
        }
        if !(self.margin.is_finite() && (0.0..=100.0).contains(&self.margin)) {
            let reason = format!("{} is outside 0 to 100", self.margin);
            return Err(QuantiseError::Option { option: "margin", reason });
        }
        if !(0.0..=1.0).contains(&self.allow_error) {
            let reason = format!("{} is outside 0 to 1", self.allow_error);
            return Err(QuantiseError::Option { option: "allow_error", reason });
        }
        Ok(())
    }
}
