//! Strided layers whose inputs are stored in phases: the circuit agrees with the integer executor on every layout.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::stored::stored;
use nets::strided::strided_network;
use nets::{Case, Numbers, accept};
use zklayout_plan::{
    Content, Family, Home, InputMode, Knobs, Plan, PlanOptions, StreamKnobs, Visibility, WeightMode, candidates,
};

/// Homes in phases of a plan.
fn in_phases(plan: &Plan) -> impl Iterator<Item = &Home> {
    plan.layout.as_streams().unwrap().homes.iter().filter(|home| home.phases() > 1)
}

/// What the random networks had, so that none of it goes missing unseen.
#[derive(Debug, Default)]
struct Seen {
    layouts: usize,
    homes: usize,
    inputs: usize,
    bound: usize,
    shortcuts: usize,
    wide: usize,
    limbs: usize,
    lifts: usize,
    parts_of_rows: usize,
    several_rows: usize,
    set_apart: usize,
    refused: usize,
}

impl Seen {
    fn add(&mut self, plan: &Plan) {
        let layout = plan.layout.as_streams().unwrap();
        self.layouts += 1;
        self.limbs += usize::from(layout.knobs.limbs.is_some());
        self.lifts += layout.homes.iter().filter(|home| home.lift > 0).count();
        for home in in_phases(plan) {
            self.homes += 1;
            self.inputs += usize::from(home.content == Content::Input);
            self.bound += usize::from(home.bound);
            let place = layout.homes.iter().position(|other| other == home).unwrap();
            let readers = layout.facts.iter().flat_map(|fact| &fact.terms);
            let reads = |term: &&zklayout_plan::FactTerm| {
                matches!(term, zklayout_plan::FactTerm::Kernel(kernel) if kernel.input == place)
            };
            self.shortcuts += usize::from(readers.filter(reads).count() > 1);
            self.wide += usize::from(home.read.block() > 2);
            self.parts_of_rows += usize::from(home.tiles_per_row() > 1);
            self.several_rows += usize::from(home.tile.rows > 1);
            self.set_apart += usize::from(home.read_pitch > home.pitch / home.read.block());
        }
    }
}

#[test]
fn random_strided_networks_have_the_planned_shape_and_are_accepted() {
    let (mut numbers, mut seen) = (Numbers::new(31), Seen::default());
    for seed in 0..120u64 {
        let (input, specs) = strided_network(&mut numbers);
        let Ok(case) = Case::try_new(input, &specs, seed % 2 == 0, seed) else { continue };
        let case = if seed % 4 == 3 { stored(&case.graph, &mut numbers) } else { case };
        let weights = [WeightMode::Private, WeightMode::Fixed, WeightMode::Committed][seed as usize % 3];
        let visibility = Visibility { input: InputMode::ALL[seed as usize % 5 % 3], weights };
        let options =
            PlanOptions { visibility, family: Some(Family::Streams), max_k: 12, ..PlanOptions::default() };
        let Ok(all) = candidates(&case.graph, &options) else {
            seen.refused += 1;
            continue;
        };
        let phased = all.iter().filter(|candidate| {
            matches!(&candidate.knobs, Knobs::Streams(StreamKnobs { whole_grids: false, .. }))
        });
        let phased: Vec<_> = phased.collect();
        for candidate in phased.iter().step_by(phased.len().div_ceil(4).max(1)) {
            let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
            seen.add(&plan);
            accept(&format!("seed {seed}: {input} {specs:?}, {:?}", candidate.knobs), &case, plan);
        }
    }
    println!("{seen:?}");
}
