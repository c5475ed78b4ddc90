//! Local functions: a node that calls one becomes the nodes of its body, under names of their own.
//!
//! It knows how files define functions, not what operators mean.

use std::collections::HashMap;

use prost::Message;
use tract_onnx::pb;

use crate::error::ImportError;

/// Calls within calls.
const MOST_DEPTH: usize = 32;
/// Nodes of a graph with every call in place.
const MOST_NODES: usize = 1 << 16;

/// What a model file holds beside its graph.
#[derive(Clone, PartialEq, Message)]
struct Library {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

/// A function of a model file.
#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<pb::NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<pb::OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    domain: String,
    /// Attributes that have a value where a call gives none.
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<pb::AttributeProto>,
}

/// Puts the bodies of a file's functions in the place of their calls; `opset` is the version of the model's own operator set.
///
/// # Errors
/// A function that calls itself, is defined twice, is written for another operator set, or makes the graph too large.
pub(super) fn inline(bytes: &[u8], graph: &mut pb::GraphProto, opset: i64) -> Result<(), ImportError> {
    let library = Library::decode(bytes).map_err(|error| ImportError::Graph(format!("its functions: {error}")))?;
    let mut functions: HashMap<(&str, &str), &Function> = HashMap::new();
    for function in &library.functions {
        if functions.insert((own_domain(&function.domain), &function.name), function).is_some() {
            return Err(function.wrong("is defined twice"));
        }
    }
    if functions.is_empty() {
        return Ok(());
    }
    let mut inliner = Inliner { functions, opset, nodes: Vec::new(), calls: 0 };
    for node in std::mem::take(&mut graph.node) {
        inliner.place(node, 0)?;
    }
    graph.node = inliner.nodes;
    Ok(())
}

/// The standard's own domain has two names.
fn own_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

struct Inliner<'a> {
    functions: HashMap<(&'a str, &'a str), &'a Function>,
    opset: i64,
    nodes: Vec<pb::NodeProto>,
    calls: usize,
}

impl Inliner<'_> {
    /// Adds a node, or the body of the function that it calls.
    fn place(&mut self, node: pb::NodeProto, depth: usize) -> Result<(), ImportError> {
        let called = self.functions.get(&(own_domain(&node.domain), node.op_type.as_str())).copied();
        let Some(function) = called else {
            self.nodes.push(node);
            return Ok(());
        };
        if depth == MOST_DEPTH {
            return Err(function.wrong(&format!("calls itself, or others more than {MOST_DEPTH} deep")));
        }
        if self.nodes.len() + function.node.len() > MOST_NODES || self.calls == MOST_NODES {
            return Err(function.wrong(&format!("makes the graph larger than {MOST_NODES} nodes")));
        }
        function.check_opset(self.opset)?;
        self.calls += 1;
        let call = Call { function, node: &node, number: self.calls };
        for inner in &function.node {
            self.place(call.copy(inner), depth + 1)?;
        }
        Ok(())
    }
}

impl Function {
    fn wrong(&self, reason: &str) -> ImportError {
        ImportError::Graph(format!("local function {}:{} {reason}", self.domain, self.name))
    }

    fn check_opset(&self, opset: i64) -> Result<(), ImportError> {
        let own = self.opset_import.iter().find(|set| own_domain(&set.domain).is_empty());
        match own.map(|set| set.version).filter(|version| *version != opset) {
            Some(version) => Err(self.wrong(&format!(
                "is written for operator set {version}, the model for {opset}; convert the model (onnx.inliner)"
            ))),
            None => Ok(()),
        }
    }
}

/// One call of a function.
struct Call<'a> {
    function: &'a Function,
    node: &'a pb::NodeProto,
    number: usize,
}

impl Call<'_> {
    /// A node of the body as this call has it.
    fn copy(&self, inner: &pb::NodeProto) -> pb::NodeProto {
        let caller = super::node::name(self.node);
        let attributes = inner.attribute.iter().filter_map(|attribute| self.attribute(attribute));
        pb::NodeProto {
            name: format!("{caller}/{}", super::node::name(inner)),
            input: inner.input.iter().map(|name| self.tensor(name)).collect(),
            output: inner.output.iter().map(|name| self.tensor(name)).collect(),
            attribute: attributes.collect(),
            ..inner.clone()
        }
    }

    /// The name that a tensor of the body has in the graph: the caller's for what is passed, one of its own for the rest.
    fn tensor(&self, name: &str) -> String {
        let passed = |own: &[String], given: &[String]| {
            let place = own.iter().position(|other| other == name)?;
            Some(given.get(place).cloned().unwrap_or_default())
        };
        if name.is_empty() {
            return String::new();
        }
        let output = passed(&self.function.output, &self.node.output).filter(|given| !given.is_empty());
        let given = passed(&self.function.input, &self.node.input).or(output);
        given.unwrap_or_else(|| format!("{}/{}/{name}", super::node::name(self.node), self.number))
    }

    /// An attribute, looked up in the call if it refers to one of the function's; `None` if the call leaves it out.
    fn attribute(&self, inner: &pb::AttributeProto) -> Option<pb::AttributeProto> {
        if inner.ref_attr_name.is_empty() {
            return Some(inner.clone());
        }
        let named = |all: &[pb::AttributeProto]| {
            all.iter().find(|attribute| attribute.name == inner.ref_attr_name).cloned()
        };
        let given = named(&self.node.attribute).or_else(|| named(&self.function.defaults))?;
        Some(pb::AttributeProto { name: inner.name.clone(), ..given })
    }
}
