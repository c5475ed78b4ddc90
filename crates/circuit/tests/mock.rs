//! Honest witnesses: the circuit agrees with the integer executor on every layout.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use ndarray::Array3;
use nets::stored::stored;
use nets::{Case, Numbers, PRIVATE, accept, cases, network, with_constants};
use zklayout_model::{Activation, Constant, FloatFinish, Fused, FusedLayer, Graph, Move, Planes, Precision, Term};
use zklayout_plan::{
    FactTerm, Family, InputMode, Knobs, LookupArgument, Plan, PlanOptions, Requantise, StreamKnobs, Visibility,
    WeightMode, candidates, plan,
};

#[test]
fn every_network_is_accepted() {
    for (name, input, specs, signed) in cases() {
        for seed in 0..2 {
            let case = Case::new(input, &specs, signed, seed);
            accept(name, &case, case.plan(PRIVATE));
        }
    }
}

/// Widths of the activation tape times lookup arguments, whatever the search would choose.
fn check_every_layout(requantise: Requantise) {
    let mut layouts = 0;
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 5);
        for (index, lanes) in [1, 2, 3, 4, 6, 8, 12, 16].into_iter().enumerate() {
            let argument = [
                LookupArgument::Sums { chunk: 3 },
                LookupArgument::Native,
                LookupArgument::Sums { chunk: 2 },
                LookupArgument::Sums { chunk: 1 },
            ][(index + layouts) % 4];
            let options = PlanOptions {
                lanes: Some(lanes),
                requantise: Some(requantise),
                lookups: Some(argument),
                ..PlanOptions::default()
            };
            if let Ok(plan) = plan(&case.graph, &options).map_err(|error| println!("{name}: {error}")) {
                accept(&format!("{name}, {lanes} lanes, {requantise:?}, {argument:?}"), &case, plan);
                layouts += 1;
            }
        }
    }
    assert!(layouts > 120, "only {layouts} layouts were possible");
}

#[test]
fn every_split_layout_is_accepted() {
    check_every_layout(Requantise::Split);
}

#[test]
fn every_table_layout_is_accepted() {
    check_every_layout(Requantise::Table);
}

/// Layers may differ in their requantisation, whether or not the search finds that cheaper.
#[test]
fn every_mixture_is_accepted() {
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 6);
        let Knobs::Streams(mut knobs) = case.plan(PRIVATE).layout.knobs() else { unreachable!() };
        for (index, choice) in knobs.requantise.iter_mut().enumerate() {
            *choice = [Requantise::Split, Requantise::Table][(index + name.len()) % 2];
        }
        (knobs.weight_lanes, knobs.table_columns) = (2, 3);
        let plans = (9..18).map(|k| Knobs::Streams(StreamKnobs { k, ..knobs.clone() }));
        let plan = plans.map(|knobs| Plan::realise(&case.graph, PRIVATE, &knobs)).find_map(Result::ok).unwrap();
        accept(&format!("{name}, mixed"), &case, plan);
    }
}

/// Weights looked up two at a time, an odd one with itself.
#[test]
fn every_layout_of_weight_pairs_is_accepted() {
    let options = PlanOptions { max_k: 12, family: Some(Family::Streams), ..PlanOptions::default() };
    let (mut layouts, mut odd) = (0, 0);
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 9);
        let all = candidates(&case.graph, &options).unwrap_or_default();
        let pairs = all.iter().filter_map(|candidate| match &candidate.knobs {
            Knobs::Streams(knobs) if knobs.weight_pairs => Some(knobs),
            _ => None,
        });
        let pairs: Vec<&StreamKnobs> = pairs.collect();
        for knobs in pairs.iter().step_by(pairs.len().div_ceil(4).max(1)) {
            let plan = Plan::realise(&case.graph, PRIVATE, &Knobs::Streams((*knobs).clone())).unwrap();
            accept(&format!("{name}, {knobs:?}"), &case, plan);
            layouts += 1;
            odd += knobs.weight_lanes % 2;
        }
    }
    assert!(layouts > 60 && odd > 10, "only {layouts} layouts, {odd} of odd lanes");
}

/// Layers with multipliers, means, factors and shifts, in every number of limbs.
#[test]
fn every_stored_network_is_accepted() {
    let mut numbers = Numbers::new(5);
    let mut layouts = 0;
    for (index, (name, input, specs, signed)) in cases().into_iter().enumerate() {
        let case = stored(&Case::new(input, &specs, signed, 8).graph, &mut numbers);
        let weights = [WeightMode::Fixed, WeightMode::Private, WeightMode::Committed][index % 3];
        let visibility = Visibility { input: InputMode::ALL[index % 7 % 3], weights };
        let options =
            PlanOptions { visibility, family: Some(Family::Streams), max_k: 11, ..PlanOptions::default() };
        let all = candidates(&case.graph, &options).unwrap_or_default();
        for candidate in all.iter().step_by(all.len().div_ceil(6).max(1)) {
            let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
            accept(&format!("{name}, {:?}", candidate.knobs), &case, plan);
            layouts += 1;
        }
    }
    assert!(layouts > 100, "only {layouts} layouts were possible");
}

