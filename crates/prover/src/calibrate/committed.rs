//! What committed weights cost: folding, committing, and the verifier's lanes. They are measured, not fitted.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::bn256::{Fr, G1Affine};
use zklayout_circuit::streams::{WeightTape, fold, powers};
use zklayout_plan::cost::Coefficient;

use crate::core::small_sum;
use crate::error::ProverError;
use crate::provenance::DEVELOPMENT_SEED;
use crate::srs::Srs;

/// Lanes and rows of the tape, as of a network of a few hundred thousand weights.
const LANES: usize = 128;
const ROWS: usize = 1 << 12;
/// Bits of its weights.
const BITS: u32 = 9;
/// Runs, of which the fastest counts.
const RUNS: usize = 5;

pub(super) fn measure() -> Result<BTreeMap<Coefficient, f64>, ProverError> {
    let bases = Srs::development(ROWS.trailing_zeros(), DEVELOPMENT_SEED)?.lagrange(ROWS.trailing_zeros())?;
    let mut state = 1u64;
    let mut weight = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> (u64::BITS - BITS)) as i16 - (1 << (BITS - 1))
    };
    let tape = WeightTape::from_cells(LANES, (0..LANES * ROWS).map(|_| weight()).collect());
    let (rho, weights) = (Fr::from(0x1234_5678_9abc_def1).square(), (LANES * ROWS) as f64);
    let coefficients = powers(rho, LANES);
    let lane: Vec<i64> = tape.lane(0).collect();
    let threads = rayon::current_num_threads() as f64;
    Ok(BTreeMap::from([
        (Coefficient::FoldWeight, fastest(|| fold(&tape, rho)) / weights),
        (
            Coefficient::LinkLane,
            fastest(|| best_multiexp::<G1Affine>(&coefficients, &bases[..LANES])) / LANES as f64,
        ),
        // Lanes are committed to one by one, as many at once as there are threads.
        (Coefficient::CommitWeight, fastest(|| small_sum(&lane, &bases)) / ROWS as f64 / threads),
    ]))
}

fn fastest<T>(work: impl Fn() -> T) -> f64 {
    let run = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}
