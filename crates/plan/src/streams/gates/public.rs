//! Public cells: instance values beside the homes they belong to.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 2 | public_values * (p_i - value_offset * mask_i - instance_i) = 0 |
//! | 3 | public_accumulators * (D * (q - offset) + r - instance) = 0, in the last lane |

use crate::algebra::{Constraint, PublicAlgebra};
use crate::streams::gates::activation::accumulator;
use crate::streams::gates::formulas::StreamGates;

pub(super) fn values<A: PublicAlgebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let strips = &gates.strips;
    let Some(public) = strips.fixed.public_values.map(|column| a.fixed(column)) else { return Vec::new() };
    let first = gates.knobs.lanes - strips.instance;
    let instances = (0..strips.instance).map(|index| {
        let lane = first + index;
        let mask = a.fixed(strips.fixed.masks[lane]);
        let value = a.advice(strips.values.at(lane), 0);
        let instance = a.instance(index);
        let difference = value - mask * a.constant(gates.numbers.value_offset) - instance;
        ("a lane's value is the public one", public.clone() * difference)
    });
    instances.collect()
}

pub(super) fn accumulators<A: PublicAlgebra>(gates: &StreamGates<'_>, a: &mut A) -> Vec<Constraint<A::Value>> {
    let column = gates.strips.fixed.public_accumulators;
    let Some(public) = column.map(|column| a.fixed(column)) else { return Vec::new() };
    let accumulator = accumulator(gates, a, gates.knobs.lanes - 1);
    let instance = a.instance(gates.strips.instance - 1);
    vec![("the last lane's accumulator is the public one", public * (accumulator - instance))]
}
