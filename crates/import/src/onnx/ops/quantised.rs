//! QuantizeLinear and DequantizeLinear: weights that are stored as integers, and tensors that are rounded on their way.

use tract_onnx::pb::tensor_proto::DataType;
use zklayout_model::{Activation, Clamp, Function};

use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::constant::kind_of;
use crate::onnx::layers::{Layers, zip};
use crate::onnx::value::{Kind, Value};

/// Scale and zero point, along the axis that they are for, as they broadcast over the tensor.
fn parameters(node: &Node<'_>) -> Result<[Value; 2], ImportError> {
    let (rank, scale) = (node.value(0)?.dims.len(), node.value(1)?);
    node.numbers(1)?;
    if node.int("block_size", 0) != 0 {
        return Err(node.unsupported("scales of blocks; export with a scale for each channel or tensor"));
    }
    let along = |value: &Value| -> Result<Value, ImportError> {
        if value.len() == 1 {
            return Ok(value.with_dims(Vec::new()));
        }
        let axis = node.axis(node.int("axis", 1), rank)?;
        let mut shape = vec![1; rank - axis];
        shape[0] = value.len();
        Ok(value.with_dims(shape))
    };
    let zero = match node.optional_numbers(2)?.and_then(|_| node.optional_value(2)) {
        Some(zero) => along(zero)?,
        None => Value::number(0.0),
    };
    Ok([along(scale)?, zero])
}

/// `(x - zero) * scale`.
pub(super) fn import_dequantize(node: &Node<'_>, layers: &mut Layers) -> Results {
    let ([scale, zero], value, name) = (parameters(node)?, node.value(0)?, node.name());
    let shift = zip(&zero, &scale, |zero, scale| -zero * scale).at(node)?;
    let result = layers.affine(&name, value, &value.dims, &scale, &shift).at(node)?;
    Ok(vec![Value { kind: Kind::Float, ..result }])
}

pub(super) fn evaluate_dequantize(node: &Node<'_>) -> Results {
    let ([scale, zero], value) = (parameters(node)?, node.value(0)?);
    let centred = zip(value, &zero, |x, zero| x - zero).at(node)?;
    Ok(vec![Value { kind: Kind::Float, ..zip(&centred, &scale, |x, scale| x * scale).at(node)? }])
}

/// The least and the greatest integer of the result.
fn limits(node: &Node<'_>) -> Result<(f64, f64), ImportError> {
    let stated = node.int("output_dtype", 0) as i32;
    let element = match node.optional_value(2).map(|zero| zero.element).unwrap_or(stated) {
        0 => DataType::Uint8 as i32,
        element => element,
    };
    if kind_of(element) != Some(Kind::Integer) {
        return Err(node.unsupported("a result of other elements than 8 or 16 bits"));
    }
    match DataType::try_from(element) {
        Ok(DataType::Uint8) => Ok((0.0, 255.0)),
        Ok(DataType::Int8) => Ok((-128.0, 127.0)),
        Ok(DataType::Uint16) => Ok((0.0, 65535.0)),
        Ok(DataType::Int16) => Ok((-32768.0, 32767.0)),
        _ => Err(node.unsupported("a result of other elements than 8 or 16 bits")),
    }
}

/// `clamp(round(x / scale) + zero)`.
pub(super) fn import_quantize(node: &Node<'_>, layers: &mut Layers) -> Results {
    let ([scale, zero], value, name) = (parameters(node)?, node.value(0)?, node.name());
    let (lo, hi) = limits(node)?;
    let inverse = zip(&scale, &scale, |scale, _| scale.recip()).at(node)?;
    let none = Value::number(0.0);
    let scaled = layers.affine(&name, value, &value.dims, &inverse, &none).at(node)?;
    let rounded = layers.apply(&name, &scaled, &Activation::Function(Function::Round)).at(node)?;
    let shifted = layers.sum(&name, &[(&rounded, 1.0), (&zero, 1.0)]).at(node)?;
    let clamp = Activation::Clamp(Clamp { lo: Some(lo), hi: Some(hi) });
    let result = layers.apply(&name, &shifted, &clamp).at(node)?;
    Ok(vec![Value { kind: Kind::Integer, ..result }])
}

pub(super) fn evaluate_quantize(node: &Node<'_>) -> Results {
    let ([scale, zero], value, (lo, hi)) = (parameters(node)?, node.value(0)?, limits(node)?);
    let scaled = zip(value, &scale, |x, scale| (x / scale).round_ties_even()).at(node)?;
    let result = zip(&scaled, &zero, |x, zero| (x + zero).clamp(lo, hi)).at(node)?;
    Ok(vec![Value { kind: Kind::Integer, ..result }])
}
