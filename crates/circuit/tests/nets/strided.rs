//! Random networks whose strided layers may read phases.

use zklayout_model::Planes;
use zklayout_plan::{Family, Home, Knobs, Plan, PlanOptions, StreamKnobs, Visibility, candidates};

use super::{Case, NONE, Numbers, RELU, Spec, conv, dense};

/// Homes in phases of a plan.
pub fn phased_homes(plan: &Plan) -> impl Iterator<Item = &Home> {
    plan.layout.as_streams().unwrap().homes.iter().filter(|home| home.phases() > 1)
}

/// Every candidate of a network with so many lanes, or with any, that stores in phases what can be.
pub fn phased_plans(case: &Case, visibility: Visibility, lanes: Option<usize>) -> Vec<Knobs> {
    let options =
        PlanOptions { visibility, lanes, family: Some(Family::Streams), max_k: 12, ..Default::default() };
    let all = candidates(&case.graph, &options).unwrap_or_default().into_iter().map(|candidate| candidate.knobs);
    all.filter(|knobs| matches!(knobs, Knobs::Streams(StreamKnobs { whole_grids: false, .. }))).collect()
}

/// One of them.
pub fn phased_plan(case: &Case, visibility: Visibility, lanes: usize) -> Plan {
    let knobs = phased_plans(case, visibility, Some(lanes));
    Plan::realise(&case.graph, visibility, &knobs[0]).unwrap()
}

/// A random network with strided layers of every kind, and layers around them.
pub fn strided_network(numbers: &mut Numbers) -> (Planes, Vec<Spec>) {
    let input = Planes::new(1 + numbers.below(3), 5 + numbers.below(9), 5 + numbers.below(9));
    let (mut height, mut width) = (input.height, input.width);
    let mut specs: Vec<Spec> = Vec::new();
    for _ in 0..1 + numbers.below(2) {
        if numbers.below(3) > 0 {
            let padding = numbers.below(2);
            if height.min(width) > 2 {
                let before = conv(1 + numbers.below(3), 3, padding, RELU);
                specs.push(if numbers.below(4) == 0 { before.depthwise() } else { before });
                (height, width) = (height + 2 * padding - 2, width + 2 * padding - 2);
            }
        }
        let stride = 2 + numbers.below(3);
        let size = 1 + numbers.below(5.min(height).min(width));
        let padding = numbers.below(size + 1);
        let node = specs.len();
        let outputs = 1 + numbers.below(3);
        let strided = conv(outputs, size, padding, RELU).strided(stride);
        let depthwise = numbers.below(4) == 0;
        let extent = |full: usize| (full + 2 * padding - size) / stride + 1;
        let pointwise = |full: usize| (full - 1) / stride + 1;
        let shortcut = !depthwise
            && node > 0
            && numbers.below(2) == 0
            && (extent(height), extent(width)) == (pointwise(height), pointwise(width));
        if shortcut {
            specs.push(conv(outputs, 1, 0, NONE).strided(stride));
            specs.push(strided.reading(node));
            specs.push(conv(outputs, 3, 1, RELU).plus(node + 1));
        } else {
            specs.push(if depthwise { strided.depthwise() } else { strided });
        }
        (height, width) = (extent(height), extent(width));
    }
    if height.min(width) >= 4 && numbers.below(3) == 0 {
        specs.push(conv(2, 1, 0, RELU).pooled(2));
    }
    if numbers.below(3) > 0 {
        specs.push(dense(1 + numbers.below(4), NONE));
    }
    (input, specs)
}
