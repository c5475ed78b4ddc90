//! Heads: what an output ends in that its file leaves to whoever reads it.
//!
//! A head is a node like any other; what becomes of it is known where operators are.

use tract_onnx::pb;

use super::ending::{CutOff, Ending};
use super::node::{HEAD, LAST_FLAT_OPSET};
use crate::error::ImportError;

/// Endings that give the largest of what they read the largest place, along an axis.
const RISING: [&str; 2] = ["Softmax", "LogSoftmax"];

/// What a model's output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// As the file has it.
    #[default]
    Given,
    /// The place of the largest value: along the axis of the ArgMax that the file ends in, and as that has it, or along that of its last
    /// softmax, or else along the last axis, the first of equal ones. Of logits, it is the token.
    ArgMax,
}

impl Head {
    /// Name of the node that a graph gets for this head.
    pub fn node(self) -> Option<&'static str> {
        match self {
            Self::Given => None,
            Self::ArgMax => Some(HEAD),
        }
    }

    /// Adds the head to a graph whose endings were cut off, the last one first; returns those that are still left to the reader.
    ///
    /// # Errors
    /// A graph with several outputs, or whose own ArgMax is not of the output that is left.
    pub(super) fn append(
        self,
        graph: &mut pb::GraphProto,
        cut: Vec<CutOff>,
        opset: i64,
    ) -> Result<Vec<Ending>, ImportError> {
        if self == Self::Given {
            return Ok(cut.into_iter().map(|own| own.ending).collect());
        }
        let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
        let [output] = outputs[..] else {
            return Err(wrong(&format!("are of one output, the model has {outputs:?}")));
        };
        let output = output.to_owned();
        let (mut node, left) = match cut.iter().rposition(|own| own.ending.op == "ArgMax") {
            Some(place) => (own_arg_max(&cut[place..], opset)?, place),
            None => (arg_max(axis_of_softmax(&cut, opset)), 0),
        };
        node.name = HEAD.to_owned();
        node.input = vec![output];
        let given = node.output.first().cloned().unwrap_or_default();
        graph.node.push(node);
        graph.output = vec![pb::ValueInfoProto { name: given.clone(), ..Default::default() }];
        Ok(reading(cut.into_iter().take(left).map(|own| own.ending), given))
    }
}

/// The endings that read a tensor, or what others of them give: the last one first, as they come.
fn reading(endings: impl DoubleEndedIterator<Item = Ending>, tensor: String) -> Vec<Ending> {
    let mut known = vec![tensor];
    let mut kept: Vec<Ending> = Vec::new();
    for ending in endings.rev().collect::<Vec<_>>() {
        if known.contains(&ending.reads) {
            known.push(ending.gives.clone());
            kept.push(ending);
        }
    }
    kept.reverse();
    kept
}

/// The file's own ArgMax, given it and the endings before it. They must leave the order along its axis as it is.
fn own_arg_max(cut: &[CutOff], opset: i64) -> Result<pb::NodeProto, ImportError> {
    let [CutOff { node, .. }, before @ ..] = cut else { return Err(wrong("are of nothing")) };
    let axis = int(node, "axis").unwrap_or(0);
    for CutOff { node: other, ending } in before {
        let own = int(other, "axis");
        let alike = if opset <= LAST_FLAT_OPSET {
            let first = own.unwrap_or(1);
            axis == -1 || axis == first || first >= 0 && axis >= first
        } else {
            own.unwrap_or(-1) == axis
        };
        if !RISING.contains(&ending.op.as_str()) || !alike {
            let reason = format!(
                "are those of its own ArgMax along axis {axis}, but {:?} ({}) before that is not along the same axis",
                ending.node, ending.op
            );
            return Err(wrong(&reason));
        }
    }
    Ok(node.clone())
}

/// The axis of the softmax that a file ends in, or else the last one.
fn axis_of_softmax(cut: &[CutOff], opset: i64) -> i64 {
    let last = cut.iter().find(|own| RISING.contains(&own.ending.op.as_str()));
    last.filter(|_| opset > LAST_FLAT_OPSET).and_then(|own| int(&own.node, "axis")).unwrap_or(-1)
}

fn arg_max(axis: i64) -> pb::NodeProto {
    let int = |name: &str, i: i64| pb::AttributeProto {
        name: name.to_owned(),
        i,
        r#type: pb::attribute_proto::AttributeType::Int as i32,
        ..Default::default()
    };
    pb::NodeProto {
        op_type: "ArgMax".to_owned(),
        output: vec![HEAD.to_owned()],
        attribute: vec![int("axis", axis), int("keepdims", 0)],
        ..Default::default()
    }
}

fn int(node: &pb::NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|own| own.name == name).map(|own| own.i)
}

fn wrong(reason: &str) -> ImportError {
    ImportError::Graph(format!("places of the largest {reason}"))
}
