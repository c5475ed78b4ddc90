//! Embeddings: what a file makes of each token by itself, from its id to the vector that the other tokens meet.
//!
//! It is looked up outside of the graph, in the file's own operators. It does not know how it is found in a file (`cut`).

use super::inputs::TensorInfo;
use super::interpreter::Interpreter;
use crate::error::ImportError;

/// From token ids to the vectors that a cut graph reads.
#[derive(Debug)]
pub struct Embedding {
    pub(super) front: Interpreter,
    pub(super) ids: TensorInfo,
    pub(super) rows: TensorInfo,
    pub(super) vocabulary: usize,
    pub(super) folded: Vec<Folded>,
}

/// An input of the file that was given a value when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// Its name.
    pub name: String,
    /// Its extents.
    pub dims: Vec<usize>,
    /// The value, flat.
    pub values: Vec<f64>,
    /// What the value is, in words.
    pub meaning: &'static str,
}

impl Embedding {
    /// The file's input that holds ids.
    pub fn ids(&self) -> &TensorInfo {
        &self.ids
    }

    /// The tensor that the graph reads instead.
    pub fn rows(&self) -> &TensorInfo {
        &self.rows
    }

    /// Ids there are, from 0 on.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Inputs of the file that have one value only.
    pub fn folded(&self) -> &[Folded] {
        &self.folded
    }

    /// The vectors of some ids, flat.
    ///
    /// # Errors
    /// Another number of ids than the file takes, or one that the vocabulary has not; the message does not say which.
    pub fn look_up(&self, ids: &[f64]) -> Result<Vec<f64>, ImportError> {
        let tokens = self.ids.dims.iter().product();
        if ids.len() != tokens {
            return Err(ImportError::Tokens { input: self.ids.name.clone(), found: ids.len(), expected: tokens });
        }
        let known = |id: f64| id.fract() == 0.0 && (0.0..self.vocabulary as f64).contains(&id);
        match ids.iter().position(|id| !known(*id)) {
            Some(place) => Err(ImportError::Token {
                input: self.ids.name.clone(),
                place,
                vocabulary: self.vocabulary,
                id: ids[place],
            }),
            None => self.front.run(ids),
        }
    }
}
