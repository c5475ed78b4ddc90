//! One ONNX node as an operator importer sees it: its inputs, constants and attributes.

use std::collections::HashMap;

use tract_onnx::pb;
use zklayout_model::{Float, Graph, Label, NodeId, Planes, Shape, View};

use super::constant::Constant;
use crate::error::ImportError;

/// What an importer reads.
#[derive(Debug)]
pub struct Node<'a> {
    proto: &'a pb::NodeProto,
    constants: &'a HashMap<String, Constant>,
    tensors: &'a HashMap<String, NodeId>,
    graph: &'a Graph<Float>,
    batch: bool,
    /// Shape of the tensor the node reads.
    pub shape: Planes,
    /// Which of its outputs is asked for.
    pub output: usize,
}

/// An axis of a tensor's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// From plane to plane.
    Channel,
    /// From row to row of a plane.
    Row,
    /// From column to column of a plane.
    Column,
}

impl Axis {
    /// The shape's extent along the axis.
    pub fn extent(self, shape: Planes) -> usize {
        match self {
            Self::Channel => shape.channels,
            Self::Row => shape.height,
            Self::Column => shape.width,
        }
    }

    /// The shape with another extent along the axis.
    pub fn with_extent(self, shape: Planes, extent: usize) -> Planes {
        match self {
            Self::Channel => Planes { channels: extent, ..shape },
            Self::Row => Planes { height: extent, ..shape },
            Self::Column => Planes { width: extent, ..shape },
        }
    }
}

impl<'a> Node<'a> {
    pub(super) fn new(
        proto: &'a pb::NodeProto,
        constants: &'a HashMap<String, Constant>,
        tensors: &'a HashMap<String, NodeId>,
        graph: &'a Graph<Float>,
        batch: bool,
        output: usize,
    ) -> Self {
        let source = proto.input.iter().find_map(|name| tensors.get(name));
        let shape = source.map_or(Planes::new(0, 0, 0), |id| graph.node(*id).shape);
        Self { proto, constants, tensors, graph, batch, shape, output }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    /// Whether an ONNX axis is the batch.
    pub fn is_batch(&self, axis: i64) -> bool {
        self.batch && axis == 0
    }

    /// The axis that an ONNX axis is. Counted from the end, the last one of a feature vector is its channels.
    ///
    /// # Errors
    /// The batch, or an axis that tensors of this library do not have.
    pub fn axis(&self, axis: i64) -> Result<Axis, ImportError> {
        let vector = self.shape.plane() == 1;
        match axis - i64::from(self.batch && axis >= 0) {
            0 => Ok(Axis::Channel),
            -1 if vector => Ok(Axis::Channel),
            1 | -2 if !vector => Ok(Axis::Row),
            2 | -1 if !vector => Ok(Axis::Column),
            -3 if !vector => Ok(Axis::Channel),
            _ => Err(self.unsupported(format!("axis {axis} of a {} tensor", self.shape))),
        }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.proto.input.len()
    }

    /// Shape of the tensor at input `slot`, if it depends on the model's input.
    pub fn tensor_shape(&self, slot: usize) -> Option<Planes> {
        let id = self.tensors.get(self.proto.input.get(slot)?)?;
        Some(self.graph.node(*id).shape)
    }

    /// The node's name, or its first output's when it has none.
    pub fn name(&self) -> String {
        let output = self.proto.output.first().cloned().unwrap_or_default();
        if self.proto.name.is_empty() { output } else { self.proto.name.clone() }
    }

    /// The error for a use of the operator that is not supported.
    pub fn unsupported(&self, reason: impl Into<String>) -> ImportError {
        ImportError::UnsupportedUse { node: self.name(), op: self.proto.op_type.clone(), reason: reason.into() }
    }

    /// Whether input `slot` is a tensor that depends on the model's input.
    pub fn is_tensor(&self, slot: usize) -> bool {
        self.proto.input.get(slot).is_some_and(|name| self.tensors.contains_key(name))
    }

    /// The constant at input `slot`; `None` when the input is absent.
    ///
    /// # Errors
    /// An input that depends on the model's.
    pub fn optional(&self, slot: usize) -> Result<Option<&'a Constant>, ImportError> {
        let Some(name) = self.proto.input.get(slot).filter(|name| !name.is_empty()) else { return Ok(None) };
        match self.constants.get(name) {
            Some(constant) => Ok(Some(constant)),
            None => Err(self.unsupported(format!("input {slot} ({name:?}) must be a constant"))),
        }
    }

