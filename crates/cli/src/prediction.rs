//! What keys and a proof will take, held against what there is, before any of it is spent.

use std::path::Path;

use serde::Serialize;
use zklayout::cost::{Cost, CostModel, Speed, peak_memory};
use zklayout::{Plan, PlanOptions};

use crate::error::CliError;
use crate::limits::{ONE_PROOF, threads};
use crate::memory::{Bound, Room};
use crate::{machine, memory, plan, report};

/// Address space that a thread's arena of the allocator reserves, whatever it uses; for a moment twice that.
const ARENA: u64 = 64 << 20;
/// And its stack.
const STACK: u64 = 8 << 20;
/// Threads beside the prover's own: the main one, and one that waits for Ctrl-C.
const OTHER_THREADS: usize = 2;
/// What a process takes that has read a small model, in bytes.
const START: u64 = 40_000_000;

/// Refuses to start where not even the threads have room: the first of them would end the process.
pub(crate) fn check_start(force: bool) -> Result<(), CliError> {
    if force { Ok(()) } else { check_room("starting", START) }
}

/// What is predicted.
#[derive(Serialize)]
pub(crate) struct Prediction {
    keys_seconds: Option<f64>,
    /// What all proofs of a key share; tables that were kept need not be made again.
    prepare_seconds: Option<f64>,
    prove_seconds: Option<f64>,
    /// One standard deviation of the seconds.
    prove_error: Option<f64>,
    peak_memory_bytes: u64,
    /// How long this machine takes beside the profile's; seconds are of this machine where it is known, and of the profile's where not.
    speed: Option<Speed>,
}

impl Prediction {
    /// Refuses a plan that does not fit, unless forced; prices it for this machine, whose speed is kept in a cache folder. Predictions of
    /// memory are a few percent off: an eighth more must be there.
    pub(crate) fn of_fitting(
        plan: &Plan,
        choices: &PlanOptions,
        cache: &Path,
        force: bool,
    ) -> Result<Self, CliError> {
        let peak = peak_memory(&plan.shape, threads(), ONE_PROOF);
        if !force {
            check_room("keys and proof", peak + peak / 8)?;
        }
        Ok(Self::of(plan, choices, cache))
    }

    fn of(plan: &Plan, choices: &PlanOptions, cache: &Path) -> Self {
        let profile = plan::profile(choices).ok();
        let speed = profile.as_ref().and_then(|profile| machine::speed(cache, profile));
        let profile =
            profile.map(|profile| speed.map_or_else(|| profile.clone(), |speed| profile.at_speed(&speed)));
        let cost: Option<Cost> =
            profile.and_then(|profile| CostModel::new(&profile).within(ONE_PROOF).price(&plan.shape).ok());
        let seconds = |of: fn(&Cost) -> f64| cost.as_ref().map(of);
        Self {
            keys_seconds: seconds(|cost| cost.keygen_seconds),
            prepare_seconds: seconds(|cost| cost.prepare_seconds),
            prove_seconds: seconds(|cost| cost.prove_seconds),
            prove_error: seconds(|cost| cost.prove_error),
            peak_memory_bytes: peak_memory(&plan.shape, threads(), ONE_PROOF),
            speed,
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let seconds = |seconds: Option<f64>| seconds.map_or("unknown time".to_owned(), report::seconds);
        let spread = self.prove_error.map_or(String::new(), |error| format!(" ± {}", report::seconds(error)));
        let left = memory::rooms().into_iter().min_by_key(|room| room.bytes);
        let left = left.map_or("unknown room".to_owned(), |room| {
            format!("{} left: {}", report::bytes(room.bytes), room.bound.name())
        });
        format!(
            "keys {}, preparing once {}, proof {}{spread}, {} of memory ({left})",
            seconds(self.keys_seconds),
            seconds(self.prepare_seconds),
            seconds(self.prove_seconds),
            report::bytes(self.peak_memory_bytes)
        )
    }
}

/// Refuses a peak of resident bytes that any bound has no room for.
fn check_room(what: &str, peak: u64) -> Result<(), CliError> {
    let need = |bound: Bound| {
        let more = peak.saturating_sub(memory::resident_bytes());
        match bound {
            Bound::Machine | Bound::Group => more,
            Bound::AddressSpace => more + reserved(threads_to_come()),
        }
    };
    let Some(Room { bytes, bound }) = memory::rooms().into_iter().find(|room| room.bytes < need(room.bound))
    else {
        return Ok(());
    };
    Err(CliError::Refused(format!(
        "{what} would take {} more, and {} are left: {}. Give more, plan for less with --max-memory or --objective memory, or \
         go on with --force",
        report::bytes(need(bound)),
        report::bytes(bytes),
        bound.name()
    )))
}

/// Address space that so many threads will reserve.
fn reserved(threads: u64) -> u64 {
    if threads == 0 { 0 } else { threads * (ARENA + STACK) + ARENA }
}

fn threads_to_come() -> u64 {
    (threads() + OTHER_THREADS).saturating_sub(memory::threads()) as u64
}
