//! Forged assignments of whole circuits are rejected, by every constraint and in every layout variant.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;
mod tampering;

use std::collections::BTreeSet;

use ff::Field;
use nets::sequence::{Extents, PLACES, sequence};
use nets::stored::stored;
use nets::strided::phased_plan;
use nets::{Case, NONE, Numbers, PRIVATE, RELU, conv, dense, network, with_constants};
use rayon::prelude::*;
use tampering::{
    Cell, Constraint, Coverage, Mutation, Outcome, Subject, attack, check_statement, label, random_subject,
    reweighed,
};
use zklayout_circuit::{Config, Scalar};
use zklayout_model::Planes;
use zklayout_plan::{DotVariant, Family, LookupArgument, Plan, PlanOptions, ReluVariant, Requantise, plan};

/// Attacks one random network `count` times.
fn tamper(index: u64, count: usize) -> Coverage {
    tamper_with(&random_subject(index), index, count)
}

fn tamper_with(subject: &Subject, index: u64, count: usize) -> Coverage {
    let mut coverage = Coverage::default();
    coverage.expect(subject);
    let honest = subject.checker.failures(&subject.honest);
    assert!(honest.is_empty(), "{:?}: the honest witness fails {honest:?}", subject.plan.layout.knobs());
    let mut numbers = Numbers::new(index + 1);
    for turn in 0..count {
        let mutation = Mutation::ALL[turn % Mutation::ALL.len()];
        match attack(subject, mutation, &mut numbers, &|_| false) {
            Outcome::Ineffective => {}
            Outcome::OtherStatement => coverage.other_statements += 1,
            Outcome::Killed(failures) => coverage.kill(subject, mutation, &failures),
            Outcome::Untrue(reason) => {
                panic!(
                    "{mutation:?} is accepted, but {reason}: network {index}, {:?}",
                    subject.plan.layout.knobs()
                )
            }
            Outcome::Accepted(cells) => {
                panic!("{mutation:?} of {cells:?} is accepted: network {index}, {:?}", subject.plan.layout.knobs())
            }
        }
    }
    coverage
}

fn tamper_all(networks: u64, count: usize) -> Coverage {
    let each = (0..networks).into_par_iter().map(|index| tamper(index, count));
    let coverage = each.reduce(Coverage::default, Coverage::merge);
    for (name, kills) in &coverage.kills {
        println!("{kills:>8}  {name}");
    }
    for (mutation, kills) in &coverage.mutations {
        println!("{kills:>8}  {mutation:?}");
    }
    println!("{} effective mutations, {} other statements", coverage.effective, coverage.other_statements);
    let survivors: Vec<_> = coverage.kills.iter().filter(|(_, kills)| **kills == 0).collect();
    assert!(survivors.is_empty(), "nothing was ever rejected by {survivors:?}");
    let unused = Mutation::ALL.iter().find(|mutation| !coverage.mutations.contains_key(mutation));
    assert!(unused.is_none(), "{unused:?} never changed anything");
    for variant in registered() {
        assert!(coverage.kills.contains_key(&variant), "no network was laid out with {variant}");
    }
    coverage
}

/// Every variant that the planner may choose: one that is registered without being attacked here fails the test.
fn registered() -> Vec<String> {
    let lookups = LookupArgument::ALL.iter().map(|one| format!("lookups by {one:?}"));
    let requantise =
        Requantise::ALL.iter().chain(&[Requantise::Limbs]).map(|one| format!("requantise by {one:?}"));
    let dots = DotVariant::ALL.iter().map(|one| format!("dot products {one:?}"));
    let relus = ReluVariant::ALL.iter().map(|one| format!("activations by {one:?}"));
    let pairs = [false, true].map(|pairs| format!("weights in pairs {pairs}"));
    let grids = ["phases", "no phases"].map(str::to_owned);
    lookups.chain(requantise).chain(pairs).chain(grids).chain(dots).chain(relus).collect()
}

#[test]
fn no_mutation_is_accepted() {
    let coverage = tamper_all(36, 42);
    assert!(coverage.effective > 900, "only {} mutations", coverage.effective);
}

