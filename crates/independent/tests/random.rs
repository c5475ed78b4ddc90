//! Both checks on random networks under random plans of every variant.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../circuit/tests/nets/mod.rs"]
mod nets;
mod plans;

use std::ops::Range;

use plans::random_plan;
use rayon::prelude::*;
use zklayout_circuit::Grid;
use zklayout_independent::{check_symbolic, check_tables};

/// Checks one plan for each index; returns outputs, terms and table entries.
fn check(indices: Range<u64>) -> [usize; 3] {
    let one = |index: u64| {
        let (graph, plan) = random_plan(index);
        let grid = Grid::of(&plan, &graph).unwrap();
        let knobs = || plan.layout.knobs();
        let symbolic = check_symbolic(&plan, &graph, &grid);
        let symbolic = symbolic.unwrap_or_else(|reason| panic!("network {index}, {:?}: {reason}", knobs()));
        let tables = check_tables(&plan, &graph, &grid);
        let tables = tables.unwrap_or_else(|reason| panic!("network {index}, {:?}: {reason}", knobs()));
        [symbolic.outputs, symbolic.terms, tables.entries]
    };
    let plans = indices.end - indices.start;
    let add = |a: [usize; 3], b: [usize; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let counts = indices.into_par_iter().map(one).reduce(|| [0; 3], add);
    println!("{plans} plans: {} outputs, {} terms, {} table entries", counts[0], counts[1], counts[2]);
    counts
}

#[test]
fn random_plans_are_as_defined() {
    let [outputs, terms, entries] = check(0..150);
    assert!(outputs > 10_000 && terms > 100_000 && entries > 10_000);
}

/// The heavy job: `cargo test --release --workspace --test random -- --ignored --nocapture`.
#[test]
#[ignore = "minutes"]
fn two_thousand_random_plans_are_as_defined() {
    check(0..2_000);
}
