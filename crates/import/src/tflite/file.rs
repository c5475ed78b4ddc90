//! A verified TensorFlow Lite file: one graph, its tensors and operators, every index checked.
//!
//! It knows where things lie in the file, not what operators mean.

use std::path::Path;

use tract_tflite::tflite;

use super::operator::Operator;
use super::tensor::Tensor;
use crate::error::ImportError;

/// What marks the format, after the first four bytes.
const IDENTIFIER: &[u8] = b"TFL3";

/// The only graph of a file.
pub(super) struct File<'a> {
    tensors: Vec<tflite::Tensor<'a>>,
    buffers: Vec<tflite::Buffer<'a>>,
    codes: Vec<tflite::OperatorCode<'a>>,
    operators: Vec<tflite::Operator<'a>>,
    input: usize,
    output: usize,
}

impl<'a> File<'a> {
    /// Verifies the bytes.
    pub(super) fn read(bytes: &'a [u8], path: &Path) -> Result<Self, ImportError> {
        let wrong = |reason: String| ImportError::ParseTflite { path: path.to_owned(), reason };
        if bytes.get(4..8) != Some(IDENTIFIER) {
            return Err(wrong("it does not have the format's identifier".into()));
        }
        let model = tflite::root_as_model(bytes).map_err(|error| wrong(error.to_string()))?;
        let graphs: Vec<_> = model.subgraphs().map(|graphs| graphs.iter().collect()).unwrap_or_default();
        let [graph] = graphs.as_slice() else {
            return Err(ImportError::Graph(format!("expected one graph, found {}", graphs.len())));
        };
        Ok(Self {
            tensors: graph.tensors().map(|tensors| tensors.iter().collect()).unwrap_or_default(),
            buffers: model.buffers().map(|buffers| buffers.iter().collect()).unwrap_or_default(),
            codes: model.operator_codes().map(|codes| codes.iter().collect()).unwrap_or_default(),
            operators: graph.operators().map(|operators| operators.iter().collect()).unwrap_or_default(),
            input: only("input", graph.inputs().map(|inputs| inputs.iter().collect()))?,
            output: only("output", graph.outputs().map(|outputs| outputs.iter().collect()))?,
        })
    }

    /// The graph's only input.
    pub(super) fn input(&self) -> Result<Tensor<'a>, ImportError> {
        self.tensor(self.input)
    }

    /// The graph's only output.
    pub(super) fn output(&self) -> Result<Tensor<'a>, ImportError> {
        self.tensor(self.output)
    }

    /// Every operator, in the order in which they run.
    pub(super) fn operators(&self) -> impl Iterator<Item = Result<Operator<'a>, ImportError>> {
        self.operators.iter().map(|operator| self.operator(operator))
    }

    fn operator(&self, table: &tflite::Operator<'a>) -> Result<Operator<'a>, ImportError> {
        let index = table.opcode_index() as usize;
        let code = self.codes.get(index).ok_or_else(|| {
            let count = self.codes.len();
            ImportError::Graph(format!("operator code {index} is none of the file's {count}"))
        })?;
        // Files of before there were more than 127 operators have the old field alone, newer ones both.
        let code = code.builtin_code().0.max(i32::from(code.deprecated_builtin_code()));
        let inputs: Vec<i32> = table.inputs().map(|inputs| inputs.iter().collect()).unwrap_or_default();
        let outputs: Vec<i32> = table.outputs().map(|outputs| outputs.iter().collect()).unwrap_or_default();
        let output = only("output of an operator", Some(outputs))?;
        Ok(Operator {
            code: tflite::BuiltinOperator(code),
            table: *table,
            inputs: inputs.iter().map(|&input| self.optional(input)).collect::<Result<_, _>>()?,
            output: self.tensor(output)?,
        })
    }

    /// Absent inputs have the index -1.
    fn optional(&self, index: i32) -> Result<Option<Tensor<'a>>, ImportError> {
        if index == -1 { Ok(None) } else { self.tensor(place(index)?).map(Some) }
    }

    fn tensor(&self, index: usize) -> Result<Tensor<'a>, ImportError> {
        let count = self.tensors.len();
        let missing = || ImportError::Graph(format!("tensor {index} is none of the file's {count}"));
        let table = *self.tensors.get(index).ok_or_else(missing)?;
        let buffer = self.buffers.get(table.buffer() as usize).and_then(|buffer| buffer.data());
        Tensor::new(index, table, buffer.map(|data| data.bytes()).filter(|data| !data.is_empty()))
    }
}

fn place(index: i32) -> Result<usize, ImportError> {
    usize::try_from(index).map_err(|_| ImportError::Graph(format!("tensor {index} is none of the file's")))
}

fn only(what: &str, indices: Option<Vec<i32>>) -> Result<usize, ImportError> {
    match indices.unwrap_or_default().as_slice() {
        [index] => place(*index),
        found => Err(ImportError::Graph(format!("expected one {what}, found {}", found.len()))),
    }
}