/// Of places of the largest too, whose layers know their biases.
#[test]
fn no_mutation_of_places_is_accepted() {
    let effective = [(0, 1), (1, 3), (2, 4)].into_par_iter().map(|(seed, lanes)| {
        let own = Extents { tokens: 3, features: 2, heads: 1 + seed as usize % 2, shared_heads: 1 };
        let case = Case::of_operators(&sequence(PLACES, own, seed == 2), seed).unwrap();
        let options = PlanOptions {
            visibility: PRIVATE,
            lanes: Some(lanes),
            family: Some(Family::Streams),
            max_k: 10,
            ..Default::default()
        };
        let subject = Subject::of(&case, plan(&case.graph, &options).unwrap(), seed);
        tamper_with(&subject, seed, 60).effective
    });
    let effective: usize = effective.sum();
    assert!(effective > 100, "only {effective} mutations");
}

/// Of what strided layers read, in phases.
#[test]
fn no_mutation_of_phases_is_accepted() {
    let effective = (0..6u64).into_par_iter().map(|seed| {
        let specs = [conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).strided(2 + seed as usize % 2), dense(2, NONE)];
        let case = Case::new(Planes::new(1 + seed as usize % 2, 7, 7), &specs, true, seed);
        let case = if seed % 3 == 2 { stored(&case.graph, &mut Numbers::new(seed)) } else { case };
        let subject = Subject::of(&case, phased_plan(&case, PRIVATE, 3 + 2 * seed as usize), seed);
        tamper_with(&subject, seed, 60).effective
    });
    let effective: usize = effective.sum();
    assert!(effective > 200, "only {effective} mutations");
}

/// The heavy job: `cargo test --release --workspace --test tamper -- --ignored --nocapture`.
#[test]
#[ignore = "minutes"]
fn ten_thousand_mutations_are_rejected() {
    let coverage = tamper_all(72, 210);
    assert!(coverage.effective >= 10_000, "only {} mutations", coverage.effective);
}

/// The seeds of random networks over tokens.
fn over_tokens(index: u64) -> u64 {
    18 * (index / 2) + if index.is_multiple_of(2) { 9 } else { 13 }
}

/// The heavy job.
#[test]
#[ignore = "minutes"]
fn five_thousand_mutations_of_networks_over_tokens_are_rejected() {
    let each = (0..60).into_par_iter().map(|index| tamper(over_tokens(index), 210));
    let coverage = each.reduce(Coverage::default, Coverage::merge);
    println!("{} effective mutations, {} other statements", coverage.effective, coverage.other_statements);
    assert!(coverage.effective >= 5_000, "only {} mutations", coverage.effective);
}

/// Random networks under random plans: the circuit takes what the integer executor computes, and nothing else.
fn agree(networks: std::ops::Range<u64>) {
    let count = networks.end - networks.start;
    networks.into_par_iter().for_each(|index| {
        let subject = random_subject(index);
        assert_eq!(Plan::from_json(&subject.plan.to_json().unwrap()).unwrap(), *subject.plan, "network {index}");
        let failures = subject.checker.failures(&subject.honest);
        assert!(failures.is_empty(), "network {index}, {:?}: {failures:?}", subject.plan.layout.knobs());
        let mut other = subject.honest.clone();
        let public = subject.public[index as usize % subject.public.len()];
        other.set(public, other.get(public) + Scalar::ONE);
        assert!(!subject.checker.failures(&other).is_empty(), "network {index}: {public:?} may be another number");
    });
    println!("{count} networks agree with the executor");
}

#[test]
fn circuits_agree_with_the_executor() {
    agree(1000..1060);
}

/// The heavy job.
#[test]
#[ignore = "minutes"]
fn two_thousand_circuits_agree_with_the_executor() {
    agree(0..2100);
}

