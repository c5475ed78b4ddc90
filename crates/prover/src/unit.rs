//! A unit of time that machines can be compared by.

use std::time::Instant;

use ff::Field;
use group::Group;
use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::fixed_base::FixedBase;

/// Logarithm of the number of points.
const UNIT_K: u32 = 16;

/// Seconds of a full-width multi-scalar multiplication of 2^16 points, the best of `runs`.
pub fn unit_seconds(runs: usize) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let scalars: Vec<Fr> = (0..1 << UNIT_K).map(|_| Fr::random(&mut rng)).collect();
    let bases = FixedBase::new(G1::from(G1Affine::generator())).multiply(&scalars);
    let run = |_| {
        let start = Instant::now();
        let sum = best_multiexp(&scalars, &bases);
        let seconds = start.elapsed().as_secs_f64();
        if bool::from(sum.is_identity()) { f64::INFINITY } else { seconds }
    };
    (0..runs.max(1)).map(run).fold(f64::INFINITY, f64::min)
}
