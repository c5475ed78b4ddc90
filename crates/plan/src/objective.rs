//! What makes one price better than another, and which prices are refused.

use serde::{Deserialize, Serialize};

use crate::cost::{Cost, with_margin};
use crate::shape::CircuitShape;

/// What is made small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    /// Seconds of a proof.
    #[default]
    ProveTime,
    /// The prover's peak of memory.
    PeakMemory,
    /// Bytes of a proof.
    ProofSize,
    /// Seconds of a verification.
    VerifyTime,
    /// A weighted sum.
    Mix(Mix),
}

/// Weights of a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Per second of proving.
    pub prove_second: f64,
    /// Per 2^30 bytes of memory.
    pub gibibyte: f64,
    /// Per 1,024 bytes of proof.
    pub proof_kibibyte: f64,
    /// Per second of verifying.
    pub verify_second: f64,
}

impl Objective {
    /// The score of a price; smaller is better.
    pub fn score(&self, cost: &Cost) -> f64 {
        match self {
            Self::ProveTime => cost.prove_seconds,
            Self::PeakMemory => cost.peak_memory as f64,
            Self::ProofSize => cost.proof_bytes as f64,
            Self::VerifyTime => cost.verify_seconds,
            Self::Mix(mix) => {
                mix.prove_second * cost.prove_seconds
                    + mix.gibibyte * cost.peak_memory as f64 / f64::from(1 << 30)
                    + mix.proof_kibibyte * cost.proof_bytes as f64 / 1024.0
                    + mix.verify_second * cost.verify_seconds
            }
        }
    }
}

/// Limits that a layout must keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory that proving may take. Predictions are raised by a margin before they are compared. A prover that makes several
    /// proofs is told the same limit (`ProvingKey::within`), as what it keeps of a key is decided by it.
    pub memory: Option<u64>,
    /// Advice, fixed and instance columns together, as a verifier on a chain may limit them.
    pub columns: Option<usize>,
}

impl Limits {
    /// Whether a circuit keeps the limits.
    pub fn allow(&self, shape: &CircuitShape, cost: &Cost) -> bool {
        let memory = with_margin(cost.peak_memory);
        self.memory.is_none_or(|most| memory <= most) && self.allow_columns(shape)
    }

    /// Whether a circuit keeps the limit on columns.
    pub fn allow_columns(&self, shape: &CircuitShape) -> bool {
        let columns = shape.small_advice + shape.wide_advice + shape.fixed + shape.instance;
        self.columns.is_none_or(|most| columns <= most)
    }
}

/// Whether `a` is at least as good as `b` in time, memory, proof size and verification, and better in one.
pub(crate) fn dominates(a: &Cost, b: &Cost) -> bool {
    let pairs = [
        (a.prove_seconds, b.prove_seconds),
        (a.peak_memory as f64, b.peak_memory as f64),
        (a.proof_bytes as f64, b.proof_bytes as f64),
        (a.verify_seconds, b.verify_seconds),
    ];
    pairs.iter().all(|(a, b)| a <= b) && pairs.iter().any(|(a, b)| a < b)
}