#[test]
fn free_cells_change_no_public_value() {
    let mut tried = 0;
    for index in 0..12 {
        let subject = random_subject(index);
        let mut numbers = Numbers::new(index);
        let free: Vec<Cell> = subject.free.iter().copied().collect();
        for _ in 0..6 {
            let mut cells = subject.honest.clone();
            let touched: BTreeSet<Cell> = (0..5).map(|_| free[numbers.below(free.len())]).collect();
            touched.iter().for_each(|&cell| cells.set(cell, tampering::random_field(&mut numbers)));
            subject.follow(&mut cells, &touched, None);
            let failures = subject.checker.failures(&cells);
            assert!(failures.is_empty(), "{touched:?} are not free: {failures:?}");
            let public = subject.public[numbers.below(subject.public.len())];
            cells.set(public, cells.get(public) + Scalar::ONE);
            assert!(!subject.checker.failures(&cells).is_empty(), "{public:?} is free with {touched:?}");
            tried += 1;
        }
    }
    assert!(tried > 50);
}

/// What a forger puts into the idle lanes of a row that takes constants' digits down to exponent 0.
struct Idle {
    /// Row and lane of the weight tape.
    place: (usize, usize),
    /// Quotient of the position at exponent 0, and what it must gain for each unit of the lane.
    padding: (Cell, Scalar),
    /// A quotient of a value of the same plane.
    value: Cell,
}

/// Every lane of every such row that an output has.
fn idle_lanes(subject: &Subject) -> Vec<Idle> {
    let (Config::Streams(columns), Some(layout)) = (&subject.recording.config, subject.streams()) else {
        return Vec::new();
    };
    let lanes = layout.knobs.lanes;
    let quotient = |lane: usize, row: usize| Cell::Advice(columns.quotients[lane].index(), row);
    let mut found = Vec::new();
    for fact in &layout.facts {
        let home = &layout.homes[fact.output];
        let rows = fact.rows(&layout.homes, layout.weight_bits).into_iter().enumerate();
        for (offset, held) in rows.filter(|(_, held)| held.cells.is_none() && held.step.is_some()) {
            let zklayout_plan::Scalar::Product { factor, .. } = held.scalar else { continue };
            let idle = layout.knobs.weight_lanes - held.block.outputs;
            for (lane, output) in (idle..layout.knobs.weight_lanes).zip(held.block.first..) {
                let row = home.write_end(output);
                let divisor = columns.places.divisor.map(|place| columns.fixed[place].index());
                let divisor = divisor.map_or(Scalar::ONE, |column| subject.honest.fixed[column][row]);
                let scale = fact.scales.get(output).map_or(1, |scale| scale.factor);
                let gain = nets::field(factor) * nets::field(scale) * divisor.invert().unwrap();
                let cells = (0..home.tiles).flat_map(|row| (0..lanes).map(move |lane| (row, lane)));
                let live = cells.clone().find(|(row, lane)| home.value(*row, *lane, lanes).is_some()).unwrap();
                assert!(home.value(home.tiles - 1, lanes - 1, lanes).is_none(), "a value lies at exponent 0");
                found.push(Idle {
                    place: (fact.row + offset, lane),
                    padding: (quotient(lanes - 1, row), gain),
                    value: quotient(live.1, home.plane_row(output) + live.0),
                });
            }
        }
    }
    found
}

/// Lanes of constants' rows that are idle meet padding, and no value.
#[test]
fn idle_lanes_of_constants_reach_padding_alone() {
    let (mut tried, mut proven) = (0, 0);
    for (seed, lanes) in [(1, 1), (2, 3), (3, 4), (4, 7)] {
        let specs = [conv(2, 3, 1, RELU), conv(3, 3, 1, NONE)];
        let layers = with_constants(&network(Planes::new(1, 5, 6), &specs, seed), seed);
        let case = Case::of_layers(6, &layers, true, seed).unwrap();
        let options = zklayout_plan::PlanOptions {
            lanes: Some(lanes),
            family: Some(zklayout_plan::Family::Streams),
            max_k: 12,
            ..Default::default()
        };
        let subject = Subject::of(&case, zklayout_plan::plan(&case.graph, &options).unwrap(), seed);
        for Idle { place, padding: (padding, gain), value } in idle_lanes(&subject) {
            let forged = |other: Option<(Cell, Scalar)>| {
                let mut cells = subject.honest.clone();
                let Config::Streams(columns) = &subject.recording.config else { unreachable!() };
                let stored = cells.get(Cell::Advice(columns.weights[place.1].index(), place.0)) + Scalar::ONE;
                for (cell, value) in reweighed(&subject, &cells, place, stored).unwrap() {
                    cells.set(cell, value);
                }
                if let Some((cell, gain)) = other {
                    cells.set(cell, cells.get(cell) + gain);
                }
                subject.follow(&mut cells, &BTreeSet::new(), None);
                cells
            };
            assert!(!subject.checker.failures(&forged(None)).is_empty(), "{place:?} is bound by nothing");
            assert!(!subject.checker.failures(&forged(Some((value, gain)))).is_empty(), "{place:?} meets a value");
            let met = forged(Some((padding, gain)));
            assert_eq!(subject.checker.failures(&met), BTreeSet::new(), "{place:?} is met by no padding");
            check_statement(&subject, &met).unwrap();
            if tried % 16 == 0 {
                assert!(tampering::transcript::proves(&subject, &met), "{place:?}");
                assert!(!tampering::transcript::proves(&subject, &forged(Some((value, gain)))), "{place:?}");
                proven += 1;
            }
            tried += 1;
        }
    }
    println!("{tried} idle lanes, {proven} of them through the verifier");
    assert!(tried > 20, "only {tried} lanes");
}

