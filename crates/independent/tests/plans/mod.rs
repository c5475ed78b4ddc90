//! Random plans of the family `streams`.
#![allow(dead_code)]

use zklayout_model::{Fixed, Graph, OutputKind};
use zklayout_plan::{
    Family, InputMode, LookupArgument, Plan, PlanOptions, Requantise, Visibility, WeightMode, candidates,
};

use crate::nets::operators::random_operators;
use crate::nets::sequence::{Extents, PLACES, random_sequence, sequence};
use crate::nets::stored::stored;
use crate::nets::strided::strided_network;
use crate::nets::{Case, Numbers, network, random_network, with_constants};

/// A random network and a random plan of the `index`-th variant: chains and moves, rounded by shifts or stored in bytes,
/// with any visibility.
pub fn random_plan(index: u64) -> (Graph<Fixed>, Plan) {
    let (case, plan) = random_case(index);
    (case.graph, plan)
}

/// The same with an execution.
pub fn random_case(index: u64) -> (Case, Plan) {
    let mut numbers = Numbers::new(index * 131 + 17);
    loop {
        let case = if index % 48 == 15 {
            Case::of_operators(&sequence(PLACES, Extents::random(&mut numbers), index % 96 == 15), index)
        } else if index % 12 == 3 {
            Case::of_operators(&random_sequence(&mut numbers), index)
        } else if index.is_multiple_of(3) {
            Case::of_operators(&random_operators(&mut numbers).graph, index)
        } else {
            let strided = index % 8 == 5;
            let (input, specs) =
                if strided { strided_network(&mut numbers) } else { random_network(&mut numbers) };
            let weight_bits = if index % 7 < 4 { 4 } else { 6 };
            let layers = network(input, &specs, index);
            let layers = if index % 6 == 1 { with_constants(&layers, index) } else { layers };
            Case::of_layers(weight_bits, &layers, index.is_multiple_of(2), index)
        };
        let in_limbs = index % 4 == 1;
        let case = if in_limbs { case.map(|case| stored(&case.graph, &mut numbers)) } else { case };
        let Ok(case) = case else { continue };
        if let Some(plan) = plan_of(&case.graph, index, &mut numbers) {
            return (case, plan);
        }
    }
}

fn plan_of(graph: &Graph<Fixed>, index: u64, numbers: &mut Numbers) -> Option<Plan> {
    let weights = match index % 5 {
        2 => WeightMode::Fixed,
        4 => WeightMode::Committed,
        _ => WeightMode::Private,
    };
    let planes = match graph.nodes().next() {
        Some((_, Fixed::Input(input))) => input.shape.channels,
        _ => 0,
    };
    let some = planes > 1 && index.is_multiple_of(2);
    let input = match index % 5 > 2 {
        true if some => InputMode::First(planes / 2),
        public => InputMode::public_if(public),
    };
    let visibility = Visibility { input, weights };
    let rescaled =
        |node: &Fixed| matches!(node, Fixed::Layer(layer) if matches!(layer.finish.kind, OutputKind::Rescale(_)));
    let in_limbs = graph.nodes().any(|(_, node)| rescaled(node));
    let options = PlanOptions {
        visibility,
        min_k: 6,
        max_k: 10,
        lanes: Some(1 + numbers.below(32)),
        family: Some(Family::Streams),
        lookups: Some(LookupArgument::ALL[numbers.below(4)]),
        requantise: (!in_limbs).then(|| Requantise::ALL[numbers.below(2)]),
        ..PlanOptions::default()
    };
    let all = candidates(graph, &options).ok()?;
    let candidate = all.get(numbers.below(all.len().max(1)))?;
    Plan::realise(graph, visibility, &candidate.knobs).ok()
}
