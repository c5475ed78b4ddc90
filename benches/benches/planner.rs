//! Time of the layout search.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use zklayout::PlanOptions;
use zklayout::plan::search;
use zklayout_benches::{MODELS, mobilenet_v2, quantised};

fn layouts(criterion: &mut Criterion) {
    for name in MODELS {
        let (model, _) = quantised(name).unwrap();
        criterion.bench_function(&format!("plan {name}"), |bencher| {
            bencher.iter(|| model.search(&PlanOptions::default()).unwrap());
        });
    }
    let graph = mobilenet_v2(96, 1000);
    let options = PlanOptions { max_k: 26, ..PlanOptions::default() };
    criterion.bench_function(&format!("plan mobilenet_v2, {} layers", graph.len() - 1), |bencher| {
        bencher.iter(|| search(&graph, &options).is_ok());
    });
}

criterion_group!(benches, layouts);
criterion_main!(benches);
