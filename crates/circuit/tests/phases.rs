//! Strided layers whose inputs are stored in phases: the circuit agrees with the integer executor on every layout.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::stored::stored;
use nets::{Case, Numbers, Spec, accept, conv, dense};
use zklayout_model::Planes;
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

/// A random network with strided layers of every kind, and layers around them.
fn strided_network(numbers: &mut Numbers) -> (Planes, Vec<Spec>) {
    let input = Planes::new(1 + numbers.below(3), 5 + numbers.below(9), 5 + numbers.below(9));
    let (mut height, mut width) = (input.height, input.width);
    let mut specs: Vec<Spec> = Vec::new();
    for _ in 0..1 + numbers.below(2) {
        if numbers.below(3) > 0 {
            let padding = numbers.below(2);
            if height.min(width) > 2 {
                let before = conv(1 + numbers.below(3), 3, padding, nets::RELU);
                specs.push(if numbers.below(4) == 0 { before.depthwise() } else { before });
                (height, width) = (height + 2 * padding - 2, width + 2 * padding - 2);
            }
        }
        let stride = 2 + numbers.below(3);
        let size = 1 + numbers.below(5.min(height).min(width));
        let padding = numbers.below(size + 1);
        let node = specs.len();
        let outputs = 1 + numbers.below(3);
        let strided = conv(outputs, size, padding, nets::RELU).strided(stride);
        let depthwise = numbers.below(4) == 0;
        let extent = |full: usize| (full + 2 * padding - size) / stride + 1;
        let pointwise = |full: usize| (full - 1) / stride + 1;
        let shortcut = !depthwise
            && node > 0
            && numbers.below(2) == 0
            && (extent(height), extent(width)) == (pointwise(height), pointwise(width));
        if shortcut {
            specs.push(conv(outputs, 1, 0, nets::NONE).strided(stride));
            specs.push(strided.reading(node));
            specs.push(conv(outputs, 3, 1, nets::RELU).plus(node + 1));
        } else {
            specs.push(if depthwise { strided.depthwise() } else { strided });
        }
        (height, width) = (extent(height), extent(width));
    }
    if height.min(width) >= 4 && numbers.below(3) == 0 {
        specs.push(conv(2, 1, 0, nets::RELU).pooled(2));
    }
    if numbers.below(3) > 0 {
        specs.push(dense(1 + numbers.below(4), nets::NONE));
    }
    (input, specs)
}

#[test]
fn random_strided_networks_have_the_planned_shape_and_are_accepted() {
    let (mut numbers, mut seen) = (Numbers::new(31), Seen::default());
    for seed in 0..240u64 {
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
