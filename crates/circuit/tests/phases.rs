//! Strided layers whose inputs are stored in phases: the circuit agrees with the integer executor on every layout, and a prover
//! gains nothing by taking one phase for another.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;
mod tampering;

use std::collections::BTreeSet;

use ff::Field;
use ndarray::Array4;
use nets::stored::stored;
use nets::strided::{phased_homes, phased_plan, phased_plans, strided_network};
use nets::{Case, NONE, Numbers, PRIVATE, RELU, accept, conv, dense};
use tampering::{Cell, Constraint, Subject, balance, label, transcript};
use zklayout_circuit::{Config, Scalar};
use zklayout_model::{
    Activation, FloatFinish, Fused, FusedLayer, Graph, Kernel, Padding, Planes, Precision, Squares, Term,
};
use zklayout_plan::{
    Content, Evaluation, FactTerm, Family, InputMode, Plan, PlanOptions, Scalar as Effect, Visibility, WeightMode,
    plan,
};

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
}

impl Seen {
    fn add(&mut self, plan: &Plan) {
        let layout = plan.layout.as_streams().unwrap();
        self.layouts += 1;
        self.limbs += usize::from(layout.knobs.limbs.is_some());
        self.lifts += layout.homes.iter().filter(|home| home.lift > 0).count();
        for home in phased_homes(plan) {
            let place = layout.homes.iter().position(|other| other == home).unwrap();
            let reads = |term: &&FactTerm| matches!(term, FactTerm::Kernel(kernel) if kernel.input == place);
            let readers = layout.facts.iter().flat_map(|fact| &fact.terms).filter(reads).count();
            self.homes += 1;
            self.inputs += usize::from(home.content == Content::Input);
            self.bound += usize::from(home.bound);
            self.shortcuts += usize::from(readers > 1);
            self.wide += usize::from(home.read.block() > 2);
            self.parts_of_rows += usize::from(home.tiles_per_row() > 1);
            self.several_rows += usize::from(home.tile.rows > 1);
            self.set_apart += usize::from(home.read_pitch > home.pitch / home.read.block());
        }
    }

    fn all(&self) -> [usize; 11] {
        let Self { layouts, homes, inputs, bound, shortcuts, wide, .. } = *self;
        let Self { limbs, lifts, parts_of_rows, several_rows, set_apart, .. } = *self;
        [layouts, homes, inputs, bound, shortcuts, wide, limbs, lifts, parts_of_rows, several_rows, set_apart]
    }
}

#[test]
fn random_strided_networks_have_the_planned_shape_and_are_accepted() {
    let (mut numbers, mut seen) = (Numbers::new(31), Seen::default());
    for seed in 0..60u64 {
        let (input, specs) = strided_network(&mut numbers);
        let Ok(case) = Case::try_new(input, &specs, seed % 2 == 0, seed) else { continue };
        let case = if seed % 4 == 3 { stored(&case.graph, &mut numbers) } else { case };
        let weights = [WeightMode::Private, WeightMode::Fixed, WeightMode::Committed][seed as usize % 3];
        let visibility = Visibility { input: InputMode::ALL[seed as usize % 5 % 3], weights };
        let all = phased_plans(&case, visibility, None);
        for knobs in all.iter().step_by(all.len().div_ceil(4).max(1)) {
            let plan = Plan::realise(&case.graph, visibility, knobs).unwrap();
            seen.add(&plan);
            accept(&format!("seed {seed}: {input} {specs:?}, {knobs:?}"), &case, plan);
        }
    }
    println!("{seen:?}");
    assert!(seen.layouts > 150 && seen.all().iter().all(|count| *count > 5), "{seen:?}");
}

/// Networks of which one tensor is not read as phases must be: the whole grid is there, and proven.
#[test]
fn other_strided_networks_stay_on_whole_grids() {
    let strided = |kernel, padding, stride| conv(2, kernel, padding, RELU).strided(stride);
    let first = conv(2, 3, 1, RELU);
    let others = [
        ("two strides", vec![first, strided(3, 1, 2), strided(3, 1, 3).reading(1)]),
        ("read by others", vec![first, strided(1, 0, 2), conv(2, 3, 1, NONE).reading(1)]),
        ("paddings that differ", vec![first, strided(3, 0, 2), strided(3, 1, 2).reading(1)]),
        ("windows", vec![first, strided(3, 1, 2).pooled(2)]),
        ("an output of one value", vec![first, strided(7, 0, 2)]),
    ];
    for (name, specs) in others {
        let case = Case::new(Planes::new(1, 8, 8), &specs, true, 3);
        let options = PlanOptions { family: Some(Family::Streams), ..PlanOptions::default() };
        let Ok(plan) = plan(&case.graph, &options) else { continue };
        assert_eq!(phased_homes(&plan).count(), 0, "{name}");
        accept(name, &case, plan);
    }
}

