//! What kernels are measured on, and how: columns of several kinds, and the best of several runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ff::Field;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::poly::{Coeff, EvaluationDomain, LagrangeCoeff, Polynomial};
use halo2curves::bn256::{Bn256, Fr};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zklayout_plan::UNUSABLE_ROWS;
use zklayout_plan::cost::Kernel;

/// Columns that are worked on at once: more than any desktop's cores would leave idle.
pub(super) const COLUMNS: usize = 8;
/// Degree of the domain: four parts.
const DEGREE: u32 = 5;
/// Time for the runs of one kernel in one round, and the least and the most of them.
const BUDGET: Duration = Duration::from_millis(120);
const RUNS: std::ops::RangeInclusive<usize> = 2..=40;

/// Seconds of each kernel.
pub(super) type Timings = BTreeMap<Kernel, f64>;

/// Columns to work on.
pub(super) struct Bench<'a> {
    pub(super) params: &'a ParamsKZG<Bn256>,
    pub(super) domain: EvaluationDomain<Fr>,
    /// Random elements.
    pub(super) wide: Vec<Polynomial<Fr, LagrangeCoeff>>,
    /// 8-bit and 16-bit integers in turn, with blinding rows.
    pub(super) small: Vec<Polynomial<Fr, LagrangeCoeff>>,
    /// Zeros, with blinding rows.
    pub(super) empty: Vec<Polynomial<Fr, LagrangeCoeff>>,
    /// Random coefficients.
    pub(super) coefficients: Vec<Polynomial<Fr, Coeff>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(params: &'a ParamsKZG<Bn256>) -> Self {
        let domain = EvaluationDomain::new(DEGREE, halo2_proofs::poly::commitment::Params::k(params));
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let n = domain.get_n() as usize;
        let mut column = |cell: &mut dyn FnMut(&mut ChaCha20Rng) -> Fr| -> Vec<Fr> {
            let mut cells: Vec<Fr> = (0..n - UNUSABLE_ROWS).map(|_| cell(&mut rng)).collect();
            cells.resize_with(n, || Fr::random(&mut rng));
            cells
        };
        let mut columns = |bits: &dyn Fn(usize) -> u32| -> Vec<Vec<Fr>> {
            let cell = |bits: u32| move |rng: &mut ChaCha20Rng| Fr::from(u64::from(rng.next_u32() % (1 << bits)));
            (0..COLUMNS).map(|place| column(&mut cell(bits(place)))).collect()
        };
        let small = columns(&|place| if place % 2 == 0 { 8 } else { 16 });
        let empty = columns(&|_| 0);
        let wide: Vec<Vec<Fr>> = (0..COLUMNS).map(|_| column(&mut |rng| Fr::random(rng))).collect();
        let lagrange = |columns: Vec<Vec<Fr>>| columns.into_iter().map(|c| domain.lagrange_from_vec(c)).collect();
        let coefficients = wide.iter().map(|column| domain.coeff_from_vec(column.clone())).collect();
        let (wide, small, empty) = (lagrange(wide), lagrange(small), lagrange(empty));
        Self { params, domain, wide, small, empty, coefficients }
    }
}

/// Records the best of several runs, divided among `units`. What a run returns is dropped after its time is taken.
pub(super) fn record<T>(timings: &mut Timings, kernel: Kernel, units: usize, mut run: impl FnMut() -> T) {
    let seconds = best(&mut run) / units as f64;
    let entry = timings.entry(kernel).or_insert(f64::INFINITY);
    *entry = entry.min(seconds);
}

/// Seconds of the fastest of several runs.
pub(super) fn best<T>(run: &mut impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    for runs in 1..=*RUNS.end() {
        let start = Instant::now();
        let result = std::hint::black_box(run());
        best = best.min(start.elapsed().as_secs_f64());
        drop(result);
        if runs >= *RUNS.start() && begin.elapsed() > BUDGET {
            break;
        }
    }
    best
}
