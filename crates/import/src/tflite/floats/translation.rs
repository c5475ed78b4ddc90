//! An ONNX graph under construction. It knows how nodes and constants are written, and no operator.

use std::collections::HashMap;

use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, attribute_proto, tensor_proto::DataType, tensor_shape_proto, type_proto,
};
use tract_tflite::tflite::ActivationFunctionType;

use crate::error::ImportError;
use crate::tflite::operator::Operator;
use crate::tflite::tensor::{Constant, Tensor};

/// Version of the standard's operators that is written.
const OPSET: i64 = 17;
/// Version of the format.
const FORMAT: i64 = 8;

/// Bytes of constants for a byte of the file: weights of bytes become floats. Tensors may share a buffer, but not so often.
const MOST_EXPANSION: usize = 8;
/// Bytes of constants that are always allowed.
const ALWAYS_ALLOWED: usize = 1 << 20;

/// Nodes and constants so far.
pub(super) struct Translation {
    /// Bytes of constants that may still be written.
    left: usize,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    /// By the file's tensor, its name here.
    names: HashMap<usize, String>,
}

impl Translation {
    /// Of a file of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let left = bytes.saturating_mul(MOST_EXPANSION).saturating_add(ALWAYS_ALLOWED);
        Self { left, nodes: Vec::new(), constants: Vec::new(), names: HashMap::new() }
    }

    /// A tensor's name; a constant is written when it is first read.
    pub(super) fn name(&mut self, tensor: &Tensor<'_>) -> Result<String, ImportError> {
        if let Some(name) = self.names.get(&tensor.index) {
            return Ok(name.clone());
        }
        let name = format!("{}#{}", tensor.name, tensor.index);
        if tensor.is_constant() {
            let dims = &tensor.dims;
            let constant = match tensor.numbers()? {
                Constant::Reals(values) => reals(&name, dims, &values),
                Constant::Integers(values) => integers(&name, dims, &values),
            };
            let left = self.left.checked_sub(constant.raw_data.len());
            self.left = left.ok_or_else(|| tensor.wrong("constants share more than the file holds"))?;
            self.constants.push(constant);
        }
        self.names.insert(tensor.index, name.clone());
        Ok(name)
    }

    /// The name of what an operator reads at a slot.
    pub(super) fn input(&mut self, operator: &Operator<'_>, slot: usize) -> Result<String, ImportError> {
        self.name(operator.input(slot)?)
    }

    /// Adds a constant of reals.
    pub(super) fn reals(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = format!("constant#{}.", self.constants.len());
        self.constants.push(reals(&name, dims, values));
        name
    }

    /// Adds a list of integers.
    pub(super) fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("constant#{}.", self.constants.len());
        self.constants.push(integers(&name, &[values.len()], values));
        name
    }

    /// Adds a node; returns the name of its result.
    pub(super) fn add(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        // The dot keeps it apart from names of the file's tensors, which end in a digit.
        let result = format!("{op}#{}.", self.nodes.len());
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![result.clone()],
            name: result.clone(),
            op_type: op.to_owned(),
            attribute: attributes,
            ..NodeProto::default()
        });
        result
    }

    /// Says that a node's result is the operator's.
    pub(super) fn end(&mut self, operator: &Operator<'_>, result: &str) -> Result<(), ImportError> {
        self.end_as(&operator.output, result)
    }

    /// Says that a node's result is one of the operator's.
    pub(super) fn end_as(&mut self, tensor: &Tensor<'_>, result: &str) -> Result<(), ImportError> {
        if self.names.contains_key(&tensor.index) || tensor.is_constant() {
            return Err(tensor.wrong("it is read before an operator makes it, or made twice"));
        }
        let name = self.name(tensor)?;
        let made = self.nodes.iter_mut().rev().find(|node| node.output[0] == result);
        match made.filter(|node| node.name == node.output[0]) {
            Some(node) => {
                node.output[0].clone_from(&name);
                // Results of one operator have names of their own, as nodes must.
                node.name = if tensor.name.is_empty() { name } else { tensor.name.clone() };
            }
            None => {
                self.add("Identity", &[result], Vec::new());
                let node = self.nodes.last_mut().into_iter();
                node.for_each(|node| node.output[0].clone_from(&name));
            }
        }
        Ok(())
    }

    /// The same after a fused activation.
    pub(super) fn end_activated(
        &mut self,
        operator: &Operator<'_>,
        result: &str,
        activation: ActivationFunctionType,
    ) -> Result<(), ImportError> {
        let result = match activation {
            ActivationFunctionType::NONE => result.to_owned(),
            ActivationFunctionType::RELU => self.add("Relu", &[result], Vec::new()),
            ActivationFunctionType::RELU6 => self.clipped(result, 0.0, 6.0),
            ActivationFunctionType::RELU_N1_TO_1 => self.clipped(result, -1.0, 1.0),
            ActivationFunctionType::TANH => self.add("Tanh", &[result], Vec::new()),
            other => return Err(operator.unsupported(format!("activation {other:?}"))),
        };
        self.end(operator, &result)
    }

    /// Values between two bounds.
    pub(super) fn clipped(&mut self, value: &str, lo: f32, hi: f32) -> String {
        let (lo, hi) = (self.reals(&[], &[lo]), self.reals(&[], &[hi]));
        self.add("Clip", &[value, &lo, &hi], Vec::new())
    }

    /// A value with the result's extents.
    pub(super) fn reshaped(&mut self, value: &str, dims: &[usize]) -> String {
        let dims = self.integers(&dims.iter().map(|dim| *dim as i64).collect::<Vec<_>>());
        self.add("Reshape", &[value, &dims], Vec::new())
    }

    /// A tensor of rows, columns and channels with the channels first.
    pub(super) fn planes(&mut self, value: &str) -> String {
        self.add("Transpose", &[value], vec![list("perm", &[0, 3, 1, 2])])
    }

    /// And back.
    pub(super) fn channels_last(&mut self, value: &str) -> String {
        self.add("Transpose", &[value], vec![list("perm", &[0, 2, 3, 1])])
    }

    /// The whole model.
    pub(super) fn finish(
        mut self,
        inputs: &[Tensor<'_>],
        outputs: &[Tensor<'_>],
    ) -> Result<ModelProto, ImportError> {
        let mut declared = |tensors: &[Tensor<'_>]| -> Result<Vec<ValueInfoProto>, ImportError> {
            tensors.iter().map(|tensor| Ok(declaration(self.name(tensor)?, tensor))).collect()
        };
        let (mut inputs, mut outputs) = (declared(inputs)?, declared(outputs)?);
        self.restore_names(&mut inputs, &mut outputs);
        let graph = GraphProto {
            node: self.nodes,
            name: "graph".into(),
            initializer: self.constants,
            input: inputs,
            output: outputs,
            ..GraphProto::default()
        };
        let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
        Ok(ModelProto { ir_version: FORMAT, opset_import, graph: Some(graph), ..ModelProto::default() })
    }

    /// Gives inputs and outputs the names that the file has for them, where those are different.
    fn restore_names(&mut self, inputs: &mut [ValueInfoProto], outputs: &mut [ValueInfoProto]) {
        let short = |name: &str| name.rsplit_once('#').map_or(name, |(short, _)| short).to_owned();
        let ends: Vec<String> = inputs.iter().chain(outputs.iter()).map(|info| info.name.clone()).collect();
        let unique = |name: &String| {
            let own = short(name);
            !own.is_empty() && ends.iter().filter(|other| short(other) == own).count() == 1
        };
        let renamed: HashMap<&String, String> =
            ends.iter().filter(|name| unique(name)).map(|name| (name, short(name))).collect();
        let rename = |name: &mut String| {
            if let Some(own) = renamed.get(name) {
                own.clone_into(name);
            }
        };
        inputs.iter_mut().chain(outputs).for_each(|info| rename(&mut info.name));
        self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)).for_each(rename);
    }
}

