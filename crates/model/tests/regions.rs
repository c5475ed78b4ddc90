//! Regions of operators that act value by value become one layer, and others do not.
#![allow(missing_docs, clippy::unwrap_used)]

use zklayout_model::{Activation, Clamp, Float, FloatOp, Function, Graph, Move, NodeId, Planes, fuse};

const SHAPE: Planes = Planes { channels: 2, height: 3, width: 3 };

fn add(graph: &mut Graph<Float>, op: FloatOp, sources: &[NodeId]) -> NodeId {
    graph.add(Float { name: format!("n{}", graph.len()), op, shape: SHAPE }, sources)
}

fn function(function: Function) -> FloatOp {
    FloatOp::Activation(Activation::Function(function))
}

fn affine(scale: f64, shift: f64) -> FloatOp {
    FloatOp::Affine { scale: vec![scale; 2], shift: vec![shift; 2] }
}

/// Number of layers of a graph that an operator list makes after its input.
fn layers(build: impl Fn(&mut Graph<Float>, NodeId)) -> usize {
    let mut graph = Graph::new();
    let input = add(&mut graph, FloatOp::Input, &[]);
    build(&mut graph, input);
    fuse(&graph).unwrap().len() - 1
}

#[test]
fn a_region_is_one_table_however_it_is_spelled() {
    let clip = FloatOp::Activation(Activation::Clamp(Clamp { lo: Some(0.0), hi: Some(6.0) }));
    let silu = layers(|graph, x| {
        let s = add(graph, function(Function::Sigmoid), &[x]);
        add(graph, FloatOp::Product, &[x, s]);
    });
    let gelu = layers(|graph, x| {
        let scaled = add(graph, affine(0.5f64.sqrt(), 0.0), &[x]);
        let erf = add(graph, function(Function::Erf), &[scaled]);
        let shifted = add(graph, affine(1.0, 1.0), &[erf]);
        let product = add(graph, FloatOp::Product, &[x, shifted]);
        add(graph, affine(0.5, 0.0), &[product]);
    });
    let hard_swish = layers(|graph, x| {
        let shifted = add(graph, affine(1.0, 3.0), &[x]);
        let clipped = add(graph, clip.clone(), &[shifted]);
        let scaled = add(graph, affine(1.0 / 6.0, 0.0), &[clipped]);
        add(graph, FloatOp::Product, &[scaled, x]);
    });
    // The first layer brings the input to integers of the table's range.
    assert_eq!((silu, gelu, hard_swish), (1, 1, 1));
}

#[test]
fn what_depends_on_two_tensors_is_no_region() {
    let mut graph = Graph::new();
    let x = add(&mut graph, FloatOp::Input, &[]);
    let halves = [0, 1].map(|channel| Move { channels: Some(vec![Some(channel); 2]), ..Move::plain(1.0) });
    let [a, b] = halves.map(|half| add(&mut graph, FloatOp::Sum { terms: vec![half] }, &[x]));
    let sigmoid = add(&mut graph, function(Function::Sigmoid), &[b]);
    add(&mut graph, FloatOp::Product, &[a, sigmoid]);
    assert!(fuse(&graph).unwrap().len() > 4);
}
