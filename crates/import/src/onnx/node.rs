//! One ONNX node as an operator sees it: its inputs, constants and attributes.

use tract_onnx::pb;
use zklayout_model::Planes;

use super::constant::Constant;
use super::value::{Kind, Value};
use crate::error::ImportError;

/// Name of the node that gives places instead of the output, and of what it gives if the file has no name for it.
pub(super) const HEAD: &str = "argmax of the output";

/// The last operator set in which softmax was over all axes from one on.
pub(super) const LAST_FLAT_OPSET: i64 = 12;

/// What an operator reads.
#[derive(Debug)]
pub struct Node<'a> {
    proto: &'a pb::NodeProto,
    inputs: &'a [Option<Value>],
    /// Version of the operator set that the file was written for.
    pub opset: i64,
    /// Planes of the first tensor that the node reads, as an operator of one's own finds it.
    pub shape: Planes,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a pb::NodeProto, inputs: &'a [Option<Value>], opset: i64, shape: Planes) -> Self {
        Self { proto, inputs, opset, shape }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    /// Whether an output is there and has a name.
    pub fn gives(&self, output: usize) -> bool {
        self.proto.output.get(output).is_some_and(|name| !name.is_empty())
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The node's name, or its first output's when it has none.
    pub fn name(&self) -> String {
        name(self.proto)
    }

    /// Whether it gives places instead of the output.
    pub(super) fn is_head(&self) -> bool {
        self.proto.name == HEAD
    }

    /// The node's operator.
    pub fn operator(&self) -> &str {
        &self.proto.op_type
    }

    /// The error for a use of the operator that is not supported.
    pub fn unsupported(&self, reason: impl Into<String>) -> ImportError {
        ImportError::UnsupportedUse { node: self.name(), op: self.proto.op_type.clone(), reason: reason.into() }
    }

    /// Whether input `slot` is a tensor that depends on the model's input.
    pub fn is_tensor(&self, slot: usize) -> bool {
        self.present(slot).is_some_and(|value| value.as_numbers().is_none())
    }

    fn present(&self, slot: usize) -> Option<&'a Value> {
        self.inputs.get(slot)?.as_ref()
    }

    /// All inputs that are there.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a Value> {
        self.inputs.iter().flatten()
    }

    /// The value at input `slot`, if it is there.
    pub(super) fn optional_value(&self, slot: usize) -> Option<&'a Value> {
        self.present(slot)
    }

    /// The value at input `slot`.
    pub(super) fn value(&self, slot: usize) -> Result<&'a Value, ImportError> {
        self.present(slot).ok_or_else(|| self.unsupported(format!("input {slot} is missing")))
    }

    /// The numbers at input `slot`, if it is there.
    pub(super) fn optional_numbers(&self, slot: usize) -> Result<Option<&'a [f64]>, ImportError> {
        let Some(value) = self.present(slot) else { return Ok(None) };
        let named = self.proto.input.get(slot).map(String::as_str).unwrap_or_default();
        match value.as_numbers() {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(self.unsupported(format!("input {slot} ({named:?}) must be a constant"))),
        }
    }

    /// The numbers at input `slot`.
    pub(super) fn numbers(&self, slot: usize) -> Result<&'a [f64], ImportError> {
        self.optional_numbers(slot)?.ok_or_else(|| self.unsupported(format!("input {slot} is missing")))
    }

    /// A list of integers from input `slot`, or from an attribute where older operator sets have it.
    pub(super) fn list(&self, slot: usize, attribute: &str) -> Result<Option<Vec<i64>>, ImportError> {
        match self.optional_numbers(slot)? {
            Some(numbers) => Ok(Some(numbers.iter().map(|number| *number as i64).collect())),
            None => Ok(self.attribute(attribute).map(|attribute| attribute.ints.clone())),
        }
    }

    /// The constant at input `slot`; `None` when the input is absent.
    ///
    /// # Errors
    /// An input that depends on the model's.
    pub fn optional(&self, slot: usize) -> Result<Option<Constant>, ImportError> {
        let numbers = self.optional_numbers(slot)?;
        Ok(numbers
            .zip(self.present(slot))
            .map(|(numbers, value)| Constant { dims: value.dims.clone(), values: numbers.to_vec() }))
    }

    /// The constant at input `slot`.
    ///
    /// # Errors
    /// An input that is absent or depends on the model's.
    pub fn constant(&self, slot: usize) -> Result<Constant, ImportError> {
        self.optional(slot)?.ok_or_else(|| self.unsupported(format!("input {slot} is missing")))
    }

    /// An attribute as it is written.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a pb::AttributeProto> {
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
            Some(sizes) if sizes.len() == default.len() && sizes.iter().all(|size| *size < 1 << 20) => Ok(sizes),
            _ => Err(self.unsupported(format!(
                "attribute {name} is {:?}; expected {} non-negative numbers",
                attribute.ints,
                default.len()
            ))),
        }
    }

    /// An axis counted from the front.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, ImportError> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let counted = usize::try_from(counted).ok().filter(|axis| *axis < rank);
        counted.ok_or_else(|| self.unsupported(format!("axis {axis} of a tensor of {rank} axes")))
    }

    /// Refuses tensors of integers, of which a float operator would be another.
    pub(super) fn refuse_integers(&self, slot: usize, reason: &str) -> Result<(), ImportError> {
        match self.present(slot) {
            Some(value) if value.kind != Kind::Float && value.as_numbers().is_none() => {
                Err(self.unsupported(reason))
            }
            _ => Ok(()),
        }
    }
}

/// A node's name, or its first output's when it has none.
pub(super) fn name(proto: &pb::NodeProto) -> String {
    if proto.name.is_empty() { proto.output.first().cloned().unwrap_or_default() } else { proto.name.clone() }
}
