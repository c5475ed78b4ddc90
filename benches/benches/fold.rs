//! Folding committed weights: what each of them costs a proof, on one core.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zklayout_circuit::Scalar;
use zklayout_circuit::streams::{WeightTape, fold};

/// Weights of a tape.
const WEIGHTS: usize = 12 << 20;

fn folding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(WEIGHTS as u64)).sample_size(10);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for lanes in [64, 512, 1536, 4096] {
        let cells = (0..WEIGHTS).map(|place| (place * 40_503 % 4096) as i16 - 2048).collect();
        let tape = WeightTape::from_cells(lanes, cells);
        let rho = Scalar::from(0x1234_5678_9abc_def1) * Scalar::from(0xfeed_beef_0001_0003);
        group.bench_function(BenchmarkId::from_parameter(lanes), |bencher| {
            bencher.iter(|| one.install(|| fold(&tape, rho)));
        });
    }
    group.finish();
}

criterion_group!(benches, folding);
criterion_main!(benches);