/// What follows may need neighbouring outputs, which a whole grid does not have: phases are found without one.
#[test]
fn strided_layers_are_laid_out_where_a_whole_grid_is_not() {
    let (input, mut numbers) = (Planes::new(2, 1, 8), Numbers::new(3));
    let weights = Array4::from_shape_simple_fn((2, 2, 1, 3), || numbers.real() * 0.3);
    let padding = Padding { top: 0, left: 1, bottom: 0, right: 1 };
    let kernel = Kernel { input, window: 1, weights, groups: 1, stride: 2, padding };
    let layer = |name: &str, output: Planes, term: Term<f64>| {
        let finish = FloatFinish { activation: Activation::Clamp(RELU), precision: Precision::Calibrated };
        FusedLayer { name: name.into(), output, terms: vec![term], bias: vec![0.0; output.channels], finish }
    };
    let mut graph = Graph::new();
    let source = graph.add(Fused::Input(input), &[]);
    let strided = graph.add(Fused::Layer(layer("strided", kernel.output(), kernel.into())), &[source]);
    graph.add(Fused::Layer(layer("squares", Planes::vector(2), Squares.into())), &[strided]);
    let case = Case::of_layers(6, &graph, true, 1).unwrap();
    let streams = |whole_grids| PlanOptions {
        family: Some(Family::Streams),
        max_k: 10,
        whole_grids,
        ..PlanOptions::default()
    };
    assert!(plan(&case.graph, &streams(true)).is_err(), "a whole grid has no neighbours");
    let plan = plan(&case.graph, &streams(false)).unwrap();
    assert!(phased_homes(&plan).count() > 0);
    accept("squares of a strided layer", &case, plan);
}

/// Plans in phases under attack: of a layer's output, of an input, in limbs, and of blocks of three.
fn subjects() -> Vec<Subject> {
    let residual = [
        conv(2, 3, 1, RELU),
        conv(2, 1, 0, NONE).strided(2),
        conv(2, 3, 1, RELU).strided(2).reading(1),
        conv(2, 3, 1, RELU).plus(2),
        dense(2, NONE),
    ];
    let of_input = [conv(2, 3, 1, RELU).strided(2), conv(2, 3, 1, RELU), dense(2, NONE)];
    let wide = [conv(2, 3, 1, RELU), conv(0, 4, 0, RELU).depthwise().strided(3), dense(2, NONE)];
    let case = |specs: &[nets::Spec], size: usize| Case::new(Planes::new(1, size, size), specs, true, 4);
    let in_limbs = stored(&case(&residual, 6).graph, &mut Numbers::new(1));
    let cases = [(case(&residual, 6), 7), (case(&of_input, 7), 4), (case(&wide, 8), 9), (in_limbs, 8)];
    let plans = cases.iter().map(|(case, lanes)| (case, phased_plan(case, PRIVATE, *lanes)));
    let lifts = |plan: &Plan| plan.layout.as_streams().unwrap().homes.iter().any(|home| home.lift > 0);
    // A layer after another has no choice of where its input lies.
    let deep = case(&[conv(2, 3, 1, RELU), conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).strided(2)], 6);
    let knobs = (3..20).flat_map(|lanes| phased_plans(&deep, PRIVATE, Some(lanes)).into_iter().next());
    let lifted = knobs.map(|knobs| Plan::realise(&deep.graph, PRIVATE, &knobs).unwrap()).find(lifts).unwrap();
    plans.chain([(&deep, lifted)]).map(|(case, plan)| Subject::of(case, plan, 5)).collect()
}

fn quotient(subject: &Subject, lane: usize, row: usize) -> Cell {
    let Config::Streams(columns) = &subject.recording.config else { panic!("another family") };
    Cell::Advice(columns.quotients[lane].index(), row)
}

fn forged(subject: &Subject, changes: &[(Cell, Scalar)]) -> tampering::Cells {
    let mut cells = subject.honest.clone();
    for (cell, change) in changes {
        cells.set(*cell, cells.get(*cell) + change);
    }
    subject.follow(&mut cells, &BTreeSet::new(), None);
    cells
}

/// Quotients of two positions of different phases that hold no value, one more and one less: every power has one cell.
#[test]
fn accumulators_of_phases_do_not_trade() {
    let (mut tried, mut proven) = (0, 0);
    for subject in subjects() {
        let layout = subject.streams().unwrap();
        let lanes = layout.knobs.lanes;
        for home in layout.homes.iter().filter(|home| home.phases() > 1 && home.has_producer()) {
            let free = |row: usize, lane: usize| {
                home.position(row, lane, lanes).is_some() && home.value(row, lane, lanes).is_none()
            };
            let places = |phase: usize| {
                let rows = home.stored_rows().filter(move |row| home.phase_at(*row).0 == phase);
                rows.flat_map(move |row| (0..lanes).map(move |lane| (row, lane)))
            };
            for (one, other) in (0..home.phases()).flat_map(|one| (0..one).map(move |other| (one, other))) {
                let own: Vec<_> = places(one).filter(|(row, lane)| free(*row, *lane)).collect();
                let others: Vec<_> = places(other).filter(|(row, lane)| free(*row, *lane)).collect();
                for (place, &(row, lane)) in own.iter().enumerate() {
                    let Some(&(to, at)) = others.get(place) else { continue };
                    let cell = |row, lane| quotient(&subject, lane, home.row + row);
                    let cells = forged(&subject, &[(cell(row, lane), Scalar::ONE), (cell(to, at), -Scalar::ONE)]);
                    let failures = subject.checker.failures(&cells);
                    let zero = failures.iter().all(|one| label(one).contains("scalar sum is zero"));
                    assert!(!failures.is_empty() && zero, "phases {one} and {other} trade: {failures:?}");
                    if tried % 40 == 0 {
                        assert!(!transcript::proves(&subject, &cells), "phases {one} and {other} trade");
                        proven += 1;
                    }
                    tried += 1;
                }
            }
        }
        assert!(transcript::proves(&subject, &subject.honest), "the honest assignment does not verify");
    }
    println!("{tried} trades, {proven} of them through the verifier");
    assert!(tried > 100, "only {tried} trades");
}

