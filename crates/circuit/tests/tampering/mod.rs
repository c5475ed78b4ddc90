//! A tamper harness over whole circuits: honest witnesses of random networks under random plans, changed by a forger who
//! makes everything else follow, must be rejected.
#![allow(dead_code, unused_imports)]

mod checking;
mod mutation;
mod recording;
mod statement;
mod subject;
pub mod transcript;

use std::collections::{BTreeMap, BTreeSet};

use zklayout_model::{Fixed, OutputKind};
use zklayout_plan::{
    Family, InputMode, Knobs, LookupArgument, Plan, PlanOptions, ReluVariant, Requantise, Visibility, WeightMode,
    candidates,
};

pub use checking::Constraint;
pub use mutation::{Mutation, balance, reweighed};
pub use recording::{Cell, Cells};
pub use statement::check as check_statement;
pub use subject::{Subject, random_field};

use crate::nets::operators::random_operators;
use crate::nets::sequence::random_sequence;
use crate::nets::stored::stored;
use crate::nets::strided::strided_network;
use crate::nets::{Case, Numbers, network, random_network, with_constants};

/// What became of a mutation.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing that is bound was changed.
    Ineffective,
    /// These constraints fail.
    Killed(BTreeSet<Constraint>),
    /// Only inputs and weights were changed, everything holds, and the executor agrees: a true statement about another
    /// model or input.
    OtherStatement,
    /// Only inputs and weights were changed, everything holds, and this is not so: a forgery.
    Untrue(String),
    /// A forgery.
    Accepted(BTreeSet<Cell>),
}

/// Changes an honest assignment, lets a cheating prover do the rest, and checks everything but the `ignored` constraints.
pub fn attack(
    subject: &Subject,
    mutation: Mutation,
    numbers: &mut Numbers,
    ignored: &dyn Fn(&Constraint) -> bool,
) -> Outcome {
    let mut cells = subject.honest.clone();
    let touched = mutation.apply(subject, numbers, &mut cells);
    let changed = |cells: &Cells| -> BTreeSet<Cell> {
        let differs = |cell: &Cell| cells.get(*cell) != subject.honest.get(*cell) && !subject.free.contains(cell);
        touched.iter().copied().filter(differs).collect()
    };
    if changed(&cells).is_empty() {
        return Outcome::Ineffective;
    }
    follow(subject, numbers, &mut cells, &touched);
    if mutation == Mutation::Model {
        subject.publish(&mut cells);
    }
    // Solving for a cell may have undone the change.
    let changed = changed(&cells);
    if changed.is_empty() {
        return Outcome::Ineffective;
    }
    let mut failures = subject.checker.failures(&cells);
    failures.retain(|constraint| !ignored(constraint));
    if !failures.is_empty() {
        Outcome::Killed(failures)
    } else if changed.is_subset(&subject.choice) {
        statement::check(subject, &cells).map_or_else(Outcome::Untrue, |()| Outcome::OtherStatement)
    } else {
        Outcome::Accepted(changed)
    }
}

/// A cheating prover recomputes all, leaves one column as it was, solves for a cell that closes the sums, or, where all
/// cells are of one phase, changes nothing else.
fn follow(subject: &Subject, numbers: &mut Numbers, cells: &mut Cells, touched: &BTreeSet<Cell>) {
    let streams = subject.streams().is_some();
    let late = |cell: &Cell| !streams || matches!(*cell, Cell::Advice(column, _) if column >= subject.kinds.len());
    let held: BTreeSet<Cell> = touched.iter().copied().filter(late).collect();
    // A circuit with another constant has other honest witnesses; the one at hand is of this circuit.
    let other_circuit = touched.iter().any(|cell| matches!(cell, Cell::Fixed(..)));
    match numbers.below(4) {
        _ if other_circuit && !streams => {}
        0 if !streams => {}
        0 => {
            let first = subject.kinds.len();
            let stale = first + numbers.below(subject.honest.advice.len() - first);
            subject.follow(cells, &held, Some(stale));
        }
        1 | 2 if streams => {
            subject.follow(cells, &held, None);
            balance(subject, numbers, cells, &held);
        }
        _ => subject.follow(cells, &held, None),
    }
}

/// A random network under a random plan of the `index`-th variant.
pub fn random_subject(index: u64) -> Subject {
    let mut numbers = Numbers::new(index * 31 + 5);
    for attempt in 0.. {
        // The family `direct` moves nothing; a third of the others is made of moves, maxima and products, and a third is
        // stored in bytes.
        // Networks over tokens multiply values.
        let over_tokens = matches!(index % 18, 9 | 13);
        let case = if over_tokens {
            Case::of_operators(&random_sequence(&mut numbers), index)
        } else if index % 9 == 4 || index % 9 == 6 {
            Case::of_operators(&random_operators(&mut numbers).graph, index)
        } else {
            let strided = matches!(index % 18, 0 | 7 | 10);
            let (input, specs) =
                if strided { strided_network(&mut numbers) } else { random_network(&mut numbers) };
            // Narrow weights have room for a table of pairs.
            let weight_bits = if index % 7 < 4 { 4 } else { 6 };
            let layers = network(input, &specs, index);
            // The family `direct` adds no constants of positions.
            let layers = if matches!(index % 9, 1 | 3 | 7) { with_constants(&layers, index) } else { layers };
            Case::of_layers(weight_bits, &layers, index.is_multiple_of(2), index)
        };
        // The family `direct` has no limbs.
        let in_limbs = matches!(index % 9, 0 | 7) && !over_tokens || index % 9 == 6 && attempt % 2 == 0;
        let case = if in_limbs { case.map(|case| stored(&case.graph, &mut numbers)) } else { case };
        let Ok(case) = case else { continue };
        let modes = [(false, WeightMode::Private), (true, WeightMode::Private), (true, WeightMode::Fixed)];
        let (public_input, weights) = modes[index as usize / 3 % 3];
        let committed_input = matches!(index % 12, 3 | 6 | 9);
        // The family `direct`, which every third network is laid out in, commits to nothing outside.
        let weights = if matches!(index % 12, 9 | 10) { WeightMode::Committed } else { weights };
        let planes = case.trace.values[0].dim().0;
        let input = match (committed_input, public_input) {
            (true, _) => InputMode::Committed,
            (_, true) if planes > 1 && index.is_multiple_of(2) => InputMode::First(planes / 2),
            (_, public) => InputMode::public_if(public),
        };
        let visibility = Visibility { input, weights };
        // A variant that few networks have room for is given up after a while.
        let variant = index as usize + attempt / 20;
        if let Some(plan) = random_plan(&case, visibility, variant, &mut numbers) {
            return Subject::of(&case, plan, index);
        }
    }
    unreachable!("some network can be laid out")
}

