//! Endings: operators after the last layer that read the output and change nothing about what it says.
//!
//! A proof makes the scores public, and anyone can take the softmax or the largest of public scores. What stands after an
//! ending is not known here; only a chain at the model's output is cut off.

use tract_onnx::pb;

use super::ops::{Operators, Rule, qualified_name};

/// Operators that are left to whoever reads the output, unless an importer is given for them.
const ENDINGS: [&str; 4] = ["Softmax", "LogSoftmax", "ArgMax", "Hardmax"];
/// Operators that are left to the reader after one of those.
const AFTER_ENDINGS: [&str; 6] = ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"];

/// Endings one after the other.
const MOST_ENDINGS: usize = 16;

/// An operator that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Name of its node.
    pub node: String,
    /// The operator.
    pub op: String,
    /// What it gives: an output of the file, or what a later ending reads.
    pub gives: String,
    /// What it reads.
    pub reads: String,
}

/// An ending with its node, whose input and output it names.
pub(super) struct CutOff {
    pub(super) ending: Ending,
    pub(super) node: pb::NodeProto,
}

impl Ending {
    /// Names of the operators that are left to whoever reads the output.
    pub fn operators() -> [&'static str; 4] {
        ENDINGS
    }
}

/// Cuts the endings off a graph, the last one first; its outputs are then what they read, each once.
pub(super) fn cut(graph: &mut pb::GraphProto, operators: &Operators) -> Vec<CutOff> {
    let mut endings = Vec::new();
    while let Some((output, place, slot)) = last_ending(graph, operators) {
        let mut node = graph.node.remove(place);
        let reads = node.input.swap_remove(slot);
        let gives = std::mem::replace(
            &mut graph.output[output],
            pb::ValueInfoProto { name: reads.clone(), ..pb::ValueInfoProto::default() },
        );
        let ending = Ending { node: node.name.clone(), op: node.op_type.clone(), gives: gives.name, reads };
        endings.push(CutOff { ending, node });
    }
    let mut names: Vec<String> = Vec::new();
    graph.output.retain(|output| {
        let known = names.contains(&output.name);
        names.push(output.name.clone());
        !known
    });
    endings
}

/// An output of the graph, the place of the node that gives it, and the slot at which that reads another node's result, if it is an
/// ending and nobody else reads its own.
fn last_ending(graph: &pb::GraphProto, operators: &Operators) -> Option<(usize, usize, usize)> {
    graph.output.iter().enumerate().find_map(|(number, output)| {
        let place = producer(graph, &output.name)?;
        let slot = ending_slot(graph, operators, &graph.node[place], MOST_ENDINGS)?;
        let is_read = graph.node.iter().any(|other| other.input.contains(&output.name));
        (!is_read).then_some((number, place, slot))
    })
}

/// The place of the node that gives a tensor.
fn producer(graph: &pb::GraphProto, tensor: &str) -> Option<usize> {
    graph.node.iter().position(|node| node.output.first().is_some_and(|output| output == tensor))
}

/// The slot at which an ending reads another node's result; `None` if the node is no ending. A choice among constants by what an
/// ending gives is one, as classifiers name their classes.
fn ending_slot(graph: &pb::GraphProto, operators: &Operators, node: &pb::NodeProto, left: usize) -> Option<usize> {
    let operator = qualified_name(node);
    if left == 0 || matches!(operators.rule(&operator), Some(Rule::Own(_))) {
        return None;
    }
    let source = |slot: usize| {
        let tensor = node.input.get(slot)?;
        graph.node.iter().find(|other| other.output.contains(tensor))
    };
    let after_ending =
        |slot: usize| source(slot).is_some_and(|own| ending_slot(graph, operators, own, left - 1).is_some());
    if ENDINGS.contains(&operator.as_ref()) {
        return source(0).map(|_| 0);
    }
    let is_constant = |name: &String| graph.initializer.iter().any(|tensor| tensor.name == *name);
    let chooses = operator == "Gather" && node.input.first().is_some_and(is_constant);
    let slot = usize::from(chooses);
    (chooses || AFTER_ENDINGS.contains(&operator.as_ref())).then_some(slot).filter(|slot| after_ending(*slot))
}