    /// The constant at input `slot`.
    ///
    /// # Errors
    /// An input that is absent or depends on the model's.
    pub fn constant(&self, slot: usize) -> Result<&'a Constant, ImportError> {
        self.optional(slot)?.ok_or_else(|| self.unsupported(format!("input {slot} is missing")))
    }

    fn attribute(&self, name: &str) -> Option<&'a pb::AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A number attribute.
    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).map_or(default, |attribute| f64::from(attribute.f))
    }

    /// A number attribute, if it is there.
    pub fn optional_float(&self, name: &str) -> Option<f64> {
        self.attribute(name).map(|attribute| f64::from(attribute.f))
    }

    /// A text attribute; empty if it is absent.
    pub fn text(&self, name: &str) -> String {
        self.attribute(name).map(|a| String::from_utf8_lossy(&a.s).into_owned()).unwrap_or_default()
    }

    /// A list of integers; empty if it is absent.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.attribute(name).map(|attribute| attribute.ints.clone()).unwrap_or_default()
    }

    /// A list of sizes, or `default` when the attribute is absent.
    ///
    /// # Errors
    /// Another number of sizes, or a negative one.
    pub fn sizes(&self, name: &str, default: &[usize]) -> Result<Vec<usize>, ImportError> {
        let Some(attribute) = self.attribute(name) else { return Ok(default.to_vec()) };
        let sizes: Option<Vec<usize>> = attribute.ints.iter().map(|&size| usize::try_from(size).ok()).collect();
        match sizes {
            Some(sizes) if sizes.len() == default.len() => Ok(sizes),
            _ => Err(self.unsupported(format!(
                "attribute {name} is {:?}; expected {} non-negative numbers",
                attribute.ints,
                default.len()
            ))),
        }
    }
}

/// The dimensions a model declares for an input.
pub(super) fn declared_dims(input: &pb::ValueInfoProto) -> Result<Vec<usize>, ImportError> {
    let wrong = |reason: &str| ImportError::Graph(format!("input {:?} {reason}", input.name));
    let Some(pb::type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(wrong("is not a tensor"));
    };
    if tensor.elem_type != pb::tensor_proto::DataType::Float as i32 {
        return Err(wrong("is not of 32-bit floats; export the model with a float32 input"));
    }
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let fixed = |(axis, dim): (usize, &pb::tensor_shape_proto::Dimension)| match &dim.value {
        Some(pb::tensor_shape_proto::dimension::Value::DimValue(size)) if *size > 0 => Ok(*size as usize),
        // A free batch axis is taken as a batch of one.
        _ if axis == 0 => Ok(1),
        _ => Err(wrong("has a free dimension; export the model with a fixed shape")),
    };
    dims.iter().enumerate().map(fixed).collect()
}

/// The planes of `[1, C, H, W]`, `[1, D]`, or the same without a batch.
pub(super) fn shape_of_dims(dims: &[usize]) -> Result<Planes, String> {
    let labels: &[Label] = match dims.len() {
        4 => &[Label::Batch, Label::Channel, Label::Row, Label::Column],
        3 => &[Label::Channel, Label::Row, Label::Column],
        2 => &[Label::Batch, Label::Feature],
        1 => &[Label::Feature],
        _ => &[],
    };
    let view = View::of(&Shape::new(labels.iter().copied().zip(dims.iter().copied())));
    view.filter(|_| !labels.is_empty()).map(|view| view.planes()).ok_or_else(|| {
        format!("shape {dims:?} is none of [1, channels, height, width], [1, features], or those without 1")
    })
}