/// Constants of positions beside kernels and added tensors, in every visibility, with weights of few digits and many.
#[test]
fn every_constant_of_a_position_is_accepted() {
    let mut numbers = Numbers::new(21);
    let (mut layouts, mut held) = (0, 0);
    for (index, (name, input, specs, signed)) in cases().into_iter().enumerate() {
        let seed = index as u64;
        let layers = with_constants(&network(input, &specs, seed), seed);
        let Ok(case) = Case::of_layers([4, 6][index % 2], &layers, signed, seed) else { continue };
        let case = if index % 3 == 2 { stored(&case.graph, &mut numbers) } else { case };
        let modes = [WeightMode::Private, WeightMode::Fixed, WeightMode::Private, WeightMode::Committed];
        let weights = modes[index % 4];
        let visibility = Visibility { input: InputMode::ALL[index % 5 % 3], weights };
        let options =
            PlanOptions { visibility, family: Some(Family::Streams), max_k: 13, ..PlanOptions::default() };
        let all = candidates(&case.graph, &options).unwrap_or_default();
        for candidate in all.iter().step_by(all.len().div_ceil(6).max(1)) {
            let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
            let facts = &plan.layout.as_streams().unwrap().facts;
            held += facts
                .iter()
                .flat_map(|fact| &fact.terms)
                .filter(|term| matches!(term, FactTerm::Constant(_)))
                .count();
            accept(&format!("{name}, {:?}", candidate.knobs), &case, plan);
            layouts += 1;
        }
    }
    assert!(layouts > 100 && held > layouts, "only {layouts} layouts with {held} terms were possible");
}

/// A layer that reads nothing: constants alone, which another layer adds.
#[test]
fn a_layer_of_constants_alone_is_accepted() {
    let planes = Planes::new(2, 3, 4);
    let layer = |index: u64, terms: Vec<Term<f64>>| {
        let finish = FloatFinish { activation: Activation::none(), precision: Precision::Calibrated };
        Fused::Layer(FusedLayer {
            name: format!("layer{index}"),
            output: planes,
            terms,
            bias: vec![0.25; 2],
            finish,
        })
    };
    let values = Array3::from_shape_fn(planes.dims(), |(c, y, x)| (c + 2 * y) as f64 - x as f64);
    let mut layers = Graph::new();
    let input = layers.add(Fused::Input(planes), &[]);
    let constants = layers.add(layer(0, vec![Constant { values }.into()]), &[]);
    let moves = vec![Move::plain(1.0).into(), Move::plain(-1.0).into()];
    layers.add(layer(1, moves), &[input, constants]);
    let case = Case::of_layers(6, &layers, true, 3).unwrap();
    for lanes in [1, 3, 8] {
        let options = PlanOptions { lanes: Some(lanes), family: Some(Family::Streams), ..PlanOptions::default() };
        accept("constants alone", &case, plan(&case.graph, &options).unwrap());
    }
}

/// Consumers that would need different evaluations of one tensor: refused, or proven honestly, never something else.
#[test]
fn flat_evaluations_serve_only_their_own_layers() {
    let padded = vec![
        nets::conv(2, 3, 0, nets::RELU),
        nets::conv(2, 1, 0, nets::RELU),
        nets::conv(2, 3, 1, nets::NONE).reading(1).plus(2),
    ];
    let pools = vec![
        nets::conv(2, 1, 0, nets::RELU),
        nets::conv(2, 1, 0, nets::RELU).pooled(2),
        nets::conv(2, 1, 0, nets::NONE).pooled(3).reading(1).plus(2),
    ];
    let wide = vec![nets::conv(2, 3, 1, nets::RELU), nets::conv(2, 3, 1, nets::NONE).pooled(4)];
    for (size, specs) in [(3, padded), (3, pools), (4, wide)] {
        let case = Case::new(Planes::new(2, size, size), &specs, true, 3);
        let options = PlanOptions { family: Some(Family::Streams), ..PlanOptions::default() };
        if let Ok(plan) = plan(&case.graph, &options) {
            accept("flat", &case, plan);
        }
    }
}

#[test]
fn every_visibility_is_accepted() {
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 7);
        use InputMode::{Committed, First, Private, Public};
        let modes = [
            (Private, WeightMode::Fixed),
            (Public, WeightMode::Fixed),
            (Private, WeightMode::Committed),
            (Committed, WeightMode::Fixed),
            (Committed, WeightMode::Private),
            (Committed, WeightMode::Committed),
            (First(1), WeightMode::Private),
        ];
        let possible = |(mode, _): &(InputMode, WeightMode)| !matches!(mode, First(_)) || input.channels > 1;
        for (input, weights) in modes.into_iter().filter(possible) {
            accept(name, &case, case.plan(Visibility { input, weights }));
        }
    }
}

#[test]
fn random_networks_have_the_planned_shape_and_are_accepted() {
    let mut numbers = Numbers::new(11);
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..300 {
        let (input, specs) = nets::random_network(&mut numbers);
        let case = Case::new(input, &specs, seed % 2 == 0, seed);
        let weights = [WeightMode::Fixed, WeightMode::Private, WeightMode::Committed][seed as usize % 3];
        let visibility = Visibility { input: InputMode::ALL[seed as usize % 5 % 3], weights };
        match plan(
            &case.graph,
            &PlanOptions {
                visibility,
                min_k: 8 + (seed % 4) as u32,
                max_k: 14,
                family: Some(Family::Streams),
                ..PlanOptions::default()
            },
        ) {
            Ok(plan) => {
                accept(&format!("{input} {specs:?}"), &case, plan);
                accepted += 1;
            }
            Err(error) => {
                println!("{input} {specs:?}: {error}");
                refused += 1;
            }
        }
    }
    assert!(accepted > 280, "{accepted} networks were planned, {refused} refused");
}
