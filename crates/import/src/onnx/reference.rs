//! The float engine: the model file as tract runs it.

use std::fmt;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::error::ImportError;

/// The model as tract runs it, in 32-bit floats.
pub struct Reference {
    model: Arc<TypedRunnableModel>,
    dims: Vec<usize>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("dims", &self.dims).finish_non_exhaustive()
    }
}

impl Reference {
    pub(super) fn new(proto: &pb::ModelProto, dims: &[usize]) -> Result<Self, ImportError> {
        let build = || -> TractResult<Arc<TypedRunnableModel>> {
            tract_onnx::onnx()
                .model_for_proto_model(proto)?
                .with_input_fact(0, f32::fact(dims).into())?
                .into_typed()?
                .into_runnable()
        };
        let model = build().map_err(|e| ImportError::Reference(format!("{e:#}")))?;
        Ok(Self { model, dims: dims.to_vec() })
    }

    /// The model's output on one input, flat.
    ///
    /// # Errors
    /// An input of another length, or whatever the engine reports.
    pub fn run(&self, input: &[f64]) -> Result<Vec<f64>, ImportError> {
        let single: Vec<f32> = input.iter().map(|&value| value as f32).collect();
        let run = || -> TractResult<Vec<f64>> {
            let tensor = Tensor::from_shape(&self.dims, &single)?;
            let outputs = self.model.run(tvec!(tensor.into()))?;
            let view = outputs[0].to_plain_array_view::<f32>()?;
            Ok(view.iter().map(|&value| f64::from(value)).collect())
        };
        run().map_err(|e| ImportError::Reference(format!("{e:#}")))
    }
}
