//! The file's own operators in 64-bit floats, node by node: what constants are folded by, and the second opinion on an import.
//!
//! It shares with the import what an operator's attributes say, and nothing of planes or layers.

use std::collections::HashMap;

use tract_onnx::pb;
use zklayout_model::Planes;

use super::node::Node;
use super::ops::{Operators, Rule, qualified_name};
use super::value::{Kind, Value};
use crate::error::ImportError;

/// Nodes in an order in which they can be run.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) nodes: Vec<pb::NodeProto>,
    pub(super) constants: HashMap<String, Value>,
    pub(super) inputs: Vec<(String, Vec<usize>, Kind)>,
    pub(super) outputs: Vec<String>,
    pub(super) opset: i64,
    pub(super) operators: Operators,
}

/// A node's results in numbers, when all that it reads are numbers.
pub(super) fn evaluate(node: &Node<'_>, rule: Rule) -> Result<Vec<Value>, ImportError> {
    match rule {
        Rule::Pick(pick) => {
            let value = node.value(0)?;
            Ok(pick(node, &value.dims)?.into_iter().map(|picked| value.pick(picked)).collect())
        }
        Rule::Function(function) => {
            let (activation, value) = (function(node)?, node.value(0)?);
            let numbers = node.numbers(0)?.iter().map(|number| activation.apply(*number)).collect();
            Ok(vec![Value::numbers(value.kind, value.dims.clone(), numbers)])
        }
        Rule::Constants(constants) => constants(node),
        Rule::Layers(_, evaluate) => evaluate(node),
        Rule::Own(_) => Err(node.unsupported("an operator of one's own has no numbers of its own")),
    }
}

impl Interpreter {
    /// All outputs, flat, one after the other, of all inputs likewise.
    pub(super) fn run(&self, input: &[f64]) -> Result<Vec<f64>, ImportError> {
        let outputs = self.values(input)?;
        Ok(outputs.iter().filter_map(Value::as_numbers).flatten().copied().collect())
    }

    /// The same, each output with its extents.
    pub(super) fn values(&self, input: &[f64]) -> Result<Vec<Value>, ImportError> {
        let mut values = self.constants.clone();
        let mut rest = input;
        for (name, dims, kind) in &self.inputs {
            let (own, others) =
                rest.split_at_checked(dims.iter().product()).ok_or_else(|| too_short(input.len()))?;
            rest = others;
            values.insert(name.clone(), Value::numbers(*kind, dims.clone(), own.to_vec()));
        }
        for proto in &self.nodes {
            let inputs: Vec<Option<Value>> = proto.input.iter().map(|name| values.get(name).cloned()).collect();
            let node = Node::new(proto, &inputs, self.opset, Planes::vector(1));
            let operator = qualified_name(proto);
            let rule = self.operators.rule(&operator);
            let rule = rule.ok_or_else(|| node.unsupported("it is not known"))?;
            for (name, value) in proto.output.iter().zip(evaluate(&node, rule)?) {
                values.insert(name.clone(), value);
            }
        }
        let output = |name: &String| {
            let value = values.get(name).filter(|value| value.as_numbers().is_some()).cloned();
            value.ok_or_else(|| ImportError::Graph(format!("output {name:?} has no numbers")))
        };
        self.outputs.iter().map(output).collect()
    }
}

fn too_short(found: usize) -> ImportError {
    ImportError::Graph(format!("{found} values are fewer than the model's inputs have"))
}
