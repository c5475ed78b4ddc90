//! Networks stored in small integers: every rounding by a shift is replaced by multipliers, means and factors.

use zklayout_model::{
    Fixed, FixedInput, FixedLayer, Graph, Multiplier, OutputKind, PerChannel, Rescale, Scaling, Stored,
    execute_integers,
};

use super::{Case, Numbers};

/// Stored integers of the tests' networks: few, so that tables are small.
const LEAST: i64 = -12;
const MOST: i64 = 11;

/// The network with other roundings, on a random input.
pub fn stored(graph: &Graph<Fixed>, numbers: &mut Numbers) -> Case {
    let mut other = Graph::new();
    let (mut nodes, mut ranges) = (Vec::new(), Vec::new());
    for (id, node) in graph.nodes() {
        let sources: Vec<_> = graph.inputs(id).iter().map(|source| nodes[source.index()]).collect();
        let read: Vec<(i64, i64)> = graph.inputs(id).iter().map(|source| ranges[source.index()]).collect();
        let (node, range) = match node {
            Fixed::Input(input) => {
                let stored = Some(Stored { unit: 0.1, zero_point: -3 });
                let input = FixedInput { scale: PerChannel::uniform(0), stored, ..input.clone() };
                let range = (input.range.lo, input.range.hi);
                (Fixed::Input(input), range)
            }
            Fixed::Layer(layer) => rescaled(layer, &read, numbers),
        };
        nodes.push(other.add(node, &sources));
        ranges.push(range);
    }
    let Some((_, Fixed::Input(input))) = other.nodes().next() else { panic!("a graph starts with its input") };
    let (lo, count) = (input.range.lo, input.range.len());
    let values: Vec<i64> = (0..input.shape.len()).map(|_| lo + numbers.below(count) as i64).collect();
    let trace = execute_integers(&other, &values).unwrap();
    Case { graph: other, trace }
}

fn rescaled(layer: &FixedLayer, read: &[(i64, i64)], numbers: &mut Numbers) -> (Fixed, (i64, i64)) {
    let reach = layer.reach(read).unwrap();
    if layer.finish.kind == OutputKind::Raw && numbers.below(4) == 0 {
        return (Fixed::Layer(layer.clone()), (0, 0));
    }
    let zero_point = [LEAST, 0, 3][numbers.below(3)];
    let slopes: Vec<f64> = reach
        .iter()
        .map(|(lo, hi)| (10 + numbers.below(40)) as f64 / lo.abs().max(hi.abs()).max(60) as f64)
        .collect();
    let steepest = slopes.iter().fold(0.0, |most, slope| f64::max(most, *slope));
    let scaling = match numbers.below(6) {
        0 => Scaling::Factors(slopes),
        1 => Scaling::Mean((1.0 / steepest) as i64),
        2 => Scaling::Shift((1.0 / steepest).log2() as u32),
        _ => Scaling::Multipliers(slopes.iter().map(|slope| Multiplier::of(*slope).unwrap()).collect()),
    };
    let stored = Stored { unit: 0.1, zero_point };
    let rescale = Rescale { scaling, stored, lo: LEAST, hi: MOST, reach };
    let range = rescale.extremes();
    (Fixed::Layer(layer.clone().with_kind(OutputKind::Rescale(rescale))), range)
}
