//! Reads an ONNX file with an operator that the library does not know, and proves it.
//!
//! `Tan` is put together from functions that are known. Its importer is one function that says so in the graph's terms; merging,
//! integers, layouts and proofs follow, and the import is held against the float engine as any other.
//! `cargo run --release --example own_operator`

use prost::Message;
use tract_onnx::pb;
use zklayout::graph::{Activation, FloatOp, Function, Planes, Pointwise, Step};
use zklayout::import::{ImportError, Node};
use zklayout::{Model, OnnxOptions, Operators, PlanOptions, QuantiseOptions, Setup, Srs, verify};

/// `y = sin(x) / cos(x)`.
fn import_tan(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    // Place 0 is x, and each step has the next place.
    let steps = vec![
        Step::Function(Function::Sin, 0),
        Step::Function(Function::Cos, 0),
        Step::Function(Function::Reciprocal, 2),
        Step::Product(1, 3),
    ];
    let tan = Pointwise::new(steps).ok_or_else(|| node.unsupported("a step reads a later one"))?;
    Ok(Some((FloatOp::Activation(Activation::Composed(tan)), node.shape)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = model_file().encode_to_vec();
    let unknown = Model::from_bytes(&file, "tan.onnx".as_ref(), &OnnxOptions::default());
    println!("without it: {}", unknown.err().map_or_else(String::new, |error| error.to_string()));

    let operators = Operators::default().with("Tan", import_tan);
    let model = Model::from_bytes(&file, "tan.onnx".as_ref(), &operators.into())?;
    let input = vec![0.5, -0.25, 0.75, -1.0];
    let quantised = model.quantise(std::slice::from_ref(&input), &QuantiseOptions::default())?;
    let plan = quantised.plan(&PlanOptions::default())?;
    let srs = Srs::development(plan.k(), 0)?;
    let setup = Setup::new(quantised, &plan, &srs)?;
    let bundle = setup.prove(&srs, &input, b"")?;
    let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"")?;
    println!("with it: {:?}, in floats {:?}", public.output_values, model.float_output(&input)?);
    Ok(())
}

/// A fully connected layer of four inputs and two outputs, and `Tan` behind it.
fn model_file() -> pb::ModelProto {
    let weights = constant("weights", &[4, 2], &[0.5, -0.5, 1.0, 0.25, -0.75, 1.0, 0.125, -1.0]);
    let graph = pb::GraphProto {
        node: vec![node("MatMul", &["x", "weights"], "sums"), node("Tan", &["sums"], "y")],
        initializer: vec![weights],
        input: vec![tensor("x", &[1, 4])],
        output: vec![tensor("y", &[1, 2])],
        ..pb::GraphProto::default()
    };
    let opset_import = vec![pb::OperatorSetIdProto { domain: String::new(), version: 17 }];
    pb::ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..pb::ModelProto::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    let input = inputs.iter().map(|name| (*name).to_owned()).collect();
    pb::NodeProto { op_type: operator.into(), input, output: vec![output.into()], ..pb::NodeProto::default() }
}

fn constant(name: &str, dims: &[i64], values: &[f32]) -> pb::TensorProto {
    let data_type = pb::tensor_proto::DataType::Float as i32;
    let float_data = values.to_vec();
    pb::TensorProto { name: name.into(), dims: dims.to_vec(), data_type, float_data, ..pb::TensorProto::default() }
}

fn tensor(name: &str, dims: &[i64]) -> pb::ValueInfoProto {
    let dimension = |&size: &i64| pb::tensor_shape_proto::Dimension {
        denotation: String::new(),
        value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(size)),
    };
    let shape = Some(pb::TensorShapeProto { dim: dims.iter().map(dimension).collect() });
    let elem_type = pb::tensor_proto::DataType::Float as i32;
    let value = Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor { elem_type, shape }));
    let r#type = Some(pb::TypeProto { denotation: String::new(), value });
    pb::ValueInfoProto { name: name.into(), r#type, doc_string: String::new() }
}
