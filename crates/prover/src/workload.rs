//! A fixed amount of each kind of work that proofs consist of, by which a machine is compared with the one that a profile is of.
//!
//! One unit does not carry prices from one processor to another, or from one hour to the next: curve points, transforms and the products
//! of gates do not keep their ratio. It knows the core's steps, and no circuit.

use std::time::Instant;

use ff::Field;
use halo2curves::bn256::{Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_plan::cost::{Coefficient, CostError, Kernel, Profile, Speed};

use crate::core::{COLUMNS, Gates, Kernels};
use crate::fixed_base::FixedBase;

/// Logarithm of the number of rows that a machine is measured on, unless something else is asked for.
pub const WORKLOAD_K: u32 = 14;
/// How many kernels of each kind a run takes.
const POINTS: [(Kernel, f64); 3] =
    [(Kernel::CommitAlone, 1.0), (Kernel::CommitWide, COLUMNS as f64), (Kernel::CommitSmall, COLUMNS as f64)];
const COLUMN_WORK: [(Kernel, f64); 2] =
    [(Kernel::InverseTransform, 2.0 * COLUMNS as f64), (Kernel::PartTransform, (TRANSFORMS * COLUMNS) as f64)];
/// Transforms to a coset for each of a column's from rows to coefficients, about as proofs have them.
const TRANSFORMS: usize = 3;

/// Columns to work on.
pub struct Workload {
    k: u32,
    kernels: Kernels,
    gates: Gates,
}

/// Seconds of each kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkSeconds {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Of additions of curve points.
    pub points: f64,
    /// Of transforms of columns.
    pub columns: f64,
    /// Of one product of a gate, on one row.
    pub products: f64,
}

impl Default for Workload {
    fn default() -> Self {
        Self::new(WORKLOAD_K)
    }
}

impl Workload {
    /// Draws columns of `2^k` rows, and points.
    pub fn new(k: u32) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let scalars: Vec<Fr> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        let bases = FixedBase::new(G1Affine::generator()).multiply(&scalars);
        Self { k, kernels: Kernels::new(bases), gates: Gates::new(k) }
    }

    /// Seconds of each kind of work, the median of `runs`: a proof takes as long as the machine mostly does, not as it can at best.
    pub fn usual(&self, runs: usize) -> WorkSeconds {
        self.of_runs(runs, |seconds| seconds[seconds.len() / 2])
    }

    /// The fastest of `runs`, to hold the fastest of several proofs against.
    pub fn fastest(&self, runs: usize) -> WorkSeconds {
        self.of_runs(runs, |seconds| seconds[0])
    }

    /// What is chosen for each kind of work among its seconds, the least first.
    fn of_runs(&self, runs: usize, choose: impl Fn(&[f64]) -> f64) -> WorkSeconds {
        let runs: Vec<WorkSeconds> = (0..runs.max(1)).map(|_| self.run()).collect();
        let chosen = |of: fn(&WorkSeconds) -> f64| {
            let mut seconds: Vec<f64> = runs.iter().map(of).collect();
            seconds.sort_by(f64::total_cmp);
            choose(&seconds)
        };
        WorkSeconds {
            k: self.k,
            points: chosen(|run| run.points),
            columns: chosen(|run| run.columns),
            products: chosen(|run| run.products),
        }
    }

    fn run(&self) -> WorkSeconds {
        let kernels = &self.kernels;
        let points = seconds(|| (kernels.commit_alone(), kernels.commit_wide(), kernels.commit_small()));
        let transforms = || (0..TRANSFORMS).map(|_| kernels.to_coset().len()).sum::<usize>();
        let columns = seconds(|| (kernels.coefficients(), transforms()));
        let products = seconds(|| self.gates.run()) / self.gates.products() as f64;
        WorkSeconds { k: self.k, points, columns, products }
    }
}

impl WorkSeconds {
    /// How long this machine takes beside a profile's.
    ///
    /// # Errors
    /// A profile that was not measured at the work's number of rows.
    pub fn beside(&self, profile: &Profile) -> Result<Speed, CostError> {
        let of_profile = |work: &[(Kernel, f64)]| -> Result<f64, CostError> {
            let seconds = work
                .iter()
                .map(|(kernel, count)| Ok(count * profile.core.kernel(&profile.name, *kernel, self.k)?));
            seconds.sum()
        };
        let product = profile.core.coefficients.get(&Coefficient::GateOperation);
        let missing = || format!("core: coefficient {:?}", Coefficient::GateOperation);
        let product =
            product.ok_or_else(|| CostError::Incomplete { profile: profile.name.clone(), missing: missing() })?;
        Ok(Speed {
            points: self.points / of_profile(&POINTS)?,
            columns: self.columns / of_profile(&COLUMN_WORK)?,
            products: self.products / product,
        })
    }
}

fn seconds<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = std::hint::black_box(run());
    let seconds = start.elapsed().as_secs_f64();
    drop(result);
    seconds
}
