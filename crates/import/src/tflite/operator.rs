//! One operator of a file as its importer sees it: its tensors and options.

use tract_tflite::tflite::{self, BuiltinOperator};
use zklayout_model::Stored;

use super::tensor::Tensor;
use crate::error::ImportError;

/// What an importer reads.
pub(super) struct Operator<'a> {
    /// Which operator it is.
    pub(super) code: BuiltinOperator,
    /// Its options.
    pub(super) table: tflite::Operator<'a>,
    /// What it reads; optional inputs may be absent.
    pub(super) inputs: Vec<Option<Tensor<'a>>>,
    /// What it makes first, or alone.
    pub(super) output: Tensor<'a>,
    /// All that it makes.
    pub(super) outputs: Vec<Tensor<'a>>,
}

impl<'a> Operator<'a> {
    /// The operator's name in the format's schema.
    pub(super) fn label(&self) -> String {
        self.code.variant_name().map_or_else(|| format!("operator {}", self.code.0), str::to_owned)
    }

    /// Its result's name: operators have none of their own.
    pub(super) fn name(&self) -> String {
        self.output.name.clone()
    }

    /// The error for a use of the operator that is not supported.
    pub(super) fn unsupported(&self, reason: impl Into<String>) -> ImportError {
        ImportError::UnsupportedUse { node: self.name(), op: self.label(), reason: reason.into() }
    }

    /// The tensor at input `slot`; `None` when the input is absent.
    pub(super) fn optional(&self, slot: usize) -> Option<&Tensor<'a>> {
        self.inputs.get(slot)?.as_ref()
    }

    /// The tensor at input `slot`.
    pub(super) fn input(&self, slot: usize) -> Result<&Tensor<'a>, ImportError> {
        self.optional(slot).ok_or_else(|| self.unsupported(format!("input {slot} is missing")))
    }

    /// Options that the file must have for the operator.
    pub(super) fn options<T>(&self, options: Option<T>) -> Result<T, ImportError> {
        options.ok_or_else(|| self.unsupported("its options are missing"))
    }

    /// Strides by rows and columns.
    pub(super) fn strides(&self, rows: i32, columns: i32) -> Result<(usize, usize), ImportError> {
        match (usize::try_from(rows), usize::try_from(columns)) {
            (Ok(down @ 1..), Ok(right @ 1..)) => Ok((down, right)),
            _ => Err(self.unsupported(format!("strides {rows} and {columns}; expected positive ones"))),
        }
    }

    /// Rows and columns of a window.
    pub(super) fn window(&self, rows: i32, columns: i32) -> Result<(usize, usize), ImportError> {
        match (usize::try_from(rows), usize::try_from(columns)) {
            (Ok(high @ 1..), Ok(wide @ 1..)) => Ok((high, wide)),
            _ => Err(self.unsupported(format!("windows of {rows}x{columns} values; expected some"))),
        }
    }

    /// How the result is stored, which must be as the first input is.
    pub(super) fn same_stored(&self) -> Result<Stored, ImportError> {
        let stored = self.output.stored()?;
        if self.input(0)?.stored()? == stored {
            return Ok(stored);
        }
        Err(self.unsupported("its result has another scale or zero point than its input"))
    }

    /// The one stride that both directions have.
    pub(super) fn stride(&self, (rows, columns): (usize, usize)) -> Result<usize, ImportError> {
        if rows == columns {
            return Ok(rows);
        }
        Err(self.unsupported(format!("strides {rows} and {columns}; expected equal ones")))
    }

    /// Refuses kernels with gaps.
    pub(super) fn undilated(&self, rows: i32, columns: i32) -> Result<(), ImportError> {
        if (rows, columns) == (1, 1) {
            return Ok(());
        }
        Err(self.unsupported(format!("dilations {rows} and {columns}; expected 1")))
    }
}
