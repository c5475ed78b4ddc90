//! Endings: operators after the last layer that read the output and change nothing about what it says.
//!
//! A proof makes the scores public, and anyone can take the softmax or the largest of public scores. What stands after an
//! ending is not known here; only a chain at the model's output is cut off.

use tract_onnx::pb;

use super::ops::{Operators, Rule, qualified_name};

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

impl Ending {
    /// Names of the operators that are left to whoever reads the output.
    pub fn operators() -> [&'static str; 4] {
        ENDINGS
    }
}

/// Cuts the endings off a graph, the last one first; its outputs are then what they read, each once.
pub(super) fn cut(graph: &mut pb::GraphProto, operators: &Operators) -> Vec<Ending> {
    let mut endings = Vec::new();
    while let Some((output, place)) = last_ending(graph, operators) {
        let node = graph.node.remove(place);
        let source = node.input.into_iter().next().unwrap_or_default();
        graph.output[output] = pb::ValueInfoProto { name: source, ..pb::ValueInfoProto::default() };
        endings.push(Ending { node: node.name, op: node.op_type });
    }
    let mut names: Vec<String> = Vec::new();
    graph.output.retain(|output| {
        let known = names.contains(&output.name);
        names.push(output.name.clone());
        !known
    });
    endings
}

/// An output of the graph, and the place of the node that gives it, if that is an ending, reads another node's result, and
/// nobody else reads its own.
fn last_ending(graph: &pb::GraphProto, operators: &Operators) -> Option<(usize, usize)> {
    graph.output.iter().enumerate().find_map(|(number, output)| {
        let place = graph.node.iter().position(|node| node.output.first() == Some(&output.name))?;
        let node = &graph.node[place];
        let operator = qualified_name(node);
        let is_ending =
            ENDINGS.contains(&operator.as_ref()) && !matches!(operators.rule(&operator), Some(Rule::Own(_)));
        let source = node.input.first()?;
        let follows = graph.node.iter().any(|other| other.output.contains(source));
        let is_read = graph.node.iter().any(|other| other.input.contains(&output.name));
        (is_ending && follows && !is_read).then_some((number, place))
    })
}
