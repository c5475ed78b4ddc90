//! Endings: operators after the last layer that read the output and change nothing about what it says.
//!
//! A proof makes the scores public, and anyone can take the softmax or the largest of public scores. What stands after an
//! ending is not known here; only a chain at the model's output is cut off.

use tract_onnx::pb;

use super::ops::{Operators, qualified_name};

/// Operators that are left to whoever reads the output, unless an importer is given for them.
const ENDINGS: [&str; 4] = ["Softmax", "LogSoftmax", "ArgMax", "Hardmax"];

/// An operator that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Name of its node.
    pub node: String,
    /// The operator.
    pub op: String,
}

/// Cuts the endings off a graph, the last one first; its output is then what they read.
pub(super) fn cut(graph: &mut pb::GraphProto, operators: &Operators) -> Vec<Ending> {
    let mut endings = Vec::new();
    while let Some(place) = last_ending(graph, operators) {
        let node = graph.node.remove(place);
        let source = node.input.into_iter().next().unwrap_or_default();
        graph.output = vec![pb::ValueInfoProto { name: source, ..pb::ValueInfoProto::default() }];
        endings.push(Ending { node: node.name, op: node.op_type });
    }
    endings
}

/// Place of the node that gives the graph's only output, if that is an ending, reads another node's result, and nobody else
/// reads its own.
fn last_ending(graph: &pb::GraphProto, operators: &Operators) -> Option<usize> {
    let [output] = graph.output.as_slice() else { return None };
    let place = graph.node.iter().position(|node| node.output.first() == Some(&output.name))?;
    let node = &graph.node[place];
    let operator = qualified_name(node);
    let is_ending = ENDINGS.contains(&operator.as_ref()) && operators.importer(&operator).is_none();
    let source = node.input.first()?;
    let follows = graph.node.iter().any(|other| other.output.contains(source));
    let is_read = graph.node.iter().any(|other| other.input.contains(&output.name));
    (is_ending && follows && !is_read).then_some(place)
}
