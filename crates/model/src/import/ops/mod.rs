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

use super::node::Node;
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::shape::Shape;

/// Reads one node; `None` means that its output is its input.
type Importer = fn(&Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError>;

const REGISTRY: &[(&str, Importer)] = &[
    ("Add", affine::import_add),
    ("AveragePool", pool::import_average),
    ("BatchNormalization", batch_normalization::import),
    ("Clip", clip::import_clip),
    ("Conv", conv::import),
    ("Flatten", reshape::import_flatten),
    ("Gemm", gemm::import_gemm),
    ("GlobalAveragePool", pool::import_global),
    ("Identity", identity::import),
    ("MatMul", gemm::import_matmul),
    ("Mul", affine::import_mul),
    ("Relu", clip::import_relu),
    ("Reshape", reshape::import_reshape),
    ("Sub", affine::import_sub),
    ("Sum", sum::import_sum),
];

/// The importer of an ONNX operator.
pub(super) fn importer(op: &str) -> Option<Importer> {
    REGISTRY.iter().find(|(name, _)| *name == op).map(|(_, import)| *import)
}

/// Names of every supported ONNX operator.
pub fn supported_ops() -> Vec<&'static str> {
    REGISTRY.iter().map(|(name, _)| *name).collect()
}
