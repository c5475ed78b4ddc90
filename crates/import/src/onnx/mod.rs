//! ONNX import: the file's operators become a [`Graph`] of [`Float`] nodes, and the file itself a runnable
//! float [`Reference`].
//!
//! Parsing and float execution are tract's. The mapping reads ONNX nodes rather than tract's lowered ones so
//! that every error can name the node and operator that the user wrote.

mod constant;
mod ending;
mod node;
mod ops;
mod reference;

use std::collections::HashMap;
use std::path::Path;

use tract_onnx::pb;
use tract_onnx::prelude::Framework;
use zklayout_model::{Float, FloatOp, Graph, NodeId};

use crate::error::ImportError;

pub use constant::Constant;
pub use ending::Ending;
pub use node::{Axis, Node};
pub use ops::{Importer, Operators};
pub use reference::Reference;

/// An imported model: the float graph, and the same file as tract runs it.
#[derive(Debug)]
pub struct Imported {
    /// The layer graph.
    pub graph: Graph<Float>,
    /// The float engine on the same file.
    pub reference: Reference,
    /// Operators after the output that are left to whoever reads it, the last one first; the reference leaves them out too.
    pub endings: Vec<Ending>,
}

/// Reads an ONNX file.
///
/// # Errors
/// An unreadable or malformed file, an operator or a use of one that is not supported (with the node's name),
/// or a model that the float engine refuses.
pub fn import_onnx(path: &Path, operators: &Operators) -> Result<Imported, ImportError> {
    let bytes = std::fs::read(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    import_onnx_bytes(&bytes, path, operators)
}

/// Reads the contents of an ONNX file; `path` names them in errors.
///
/// # Errors
/// See [`import_onnx`].
pub fn import_onnx_bytes(mut bytes: &[u8], path: &Path, operators: &Operators) -> Result<Imported, ImportError> {
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut bytes)
        .map_err(|reason| ImportError::Parse { path: path.to_owned(), reason: format!("{reason:#}") })?;
    let Some(onnx) = proto.graph.as_mut().filter(|graph| !graph.node.is_empty()) else {
        let reason = "it holds no graph".to_owned();
        return Err(ImportError::Parse { path: path.to_owned(), reason });
    };
    let endings = ending::cut(onnx, operators);
    let (graph, input_dims) = Builder::new(onnx, operators)?.build(onnx)?;
    let reference = Reference::new(&proto, &input_dims)?;
    Ok(Imported { graph, reference, endings })
}

struct Builder<'a> {
    operators: &'a Operators,
    graph: Graph<Float>,
    constants: HashMap<String, Constant>,
    tensors: HashMap<String, NodeId>,
    input_dims: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(onnx: &pb::GraphProto, operators: &'a Operators) -> Result<Self, ImportError> {
        let mut constants = HashMap::new();
        for tensor in &onnx.initializer {
            constants.insert(tensor.name.clone(), Constant::load(tensor)?);
        }
        let (graph, tensors) = (Graph::new(), HashMap::new());
        let mut builder = Self { operators, graph, constants, tensors, input_dims: Vec::new() };
        builder.add_input(onnx)?;
        Ok(builder)
    }

    fn add_input(&mut self, onnx: &pb::GraphProto) -> Result<(), ImportError> {
        let inputs: Vec<_> = onnx.input.iter().filter(|i| !self.constants.contains_key(&i.name)).collect();
        let [input] = inputs.as_slice() else {
            return Err(ImportError::Graph(format!("expected one input, found {}", inputs.len())));
        };
        self.input_dims = node::declared_dims(input)?;
        let shape = node::shape_of_dims(&self.input_dims)
            .map_err(|reason| ImportError::Graph(format!("input {:?}: {reason}", input.name)))?;
        let id = self.graph.add(Float { name: input.name.clone(), op: FloatOp::Input, shape }, &[]);
        self.tensors.insert(input.name.clone(), id);
        Ok(())
    }

    fn build(mut self, onnx: &pb::GraphProto) -> Result<(Graph<Float>, Vec<usize>), ImportError> {
        for proto in &onnx.node {
            if ops::qualified_name(proto) == "Constant" {
                self.add_constant(proto)?;
            } else {
                self.add_node(proto)?;
            }
        }
        self.check_output(onnx)?;
        Ok((self.graph, self.input_dims))
    }

    fn add_constant(&mut self, proto: &pb::NodeProto) -> Result<(), ImportError> {
        let value = proto.attribute.iter().find(|a| a.name == "value").and_then(|a| a.t.as_ref());
        let (Some(value), Some(name)) = (value, proto.output.first()) else {
            return Err(ImportError::Graph(format!("constant {:?} holds no tensor", proto.name)));
        };
        self.constants.insert(name.clone(), Constant::load(value)?);
        Ok(())
    }

    fn add_node(&mut self, proto: &pb::NodeProto) -> Result<(), ImportError> {
        let outputs = if ops::SEVERAL_OUTPUTS.contains(&proto.op_type.as_str()) { proto.output.len() } else { 1 };
        (0..outputs).try_for_each(|output| self.add_output(proto, output))
    }

    fn add_output(&mut self, proto: &pb::NodeProto, output: usize) -> Result<(), ImportError> {
        let sources: Vec<NodeId> = proto.input.iter().filter_map(|name| self.tensors.get(name).copied()).collect();
        // With neither a batch nor planes, an input has one or three dimensions.
        let batch = matches!(self.input_dims.len(), 2 | 4);
        let node = Node::new(proto, &self.constants, &self.tensors, &self.graph, batch, output);
        let operator = ops::qualified_name(proto);
        let import = self.operators.importer(&operator).ok_or_else(|| ImportError::UnsupportedOp {
            node: node.name(),
            op: operator.into_owned(),
            supported: self.operators.names().join(", "),
        })?;
        let Some(&source) = sources.first() else {
            return Err(node.unsupported("it reads no tensor that depends on the model's input"));
        };
        let name = proto.output.get(output).cloned().unwrap_or_default();
        let id = match import(&node)? {
            None => source,
            Some((op, shape)) => {
                let several = matches!(op, FloatOp::Sum { .. } | FloatOp::Product);
                let sources = if several { &sources[..] } else { &sources[..1] };
                self.graph.add(Float { name: node.name(), op, shape }, sources)
            }
        };
        self.tensors.insert(name, id);
        Ok(())
    }

    fn check_output(&self, onnx: &pb::GraphProto) -> Result<(), ImportError> {
        let [output] = onnx.output.as_slice() else {
            return Err(ImportError::Graph(format!("expected one output, found {}", onnx.output.len())));
        };
        let last = self.graph.len() - 1;
        match self.tensors.get(&output.name) {
            Some(id) if id.index() == last => Ok(()),
            Some(_) => Err(ImportError::Graph("the model's output is not its last operator's result".into())),
            None => Err(ImportError::Graph(format!("output {:?} is produced by no node", output.name))),
        }
    }
}