/// The constraints that are left out.
type Weakening = fn(&Constraint) -> bool;

#[test]
fn weakened_circuits_are_caught() {
    let weakenings: [(&str, Weakening); 13] = [
        ("padding", |c| label(c).contains("padding holds no value")),
        ("consumer", |c| label(c).contains("consumer's evaluation")),
        ("producer", |c| label(c).contains("producer's evaluation")),
        ("weights", |c| label(c).contains("weights' evaluation")),
        ("scalar sum", |c| label(c).starts_with("gate \"scalar sum\":")),
        ("zero", |c| label(c).contains("scalar sum is zero")),
        ("lookups", |c| label(c).contains("lookup")),
        ("public", |c| label(c).contains("public") || label(c).contains("instance")),
        ("copies", |c| matches!(c, Constraint::Copy(..))),
        ("turned consumer", |c| label(c).contains("consumer's evaluation, turned")),
        ("turned copies", |c| matches!(c, Constraint::Copy(a, b) if [a, b].contains(&&"second"))),
        ("link of weights", |c| matches!(c, Constraint::Link("weights"))),
        ("link of the input", |c| matches!(c, Constraint::Link("input"))),
    ];
    // Of networks over tokens enough that each of their parts is among them.
    let seeds: Vec<u64> = (0..=10).chain((0..16).map(over_tokens)).collect();
    let subjects: Vec<Subject> = seeds.into_par_iter().map(random_subject).collect();
    for (name, ignored) in weakenings {
        let has = |subject: &Subject| subject.checker.constraints().iter().any(ignored);
        let caught =
            subjects.par_iter().enumerate().filter(|(_, subject)| has(subject)).any(|(index, subject)| {
                let mut numbers = Numbers::new(index as u64 + 99);
                (0..390).any(|turn| {
                    let mutation = Mutation::ALL[turn % Mutation::ALL.len()];
                    matches!(attack(subject, mutation, &mut numbers, &ignored), Outcome::Accepted(_))
                })
            });
        assert!(caught, "without {name}, no forgery was found");
    }
}

#[test]
fn the_cheating_prover_agrees_with_the_honest_one() {
    for index in [0, 1, 3, 4] {
        let subject = random_subject(index);
        let mut cells = subject.honest.clone();
        let first = subject.kinds.len();
        for column in &mut cells.advice[first..] {
            column[1..subject.recording.usable].fill(Scalar::from(7));
        }
        subject.follow(&mut cells, &BTreeSet::new(), None);
        assert!(subject.checker.failures(&cells).is_empty(), "{index}");
    }
}

/// A network whose output is public accumulators beside padding.
fn image() -> Subject {
    let case = Case::new(Planes::new(1, 6, 6), &[conv(2, 3, 1, RELU), conv(1, 3, 0, NONE)], false, 3);
    Subject::of(&case, case.plan(PRIVATE), 5)
}

