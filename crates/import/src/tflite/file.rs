//! A verified TensorFlow Lite file: one graph, its tensors and operators, every index checked.
//!
//! It knows where things lie in the file, not what operators mean.

use std::borrow::Cow;
use std::path::Path;

use tract_tflite::tflite;

use super::operator::Operator;
use super::tensor::Tensor;
use crate::error::ImportError;

/// What marks the format, after the first four bytes.
const IDENTIFIER: &[u8] = b"TFL3";

/// Bytes of the first offset and the identifier.
const HEADER: usize = 8;
/// What positions are multiples of at most.
const MOST_ALIGNMENT: usize = 16;

/// The only graph of a file.
pub(super) struct File<'a> {
    tensors: Vec<tflite::Tensor<'a>>,
    buffers: Vec<tflite::Buffer<'a>>,
    codes: Vec<tflite::OperatorCode<'a>>,
    operators: Vec<tflite::Operator<'a>>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
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
            inputs: places(graph.inputs().map(|inputs| inputs.iter().collect()))?,
            outputs: places(graph.outputs().map(|outputs| outputs.iter().collect()))?,
        })
    }

    /// The graph's inputs.
    pub(super) fn inputs(&self) -> Result<Vec<Tensor<'a>>, ImportError> {
        self.inputs.iter().map(|place| self.tensor(*place)).collect()
    }

    /// The graph's outputs.
    pub(super) fn outputs(&self) -> Result<Vec<Tensor<'a>>, ImportError> {
        self.outputs.iter().map(|place| self.tensor(*place)).collect()
    }

    /// The graph's only input.
    pub(super) fn input(&self) -> Result<Tensor<'a>, ImportError> {
        only("input", self.inputs()?)
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
        let outputs = places(Some(outputs))?.into_iter().map(|place| self.tensor(place));
        let outputs: Vec<Tensor<'a>> = outputs.collect::<Result<_, _>>()?;
        let first = outputs.first().cloned();
        let output = first.ok_or_else(|| ImportError::Graph("an operator makes nothing".into()))?;
        Ok(Operator {
            code: tflite::BuiltinOperator(code),
            table: *table,
            inputs: inputs.iter().map(|&input| self.optional(input)).collect::<Result<_, _>>()?,
            output,
            outputs,
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

fn places(indices: Option<Vec<i32>>) -> Result<Vec<usize>, ImportError> {
    indices.unwrap_or_default().into_iter().map(place).collect()
}

/// The only one of several.
pub(super) fn only<T>(what: &str, mut found: Vec<T>) -> Result<T, ImportError> {
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (last, others) => {
            let count = others + usize::from(last.is_some());
            Err(ImportError::Graph(format!("expected one {what}, found {count}")))
        }
    }
}

/// The bytes, shifted where that puts what they hold at multiples of its size: some writers count those from another place than the
/// start. The first offset is the only one from there.
pub(super) fn aligned(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some((header, _)) = bytes.split_at_checked(HEADER) else { return bytes.into() };
    if !is_unaligned(bytes) {
        return bytes.into();
    }
    let root = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let shifted = |shift: usize| {
        let root = root.checked_add(shift as u32)?;
        let bytes = [&root.to_le_bytes(), &header[4..], &vec![0; shift - HEADER], bytes].concat();
        (!is_unaligned(&bytes)).then_some(bytes)
    };
    (HEADER..HEADER + MOST_ALIGNMENT).find_map(shifted).map_or(bytes.into(), Cow::from)
}

fn is_unaligned(bytes: &[u8]) -> bool {
    tflite::root_as_model(bytes).is_err_and(|error| error.to_string().contains("aligned"))
}
