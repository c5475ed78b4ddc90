//! All kernels of both provers on all sizes, in rounds.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::commitments;
use super::core;
use super::passes;
use super::progress::Progress;
use super::sampling::{Bench, Timings};
use super::transforms;
use crate::error::ProverError;
use crate::provenance::DEVELOPMENT_SEED;
use crate::srs::Srs;

/// Rounds over all sizes.
const ROUNDS: usize = 2;

/// Both provers' kernels.
#[derive(Default)]
pub(super) struct Sized {
    pub(super) core: Timings,
    pub(super) stock: Timings,
}

/// Seconds of every kernel's fastest runs, by logarithm of the number of rows.
pub(super) fn measure(
    sizes: RangeInclusive<u32>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<BTreeMap<u32, Sized>, ProverError> {
    let mut timings: BTreeMap<u32, Sized> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for k in sizes.clone() {
            progress(Progress::Kernels(k));
            run(k, timings.entry(k).or_default())?;
        }
    }
    Ok(timings)
}

/// Runs every kernel on `2^k` rows and keeps the fastest runs.
fn run(k: u32, timings: &mut Sized) -> Result<(), ProverError> {
    let srs = Srs::development(k, DEVELOPMENT_SEED)?;
    core::measure(&srs, k, &mut timings.core)?;
    let params = srs.params(k)?;
    let bench = Bench::new(&params);
    commitments::measure(&bench, &mut timings.stock);
    transforms::measure(&bench, &mut timings.stock);
    passes::measure(&bench, &mut timings.stock);
    Ok(())
}
