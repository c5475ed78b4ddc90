//! Float graphs that no importer makes are refused by the operator's name.
#![allow(missing_docs, clippy::unwrap_used)]

use zklayout_model::{Float, FloatOp, FuseError, Graph, Move, NodeId, Planes, fuse};

fn node(op: FloatOp) -> Float {
    Float { name: "odd".into(), op, shape: Planes::vector(3) }
}

#[test]
fn a_graph_starts_with_its_input() {
    let mut graph = Graph::new();
    assert!(matches!(fuse(&graph), Err(FuseError::NoInput)));
    graph.add(node(FloatOp::Flatten), &[]);
    assert!(matches!(fuse(&graph), Err(FuseError::NoInput)));
}

#[test]
fn operators_read_as_many_tensors_as_they_have() {
    let sum = |terms: usize| FloatOp::Sum { terms: vec![Move::plain(1.0); terms] };
    let cases: [(FloatOp, usize); 7] = [
        (FloatOp::Product, 1),
        (FloatOp::Product, 3),
        (sum(2), 1),
        (sum(1), 2),
        (FloatOp::Flatten, 0),
        (FloatOp::Flatten, 2),
        (FloatOp::Input, 0),
    ];
    for (op, sources) in cases {
        let mut graph = Graph::new();
        let input = graph.add(node(FloatOp::Input), &[]);
        let label = op.label();
        graph.add(node(op), &vec![input; sources] as &[NodeId]);
        let error = fuse(&graph).unwrap_err().to_string();
        assert!(error.contains("\"odd\"") && error.contains(label), "{label} of {sources}: {error}");
        assert!(error.contains(&format!("reads {sources} tensors")), "{error}");
    }
}
