//! Regions of operators that act value by value and depend on one tensor: each becomes one function of that tensor, and one
//! table, however the function is spelled.
//!
//! A chain that merges into layers by itself is left alone: a region has a product or a sum of several of its own values, or
//! several functions of which one is no clamp. It knows operators of floats, not layers.

use std::borrow::Cow;

use crate::activation::Activation;
use crate::float::{Float, FloatOp};
use crate::graph::{Graph, NodeId};
use crate::pointwise::{Pointwise, Step};

/// The graph with every region as one activation; nodes that nobody reads any more are left out.
pub(crate) fn merge_regions(graph: &Graph<Float>) -> Cow<'_, Graph<Float>> {
    let roots = roots(graph);
    let regions: Vec<Option<(NodeId, Pointwise)>> =
        graph.nodes().map(|(id, _)| region(graph, &roots, id)).collect();
    if regions.iter().all(Option::is_none) {
        return Cow::Borrowed(graph);
    }
    let sources = |id: NodeId| match &regions[id.index()] {
        Some((root, _)) => vec![*root],
        None => graph.inputs(id),
    };
    let live = live(graph, &sources);
    let mut merged: Graph<Float> = Graph::new();
    let mut places = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let mut node = node.clone();
        if let Some((_, function)) = &regions[id.index()] {
            node.op = FloatOp::Activation(Activation::Composed(function.clone()));
        }
        let own: Vec<NodeId> = sources(id).into_iter().map(|source| places[source.index()]).collect();
        // What is not live is read by nobody, so that its place is not asked for.
        places.push(if live[id.index()] { merged.add(node, &own) } else { NodeId::default() });
    }
    Cow::Owned(merged)
}

/// By node, whether the output depends on it; the input is always there.
fn live(graph: &Graph<Float>, sources: &dyn Fn(NodeId) -> Vec<NodeId>) -> Vec<bool> {
    let mut live = vec![false; graph.len()];
    for (id, _) in graph.nodes().rev() {
        let place = id.index();
        live[place] |= place == 0 || place + 1 == graph.len();
        if live[place] {
            sources(id).into_iter().for_each(|source| live[source.index()] = true);
        }
    }
    live
}

/// By node, the tensor that all of its values are a function of, value by value; itself if it is no such function.
fn roots(graph: &Graph<Float>) -> Vec<NodeId> {
    let mut roots: Vec<NodeId> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let sources = graph.inputs(id);
        let common = sources.first().map(|source| roots[source.index()]);
        let same = sources.iter().all(|source| Some(roots[source.index()]) == common);
        let root = common.filter(|_| same && step(&node.op, &vec![0; sources.len()]).is_some());
        roots.push(root.unwrap_or(id));
    }
    roots
}

/// An operator as a step on results; `None` if it does not act value by value, or differently from value to value.
fn step(op: &FloatOp, sources: &[usize]) -> Option<Step> {
    let uniform =
        |values: &[f64]| values.first().copied().filter(|first| values.iter().all(|value| value == first));
    match (op, sources) {
        (FloatOp::Activation(Activation::Clamp(clamp)), [of]) => Some(Step::Clamp(*clamp, *of)),
        (FloatOp::Activation(Activation::Function(function)), [of]) => Some(Step::Function(*function, *of)),
        (FloatOp::Affine { scale, shift }, [of]) => {
            Some(Step::Sum { constant: uniform(shift)?, terms: vec![(*of, uniform(scale)?)] })
        }
        (FloatOp::Sum { terms }, _) if terms.len() == sources.len() => {
            let plain = terms.iter().all(|term| term.is_plain() && term.factor.is_uniform());
            let factors = terms.iter().map(|term| term.factor.of(0));
            plain.then(|| Step::Sum { constant: 0.0, terms: sources.iter().copied().zip(factors).collect() })
        }
        (FloatOp::Product, [a, b]) => Some(Step::Product(*a, *b)),
        _ => None,
    }
}

/// The region that ends in a node, as a function of its root, if it is worth a table of its own.
fn region(graph: &Graph<Float>, roots: &[NodeId], end: NodeId) -> Option<(NodeId, Pointwise)> {
    let root = roots[end.index()];
    if root == end {
        return None;
    }
    let members = members(graph, root, end);
    let places = |source: NodeId| match members.iter().position(|member| *member == source) {
        Some(place) => place + 1,
        None => 0,
    };
    let mut steps = Vec::with_capacity(members.len());
    for &member in &members {
        let sources: Vec<usize> = graph.inputs(member).into_iter().map(places).collect();
        steps.push(step(&graph.node(member).op, &sources)?);
    }
    let functions = steps.iter().filter(|step| matches!(step, Step::Function(..))).count();
    let clamps = steps.iter().filter(|step| matches!(step, Step::Clamp(..))).count();
    let products = steps.iter().any(|step| matches!(step, Step::Product(..)));
    let joined = steps.iter().any(|step| matches!(step, Step::Sum { terms, .. } if terms.len() > 1));
    (products || functions > 1 || functions == 1 && (joined || clamps > 0))
        .then_some((root, Pointwise::new(steps)?))
}

/// The nodes between a root and an end, producers first, the root left out.
fn members(graph: &Graph<Float>, root: NodeId, end: NodeId) -> Vec<NodeId> {
    let (mut members, mut stack) = (Vec::new(), vec![end]);
    while let Some(id) = stack.pop() {
        if id != root && !members.contains(&id) {
            members.push(id);
            stack.extend(graph.inputs(id));
        }
    }
    members.sort_unstable();
    members
}
