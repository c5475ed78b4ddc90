//! Constant tensors of an ONNX file, as numbers.

use tract_onnx::pb;
use tract_onnx::prelude::DatumType;
use tract_onnx::tensor::load_tensor;

use crate::error::ImportError;

/// A constant tensor. Floats and integers both fit `f64` without loss for what models hold.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Numbers, the last dimension fastest.
    pub values: Vec<f64>,
}

impl Constant {
    pub(super) fn load(proto: &pb::TensorProto) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Graph(format!("constant tensor {:?}: {reason}", proto.name));
        let provider = tract_onnx::data_resolver::default();
        let tensor = load_tensor(&*provider, proto, None).map_err(|e| malformed(format!("{e:#}")))?;
        let wide = tensor.cast_to_dt(DatumType::F64).map_err(|e| malformed(format!("{e:#}")))?;
        let view = wide.to_plain_array_view::<f64>().map_err(|e| malformed(format!("{e:#}")))?;
        if let Some(value) = view.iter().find(|value| value.is_nan()) {
            return Err(malformed(format!("it holds {value}")));
        }
        Ok(Self { dims: tensor.shape().to_vec(), values: view.iter().copied().collect() })
    }
}
