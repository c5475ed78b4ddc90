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
    /// The model uses operators outside the supported set.
    #[error("{}. Supported are {supported}", list(missing))]
    UnsupportedOps {
        /// All of them.
        missing: Vec<MissingOperator>,
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
    /// A token's id is none of the vocabulary.
    #[error("input {input:?}: token {place} is none of the {vocabulary} ids that the model has, from 0 on")]
    Token {
        /// The input of ids.
        input: String,
        /// The token's place.
        place: usize,
        /// Ids there are.
        vocabulary: usize,
        /// What was given.
        id: f64,
    },
    /// A text of another length.
    #[error(
        "input {input:?}: {found} tokens; the model is read for {expected} (--dim, if its file leaves the number free)"
    )]
    Tokens {
        /// The input of ids.
        input: String,
        /// Tokens that were given.
        found: usize,
        /// Tokens that the model is read for.
        expected: usize,
    },
    /// The float engine refused the model.
    #[error("the float engine cannot run this model: {0}")]
    Reference(String),
}

/// An operator that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingOperator {
    /// Its name, with its domain if that is not the standard's own.
    pub op: String,
    /// The nodes that use it.
    pub nodes: Vec<String>,
    /// What to do about it.
    pub advice: &'static str,
}

/// Nodes that a message names, of each operator.
const MOST_NAMED: usize = 3;

fn list(missing: &[MissingOperator]) -> String {
    let count = match missing.len() {
        1 => "an operator is not supported".to_owned(),
        count => format!("{count} operators are not supported"),
    };
    let one = |operator: &MissingOperator| {
        let named: Vec<String> = operator.nodes.iter().take(MOST_NAMED).map(|node| format!("{node:?}")).collect();
        let more = operator.nodes.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} (node {}{more}): {}", operator.op, named.join(", "), operator.advice)
    };
    format!("{count}: {}", missing.iter().map(one).collect::<Vec<_>>().join("; "))
}
