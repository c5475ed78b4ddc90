//! The search against pricing everything: bounds rule out nothing that matters.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::{Case, Numbers, cases, random_network};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::cost::with_margin;
use zklayout_plan::{
    Buyer, Candidate, FAMILIES, Family, Knobs, LayoutFamily, Limits, Mix, Objective, Plan, PlanError, PlanOptions,
    SearchReport, candidates, search, search_among,
};

const OBJECTIVES: [Objective; 5] = [
    Objective::ProveTime,
    Objective::PeakMemory,
    Objective::ProofSize,
    Objective::VerifyTime,
    Objective::Mix(Mix { prove_second: 1.0, gibibyte: 2.0, proof_kibibyte: 0.1, verify_second: 3.0 }),
];

fn both(case: &Case, options: &PlanOptions) -> (SearchReport, SearchReport) {
    let bounded = search(&case.graph, options).unwrap();
    let exhaustive = search(&case.graph, &PlanOptions { exhaustive: true, ..options.clone() }).unwrap();
    (bounded, exhaustive)
}

/// Without limits, and with one on memory that the best layout does not keep.
fn check(case: &Case, objective: Objective) -> usize {
    let options = PlanOptions { objective, max_k: 14, ..PlanOptions::default() };
    let best = search(&case.graph, &options).unwrap().best.cost.peak_memory;
    let limits = Limits { columns: None, memory: Some(with_margin(best) - 1) };
    let limited = PlanOptions { limits, ..options.clone() };
    if search(&case.graph, &limited).is_ok() {
        check_bounds(case, &limited);
    }
    check_bounds(case, &options)
}

fn check_bounds(case: &Case, options: &PlanOptions) -> usize {
    let objective = options.objective;
    let (bounded, exhaustive) = both(case, options);
    let score = |report: &SearchReport| objective.score(&report.best.cost);
    assert_eq!(score(&bounded), score(&exhaustive));
    let second = |report: &SearchReport| report.runner_up.as_ref().map(|second| objective.score(&second.cost));
    assert_eq!(second(&bounded), second(&exhaustive));
    let front = |report: &SearchReport| {
        let costs = report.front.iter().map(|p| (p.cost.prove_seconds, p.cost.peak_memory, p.cost.proof_bytes));
        costs.collect::<Vec<_>>()
    };
    assert_eq!(front(&bounded), front(&exhaustive));
    bounded.pruned
}

#[test]
fn bounds_change_nothing_that_is_found() {
    let mut pruned = 0;
    for (index, (_, input, specs, signed)) in cases().into_iter().enumerate() {
        pruned += check(&Case::new(input, &specs, signed, 3), OBJECTIVES[index % OBJECTIVES.len()]);
    }
    let mut numbers = Numbers::new(17);
    for seed in 0..40 {
        let (input, specs) = random_network(&mut numbers);
        let case = Case::new(input, &specs, seed % 2 == 0, seed);
        pruned += check(&case, OBJECTIVES[seed as usize % OBJECTIVES.len()]);
    }
    assert!(pruned > 0, "no bound ever ruled anything out");
}

#[test]
fn limits_are_kept_or_refused() {
    let (_, input, specs, signed) = cases().swap_remove(3);
    let case = Case::new(input, &specs, signed, 3);
    let free = search(&case.graph, &PlanOptions::default()).unwrap();
    let columns = |report: &SearchReport| {
        let shape = &report.best.candidate.shape;
        shape.small_advice + shape.wide_advice + shape.fixed + shape.instance
    };
    let limits = Limits { columns: Some(columns(&free) - 1), memory: None };
    let fewer = search(&case.graph, &PlanOptions { limits, ..PlanOptions::default() }).unwrap();
    assert!(columns(&fewer) < columns(&free));
    let limits =
        Limits { columns: None, memory: Some(free.front.iter().map(|p| p.cost.peak_memory).min().unwrap()) };
    let error = search(&case.graph, &PlanOptions { limits, ..PlanOptions::default() }).unwrap_err();
    let PlanError::Limits { least: Some(least), .. } = error else { panic!("{error}") };
    let within = |memory| {
        let limits = Limits { columns: None, memory: Some(memory) };
        search(&case.graph, &PlanOptions { limits, ..PlanOptions::default() })
    };
    let found = within(least).unwrap().best.cost.peak_memory;
    assert!(with_margin(found) <= least, "{found}");
    let error = within(least - 1).unwrap_err();
    assert!(error.to_string().contains(&format!("a limit of {least} bytes")), "{error}");
}

#[test]
fn every_number_of_threads_finds_the_same() {
    let (_, input, specs, signed) = cases().swap_remove(3);
    let case = Case::new(input, &specs, signed, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| search(&case.graph, &PlanOptions::default()).unwrap())
    };
    assert_eq!(run(1), run(3));
}

/// A toy: the layouts of `streams` whose activation tape has one lane.
struct Narrow;

impl LayoutFamily for Narrow {
    fn name(&self) -> &str {
        "narrow"
    }

    fn offer(&self, graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError> {
        let own = PlanOptions { family: Some(Family::Streams), lanes: Some(1), ..options.clone() };
        let (wanted, others): (Vec<Candidate>, Vec<Candidate>) =
            candidates(graph, &own)?.into_iter().partition(|candidate| buyer.wants(&candidate.shape));
        buyer.take(wanted, others.len());
        Ok(())
    }
}

#[test]
fn a_family_is_one_type_and_one_word() {
    let (_, input, specs, signed) = cases().swap_remove(3);
    let case = Case::new(input, &specs, signed, 3);
    let options = PlanOptions { max_k: 14, ..PlanOptions::default() };
    let alone = search_among(&case.graph, &options, &[&Narrow]).unwrap();
    let Knobs::Streams(knobs) = &alone.best.candidate.knobs else { panic!("another family") };
    assert_eq!(knobs.lanes, 1);
    let plan = Plan::realise(&case.graph, options.visibility, &alone.best.candidate.knobs).unwrap();
    assert_eq!(plan.shape, alone.best.candidate.shape);
    let all: Vec<&dyn LayoutFamily> =
        FAMILIES.iter().map(|family| family as &dyn LayoutFamily).chain([&Narrow as &dyn LayoutFamily]).collect();
    let among = search_among(&case.graph, &options, &all).unwrap();
    assert_eq!(among.best, search(&case.graph, &options).unwrap().best);
    assert!(among.priced + among.pruned > search(&case.graph, &options).unwrap().priced);
}
