//! Measures this machine: every kernel of the prover by size, then whole proofs of synthetic circuits that the
//! remaining coefficients are fitted to.
//!
//! Nothing here knows a layout or a model. Kernels are called as halo2's prover calls them: through the same functions,
//! with the same number of columns at once. The best of several runs counts, over two rounds, so that a neighbour's
//! work on the machine has to be unlucky twice to be measured.

mod circuits;
mod commitments;
mod committed;
mod core;
mod extension;
mod fit;
mod host;
mod kernels;
mod passes;
mod progress;
mod proofs;
mod sampling;
mod transforms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zklayout_plan::cost::{Kernel, PROFILE_FORMAT, Profile, Rates, Sample, Table};

pub use crate::calibrate::extension::extend;
pub use crate::calibrate::host::host;
use crate::calibrate::kernels::Sized;
pub use crate::calibrate::progress::Progress;
use crate::calibrate::sampling::Timings;
use crate::error::ProverError;

/// The smallest size that halo2's own rows leave room in.
const MIN_K: u32 = 5;

/// What to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalibrateOptions {
    /// The profile's name.
    pub name: String,
    /// Smallest logarithm of the number of rows.
    pub min_k: u32,
    /// Largest logarithm of the number of rows.
    pub max_k: u32,
    /// Threads that the prover will use; all if not given.
    pub threads: Option<usize>,
    /// Earlier measurements of the same machine; the faster of both count.
    pub earlier: Vec<Profile>,
}

/// Measures this machine.
///
/// # Errors
/// Sizes that powers of tau cannot be made for, or a failure of halo2.
pub fn calibrate(
    options: &CalibrateOptions,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Profile, ProverError> {
    let threads = options.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| ProverError::calibrating(error.to_string()))?;
    pool.install(|| measure(options, progress))
}

fn measure(
    options: &CalibrateOptions,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Profile, ProverError> {
    if options.min_k < MIN_K || options.max_k < options.min_k {
        return Err(ProverError::calibrating(format!(
            "2^{} to 2^{} rows: at least 2^{MIN_K}",
            options.min_k, options.max_k
        )));
    }
    let mut sizes = kernels::measure(options.min_k..=options.max_k, progress)?;
    let host = host();
    for earlier in &options.earlier {
        if earlier.host != host {
            return Err(ProverError::calibrating(format!(
                "profile {:?} is of another machine or other threads",
                earlier.name
            )));
        }
        merge(&mut sizes, earlier);
    }
    let mut profile = Profile {
        format: PROFILE_FORMAT,
        name: options.name.clone(),
        host,
        versions: host::versions(),
        core: rates(&sizes, |sized| &sized.core),
        stock: rates(&sizes, |sized| &sized.stock),
        coefficients: committed::measure()?,
    };
    profile.core.coefficients.extend([core::gate_operation(options.min_k, options.max_k)]);
    let mut proofs = proofs::measure(options.min_k, options.max_k, progress)?;
    options.earlier.iter().for_each(|earlier| proofs::merge(&mut proofs, earlier));
    fit::fit(&mut profile, &proofs)?;
    Ok(profile)
}

/// One prover's kernels by size.
fn rates(sizes: &BTreeMap<u32, Sized>, of: impl Fn(&Sized) -> &Timings) -> Rates {
    let mut samples: BTreeMap<Kernel, Vec<Sample>> = BTreeMap::new();
    for (k, sized) in sizes {
        for (kernel, seconds) in of(sized) {
            samples.entry(*kernel).or_default().push(Sample { k: *k, seconds: *seconds });
        }
    }
    let kernels = samples.into_iter().map(|(kernel, samples)| (kernel, Table::new(samples))).collect();
    Rates { kernels, ..Rates::default() }
}

/// Keeps the faster of both measurements of each kernel and size.
fn merge(sizes: &mut BTreeMap<u32, Sized>, earlier: &Profile) {
    for (k, sized) in sizes {
        for (timings, rates) in [(&mut sized.core, &earlier.core), (&mut sized.stock, &earlier.stock)] {
            for (kernel, seconds) in timings {
                let table = rates.kernels.get(kernel).map(|table| table.samples()).unwrap_or_default();
                let before = table.iter().filter(|sample| sample.k == *k).map(|sample| sample.seconds);
                *seconds = before.fold(*seconds, f64::min);
            }
        }
    }
}
