//! The kernels of this library's own prover.

use zklayout_plan::cost::{Coefficient, Kernel};

use crate::calibrate::sampling::{Timings, best, record};
use crate::core::{COLUMNS, Gates, Kernels, PIECES, SET};
use crate::error::ProverError;
use crate::srs::Srs;

/// Rows that the gates are measured on, where the profile's range allows.
const GATES_K: u32 = 13;

/// Runs every kernel and keeps the fastest runs.
pub(super) fn measure(srs: &Srs, k: u32, timings: &mut Timings) -> Result<(), ProverError> {
    let kernels = Kernels::new(srs.lagrange(k)?);
    record(timings, Kernel::CommitAlone, 1, || kernels.commit_alone());
    record(timings, Kernel::CommitWide, COLUMNS, || kernels.commit_wide());
    record(timings, Kernel::CommitSmall, COLUMNS, || kernels.commit_small());
    record(timings, Kernel::CommitEmpty, COLUMNS, || kernels.commit_empty());
    record(timings, Kernel::InverseTransform, 2 * COLUMNS, || kernels.coefficients());
    record(timings, Kernel::PartTransform, COLUMNS, || kernels.to_coset());
    debug_assert_eq!(PIECES, 4, "the pieces that the model's steps name");
    record(timings, Kernel::QuotientTransform, 1, || kernels.quotient());
    record(timings, Kernel::PermutationPass, SET, || kernels.permutation());
    record(timings, Kernel::Evaluation, COLUMNS, || kernels.evaluate());
    record(timings, Kernel::OpeningPass, COLUMNS, || kernels.opening());
    record(timings, Kernel::Division, 1, || kernels.divide());
    record(timings, Kernel::RandomColumn, 1, || kernels.draw());
    Ok(())
}

/// Seconds of a product of a gate, with the sum that it is added to, on one row of one coset.
pub(super) fn gate_operation(min_k: u32, max_k: u32) -> (Coefficient, f64) {
    let gates = Gates::new(GATES_K.clamp(min_k, max_k));
    (Coefficient::GateOperation, best(&mut || gates.run()) / gates.products() as f64)
}
