//! Limits that a saved plan is held to, and what decides a process's peak of memory beside its plan.

use zklayout::Plan;
use zklayout::cost::{peak_memory, with_margin};
use zklayout::plan::Limits;

use crate::error::CliError;
use crate::report;

/// What decides how much of a key is kept for the next proof: there is none in a process that makes one proof.
pub(crate) const ONE_PROOF: Option<u64> = Some(0);

/// Refuses a plan that does not keep limits that it was not chosen within.
pub(crate) fn check(plan: &Plan, limits: &Limits) -> Result<(), CliError> {
    let least = with_margin(peak_memory(&plan.shape, threads(), ONE_PROOF));
    if limits.memory.is_some_and(|most| least > most) {
        let reason = format!("the plan needs a limit on memory of {least} bytes ({})", report::bytes(least));
        return Err(CliError::Refused(reason));
    }
    if !limits.allow_columns(&plan.shape) {
        return Err(CliError::Refused("the plan has more columns than --max-columns allows".into()));
    }
    Ok(())
}

/// Threads that the prover will run on.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
