//! Time of the layout search.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use zklayout::PlanOptions;
use zklayout_benches::{MODELS, quantised};

fn search(criterion: &mut Criterion) {
    for name in MODELS {
        let model = quantised(name).unwrap();
        criterion.bench_function(&format!("plan {name}"), |bencher| {
            bencher.iter(|| model.plan(&PlanOptions::default()).unwrap());
        });
    }
}

criterion_group!(benches, search);
criterion_main!(benches);