#[test]
fn every_identity_reads_what_was_committed_before_its_challenge() {
    let dense_case = Case::new(Planes::vector(5), &[dense(3, RELU), dense(2, NONE)], false, 9);
    let subjects = [image(), Subject::of(&dense_case, dense_case.plan(PRIVATE), 5), random_subject(2)];
    for subject in &subjects {
        let (phases, drawn) = (subject.recording.cs.advice_column_phase(), subject.recording.cs.challenge_phase());
        for (column, phase) in phases.iter().enumerate() {
            // A column of the second phase must be determined by what was committed in the first.
            assert!(*phase == 0 || subject.determines(column), "column {column} is free after the challenges");
        }
        assert!(drawn.iter().all(|phase| *phase == 0), "a challenge is drawn between evaluations");
        assert_eq!(subject.kinds.len(), phases.iter().filter(|phase| **phase == 0).count());
    }
}

#[test]
fn known_challenges_would_be_a_forgery() {
    let subject = image();
    let forged = subject.forge_for_known_challenges();
    assert!(subject.checker.failures(&forged).is_empty(), "the forgery does not hold at known challenges");
    // Challenges that are drawn after the forger has committed.
    let mut drawn = forged.clone();
    let mut numbers = Numbers::new(4242);
    drawn.challenges.iter_mut().for_each(|challenge| *challenge = tampering::random_field(&mut numbers));
    subject.follow(&mut drawn, &BTreeSet::new(), None);
    let failures = subject.checker.failures(&drawn);
    assert!(failures.iter().any(|failure| label(failure).contains("scalar sum is zero")), "{failures:?}");
    // The same through the real transcript.
    assert!(tampering::transcript::proves(&subject, &subject.honest), "the honest assignment does not verify");
    assert!(!tampering::transcript::proves(&subject, &forged), "a forgery for known challenges verifies");
}

/// Whether a constraint is a lookup of private weights: the last of a circuit with the proof system's own lookups.
fn ranges_weights(subject: &Subject, constraint: &Constraint) -> bool {
    let Config::Streams(columns) = &subject.recording.config else { return false };
    let first = columns.values.len() + columns.remainders.len();
    matches!(constraint, Constraint::Lookup(place) if *place >= first)
}

/// Random networks with private weights that are looked up by the proof system's own argument.
fn with_ranged_weights() -> Vec<Subject> {
    // Every fourth variant of `streams` has that argument; a third of all have fixed weights.
    let turns: Vec<u64> = (0..72).filter(|turn| turn % 2 == 1 && turn % 3 != 2).collect();
    let subjects = turns.into_par_iter().map(|turn| random_subject(3 * turn + 1));
    let ranged = |subject: &Subject| subject.checker.constraints().iter().any(|c| ranges_weights(subject, c));
    subjects.filter(ranged).collect()
}

/// Without the ranges of weights the harness reports that untrue statements are accepted; with them, none is.
#[test]
fn weights_without_ranges_state_untruths() {
    let subjects = with_ranged_weights();
    let attacks = |ranged: bool| -> Vec<Outcome> {
        let all = subjects.par_iter().enumerate().flat_map_iter(|(index, subject)| {
            let mut numbers = Numbers::new(index as u64 + 7);
            let ignored = move |constraint: &Constraint| !ranged && ranges_weights(subject, constraint);
            let outcomes = (0..24).map(move |_| attack(subject, Mutation::Model, &mut numbers, &ignored));
            outcomes.collect::<Vec<_>>()
        });
        all.collect()
    };
    let (real, weakened) = (attacks(true), attacks(false));
    let untrue = |outcomes: &[Outcome]| outcomes.iter().filter(|one| matches!(one, Outcome::Untrue(_))).count();
    let other =
        |outcomes: &[Outcome]| outcomes.iter().filter(|one| matches!(one, Outcome::OtherStatement)).count();
    println!(
        "{} circuits, {} other statements; without ranges {} and {} untrue ones",
        subjects.len(),
        other(&real),
        other(&weakened),
        untrue(&weakened)
    );
    assert_eq!(untrue(&real), 0);
    assert_eq!(other(&real), other(&weakened));
    assert!(other(&real) > 20 && untrue(&weakened) > 5);
}