fn random_plan(case: &Case, visibility: Visibility, index: usize, numbers: &mut Numbers) -> Option<Plan> {
    let rescaled =
        |node: &Fixed| matches!(node, Fixed::Layer(layer) if matches!(layer.finish.kind, OutputKind::Rescale(_)));
    let in_limbs = case.graph.nodes().any(|(_, node)| rescaled(node));
    let direct = index % 3 == 2;
    let turn = index / 3;
    let ordinal = 2 * turn + index % 3;
    let options = PlanOptions {
        visibility,
        min_k: 6,
        max_k: if direct { 11 } else { 9 },
        lanes: (!direct).then(|| 1 + numbers.below(32)),
        family: Some(if direct { Family::Direct } else { Family::Streams }),
        lookups: (!direct).then(|| LookupArgument::ALL[ordinal % 4]),
        requantise: (!direct && !in_limbs && ordinal / 4 % 3 != 2).then(|| Requantise::ALL[ordinal / 4 % 3]),
        ..PlanOptions::default()
    };
    let wanted = |knobs: &Knobs| match knobs {
        Knobs::Streams(_) => true,
        Knobs::Direct(knobs) => knobs.slots == 1 + turn % 3 && knobs.relu == ReluVariant::ALL[turn % 2],
    };
    let all = candidates(&case.graph, &options).ok()?;
    let all: Vec<_> = all.into_iter().filter(|candidate| wanted(&candidate.knobs)).collect();
    let candidate = all.get(numbers.below(all.len().max(1)))?;
    Plan::realise(&case.graph, visibility, &candidate.knobs).ok()
}

/// Names of the registry's variants that a plan uses.
pub fn variants(plan: &Plan) -> BTreeSet<String> {
    let visibility = plan.visibility();
    let family = plan.layout.knobs().family();
    let mut names = BTreeSet::from([
        format!("{family:?}, weights {:?}", visibility.weights),
        format!("{family:?}, {}", visibility.input),
    ]);
    match plan.layout.knobs() {
        Knobs::Streams(knobs) => {
            let homes = &plan.layout.as_streams().unwrap().homes;
            if homes.iter().any(|home| home.phases() > 1) {
                names.insert("phases".to_owned());
            } else if knobs.whole_grids {
                names.insert("no phases".to_owned());
            }
            names.insert(format!("lookups by {:?}", knobs.lookups));
            names.insert(format!("weights in pairs {}", knobs.weight_pairs));
            names.extend(knobs.requantise.iter().map(|choice| format!("requantise by {choice:?}")));
        }
        Knobs::Direct(knobs) => {
            names.insert(format!("dot products {:?}", knobs.dot));
            names.insert(format!("activations by {:?}", knobs.relu));
        }
    }
    names
}

/// Kills by constraint and by variant.
#[derive(Default)]
pub struct Coverage {
    pub kills: BTreeMap<String, usize>,
    pub mutations: BTreeMap<Mutation, usize>,
    pub effective: usize,
    pub other_statements: usize,
}

impl Coverage {
    /// Notes everything that a subject has, killed or not.
    pub fn expect(&mut self, subject: &Subject) {
        let family = subject.plan.layout.knobs().family();
        for constraint in subject.checker.constraints() {
            self.kills.entry(format!("{family:?}: {}", label(&constraint))).or_default();
        }
        for variant in variants(&subject.plan) {
            self.kills.entry(variant).or_default();
        }
    }

    pub fn kill(&mut self, subject: &Subject, mutation: Mutation, failures: &BTreeSet<Constraint>) {
        let family = subject.plan.layout.knobs().family();
        self.effective += 1;
        *self.mutations.entry(mutation).or_default() += 1;
        let labels: BTreeSet<String> =
            failures.iter().map(|failure| format!("{family:?}: {}", label(failure))).collect();
        for name in labels.into_iter().chain(variants(&subject.plan)) {
            *self.kills.entry(name).or_default() += 1;
        }
    }

    pub fn merge(mut self, other: Self) -> Self {
        for (name, count) in other.kills {
            *self.kills.entry(name).or_default() += count;
        }
        for (mutation, count) in other.mutations {
            *self.mutations.entry(mutation).or_default() += count;
        }
        self.effective += other.effective;
        self.other_statements += other.other_statements;
        self
    }
}

/// A constraint without its lane.
pub fn label(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Gate { gate, name, .. } => format!("gate {gate:?}: {name}"),
        Constraint::Lookup(_) => "native lookup".to_owned(),
        Constraint::Copy(a, b) => format!("copy of {a} and {b}"),
        Constraint::Link(role) => format!("link to the commitment of {role}"),
    }
}
