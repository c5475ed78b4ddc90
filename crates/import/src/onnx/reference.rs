//! Two opinions on what a model computes: the float engine's, which is tract in 32 bits, and the operators' own, in 64.

use std::fmt;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use super::interpreter::Interpreter;
use super::value::Kind;
use crate::error::ImportError;

/// The model file as others run it.
pub struct Reference {
    /// What runs it, or why nothing does.
    engine: Result<Arc<TypedRunnableModel>, String>,
    interpreter: Option<Interpreter>,
    /// Every input of the file: extents, what they are, and whether something reads it.
    inputs: Vec<(Vec<usize>, DatumType, bool)>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

/// The engine's type of a file's elements.
pub(super) fn datum(element: i32, kind: Kind) -> DatumType {
    use tract_onnx::pb::tensor_proto::DataType;
    match (DataType::try_from(element), kind) {
        (Ok(DataType::Float16), _) => DatumType::F16,
        (Ok(DataType::Double), _) => DatumType::F64,
        (Ok(DataType::Int32), _) => DatumType::I32,
        (Ok(DataType::Int16), _) => DatumType::I16,
        (Ok(DataType::Int8), _) => DatumType::I8,
        (Ok(DataType::Uint8), _) => DatumType::U8,
        (_, Kind::Boolean) => DatumType::Bool,
        (_, Kind::Integer) => DatumType::I64,
        (_, Kind::Float) => DatumType::F32,
    }
}

impl Reference {
    pub(super) fn new(
        proto: &pb::ModelProto,
        inputs: Vec<(Vec<usize>, DatumType, bool)>,
        interpreter: Option<Interpreter>,
    ) -> Self {
        let build = || -> TractResult<Arc<TypedRunnableModel>> {
            let mut model = tract_onnx::onnx().model_for_proto_model(proto)?;
            for (place, (dims, datum, _)) in inputs.iter().enumerate() {
                model = model.with_input_fact(place, datum.fact(dims).into())?;
            }
            model.into_typed()?.into_runnable()
        };
        let engine = build().map_err(|error| format!("{error:#}"));
        Self { engine, interpreter, inputs }
    }

    /// All outputs on one input, flat, one after the other, as the float engine has them.
    ///
    /// # Errors
    /// An input of another length, a model that the engine does not run, or whatever it reports.
    pub fn run(&self, input: &[f64]) -> Result<Vec<f64>, ImportError> {
        let engine = self.engine.as_ref().map_err(|reason| ImportError::Reference(reason.clone()))?;
        let read = self.inputs.iter().filter(|(.., read)| *read);
        let expected: usize = read.map(|(dims, ..)| dims.iter().product::<usize>()).sum();
        if input.len() != expected {
            return Err(ImportError::Reference(format!("{} values for inputs of {expected}", input.len())));
        }
        let run = || -> TractResult<Vec<f64>> {
            let mut numbers = Vec::new();
            for output in engine.run(self.tensors(input)?)? {
                let wide = output.cast_to_dt(DatumType::F64)?;
                numbers.extend(wide.to_plain_array_view::<f64>()?.iter().copied());
            }
            Ok(numbers)
        };
        run().map_err(|e| ImportError::Reference(format!("{e:#}")))
    }

    fn tensors(&self, mut rest: &[f64]) -> TractResult<TVec<TValue>> {
        let mut tensors = TVec::new();
        for (dims, datum, read) in &self.inputs {
            let count: usize = dims.iter().product();
            let numbers = if *read {
                let (own, others) = rest.split_at(count.min(rest.len()));
                rest = others;
                own.to_vec()
            } else {
                vec![0.0; count]
            };
            let tensor = Tensor::from_shape(dims, &numbers)?;
            tensors.push(tensor.cast_to_dt(*datum)?.into_owned().into());
        }
        Ok(tensors)
    }

    /// The same as the file's operators have it, each in 64-bit floats; `None` where one has no numbers of its own.
    ///
    /// # Errors
    /// What an operator refuses.
    pub fn interpret(&self, input: &[f64]) -> Option<Result<Vec<f64>, ImportError>> {
        self.interpreter.as_ref().map(|interpreter| interpreter.run(input))
    }
}
