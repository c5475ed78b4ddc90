//! What one prover's kernels and coefficients take on one machine.
//!
//! Both provers have the same steps, and take other times for them; neither knows what is counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::error::CostError;
use crate::cost::table::Table;

/// Seconds of one prover's kernels, and of what no kernel measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Seconds of each kernel by size.
    pub kernels: BTreeMap<Kernel, Table>,
    /// Seconds per unit of everything else.
    pub coefficients: BTreeMap<Coefficient, f64>,
    /// Whole proofs, measured and as these rates price them.
    pub residuals: Vec<Residual>,
}

/// A step of the prover that is measured by itself, on `2^k` rows, with the parallelism that it has inside a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Commitment to a full-width column or polynomial while nothing else runs.
    CommitAlone,
    /// Commitment to a full-width column, per column, several columns at once: as running sums are, a third of the rows repeats the row
    /// before in the core's measurement.
    CommitWide,
    /// Commitment to a column of small cells, per column, several columns at once: half of them of 16 bits and half of 8 by halo2's
    /// prover, a quarter and three quarters by the core, which takes less for fewer bits.
    CommitSmall,
    /// Commitment to a column that holds nothing but blinding cells, per column, several columns at once.
    CommitEmpty,
    /// Making, filling and reading the assignment table of an advice column.
    Assignment,
    /// Inverse transform of a column: one column after the other by halo2's prover, several at once by the core.
    InverseTransform,
    /// Transform of a column to a part of the extended domain, which the core calls a coset: one column after the other by halo2's
    /// prover, several at once by the core.
    PartTransform,
    /// The same, per column, several columns at once.
    PartTransformTogether,
    /// From four parts of the extended domain to the quotient's coefficients; by the core with the commitments to the four pieces.
    QuotientTransform,
    /// Inverting every element of a column.
    BatchInversion,
    /// Multiplying a permuted column's two factors into a product column; by the core with the inversion and the running product.
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
    /// Every kernel: those of halo2's prover.
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
    /// Those of the library's own prover.
    pub const OF_CORE: [Self; 12] = [
        Self::CommitAlone,
        Self::CommitWide,
        Self::CommitSmall,
        Self::CommitEmpty,
        Self::InverseTransform,
        Self::PartTransform,
        Self::QuotientTransform,
        Self::PermutationPass,
        Self::Evaluation,
        Self::OpeningPass,
        Self::Division,
        Self::RandomColumn,
    ];

    /// What it does.
    pub fn work(self) -> Work {
        match self {
            Self::CommitAlone | Self::CommitWide | Self::CommitSmall | Self::CommitEmpty => Work::Points,
            _ => Work::Columns,
        }
    }
}

/// What a step of a proof does for the most part: kinds of work whose times do not keep their ratio from one processor to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Additions of curve points.
    Points,
    /// Transforms of columns, and everything else that goes through columns of field elements.
    Columns,
    /// Products of field elements by many on a few rows, as gates are evaluated.
    Products,
}

/// A cost with its unit that no kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coefficient {
    /// Seconds of a proof that has no rows: start-up of threads, transcripts, the constraint system.
    Proof,
    /// Seconds of one gate operation on one row of one part; by the core of one product with the sum that it is added to.
    GateOperation,
    /// Seconds of a native lookup per row, beside its commitments and transforms.
    LookupRow,
    /// Seconds of one permuted column's constraint on one row of one part.
    PermutationRow,
    /// Seconds of computing and placing one cell.
    WitnessCell,
    /// Seconds per opened evaluation: comparing queries, hashing, writing.
    Query,
    /// Relative error of whole proofs, one standard deviation.
    RelativeError,
    /// Seconds of a verification of nothing.
    Verification,
    /// Verifier's seconds per commitment.
    VerifyCommitment,
    /// Verifier's seconds per evaluation.
    VerifyEvaluation,
    /// Verifier's seconds per gate operation: it builds the gates anew and evaluates them once.
    VerifyOperation,
    /// Verifier's seconds per row: tables that halo2 makes when a key is read.
    VerifyRow,
    /// Seconds of folding one committed weight into its row's number, of all threads together.
    FoldWeight,
    /// Seconds of a lane of a model commitment in one multi-scalar multiplication: the verifier's, and the prover's check of itself.
    LinkLane,
    /// Owner's seconds per committed weight, of all threads together, once per model.
    CommitWeight,
}

