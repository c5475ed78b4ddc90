//! Time of proving and verifying, beside a unit of the machine's speed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use zklayout::prover::{Unit, keygen, prove};
use zklayout::{PlanOptions, Srs, verify};
use zklayout_benches::{MODELS, quantised};

fn unit(criterion: &mut Criterion) {
    let unit = Unit::new();
    criterion.bench_function("unit: full-width MSM of 2^16 points", |bencher| {
        bencher.iter_custom(|runs| Duration::from_secs_f64((0..runs).map(|_| unit.seconds(1)).sum()));
    });
}

fn models(criterion: &mut Criterion) {
    for name in MODELS {
        let (model, input) = quantised(name).unwrap();
        let plan = model.plan(&PlanOptions::default()).unwrap();
        let srs = Srs::development(plan.k(), 0).unwrap();
        let key = keygen(&srs, &plan, model.graph()).unwrap();
        let trace = model.run(&input).unwrap();
        criterion.bench_function(&format!("prove {name}"), |bencher| {
            bencher.iter(|| prove(&srs, &key, model.graph(), &trace, &[]).unwrap());
        });
        let bundle = prove(&srs, &key, model.graph(), &trace, &[]).unwrap();
        criterion.bench_function(&format!("verify {name}"), |bencher| {
            bencher.iter(|| verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = unit, models
}
criterion_main!(benches);
