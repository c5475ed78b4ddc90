//! What one machine's kernels take: raw measurements and the coefficients fitted to them, as one JSON file.
//!
//! A profile names the machine and the versions that it was measured with, and no date: equal measurements are equal
//! profiles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::error::CostError;
use crate::cost::price::Term;
use crate::cost::table::Table;
use crate::hash::PlanHash;

/// Format of saved profiles; a profile of another format is refused.
pub const PROFILE_FORMAT: u32 = 2;

const TWO_CORES: &str = include_str!("../../profiles/two-cores.json");

/// A machine's measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Format of this value.
    pub format: u32,
    /// The profile's name.
    pub name: String,
    /// Where it was measured.
    pub host: Host,
    /// Versions of the crates whose kernels were measured.
    pub versions: BTreeMap<String, String>,
    /// Seconds of each kernel by size.
    pub kernels: BTreeMap<Kernel, Table>,
    /// What was fitted to whole proofs.
    pub coefficients: BTreeMap<Coefficient, f64>,
    /// What the library's own prover takes of each step's time by halo2's prover, fitted to whole proofs of plans. Ratios of two
    /// programs on one machine depend on the machine less than times do.
    pub core_shares: BTreeMap<Term, f64>,
    /// The whole proofs, measured and as this profile prices them.
    pub residuals: Vec<Residual>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and architecture.
    pub system: String,
    /// The processor's own name.
    pub processor: String,
    /// Threads that the prover uses.
    pub threads: usize,
}

/// A step of the prover that is measured by itself, on `2^k` rows, with the parallelism that it has inside a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Commitment to a full-width column while nothing else runs.
    CommitAlone,
    /// The same, per column, several columns at once.
    CommitWide,
    /// Commitment to a column of 16-bit cells, per column, several columns at once.
    CommitSmall,
    /// Commitment to a column that holds nothing but blinding cells, per column, several columns at once.
    CommitEmpty,
    /// Making, filling and reading the assignment table of an advice column.
    Assignment,
    /// Inverse transform of a column, one column after the other.
    InverseTransform,
    /// Transform of a column to a part of the extended domain, one column after the other.
    PartTransform,
    /// The same, per column, several columns at once.
    PartTransformTogether,
    /// From four parts of the extended domain to the quotient's coefficients.
    QuotientTransform,
    /// Inverting every element of a column.
    BatchInversion,
    /// Multiplying a permuted column's two factors into a product column.
    PermutationPass,
    /// A product column's running product.
    RunningProduct,
    /// Evaluating one polynomial at one point.
    Evaluation,
    /// Adding one polynomial to both combinations of the opening.
    OpeningPass,
    /// Dividing a polynomial by a linear factor.
    Division,
    /// Drawing a column of random elements.
    RandomColumn,
}

impl Kernel {
    /// Every kernel.
    pub const ALL: [Self; 16] = [
        Self::CommitAlone,
        Self::CommitWide,
        Self::CommitSmall,
        Self::CommitEmpty,
        Self::Assignment,
        Self::InverseTransform,
        Self::PartTransform,
        Self::PartTransformTogether,
        Self::QuotientTransform,
        Self::BatchInversion,
        Self::PermutationPass,
        Self::RunningProduct,
        Self::Evaluation,
        Self::OpeningPass,
        Self::Division,
        Self::RandomColumn,
    ];
}

/// A cost that is fitted to whole proofs, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coefficient {
    /// Seconds of a proof that has no rows: start-up of threads, transcripts, the constraint system.
    Proof,
    /// Seconds of one gate operation on one row of one part.
    GateOperation,
    /// Seconds of a native lookup per row, beside its commitments and transforms.
    LookupRow,
    /// Seconds of one permuted column's constraint on one row of one part.
    PermutationRow,
    /// Seconds of computing and placing one cell.
    WitnessCell,
    /// Seconds per opened evaluation: comparing queries, hashing, writing.
    Query,
    /// Seconds of a verification of nothing.
    Verification,
    /// Verifier's seconds per commitment.
    VerifyCommitment,
    /// Verifier's seconds per evaluation.
    VerifyEvaluation,
    /// Verifier's seconds per gate operation: it builds the gates anew and evaluates them once.
    VerifyOperation,
    /// Seconds of key generation beside commitments and transforms, per fixed cell.
    KeyCell,
    /// Seconds of generating the keys of nothing.
    Key,
    /// Seconds of folding one committed weight into its row's number, of all threads together.
    FoldWeight,
    /// Seconds of a lane of a model commitment in one multi-scalar multiplication: the verifier's, and the prover's check of itself.
    LinkLane,
    /// Owner's seconds per committed weight, of all threads together, once per model.
    CommitWeight,
    /// Relative error of whole proofs by halo2's prover, one standard deviation.
    RelativeError,
    /// The same of proofs by the library's own.
    CoreRelativeError,
}

impl Coefficient {
    /// Every coefficient.
    pub const ALL: [Self; 17] = [
        Self::Proof,
        Self::GateOperation,
        Self::LookupRow,
        Self::PermutationRow,
        Self::WitnessCell,
        Self::Query,
        Self::Verification,
        Self::VerifyCommitment,
        Self::VerifyEvaluation,
        Self::VerifyOperation,
        Self::KeyCell,
        Self::Key,
        Self::FoldWeight,
        Self::LinkLane,
        Self::CommitWeight,
        Self::RelativeError,
        Self::CoreRelativeError,
    ];
}