/// A value where none is: beside a phase's rows, between them, and in the row that lifts.
#[test]
fn positions_without_values_hold_none() {
    let (mut tried, mut lifted, mut proven) = (0, 0, 0);
    for subject in subjects() {
        let Config::Streams(columns) = &subject.recording.config else { panic!("another family") };
        let layout = subject.streams().unwrap();
        let lanes = layout.knobs.lanes;
        for home in layout.homes.iter().filter(|home| home.phases() > 1 || home.lift > 0) {
            let cells = (0..home.plane_rows()).flat_map(|row| (0..lanes).map(move |lane| (row, lane)));
            for (row, lane) in cells.filter(|(row, lane)| home.value(*row, *lane, lanes).is_none()) {
                let cell = Cell::Advice(columns.values[lane].index(), home.row + row);
                let cells = forged(&subject, &[(cell, Scalar::ONE)]);
                let failures = subject.checker.failures(&cells);
                assert!(failures.iter().any(|one| label(one).contains("padding")), "row {row}: {failures:?}");
                lifted += usize::from(home.lift > 0 && home.phase_at(row).1 + 1 == home.phase_rows());
                if tried % 80 == 0 {
                    assert!(!transcript::proves(&subject, &cells), "row {row} holds a value");
                    proven += 1;
                }
                tried += 1;
            }
        }
    }
    println!("{tried} positions, {lifted} of rows that lift, {proven} of them through the verifier");
    assert!(tried > 200 && lifted > 2, "only {tried} positions, {lifted} of rows that lift");
}

/// The evaluation of another phase of the same plane, where the sum takes one: refused by copies, and without them by nothing.
#[test]
fn no_phase_is_taken_for_another() {
    let (mut tried, mut by_copies_alone) = (0, 0);
    for subject in subjects() {
        let Config::Streams(columns) = &subject.recording.config else { panic!("another family") };
        let layout = subject.streams().unwrap();
        let operand = columns.operand.index();
        for fact in &layout.facts {
            let rows = fact.rows(&layout.homes, layout.weight_bits).into_iter().enumerate();
            for (offset, row) in rows {
                let (at, source) = match row.scalar {
                    Effect::Output { row, .. } | Effect::Phase { row, .. } => (row, Evaluation::Write),
                    Effect::Product { row, .. } => (row, Evaluation::Read),
                    _ => continue,
                };
                let within = |home: &&zklayout_plan::Home| (home.row..home.row + home.rows()).contains(&at);
                let Some(home) = layout.homes.iter().find(within).filter(|home| home.phases() > 1) else {
                    continue;
                };
                let column = if source == Evaluation::Write { columns.write } else { columns.read };
                let plane_row = (at - home.row) % home.plane_rows();
                let first = at - home.phase_at(plane_row).0 * home.phase_rows();
                for other in (0..home.phases()).map(|phase| first + phase * home.phase_rows()) {
                    let mut cells = subject.honest.clone();
                    let taken = cells.get(Cell::Advice(column.index(), other));
                    let target = Cell::Advice(operand, fact.row + offset);
                    if taken == cells.get(target) {
                        continue;
                    }
                    cells.set(target, taken);
                    let held = BTreeSet::from([target]);
                    subject.follow(&mut cells, &held, None);
                    balance(&subject, &mut Numbers::new(tried), &mut cells, &held);
                    if cells.get(target) != taken {
                        // What closes the sum is the operand that should be there.
                        continue;
                    }
                    let failures = subject.checker.failures(&cells);
                    let copied = failures.iter().any(|one| matches!(one, Constraint::Copy(..)));
                    assert!(copied, "row {at} may be another phase: {failures:?}");
                    by_copies_alone += u64::from(failures.iter().all(|one| matches!(one, Constraint::Copy(..))));
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} phases taken for another, {by_copies_alone} of them refused by copies alone");
    assert!(tried > 50 && by_copies_alone > 0, "only {tried}, {by_copies_alone} by copies alone");
}
