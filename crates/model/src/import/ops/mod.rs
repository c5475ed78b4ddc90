//! The supported ONNX operators: one file each, one line each in the registry.

mod affine;
mod batch_normalization;
mod clip;
mod conv;
mod gemm;
mod identity;
mod pool;
mod reshape;
mod sum;

use std::collections::BTreeMap;

use super::node::Node;
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::shape::Shape;

/// Reads one node; `None` means that its output is its input.
pub type Importer = fn(&Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError>;

const REGISTRY: &[(&str, Importer)] = &[
    ("Add", affine::import_add),
    ("AveragePool", pool::import_average),
    ("BatchNormalization", batch_normalization::import),
    ("Cast", identity::import_cast),
    ("Clip", clip::import_clip),
    ("Conv", conv::import),
    ("Dropout", identity::import),
    ("Flatten", reshape::import_flatten),
    ("Gemm", gemm::import_gemm),
    ("GlobalAveragePool", pool::import_global),
    ("Identity", identity::import),
    ("MatMul", gemm::import_matmul),
    ("Mul", affine::import_mul),
    ("ReduceMean", pool::import_reduce_mean),
    ("Relu", clip::import_relu),
    ("Reshape", reshape::import_reshape),
    ("Squeeze", reshape::import_squeeze),
    ("Sub", affine::import_sub),
    ("Sum", sum::import_sum),
];

/// The operators that an import understands, by their ONNX names.
#[derive(Clone, Debug)]
pub struct Operators(BTreeMap<&'static str, Importer>);

impl Default for Operators {
    fn default() -> Self {
        Self(REGISTRY.iter().copied().collect())
    }
}

impl Operators {
    /// Adds an operator, or replaces the one of that name.
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