/// A whole proof that coefficients were fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// What the circuit was.
    pub circuit: String,
    /// Measured seconds.
    pub measured: f64,
    /// Seconds by the fitted model.
    pub fitted: f64,
}

impl Profile {
    /// The profile that this library ships: a cloud machine with two cores.
    ///
    /// # Errors
    /// [`CostError::Format`], only if the library was built with a damaged profile.
    pub fn two_cores() -> Result<Self, CostError> {
        Self::from_json(TWO_CORES)
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of everything in the profile.
    ///
    /// # Errors
    /// If the profile cannot be serialised.
    pub fn hash(&self) -> Result<PlanHash, CostError> {
        Ok(PlanHash::of("profile", self.to_json()?.as_bytes()))
    }

    /// The profile as JSON; equal profiles give equal text.
    ///
    /// # Errors
    /// If the profile cannot be serialised.
    pub fn to_json(&self) -> Result<String, CostError> {
        serde_json::to_string_pretty(self).map_err(|error| CostError::Format(error.to_string()))
    }

    /// Reads a profile from JSON.
    ///
    /// # Errors
    /// Text that is no profile, a profile of another format, or one that lacks a kernel or a coefficient.
    pub fn from_json(text: &str) -> Result<Self, CostError> {
        let profile: Self = serde_json::from_str(text).map_err(|error| CostError::Format(error.to_string()))?;
        if profile.format != PROFILE_FORMAT {
            let reason = format!("format {}, expected {PROFILE_FORMAT}", profile.format);
            return Err(CostError::Format(reason));
        }
        profile.check()?;
        Ok(profile)
    }

    /// Refuses a profile that lacks a measurement.
    ///
    /// # Errors
    /// [`CostError::Incomplete`].
    pub fn check(&self) -> Result<(), CostError> {
        let missing = |missing: String| CostError::Incomplete { profile: self.name.clone(), missing };
        for kernel in Kernel::ALL {
            let measured = self.kernels.get(&kernel).is_some_and(|table| table.range().is_some());
            measured.then_some(()).ok_or_else(|| missing(format!("kernel {kernel:?}")))?;
        }
        for coefficient in Coefficient::ALL {
            let fitted = self.coefficients.contains_key(&coefficient);
            fitted.then_some(()).ok_or_else(|| missing(format!("coefficient {coefficient:?}")))?;
        }
        for term in Term::ALL {
            let fitted = self.core_shares.contains_key(&term);
            fitted.then_some(()).ok_or_else(|| missing(format!("core's share of {term:?}")))?;
        }
        Ok(())
    }

    /// Seconds of a kernel on `2^k` rows.
    ///
    /// # Errors
    /// A size outside the measured range, or a kernel that was not measured.
    pub fn kernel(&self, kernel: Kernel, k: u32) -> Result<f64, CostError> {
        let incomplete =
            || CostError::Incomplete { profile: self.name.clone(), missing: format!("kernel {kernel:?}") };
        let table = self.kernels.get(&kernel).ok_or_else(incomplete)?;
        let (first, last) = table.range().ok_or_else(incomplete)?;
        let range = || CostError::Range { profile: self.name.clone(), k, first, last, reach: last.max(k) };
        table.seconds(k).ok_or_else(range)
    }

    /// What the library's own prover takes of a step's time by halo2's.
    pub fn core_share(&self, term: Term) -> f64 {
        self.core_shares.get(&term).copied().unwrap_or(1.0)
    }

    /// A fitted coefficient; 0 if it was not fitted.
    pub fn coefficient(&self, coefficient: Coefficient) -> f64 {
        self.coefficients.get(&coefficient).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Coefficient, Kernel, Profile};
    use crate::cost::error::CostError;

    #[test]
    fn the_shipped_profile_survives_saving() -> Result<(), CostError> {
        let profile = Profile::two_cores()?;
        let again = Profile::from_json(&profile.to_json()?)?;
        assert_eq!(profile, again);
        assert_eq!(profile.hash()?, again.hash()?);
        Ok(())
    }

    #[test]
    fn other_formats_and_gaps_are_refused() -> Result<(), CostError> {
        let mut profile = Profile::two_cores()?;
        profile.format += 1;
        assert!(matches!(Profile::from_json(&profile.to_json()?), Err(CostError::Format(_))));
        let mut profile = Profile::two_cores()?;
        profile.coefficients.remove(&Coefficient::Proof);
        assert!(matches!(Profile::from_json(&profile.to_json()?), Err(CostError::Incomplete { .. })));
        Ok(())
    }

    #[test]
    fn sizes_outside_the_measured_range_are_refused_with_advice() -> Result<(), CostError> {
        let message = Profile::two_cores()?.kernel(Kernel::CommitAlone, 30).map_err(|error| error.to_string());
        let message = message.err().unwrap_or_default();
        assert!(message.contains("zklayout calibrate --max-k 30"), "{message}");
        Ok(())
    }
}
