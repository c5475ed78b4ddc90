//! How an ONNX file is read, apart from what it says.

use std::collections::BTreeMap;

use super::head::Head;
use super::ops::Operators;

/// How a file is read.
#[derive(Clone, Debug, Default)]
pub struct OnnxOptions {
    /// What is known of operators.
    pub operators: Operators,
    /// Extents of dimensions that the file names and leaves free.
    pub dimensions: BTreeMap<String, usize>,
    /// Inputs that come first in the graph's input, in this order; names that the file has not are none. Inputs that are public come
    /// before those that are private.
    pub first_inputs: Vec<String>,
    /// What the model's output is.
    pub head: Head,
}

impl From<Operators> for OnnxOptions {
    fn from(operators: Operators) -> Self {
        Self { operators, ..Self::default() }
    }
}
