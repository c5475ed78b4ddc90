//! Networks over tokens: honest witnesses are accepted on every layout, with the planned counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::sequence::{Extents, PARTS, PLACES, sequence};
use nets::{Case, Numbers, accept};
use zklayout_plan::{Family, InputMode, Plan, PlanOptions, Requantise, Visibility, WeightMode, candidates, plan};

fn options(visibility: Visibility) -> PlanOptions {
    PlanOptions { visibility, family: Some(Family::Streams), max_k: 14, ..PlanOptions::default() }
}

/// Widths that divide the extents and widths that do not, blocks of weights that are whole and ragged.
#[test]
fn every_part_is_accepted_on_every_width() {
    let own = Extents { tokens: 5, features: 6, heads: 2, shared_heads: 1 };
    let mut layouts = 0;
    for (index, part) in PARTS.into_iter().chain([PLACES]).enumerate() {
        let case = Case::of_operators(&sequence(part, own, index % 2 == 0), index as u64).unwrap();
        for lanes in [1, 3, 5, 8] {
            let requantise = [Requantise::Split, Requantise::Table][(lanes + index) % 2];
            let options = PlanOptions {
                lanes: Some(lanes),
                requantise: Some(requantise).filter(|_| lanes % 2 == 1),
                ..options(Visibility { input: InputMode::ALL[lanes % 3], weights: WeightMode::Private })
            };
            let plan = plan(&case.graph, &options);
            let Ok(plan) = plan.map_err(|error| println!("{part}, {lanes} lanes: {error}")) else { continue };
            accept(&format!("{part}, {lanes} lanes, {requantise:?}"), &case, plan);
            layouts += 1;
        }
    }
    assert!(layouts > 30, "only {layouts} layouts were possible");
}

fn random_networks(count: u64, least: usize) {
    let mut numbers = Numbers::new(31);
    let mut accepted = 0;
    for seed in 0..count {
        let own = Extents::random(&mut numbers);
        let part = PARTS[numbers.below(PARTS.len())];
        let Ok(case) = Case::of_operators(&sequence(part, own, seed % 3 == 0), seed)
            .map_err(|error| println!("{part} {own:?}: {error}"))
        else {
            continue;
        };
        let weights = if seed % 3 == 1 { WeightMode::Fixed } else { WeightMode::Private };
        let visibility = Visibility { input: InputMode::ALL[seed as usize % 4 % 3], weights };
        let all = candidates(&case.graph, &options(visibility)).unwrap();
        let Some(candidate) = all.get(numbers.below(all.len().max(1))) else { continue };
        let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
        accept(&format!("{part} {own:?} {:?}", candidate.knobs), &case, plan);
        accepted += 1;
    }
    assert!(accepted >= least, "only {accepted} of {count} networks were accepted");
}

#[test]
fn random_networks_are_accepted() {
    random_networks(16, 10);
}

/// The same at length.
#[test]
#[ignore = "minutes: cargo test --release -p zklayout-circuit --test sequence -- --ignored"]
fn a_thousand_random_networks_are_accepted() {
    random_networks(1000, 800);
}
