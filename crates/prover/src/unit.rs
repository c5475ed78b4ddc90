//! A unit of time that machines, and moments of one machine, can be compared by.

use std::time::Instant;

use ff::Field;
use group::Group;
use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::bn256::{Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::fixed_base::FixedBase;

/// A full-width multi-scalar multiplication of 2^16 points.
#[derive(Debug)]
pub struct Unit {
    scalars: Vec<Fr>,
    bases: Vec<G1Affine>,
}

impl Default for Unit {
    fn default() -> Self {
        Self::new()
    }
}

impl Unit {
    /// Logarithm of the number of points.
    pub const K: u32 = 16;

    /// Draws the scalars and the points.
    pub fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let scalars: Vec<Fr> = (0..1 << Self::K).map(|_| Fr::random(&mut rng)).collect();
        let bases = FixedBase::new(G1Affine::generator()).multiply(&scalars);
        Self { scalars, bases }
    }

    /// Seconds of one multiplication, the best of `runs`.
    pub fn seconds(&self, runs: usize) -> f64 {
        let run = |_| {
            let start = Instant::now();
            let sum = best_multiexp(&self.scalars, &self.bases);
            let seconds = start.elapsed().as_secs_f64();
            if bool::from(sum.is_identity()) { f64::INFINITY } else { seconds }
        };
        (0..runs.max(1)).map(run).fold(f64::INFINITY, f64::min)
    }
}
