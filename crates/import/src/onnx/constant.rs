//! Constant tensors of an ONNX file, as numbers.
//!
//! Each element type is read as the standard stores it; data beside the file is `external`'s. Nothing is allocated before a
//! tensor's size is held to the bytes that are there.

use std::path::Path;

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

use super::extents;
use super::external;
use super::value::{Kind, Value};
use crate::error::ImportError;

/// Largest magnitude of an integer that a 64-bit float holds exactly.
const MOST_EXACT: i64 = 1 << 53;

/// A constant tensor, for operators of one's own. Floats and integers both fit `f64` without loss.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Numbers, the last dimension fastest.
    pub values: Vec<f64>,
}

/// What the elements of a type are.
pub(super) fn kind_of(element: i32) -> Option<Kind> {
    match DataType::try_from(element).ok()? {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => Some(Kind::Float),
        DataType::Bool => Some(Kind::Boolean),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Uint8
        | DataType::Uint16
        | DataType::Uint32
        | DataType::Uint64 => Some(Kind::Integer),
        _ => None,
    }
}

/// The name of an element type, or its number if it has none.
pub(super) fn type_name(element: i32) -> String {
    DataType::try_from(element)
        .map_or_else(|_| format!("type {element}"), |name| format!("{name:?}").to_lowercase())
}

/// Reads a constant whose data is in the file.
pub(super) fn load(proto: &pb::TensorProto) -> Result<Value, ImportError> {
    let malformed = |reason: String| ImportError::Graph(format!("constant tensor {:?}: {reason}", proto.name));
    let kind = kind_of(proto.data_type).ok_or_else(|| {
        let name = type_name(proto.data_type);
        malformed(format!("elements of {name} are not read; export the model with float or integer weights"))
    })?;
    let dims = dims(proto).map_err(&malformed)?;
    let count = extents::count(&dims).map_err(&malformed)?;
    let numbers = numbers(proto).map_err(&malformed)?;
    if numbers.len() != count {
        return Err(malformed(format!("it holds {} values, its shape {dims:?} has {count}", numbers.len())));
    }
    if numbers.iter().any(|value| value.is_nan()) {
        return Err(malformed("it holds NaN".into()));
    }
    Ok(Value { element: proto.data_type, ..Value::numbers(kind, dims, numbers) })
}

fn dims(proto: &pb::TensorProto) -> Result<Vec<usize>, String> {
    let dim =
        |dim: &i64| usize::try_from(*dim).map_err(|_| format!("its shape {:?} has a negative extent", proto.dims));
    proto.dims.iter().map(dim).collect()
}

/// Brings the data of a constant that is in a file beside the model into the constant.
pub(super) fn fetch(proto: &mut pb::TensorProto, folder: Option<&Path>) -> Result<(), ImportError> {
    let malformed = |reason: String| ImportError::Graph(format!("constant tensor {:?}: {reason}", proto.name));
    let kind = DataType::try_from(proto.data_type).unwrap_or(DataType::Undefined);
    let count = dims(proto).and_then(|dims| extents::count(&dims)).map_err(&malformed)?;
    let bytes = external::read(proto, folder, count * width(kind)).map_err(&malformed)?;
    proto.raw_data = bytes;
    proto.external_data.clear();
    proto.data_location = None;
    Ok(())
}

/// Whether the data of a constant is in a file beside the model.
pub(super) fn is_external(proto: &pb::TensorProto) -> bool {
    proto.data_location == Some(DataLocation::External as i32)
}

fn numbers(proto: &pb::TensorProto) -> Result<Vec<f64>, String> {
    let kind = DataType::try_from(proto.data_type).unwrap_or(DataType::Undefined);
    if !proto.raw_data.is_empty() {
        return decode(kind, &proto.raw_data);
    }
    match kind {
        DataType::Float => Ok(proto.float_data.iter().map(|value| f64::from(*value)).collect()),
        DataType::Double => Ok(proto.double_data.clone()),
        DataType::Int64 => proto.int64_data.iter().map(|value| exact(*value)).collect(),
        DataType::Uint32 | DataType::Uint64 => {
            proto.uint64_data.iter().map(|value| exact_unsigned(*value)).collect()
        }
        DataType::Float16 => Ok(proto.int32_data.iter().map(|bits| half(*bits as u16)).collect()),
        DataType::Bfloat16 => Ok(proto.int32_data.iter().map(|bits| brain(*bits as u16)).collect()),
        _ => Ok(proto.int32_data.iter().map(|value| f64::from(*value)).collect()),
    }
}

/// Bytes of an element.
fn width(kind: DataType) -> usize {
    match kind {
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        _ => 1,
    }
}

/// Elements as their bytes, little-endian.
fn decode(kind: DataType, bytes: &[u8]) -> Result<Vec<f64>, String> {
    let width = width(kind);
    if !bytes.len().is_multiple_of(width) {
        return Err(format!("its {} bytes are no whole number of elements", bytes.len()));
    }
    // Results are collected without their number; embeddings are large.
    let mut numbers = Vec::with_capacity(bytes.len() / width);
    for bytes in bytes.chunks_exact(width) {
        numbers.push(element(kind, bytes)?);
    }
    Ok(numbers)
}

fn element(kind: DataType, bytes: &[u8]) -> Result<f64, String> {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    let bits = u64::from_le_bytes(word);
    Ok(match kind {
        DataType::Float => f32::from_bits(bits as u32).into(),
        DataType::Double => f64::from_bits(bits),
        DataType::Float16 => half(bits as u16),
        DataType::Bfloat16 => brain(bits as u16),
        DataType::Int64 => return exact(bits as i64),
        DataType::Uint64 => return exact_unsigned(bits),
        DataType::Int32 => f64::from(bits as u32 as i32),
        DataType::Int16 => f64::from(bits as u16 as i16),
        DataType::Int8 => f64::from(bits as u8 as i8),
        DataType::Bool => f64::from(u8::from(bits != 0)),
        _ => bits as f64,
    })
}

/// The ends of 64 bits stand for "as far as it goes" in slices, and are rounded; other integers are exact or refused.
fn exact(value: i64) -> Result<f64, String> {
    let end = value >= i64::MAX - 1024 || value <= i64::MIN + 1024;
    if end || (-MOST_EXACT..=MOST_EXACT).contains(&value) {
        return Ok(value as f64);
    }
    Err("it holds an integer beyond 2^53, which floats do not hold".into())
}

fn exact_unsigned(value: u64) -> Result<f64, String> {
    i64::try_from(value)
        .map_err(|_| "it holds an integer beyond 2^53, which floats do not hold".to_owned())
        .and_then(exact)
}

/// A 16-bit float of 5 bits of exponent.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * f64::powi(2.0, exponent - 15),
    }
}

/// The upper half of a 32-bit float.
fn brain(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_are_read() {
        let cases =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f64.powi(-24)), (0x7bff, 65504.0), (0x3555, 0.333251953125)];
        for (bits, value) in cases {
            assert_eq!(half(bits), value, "{bits:x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
        assert_eq!(brain(0x3fc0), 1.5);
    }

    #[test]
    fn integers_are_exact_or_refused() {
        assert!(exact(1 << 53).is_ok() && exact((1 << 53) + 1).is_err() && exact(i64::MAX).is_ok());
        assert!(exact_unsigned(u64::MAX).is_err());
        assert!(decode(DataType::Int32, &[1, 2, 3]).is_err());
        assert_eq!(decode(DataType::Int8, &[255, 2]).unwrap(), [-1.0, 2.0]);
    }
}