impl Coefficient {
    /// What proofs by halo2's prover depend on.
    pub const OF_STOCK: [Self; 7] = [
        Self::Proof,
        Self::GateOperation,
        Self::LookupRow,
        Self::PermutationRow,
        Self::WitnessCell,
        Self::Query,
        Self::RelativeError,
    ];
    /// What proofs by the library's prover depend on.
    pub const OF_CORE: [Self; 2] = [Self::GateOperation, Self::RelativeError];
    /// What does not depend on who proves.
    pub const OF_ALL_PROVERS: [Self; 8] = [
        Self::Verification,
        Self::VerifyCommitment,
        Self::VerifyEvaluation,
        Self::VerifyOperation,
        Self::VerifyRow,
        Self::FoldWeight,
        Self::LinkLane,
        Self::CommitWeight,
    ];

    /// What it does; nothing for a share of other times.
    pub fn work(self) -> Option<Work> {
        match self {
            Self::RelativeError => None,
            Self::VerifyCommitment | Self::LinkLane | Self::CommitWeight => Some(Work::Points),
            Self::GateOperation | Self::VerifyOperation => Some(Work::Products),
            _ => Some(Work::Columns),
        }
    }
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

impl Rates {
    /// Seconds of a kernel on `2^k` rows; `profile` is whose rates they are.
    ///
    /// # Errors
    /// A size outside the measured range, or a kernel that was not measured.
    pub fn kernel(&self, profile: &str, kernel: Kernel, k: u32) -> Result<f64, CostError> {
        let profile = || profile.to_owned();
        let incomplete = || CostError::Incomplete { profile: profile(), missing: format!("kernel {kernel:?}") };
        let table = self.kernels.get(&kernel).ok_or_else(incomplete)?;
        let (first, last) = table.range().ok_or_else(incomplete)?;
        let range = || CostError::Range { profile: profile(), k, first, last, reach: last.max(k) };
        table.seconds(k).ok_or_else(range)
    }

    /// The same on a machine that takes `times` as long for each kind of work.
    pub(crate) fn scaled(&self, times: impl Fn(Work) -> f64 + Copy) -> Self {
        let kernels = self.kernels.iter().map(|(kernel, table)| (*kernel, table.scaled(times(kernel.work()))));
        Self {
            kernels: kernels.collect(),
            coefficients: scaled_coefficients(&self.coefficients, times),
            residuals: self.residuals.clone(),
        }
    }

    /// What a profile's rates of the library's prover lack.
    pub(crate) fn missing_of_core(&self) -> Option<String> {
        self.missing("core", &Kernel::OF_CORE, &Coefficient::OF_CORE)
    }

    /// What a profile's rates of halo2's prover lack.
    pub(crate) fn missing_of_stock(&self) -> Option<String> {
        self.missing("stock", &Kernel::ALL, &Coefficient::OF_STOCK)
    }

    fn missing(&self, whose: &str, kernels: &[Kernel], coefficients: &[Coefficient]) -> Option<String> {
        let measured = |kernel: &Kernel| self.kernels.get(kernel).is_some_and(|table| table.range().is_some());
        let kernel = kernels.iter().find(|kernel| !measured(kernel));
        let kernel = kernel.map(|kernel| format!("{whose}: kernel {kernel:?}"));
        let coefficient = coefficients.iter().find(|coefficient| !self.coefficients.contains_key(coefficient));
        kernel.or_else(|| coefficient.map(|coefficient| format!("{whose}: coefficient {coefficient:?}")))
    }
}

/// Coefficients on a machine that takes `times` as long for each kind of work.
pub(crate) fn scaled_coefficients(
    coefficients: &BTreeMap<Coefficient, f64>,
    times: impl Fn(Work) -> f64,
) -> BTreeMap<Coefficient, f64> {
    let scaled = |coefficient: Coefficient, value: f64| value * coefficient.work().map_or(1.0, &times);
    coefficients.iter().map(|(coefficient, value)| (*coefficient, scaled(*coefficient, *value))).collect()
}
