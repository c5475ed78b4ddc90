//! What a file declares of its inputs: element types, extents, free dimensions, and which come first. It knows no operator.

use std::collections::BTreeMap;

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;

use super::constant::{kind_of, type_name};
use super::extents;
use super::value::Kind;
use crate::error::ImportError;

/// An input or an output of a model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its extents, the slowest axis first.
    pub dims: Vec<usize>,
    /// What its values are.
    pub kind: Kind,
    /// Whether the outputs depend on it.
    pub read: bool,
}

/// What a file declares of an input, and its type of elements; `free` has the extents of dimensions that it leaves free.
pub(super) fn declared(
    input: &pb::ValueInfoProto,
    free: &BTreeMap<String, usize>,
) -> Result<(TensorInfo, i32), ImportError> {
    let wrong = |reason: String| ImportError::Graph(format!("input {:?} {reason}", input.name));
    let Some(pb::type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(wrong("is not a tensor".into()));
    };
    let kind = kind_of(tensor.elem_type).ok_or_else(|| {
        wrong(format!("holds {}; only floats, integers and truth values are read", type_name(tensor.elem_type)))
    })?;
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let extent = |(axis, dim): (usize, &pb::tensor_shape_proto::Dimension)| match &dim.value {
        Some(Extent::DimValue(size)) if *size > 0 => Ok(*size as usize),
        Some(Extent::DimValue(0)) => Err(wrong(format!("has the extent 0 along axis {axis}, and holds no value"))),
        Some(Extent::DimParam(name)) if free.contains_key(name) => Ok(free[name]),
        // A free batch is one input; what tf2onnx could not tell is one place.
        Some(Extent::DimParam(name)) if axis == 0 || name.starts_with("unk__") => Ok(1),
        Some(Extent::DimParam(name)) => {
            Err(wrong(format!("has the free dimension {name:?} along axis {axis}; give it with --dim {name}=N")))
        }
        _ if axis == 0 => Ok(1),
        _ => Err(wrong(format!(
            "has a free dimension without a name along axis {axis}; export it with a fixed shape"
        ))),
    };
    let dims = dims.iter().enumerate().map(extent).collect::<Result<Vec<usize>, _>>()?;
    extents::live_count(&dims).map_err(&wrong)?;
    if dims.contains(&0) {
        return Err(wrong(format!("has the shape {dims:?}, and holds no value")));
    }
    Ok((TensorInfo { name: input.name.clone(), dims, kind, read: false }, tensor.elem_type))
}

/// Puts some inputs before the others.
pub(super) fn put_first(inputs: &mut [pb::ValueInfoProto], first: &[String]) {
    inputs.sort_by_key(|input| first.iter().position(|name| *name == input.name).unwrap_or(first.len()));
}

/// Refuses extents of dimensions that no input has.
pub(super) fn check_names(
    inputs: &[pb::ValueInfoProto],
    free: &BTreeMap<String, usize>,
) -> Result<(), ImportError> {
    let mut names: Vec<&str> = Vec::new();
    for input in inputs {
        let Some(pb::type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            continue;
        };
        let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
        names.extend(dims.filter_map(|dim| match &dim.value {
            Some(Extent::DimParam(name)) => Some(name.as_str()),
            _ => None,
        }));
    }
    match free.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => {
            Err(ImportError::Graph(format!("no input has a free dimension {name:?}; there are {names:?}")))
        }
        None => Ok(()),
    }
}
