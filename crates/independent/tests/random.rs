//! Both checks on random networks under random plans of every variant.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../circuit/tests/nets/mod.rs"]
mod nets;
mod plans;

use std::collections::BTreeSet;

use plans::random_plan;
use rayon::prelude::*;
use zklayout_circuit::Grid;
use zklayout_independent::{check_symbolic, check_tables};
use zklayout_plan::{Content, Home, LookupArgument, Plan, Requantise};

/// What was checked.
#[derive(Default)]
struct Checked {
    outputs: usize,
    terms: usize,
    entries: usize,
    variants: BTreeSet<String>,
}

impl Checked {
    fn add(mut self, other: Self) -> Self {
        self.outputs += other.outputs;
        self.terms += other.terms;
        self.entries += other.entries;
        self.variants.extend(other.variants);
        self
    }
}

fn variants(plan: &Plan) -> BTreeSet<String> {
    let layout = plan.layout.as_streams().unwrap();
    let (knobs, visibility) = (&layout.knobs, layout.visibility);
    let mut names: BTreeSet<String> = knobs.requantise.iter().map(|choice| format!("{choice:?}")).collect();
    names.insert(format!("{:?}", knobs.lookups));
    names.insert(format!("pairs {}", knobs.weight_pairs));
    names.insert(format!("{:?} weights", visibility.weights));
    names.insert(format!("public input {}", visibility.shows_input()));
    let phases: Vec<&Home> = layout.homes.iter().filter(|home| home.phases() > 1).collect();
    names.extend(phases.iter().map(|home| format!("phases of {}", home.read.block())));
    names.extend(phases.iter().map(|home| format!("phases of the input {}", home.content == Content::Input)));
    names.extend(layout.homes.iter().filter(|home| home.lift > 0).map(|_| "lifts".to_owned()));
    names.extend(phases.iter().map(|_| format!("phases in limbs {}", knobs.limbs.is_some())));
    names
}

fn check(index: u64) -> Checked {
    let (graph, plan) = random_plan(index);
    let grid = Grid::of(&plan, &graph).unwrap();
    let knobs = || plan.layout.knobs();
    let symbolic = check_symbolic(&plan, &graph, &grid);
    let symbolic = symbolic.unwrap_or_else(|reason| panic!("network {index}, {:?}: {reason}", knobs()));
    let tables = check_tables(&plan, &graph, &grid);
    let tables = tables.unwrap_or_else(|reason| panic!("network {index}, {:?}: {reason}", knobs()));
    let (outputs, terms, entries) = (symbolic.outputs, symbolic.terms, tables.entries);
    Checked { outputs, terms, entries, variants: variants(&plan) }
}

#[test]
fn two_thousand_random_plans_are_as_defined() {
    let checked = (0..2_000).into_par_iter().map(check).reduce(Checked::default, Checked::add);
    let Checked { outputs, terms, entries, variants } = checked;
    println!("{outputs} outputs, {terms} terms, {entries} table entries of 2,000 plans: {variants:?}");
    assert!(outputs > 300_000 && terms > 3_000_000 && entries > 3_000_000);
    let choices = Requantise::ALL.iter().chain(&[Requantise::Limbs]).map(|choice| format!("{choice:?}"));
    for name in choices.chain(LookupArgument::ALL.iter().map(|argument| format!("{argument:?}"))) {
        assert!(variants.contains(&name), "no plan has {name}");
    }
    for stride in 2..5 {
        assert!(variants.contains(&format!("phases of {stride}")), "no plan has phases of {stride}");
    }
    for name in ["phases of the input true", "phases of the input false", "phases in limbs true", "lifts"] {
        assert!(variants.contains(name), "no plan has {name}");
    }
    for name in ["pairs true", "pairs false", "Fixed weights", "Private weights", "public input true"] {
        assert!(variants.contains(name), "no plan has {name}");
    }
}
