//! One error for users who do not care which stage failed.

use std::path::PathBuf;

#[cfg(any(feature = "onnx", feature = "tflite"))]
use zklayout_import::ImportError;
use zklayout_model::{ExecuteError, FuseError, QuantiseError};
use zklayout_plan::{CostError, PlanError};
use zklayout_prover::ProverError;

use crate::closeness::MaxError;
use crate::fidelity::Fidelity;

/// Whatever went wrong; the message says where and what to do, and holds no value of an input, a layer or a weight.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model's file could not be read.
    #[error("cannot read model {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A model's file has a format that this build does not read.
    #[error("{path} needs the feature {feature:?}, which this build was made without")]
    WithoutImporter {
        /// The file.
        path: PathBuf,
        /// The feature that reads it.
        feature: &'static str,
    },
    /// Extents are given for a model that leaves none free.
    #[error("{path} leaves no dimension free; only ONNX models do")]
    Dimensions {
        /// The model's file.
        path: PathBuf,
    },
    /// Places of the largest are asked of a model that has integers.
    #[error(
        "{path} has its integers, and its output with them; the place of the largest is read of models of floats"
    )]
    Places {
        /// The model's file.
        path: PathBuf,
    },
    /// A tokenizer that cannot be read, or not used.
    #[error("the tokenizer {path}: {reason}")]
    Tokenizer {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A text of another number of tokens than a model takes.
    #[error(
        "the text gives {found} tokens, the model takes {expected}; where the file leaves that free, give --dim NAME={found}"
    )]
    TextLength {
        /// Tokens of the text.
        found: usize,
        /// Those that the model takes.
        expected: usize,
    },
    /// What a model's file says.
    #[cfg(any(feature = "onnx", feature = "tflite"))]
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The imported graph and the float engine disagree.
    #[error("the imported graph and the float engine disagree on an input; please report this model")]
    ImportMismatch {
        /// A value of the imported graph.
        ours: f64,
        /// The float engine's.
        theirs: f64,
    },
    /// Ids are given for a model that takes none.
    #[error("the model takes no token ids; its input are numbers")]
    NoIds,
    /// A public input is not the embedding of the ids that it is held against.
    #[error("the public input is not what the model makes of these ids: token {token} has another vector")]
    OtherIds {
        /// The first token that differs.
        token: usize,
    },
    /// Reading samples.
    #[error("{path}: {reason}")]
    Samples {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder is no whole setup, or its files do not belong together.
    #[error("{folder} is no usable setup: {reason}")]
    Setup {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A setup's record cannot be used.
    #[error("{path} {reason}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model's operators do not go together.
    #[error(transparent)]
    Fuse(#[from] FuseError),
    /// Choosing scales.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
    /// Running the integers.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// No quantisation keeps the error budget.
    #[error(
        "no bit widths keep {max_error}; the closest are off by {closest}: allow more, or give more bits to inputs"
    )]
    Accuracy {
        /// The budget.
        max_error: MaxError,
        /// The smallest distance of those tried, in the same terms; of cosines, how far below 1.
        closest: f64,
    },
    /// A budget of perplexity without labels.
    #[error(
        "a perplexity is one of labels, and the samples have none: give the next token of each by \"labels\" in an .npz"
    )]
    NoLabels,
    /// The integers answer something else than the float model.
    #[error(
        "the integers are too far from the float model on the samples that chose their scales: {fidelity}; allowed are \
         {allowed} %. Layer {layer:?} loses the most, in channel {channel}: give more bits to inputs, weights or tables, choose them with a \
         largest error, or allow more"
    )]
    Fidelity {
        /// The layer that adds the most.
        layer: String,
        /// Its worst channel.
        channel: usize,
        /// What is allowed, in percent of the reach.
        allowed: f64,
        /// What was found.
        fidelity: Box<Fidelity>,
    },
    /// Choosing a layout.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Pricing a layout.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// Keys, proofs and files.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

impl Error {
    /// The values that the message leaves out, for the eyes of whoever owns input and weights.
    pub fn private_values(&self) -> Option<String> {
        match self {
            Self::ImportMismatch { ours, theirs } => {
                Some(format!("{ours} in the imported graph, {theirs} in the engine"))
            }
            #[cfg(any(feature = "onnx", feature = "tflite"))]
            Self::Import(ImportError::Token { id, .. }) => Some(id.to_string()),
            Self::Execute(error) => error.private_value().map(|value| value.to_string()),
            Self::Quantise(error) => error.private_value().map(|value| value.to_string()),
            Self::Prover(error) => error.private_value().map(|value| value.to_string()),
            _ => None,
        }
    }
}
