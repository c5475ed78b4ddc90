//! Functions of each value: Relu, Clip and those that become tables; Cast, which keeps floats and cuts them to integers.

use tract_onnx::pb::tensor_proto::DataType;
use zklayout_model::{Activation, Clamp, Function};

use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::constant::{kind_of, type_name};
use crate::onnx::layers::Layers;
use crate::onnx::value::{Kind, Value};

type Found = Result<Activation, ImportError>;

/// Declares the functions that have nothing to choose.
macro_rules! plain {
    ($($name:ident => $function:expr),* $(,)?) => {
        $(pub(super) fn $name(_: &Node<'_>) -> Found {
            Ok(Activation::Function($function))
        })*
    };
}

plain! {
    abs => Function::Abs,
    ceil => Function::Ceil,
    cos => Function::Cos,
    erf => Function::Erf,
    exp => Function::Exp,
    floor => Function::Floor,
    hard_swish => Function::HardSwish,
    log => Function::Log,
    mish => Function::Mish,
    reciprocal => Function::Reciprocal,
    round => Function::Round,
    sigmoid => Function::Sigmoid,
    sign => Function::Sign,
    sin => Function::Sin,
    softplus => Function::Softplus,
    softsign => Function::Softsign,
    sqrt => Function::Sqrt,
    tanh => Function::Tanh,
}

fn of(function: Function) -> Found {
    Ok(Activation::Function(function))
}

pub(super) fn relu(_: &Node<'_>) -> Found {
    Ok(Activation::Clamp(Clamp { lo: Some(0.0), hi: None }))
}

pub(super) fn clip(node: &Node<'_>) -> Found {
    let bound = |slot: usize, attribute: &str| -> Result<Option<f64>, ImportError> {
        let input = node.optional_numbers(slot)?.and_then(|numbers| numbers.first().copied());
        Ok(input.or_else(|| node.optional_float(attribute)).filter(|bound| bound.abs() < f64::from(f32::MAX)))
    };
    let clamp = Clamp { lo: bound(1, "min")?, hi: bound(2, "max")? };
    if let Clamp { lo: Some(lo), hi: Some(hi) } = clamp
        && lo > hi
    {
        return Err(node.unsupported(format!("the lower bound {lo} is above the upper bound {hi}")));
    }
    Ok(Activation::Clamp(clamp))
}

pub(super) fn celu(node: &Node<'_>) -> Found {
    of(Function::Celu { alpha: node.float("alpha", 1.0) })
}

pub(super) fn elu(node: &Node<'_>) -> Found {
    of(Function::Elu { alpha: node.float("alpha", 1.0) })
}

pub(super) fn selu(node: &Node<'_>) -> Found {
    let alpha = node.float("alpha", f64::from(1.673_263_2_f32));
    of(Function::Selu { alpha, gamma: node.float("gamma", f64::from(1.050_701_f32)) })
}

pub(super) fn hard_sigmoid(node: &Node<'_>) -> Found {
    of(Function::HardSigmoid { alpha: node.float("alpha", 0.2), beta: node.float("beta", 0.5) })
}

pub(super) fn leaky_relu(node: &Node<'_>) -> Found {
    of(Function::LeakyRelu { slope: node.float("alpha", 0.01) })
}

pub(super) fn thresholded_relu(node: &Node<'_>) -> Found {
    of(Function::ThresholdedRelu { alpha: node.float("alpha", 1.0) })
}

pub(super) fn shrink(node: &Node<'_>) -> Found {
    of(Function::Shrink { bias: node.float("bias", 0.0), lambda: node.float("lambd", 0.5) })
}

pub(super) fn gelu(node: &Node<'_>) -> Found {
    match node.text("approximate").as_str() {
        "" | "none" => of(Function::Gelu),
        "tanh" => of(Function::GeluTanh),
        other => Err(node.unsupported(format!("approximate {other:?}"))),
    }
}

/// What a cast does to its input.
fn cast(node: &Node<'_>, from: Kind) -> Result<(Kind, Option<Activation>), ImportError> {
    let to = node.int("to", 0) as i32;
    let Some(kind) = kind_of(to) else {
        return Err(
            node.unsupported(format!("a cast to {}; only numbers and truth values are known", type_name(to)))
        );
    };
    let narrow = |element: DataType| [DataType::Int32 as i32, DataType::Int64 as i32].contains(&(element as i32));
    let element = DataType::try_from(to).unwrap_or(DataType::Undefined);
    let activation = match (from, kind) {
        (_, Kind::Float) | (Kind::Boolean, _) => None,
        (Kind::Integer, Kind::Integer) if narrow(element) => None,
        (Kind::Float, Kind::Integer) if narrow(element) => Some(Activation::Function(Function::Truncate)),
        (_, Kind::Integer) => {
            let name = type_name(to);
            return Err(node.unsupported(format!("a cast to {name}, which wraps around beyond its range")));
        }
        (Kind::Float, Kind::Boolean) => {
            return Err(
                node.unsupported("a cast of floats that depend on the input to truth values; compare them with 0")
            );
        }
        (_, Kind::Boolean) => Some(Activation::Function(Function::NonZero)),
    };
    Ok((kind, activation))
}

pub(super) fn import_cast(node: &Node<'_>, layers: &mut Layers) -> Results {
    let value = node.value(0)?;
    let (kind, activation) = cast(node, value.kind)?;
    let cast = match activation {
        Some(activation) => layers.apply(&node.name(), value, &activation).at(node)?,
        None => value.clone(),
    };
    Ok(vec![Value { kind, whole: value.whole || kind != Kind::Float, ..cast }])
}

/// Constants are cast to any type that holds them.
pub(super) fn evaluate_cast(node: &Node<'_>) -> Results {
    let value = node.value(0)?;
    let Some(kind) = kind_of(node.int("to", 0) as i32) else { return cast(node, value.kind).map(|_| Vec::new()) };
    let numbers = node.numbers(0)?.iter().map(|&number| match kind {
        Kind::Float => number,
        Kind::Integer => number.trunc(),
        Kind::Boolean => f64::from(u8::from(number != 0.0)),
    });
    Ok(vec![Value::numbers(kind, value.dims.clone(), numbers.collect())])
}
