//! What can go wrong between a model file and a layer graph.

use std::path::PathBuf;

/// Why a model file could not become a layer graph.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("cannot read model {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not an ONNX model.
    #[error("{path} is not a readable ONNX model (truncated, or another format?): {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The bytes are not a TensorFlow Lite model.
    #[error("{path} is not a readable TensorFlow Lite model (truncated, or another format?): {reason}")]
    ParseTflite {
        /// The file.
        path: PathBuf,
        /// What the verifier said.
        reason: String,
    },
    /// The model uses an operator outside the supported set.
    #[error("node {node:?} is a {op}, which is not supported; supported: {supported}")]
    UnsupportedOp {
        /// The node's name.
        node: String,
        /// Its operator.
        op: String,
        /// Every supported operator.
        supported: String,
    },
    /// The operator is supported, this use of it is not.
    #[error("node {node:?} ({op}): {reason}")]
    UnsupportedUse {
        /// The node's name.
        node: String,
        /// Its operator.
        op: String,
        /// What was found and what is expected instead.
        reason: String,
    },
    /// The graph itself is malformed.
    #[error("model graph: {0}")]
    Graph(String),
    /// The float engine refused the model.
    #[error("the float engine cannot run this model: {0}")]
    Reference(String),
}
