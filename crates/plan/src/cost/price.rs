//! A price: named terms, and what they add up to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cost::quantity::{Bytes, Seconds};

/// One step of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Computing the witness and filling the assignment tables.
    Synthesis,
    /// Commitments to columns of small cells.
    CommitSmall,
    /// Commitments to columns of full-width cells.
    CommitWide,
    /// The proof system's own lookups: permuted columns, products, their constraints.
    NativeLookups,
    /// The permutation argument's product columns.
    Permutation,
    /// The blinding polynomial.
    Blinding,
    /// Inverse transforms of advice and instance columns.
    Coefficients,
    /// Transforms of fixed columns and row indicators to every part.
    FixedParts,
    /// Transforms of all other columns to every part.
    AdviceParts,
    /// Gates on every row of every part.
    Gates,
    /// Permutation constraints on every row of every part.
    PermutationParts,
    /// The quotient's transform and the commitments to its pieces.
    Quotient,
    /// Evaluations at the challenge point.
    Evaluations,
    /// The batched opening.
    Opening,
    /// What no row or column accounts for.
    Overhead,
}

impl Term {
    /// Every step, in the prover's order.
    pub const ALL: [Self; 15] = [
        Self::Synthesis,
        Self::CommitSmall,
        Self::CommitWide,
        Self::NativeLookups,
        Self::Permutation,
        Self::Blinding,
        Self::Coefficients,
        Self::FixedParts,
        Self::AdviceParts,
        Self::Gates,
        Self::PermutationParts,
        Self::Quotient,
        Self::Evaluations,
        Self::Opening,
        Self::Overhead,
    ];

    /// The step's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Synthesis => "synthesis",
            Self::CommitSmall => "commit small columns",
            Self::CommitWide => "commit wide columns",
            Self::NativeLookups => "native lookups",
            Self::Permutation => "permutation products",
            Self::Blinding => "blinding polynomial",
            Self::Coefficients => "coefficients",
            Self::FixedParts => "fixed columns' parts",
            Self::AdviceParts => "advice columns' parts",
            Self::Gates => "gates",
            Self::PermutationParts => "permutation constraints",
            Self::Quotient => "quotient pieces",
            Self::Evaluations => "evaluations",
            Self::Opening => "opening",
            Self::Overhead => "overhead",
        }
    }
}

/// What a circuit costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds of each step of a proof, in the prover's order.
    pub terms: Vec<(Term, f64)>,
    /// Seconds of a proof.
    pub prove_seconds: f64,
    /// One standard deviation of `prove_seconds`, in seconds.
    pub prove_error: f64,
    /// Seconds of making both keys.
    pub keygen_seconds: f64,
    /// Seconds of what all proofs of a key by this library's prover share, before the first of them; most of it, tables of the powers of
    /// tau, can be kept for other keys too.
    pub prepare_seconds: f64,
    /// Seconds of a verification.
    pub verify_seconds: f64,
    /// Owner's seconds of committing to the weights, once per model; 0 unless they are committed.
    pub commit_seconds: f64,
    /// Bytes of the model commitment that a verifier holds; 0 unless weights are committed.
    pub commitment_bytes: usize,
    /// Largest resident size in bytes of a process that makes keys and proves.
    pub peak_memory: u64,
    /// Bytes of a proof; exact.
    pub proof_bytes: usize,
    /// Bytes of the proving key's polynomials.
    pub proving_key_bytes: u64,
}

impl Cost {
    /// Seconds of one step.
    pub fn term(&self, term: Term) -> f64 {
        self.terms.iter().filter(|(other, _)| *other == term).map(|(_, seconds)| seconds).sum()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prove, error) = (Seconds(self.prove_seconds), Seconds(self.prove_error));
        let (keys, verify) = (Seconds(self.keygen_seconds), Seconds(self.verify_seconds));
        write!(f, "prove {prove} ± {error}, make keys {keys}, verify {verify}, ")?;
        write!(f, "peak memory {}, proof {} bytes", Bytes(self.peak_memory), self.proof_bytes)
    }
}