/// A list of integers.
pub(super) fn list(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Ints as i32;
    AttributeProto { name: name.into(), r#type, ints: values.to_vec(), ..AttributeProto::default() }
}

/// An integer.
pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Int as i32;
    AttributeProto { name: name.into(), r#type, i: value, ..AttributeProto::default() }
}

/// A real number.
pub(super) fn real(name: &str, value: f32) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: value, ..AttributeProto::default() }
}

/// A word.
pub(super) fn word(name: &str, value: &str) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: value.as_bytes().to_vec(), ..AttributeProto::default() }
}

fn reals(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    constant(name, dims, DataType::Float, raw)
}

fn integers(name: &str, dims: &[usize], values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    constant(name, dims, DataType::Int64, raw)
}

fn constant(name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> TensorProto {
    let dims = dims.iter().map(|dim| *dim as i64).collect();
    TensorProto { dims, data_type: kind as i32, name: name.into(), raw_data, ..TensorProto::default() }
}

fn declaration(name: String, tensor: &Tensor<'_>) -> ValueInfoProto {
    let dim = |dim: &usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(*dim as i64)),
        ..tensor_shape_proto::Dimension::default()
    };
    let kind = if tensor.is_integer() { DataType::Int64 } else { DataType::Float };
    let shape = Some(TensorShapeProto { dim: tensor.dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name, r#type: Some(r#type), ..ValueInfoProto::default() }
}
