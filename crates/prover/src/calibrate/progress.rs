//! How far a calibration is, for whoever waits for it.

use serde::{Deserialize, Serialize};

/// How far a calibration is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Kernels on `2^k` rows are measured.
    Kernels(u32),
    /// A whole proof is measured.
    Proof(String),
}
