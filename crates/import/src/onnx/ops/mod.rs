//! The supported ONNX operators: one file each, one line each in the registry.

mod activation;
mod affine;
mod batch_normalization;
mod concat;
mod conv;
mod gemm;
mod identity;
mod pool;
mod reshape;
mod select;
mod sum;

use std::borrow::Cow;
use std::collections::BTreeMap;

use tract_onnx::pb;
use zklayout_model::{FloatOp, Planes};

use super::node::Node;
use crate::error::ImportError;

/// Reads one node; `None` means that its output is its input.
pub type Importer = fn(&Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError>;

const REGISTRY: &[(&str, Importer)] = &[
    ("Abs", activation::import_abs),
    ("Add", affine::import_add),
    ("AveragePool", pool::import_average),
    ("BatchNormalization", batch_normalization::import),
    ("Cast", identity::import_cast),
    ("Clip", activation::import_clip),
    ("Concat", concat::import),
    ("Conv", conv::import),
    ("Div", affine::import_div),
    ("Dropout", identity::import_dropout),
    ("Elu", activation::import_elu),
    ("Flatten", reshape::import_flatten),
    ("Gather", select::import_gather),
    ("Gemm", gemm::import_gemm),
    ("GlobalAveragePool", pool::import_global),
    ("GlobalMaxPool", pool::import_global_max),
    ("HardSigmoid", activation::import_hard_sigmoid),
    ("HardSwish", activation::import_hard_swish),
    ("Identity", identity::import),
    ("LeakyRelu", activation::import_leaky_relu),
    ("MatMul", gemm::import_matmul),
    ("MaxPool", pool::import_max),
    ("Mul", affine::import_mul),
    ("Neg", affine::import_neg),
    ("PRelu", activation::import_prelu),
    ("Pad", select::import_pad),
    ("ReduceMax", pool::import_reduce_max),
    ("ReduceMean", pool::import_reduce_mean),
    ("ReduceSum", pool::import_reduce_sum),
    ("Relu", activation::import_relu),
    ("Reshape", reshape::import_reshape),
    ("Sigmoid", activation::import_sigmoid),
    ("Slice", select::import_slice),
    ("Softplus", activation::import_softplus),
    ("Split", select::import_split),
    ("Squeeze", reshape::import_squeeze),
    ("Sub", affine::import_sub),
    ("Sum", sum::import_sum),
    ("Tanh", activation::import_tanh),
    ("Transpose", reshape::import_transpose),
    ("Unsqueeze", reshape::import_unsqueeze),
];

/// Operators whose outputs after the first are tensors too.
pub(super) const SEVERAL_OUTPUTS: &[&str] = &["Split"];

/// A node's operator by its full name: `Relu` of the standard's own domain, `com.example:Relu` of another.
pub(super) fn qualified_name(node: &pb::NodeProto) -> Cow<'_, str> {
    match node.domain.as_str() {
        "" | "ai.onnx" => Cow::Borrowed(&node.op_type),
        domain => Cow::Owned(format!("{domain}:{}", node.op_type)),
    }
}

/// The operators that an import understands, by their ONNX names; those of other domains as `domain:name`.
#[derive(Clone, Debug)]
pub struct Operators(BTreeMap<&'static str, Importer>);

impl Default for Operators {
    fn default() -> Self {
        Self(REGISTRY.iter().copied().collect())
    }
}

impl Operators {
    /// Adds an operator, or replaces the one of that name.
    /// One of another domain than the standard's own is named `domain:name`.
    ///
    /// The importer says what the node computes in terms of [`FloatOp`]. The import is checked against the float
    /// engine, which must know the operator too.
    pub fn with(mut self, name: &'static str, importer: Importer) -> Self {
        self.0.insert(name, importer);
        self
    }

    /// The importer of an operator.
    pub(super) fn importer(&self, op: &str) -> Option<Importer> {
        self.0.get(op).copied()
    }

    /// Names of every operator.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }
}
