//! Import, merging and quantisation of small ONNX graphs, against the float engine.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ndarray::Array3;
use prost::Message;
use tract_onnx::pb;
use zklayout_import::{Head, ImportError, Imported, OnnxOptions, Operators, import_onnx};
use zklayout_model::{
    Activation, Fixed, FloatOp, Function, Fused, Graph, OutputKind, Pointwise, QuantiseError, QuantiseOptions,
    RangeSource, Step, execute, execute_floats, fuse, quantise,
};

fn dimension(size: i64) -> pb::tensor_shape_proto::Dimension {
    let value = Some(pb::tensor_shape_proto::dimension::Value::DimValue(size));
    pb::tensor_shape_proto::Dimension { denotation: String::new(), value }
}

fn value_info(name: &str, element: pb::tensor_proto::DataType, dims: &[i64]) -> pb::ValueInfoProto {
    let shape = pb::TensorShapeProto { dim: dims.iter().map(|&size| dimension(size)).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: element as i32, shape: Some(shape) };
    let value = Some(pb::type_proto::Value::TensorType(tensor));
    let r#type = Some(pb::TypeProto { denotation: String::new(), value });
    pb::ValueInfoProto { name: name.into(), r#type, doc_string: String::new() }
}

/// A constant of made-up numbers in [-1, 1].
fn constant(name: &str, dims: &[i64]) -> pb::TensorProto {
    let count = dims.iter().product::<i64>();
    let seed = name.bytes().map(i64::from).sum::<i64>();
    let float_data = (0..count).map(|i| ((i * 29 + seed * 7) % 41) as f32 / 20.0 - 1.0).collect();
    let data_type = pb::tensor_proto::DataType::Float as i32;
    pb::TensorProto { name: name.into(), dims: dims.to_vec(), data_type, float_data, ..Default::default() }
}

/// Weights without a period: of the sums of inputs here no two largest or least are alike.
fn apart(name: &str, dims: &[i64]) -> pb::TensorProto {
    let weight = |i: i64| ((i * i * 71 + i * 3 + i * i * i) % 9973) as f32 / 4986.5 - 1.0;
    let float_data = (0..dims.iter().product()).map(weight).collect();
    pb::TensorProto { float_data, ..constant(name, dims) }
}

fn numbers(name: &str, values: &[f32]) -> pb::TensorProto {
    let dims = vec![values.len() as i64];
    let data_type = pb::tensor_proto::DataType::Float as i32;
    pb::TensorProto { name: name.into(), dims, data_type, float_data: values.to_vec(), ..Default::default() }
}

fn scalar(name: &str, value: f32) -> pb::TensorProto {
    pb::TensorProto { dims: Vec::new(), ..numbers(name, &[value]) }
}

fn integers(name: &str, values: &[i64]) -> pb::TensorProto {
    let data_type = pb::tensor_proto::DataType::Int64 as i32;
    let dims = vec![values.len() as i64];
    pb::TensorProto { name: name.into(), dims, data_type, int64_data: values.to_vec(), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> pb::AttributeProto {
    let r#type = pb::attribute_proto::AttributeType::Ints as i32;
    pb::AttributeProto { name: name.into(), r#type, ints: values.to_vec(), ..Default::default() }
}

fn int(name: &str, value: i64) -> pb::AttributeProto {
    let r#type = pb::attribute_proto::AttributeType::Int as i32;
    pb::AttributeProto { name: name.into(), r#type, i: value, ..Default::default() }
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<pb::AttributeProto>) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: format!("{output}_node"),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.into()],
        attribute: attributes,
        ..Default::default()
    }
}

struct Model {
    dims: Vec<i64>,
    nodes: Vec<pb::NodeProto>,
    constants: Vec<pb::TensorProto>,
    element: pb::tensor_proto::DataType,
}

impl Model {
    fn new(dims: &[i64], nodes: Vec<pb::NodeProto>, constants: Vec<pb::TensorProto>) -> Self {
        Self { dims: dims.to_vec(), nodes, constants, element: pb::tensor_proto::DataType::Float }
    }

    fn import(&self) -> Result<Imported, ImportError> {
        self.import_with(&Operators::default())
    }

    fn import_with(&self, operators: &Operators) -> Result<Imported, ImportError> {
        self.import_beside(&[], operators)
    }

    fn import_as(&self, options: &OnnxOptions) -> Result<Imported, ImportError> {
        self.import_file(&[], options)
    }

    /// The model with more of its file's fields.
    fn import_beside(&self, more: &[u8], operators: &Operators) -> Result<Imported, ImportError> {
        self.import_file(more, &operators.clone().into())
    }

    fn import_file(&self, more: &[u8], options: &OnnxOptions) -> Result<Imported, ImportError> {
        let last = self.nodes.last().map(|node| node.output[0].clone()).unwrap_or_default();
        let output = pb::ValueInfoProto { name: last, ..Default::default() };
        let graph = pb::GraphProto {
            name: "test".into(),
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: vec![value_info("x", self.element, &self.dims)],
            output: vec![output],
            ..Default::default()
        };
        let opset = pb::OperatorSetIdProto { domain: String::new(), version: 13 };
        let model =
            pb::ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..Default::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, [model.encode_to_vec(), more.to_vec()].concat()).unwrap();
        import_onnx(&path, options)
    }
}

fn input(length: usize) -> Vec<f64> {
    (0..length).map(|i| ((i * 31) % 23) as f64 / 23.0).collect()
}

fn pool(window: i64, stride: i64) -> Vec<pb::AttributeProto> {
    vec![ints("kernel_shape", &[window; 2]), ints("strides", &[stride; 2])]
}

fn conv(padding: i64, stride: i64, group: i64) -> Vec<pb::AttributeProto> {
    vec![ints("pads", &[padding; 4]), ints("strides", &[stride; 2]), int("group", group)]
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn models() -> Vec<(&'static str, Model)> {
    let image = [1, 2, 9, 8];
    let flat = [1, 6];
    let channel = |name: &str| constant(name, &[1, 2, 1, 1]);
    vec![
        (
            "conv",
            Model::new(
                &image,
                vec![node("Conv", &["x", "w", "b"], "y", conv(1, 2, 1))],
                vec![constant("w", &[3, 2, 3, 3]), constant("b", &[3])],
            ),
        ),
        (
            "depthwise",
            Model::new(
                &image,
                vec![node("Conv", &["x", "w"], "y", conv(0, 1, 2))],
                vec![constant("w", &[4, 1, 3, 3])],
            ),
        ),
        (
            "dilated",
            Model::new(
                &image,
                vec![node("Conv", &["x", "w"], "y", [conv(2, 1, 1), vec![ints("dilations", &[2, 3])]].concat())],
                vec![constant("w", &[3, 2, 3, 2])],
            ),
        ),
        (
            "mean of planes, squeezed",
            Model::new(
                &image,
                vec![
                    node("Relu", &["x"], "r", vec![]),
                    node("ReduceMean", &["r"], "m", vec![ints("axes", &[2, 3]), int("keepdims", 1)]),
                    node("Squeeze", &["m", "axes"], "s", vec![]),
                    node("Dropout", &["s"], "d", vec![]),
                    node("MatMul", &["d", "w"], "y", vec![]),
                ],
                vec![integers("axes", &[2, 3]), constant("w", &[2, 3])],
            ),
        ),
        (
            "same padding",
            Model::new(
                &image,
                vec![node(
                    "Conv",
                    &["x", "w"],
                    "y",
                    vec![
                        pb::AttributeProto {
                            name: "auto_pad".into(),
                            r#type: pb::attribute_proto::AttributeType::String as i32,
                            s: b"SAME_UPPER".to_vec(),
                            ..Default::default()
                        },
                        ints("strides", &[2, 2]),
                    ],
                )],
                vec![constant("w", &[3, 2, 4, 3])],
            ),
        ),
        (
            "gemm",
            Model::new(
                &flat,
                vec![node("Gemm", &["x", "w", "b"], "y", vec![int("transB", 1)])],
                vec![constant("w", &[3, 6]), constant("b", &[3])],
            ),
        ),
        (
            "matmul and bias",
            Model::new(
                &flat,
                vec![node("MatMul", &["x", "w"], "m", vec![]), node("Add", &["m", "b"], "y", vec![])],
                vec![constant("w", &[6, 4]), constant("b", &[4])],
            ),
        ),
        ("doubled", Model::new(&image, vec![node("Add", &["x", "x"], "y", vec![])], vec![])),
        (
            "doubled, then a skip",
            Model::new(
                &image,
                vec![
                    node("Conv", &["x", "w"], "c", conv(1, 1, 1)),
                    node("Relu", &["c"], "r", vec![]),
                    node("Sum", &["r", "x", "r"], "y", vec![]),
                ],
                vec![constant("w", &[2, 2, 3, 3])],
            ),
        ),
        ("relu first", Model::new(&image, vec![node("Relu", &["x"], "y", vec![])], vec![])),
        (
            "clip",
            Model::new(
                &image,
                vec![node("Conv", &["x", "w"], "c", vec![]), node("Clip", &["c", "lo", "hi"], "y", vec![])],
                vec![constant("w", &[2, 2, 1, 1]), scalar("lo", -0.5), scalar("hi", 0.75)],
            ),
        ),
        (
            "relu then clip",
            Model::new(
                &image,
                vec![
                    node("Conv", &["x", "w"], "c", vec![]),
                    node("Relu", &["c"], "r", vec![]),
                    node("Clip", &["r", "", "hi"], "y", vec![]),
                ],
                vec![constant("w", &[2, 2, 1, 1]), scalar("hi", 0.5)],
            ),
        ),
        (
            "pool last",
            Model::new(
                &image,
                vec![
                    node("Conv", &["x", "w"], "c", vec![]),
                    node("Relu", &["c"], "r", vec![]),
                    node("AveragePool", &["r"], "y", pool(2, 2)),
                ],
                vec![constant("w", &[2, 2, 2, 2])],
            ),
        ),
        (
            "overlapping pool",
            Model::new(
                &image,
                vec![node("AveragePool", &["x"], "p", pool(3, 2)), node("Relu", &["p"], "y", vec![])],
                vec![],
            ),
        ),
        (
            "pool of pool",
            Model::new(
                &image,
                vec![
                    node("AveragePool", &["x"], "p", pool(2, 2)),
                    node("AveragePool", &["p"], "q", pool(2, 2)),
                    node("Conv", &["q", "w"], "y", vec![]),
                ],
                vec![constant("w", &[3, 2, 1, 2])],
            ),
        ),
        (
            "global pool",
            Model::new(
                &image,
                vec![
                    node("Relu", &["x"], "r", vec![]),
                    node("GlobalAveragePool", &["r"], "g", vec![]),
                    node("Flatten", &["g"], "f", vec![]),
                    node("Gemm", &["f", "w"], "y", vec![]),
                ],
                vec![constant("w", &[2, 3])],
            ),
        ),
        (
            "scale and shift between",
            Model::new(
                &image,
                vec![
                    node("Relu", &["x"], "r", vec![]),
                    node("AveragePool", &["r"], "p", pool(2, 2)),
                    node("Mul", &["p", "scale"], "m", vec![]),
                    node("Add", &["shift", "m"], "a", vec![]),
                    node("Conv", &["a", "w"], "y", vec![]),
                ],
                vec![channel("scale"), channel("shift"), constant("w", &[3, 2, 3, 3])],
            ),
        ),
        (
            "constants of positions",
            Model::new(
                &image,
                vec![
                    node("Add", &["row", "x"], "a", vec![]),
                    node("Conv", &["a", "w"], "c", conv(1, 1, 1)),
                    node("Add", &["c", "all"], "s", vec![]),
                    node("Relu", &["s"], "r", vec![]),
                    node("Sub", &["plane", "r"], "m", vec![]),
                    node("Sub", &["m", "column"], "y", vec![]),
                ],
                vec![
                    constant("w", &[3, 2, 3, 3]),
                    constant("row", &[image[3]]),
                    constant("all", &[3, image[2], image[3]]),
                    constant("plane", &[image[2], image[3]]),
                    constant("column", &[1, 3, image[2], 1]),
                ],
            ),
        ),
        (
            "shift before padding",
            Model::new(
                &image,
                vec![
                    node("Relu", &["x"], "r", vec![]),
                    node("Add", &["r", "shift"], "a", vec![]),
                    node("Conv", &["a", "w"], "y", conv(1, 1, 1)),
                ],
                vec![channel("shift"), constant("w", &[2, 2, 3, 3])],
            ),
        ),
        (
            "batch normalisation",
            Model::new(
                &image,
                vec![
                    node("Conv", &["x", "w"], "c", vec![]),
                    node("BatchNormalization", &["c", "gamma", "beta", "mean", "variance"], "n", vec![]),
                    node("Relu", &["n"], "r", vec![]),
                    node("BatchNormalization", &["r", "gamma", "beta", "mean", "variance"], "y", vec![]),
                ],
                vec![
                    constant("w", &[3, 2, 3, 3]),
                    constant("gamma", &[3]),
                    constant("beta", &[3]),
                    constant("mean", &[3]),
                    numbers("variance", &[0.5, 1.5, 2.5]),
                ],
            ),
        ),
        (
            "flatten, shift, gemm",
            Model::new(
                &image,
                vec![
                    node("Reshape", &["x", "shape"], "f", vec![]),
                    node("Mul", &["f", "two"], "m", vec![]),
                    node("Identity", &["m"], "i", vec![]),
                    node("MatMul", &["i", "w"], "y", vec![]),
                ],
                vec![integers("shape", &[1, -1]), scalar("two", 2.0), constant("w", &[144, 5])],
            ),
        ),
        (
            "doubles",
            Model {
                element: pb::tensor_proto::DataType::Double,
                ..Model::new(&image, vec![node("Relu", &["x"], "y", vec![])], vec![])
            },
        ),
        ("a batch", Model::new(&[2, 1, 3, 4], vec![node("Relu", &["x"], "y", vec![])], vec![])),
        (
            "a batch of convolutions",
            Model::new(
                &[2, 2, 5, 4],
                vec![node("Conv", &["x", "w"], "y", conv(1, 2, 1))],
                vec![constant("w", &[3, 2, 3, 3])],
            ),
        ),
        (
            "strides that differ",
            Model::new(
                &image,
                vec![node("Conv", &["x", "w"], "y", vec![ints("strides", &[1, 2])])],
                vec![constant("w", &[2, 2, 3, 3])],
            ),
        ),
        (
            "squeeze and excitation",
            Model::new(
                &image,
                vec![node("GlobalAveragePool", &["x"], "m", vec![]), node("Mul", &["x", "m"], "y", vec![])],
                vec![],
            ),
        ),
        (
            "distance from the mean",
            Model::new(
                &image,
                vec![node("GlobalAveragePool", &["x"], "m", vec![]), node("Sub", &["x", "m"], "y", vec![])],
                vec![],
            ),
        ),
        (
            "mask",
            Model::new(&image, vec![node("Mul", &["x", "m"], "y", vec![])], vec![constant("m", &[1, 1, 9, 8])]),
        ),
        (
            "largest of channels",
            Model::new(&image, vec![node("ReduceMax", &["x"], "y", vec![ints("axes", &[1])])], vec![]),
        ),
        (
            "nodes in another order, and one that leads nowhere",
            Model::new(
                &flat,
                vec![
                    node("Relu", &["g"], "r", vec![]),
                    node("Sigmoid", &["g"], "s", vec![]),
                    node("Gemm", &["x", "w"], "g", vec![]),
                    node("Neg", &["r"], "y", vec![]),
                ],
                vec![constant("w", &[6, 3])],
            ),
        ),
        (
            "affine after flatten",
            Model::new(
                &flat,
                vec![node("Relu", &["x"], "r", vec![]), node("Mul", &["r", "s"], "y", vec![])],
                vec![constant("s", &[1, 6])],
            ),
        ),
    ]
}

#[test]
fn merged_graphs_compute_what_the_float_engine_does() {
    for (name, model) in models() {
        check_merged(name, &model.import().unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

fn check_merged(name: &str, Imported { graph, reference, .. }: &Imported) {
    let shape = graph.nodes().next().unwrap().1.shape;
    let input = input(shape.len());
    let theirs = reference.run(&input).unwrap();
    let tensor = Array3::from_shape_vec(shape.dims(), input).unwrap();
    let ours = execute_floats(&fuse(graph).unwrap(), &tensor).unwrap().values.pop().unwrap();
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 1e-4, "{name}: {ours} is not {theirs}");
    }
}

#[test]
fn an_operator_is_one_function_and_one_word() {
    let model = Model::new(
        &[1, 2, 6, 6],
        vec![node("Conv", &["x", "w"], "c", vec![]), node("Tan", &["c"], "y", vec![])],
        vec![constant("w", &[3, 2, 1, 1])],
    );
    refused(&model, &["\"y_node\"", "Tan"]);
    let operators = Operators::default().with("Tan", |node| {
        let functions = [Function::Sin, Function::Cos].map(|function| Step::Function(function, 0));
        let rest = [Step::Function(Function::Reciprocal, 2), Step::Product(1, 3)];
        let tan = Pointwise::new([functions, rest].concat()).unwrap();
        Ok(Some((FloatOp::Activation(Activation::Composed(tan)), node.shape)))
    });
    check_merged("tangent", &model.import_with(&operators).unwrap());
}

#[test]
fn integers_stay_close_to_floats() {
    let options = QuantiseOptions {
        input_bits: 12,
        weight_bits: 12,
        table_bits: 14,
        margin: 0.5,
        ..QuantiseOptions::default()
    };
    for (name, model) in models() {
        let Imported { graph, reference, .. } = model.import().unwrap();
        let input = input(graph.nodes().next().unwrap().1.shape.len());
        let fixed = quantise(&fuse(&graph).unwrap(), std::slice::from_ref(&input), &options).unwrap();
        let trace = execute(&fixed, &input).unwrap_or_else(|error| panic!("{name}: {error}"));
        let output = fixed.nodes().last().unwrap().1.dequantise(trace.values.last().unwrap());
        for (value, float) in output.iter().zip(reference.run(&input).unwrap()) {
            assert!((value - float).abs() < 0.02, "{name}: {value} is not {float}");
        }
    }
}

/// Functions of a file, as far as they are made up here.
#[derive(Clone, PartialEq, Message)]
struct Library {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<LocalFunction>,
}

#[derive(Clone, PartialEq, Message)]
struct LocalFunction {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<pb::NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<pb::OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    domain: String,
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<pb::AttributeProto>,
}

impl LocalFunction {
    fn new(name: &str, input: &[&str], node: Vec<pb::NodeProto>) -> Self {
        let output = vec![node.last().unwrap().output[0].clone()];
        let input = input.iter().map(|name| (*name).to_owned()).collect();
        Self { name: name.into(), domain: "local".into(), input, output, node, ..Default::default() }
    }
}

fn float(name: &str, value: f32) -> pb::AttributeProto {
    let r#type = pb::attribute_proto::AttributeType::Float as i32;
    pb::AttributeProto { name: name.into(), r#type, f: value, ..Default::default() }
}

/// A call of a local function.
fn call(name: &str, inputs: &[&str], output: &str, attributes: Vec<pb::AttributeProto>) -> pb::NodeProto {
    pb::NodeProto { domain: "local".into(), ..node(name, inputs, output, attributes) }
}

#[test]
fn local_functions_are_their_bodies() {
    let slope = pb::AttributeProto { ref_attr_name: "slope".into(), ..float("alpha", 0.0) };
    let leaky = node("LeakyRelu", &["a"], "t", vec![slope]);
    let gate = LocalFunction {
        defaults: vec![float("slope", 0.125)],
        ..LocalFunction::new("Gate", &["a", "b"], vec![leaky, node("Add", &["t", "b"], "s", vec![])])
    };
    let negative = |input: &str, output: &str| node("Neg", &[input], output, vec![]);
    let inner = vec![negative("x", "m"), call("Gate", &["m", "x"], "g", vec![]), negative("g", "n")];
    let outer = LocalFunction::new("Outer", &["x"], inner);
    let again = LocalFunction::new("Again", &["x"], vec![call("Again", &["x"], "y", vec![])]);
    let newer = pb::OperatorSetIdProto { domain: String::new(), version: 18 };
    let newer = LocalFunction { opset_import: vec![newer], name: "Newer".into(), ..outer.clone() };
    let library = Library { functions: vec![gate, outer, again, newer] }.encode_to_vec();
    let import = |nodes| Model::new(&[1, 6], nodes, vec![]).import_beside(&library, &Operators::default());
    let called =
        vec![call("Outer", &["x"], "a", vec![]), call("Gate", &["a", "x"], "y", vec![float("slope", 0.25)])];
    let imported = import(called).unwrap();
    check_merged("local functions", &imported);
    // `x - 0.125 x`, of which a quarter is taken from `x` again.
    let wanted = input(6).into_iter().map(|x| x - 0.25 * (x - 0.125 * x));
    for (found, wanted) in imported.reference.run(&input(6)).unwrap().iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
    }
    let refused = |name: &str| import(vec![call(name, &["x"], "y", vec![])]).unwrap_err().to_string();
    assert!(refused("Again").contains("local:Again calls itself"), "{}", refused("Again"));
    assert!(refused("Newer").contains("operator set 18"), "{}", refused("Newer"));
    assert!(refused("Missing").contains("local:Missing"), "{}", refused("Missing"));
}

#[test]
fn endings_are_left_to_the_reader() {
    let model = |ending: &[pb::NodeProto]| {
        let mut nodes = vec![node("Gemm", &["x", "w"], "scores", vec![int("transB", 1)])];
        nodes.extend_from_slice(ending);
        Model::new(&[1, 6], nodes, vec![constant("w", &[4, 6])])
    };
    let bare = model(&[]).import().unwrap();
    let softmax = node("Softmax", &["scores"], "y", vec![int("axis", 1)]);
    let logarithm = node("LogSoftmax", &["scores"], "z", vec![]);
    let largest = node("ArgMax", &["z"], "y", vec![int("axis", 1)]);
    for (ending, names) in
        [(vec![softmax.clone()], vec!["Softmax"]), (vec![logarithm, largest], vec!["ArgMax", "LogSoftmax"])]
    {
        let Imported { graph, reference, endings, .. } = model(&ending).import().unwrap();
        assert_eq!(endings.iter().map(|ending| ending.op.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(graph.len(), bare.graph.len());
        assert_eq!(reference.run(&input(6)).unwrap(), bare.reference.run(&input(6)).unwrap());
    }
    // In the middle of a model it is an operator like any other.
    let relu = node("Relu", &["s"], "y", vec![]);
    let middle = node("Softmax", &["scores"], "s", vec![]);
    let Imported { graph, endings, .. } = model(&[middle, relu]).import().unwrap();
    assert!(endings.is_empty());
    assert!(graph.nodes().any(|(_, node)| matches!(node.op, FloatOp::Softmax { groups: 1 })));
}

fn refused(model: &Model, parts: &[&str]) {
    let message = model.import().unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn unsupported_models_are_refused_by_name() {
    let image = [1, 2, 6, 6];
    let weights = || vec![constant("w", &[2, 2, 3, 3])];
    let one = |op: &str, inputs: &[&str], attributes: Vec<pb::AttributeProto>, constants: Vec<pb::TensorProto>| {
        Model::new(&image, vec![node(op, inputs, "y", attributes)], constants)
    };
    let several =
        [node("LSTM", &["x"], "a", vec![]), node("LSTM", &["a"], "b", vec![]), node("If", &["b"], "y", vec![])];
    let part = vec![integers("starts", &[3]), integers("ends", &[3]), integers("axes", &[2])];
    let huge = vec![integers("shape", &[1_000_000, 1_000_000])];
    let cases: Vec<(Model, &[&str])> = vec![
        (one("LRN", &["x"], vec![], vec![]), &["\"y_node\"", "LRN", "not proven yet", "Conv, ConvTranspose, Cos"]),
        (
            Model::new(&image, several.to_vec(), vec![]),
            &["2 operators", "LSTM (node \"a_node\", \"b_node\")", "recurrences", "If (node \"y_node\")"],
        ),
        (
            one("Conv", &["x", "w"], vec![ints("dilations", &[0, 1])], weights()),
            &["\"y_node\" (Conv)", "extent is 0"],
        ),
        (one("Conv", &["x", "w"], vec![int("group", 2)], weights()), &["do not fit"]),
        (
            one("Squeeze", &["x", "axes"], vec![], vec![integers("axes", &[2, 3])]),
            &["\"y_node\" (Squeeze)", "several places"],
        ),
        (
            Model::new(&[1, 2, 2, 2], vec![node("Conv", &["x", "w"], "y", vec![])], weights()),
            &["window of [3, 3]", "2 x 2"],
        ),
        (one("Slice", &["x", "starts", "ends", "axes"], vec![], part), &["\"y_node\" (Slice)", "[1, 2, 0, 6]"]),
        (one("Gemm", &["x", "w"], vec![], vec![constant("w", &[72, 3])]), &["expected a matrix"]),
        (one("MatMul", &["x", "w"], vec![], vec![constant("w", &[5, 6])]), &["\"y_node\" (MatMul)", "[5, 6]"]),
        (one("AveragePool", &["x"], vec![ints("kernel_shape", &[9, 9])], vec![]), &["window of [9, 9]"]),
        (one("Relu", &["elsewhere"], vec![], vec![]), &["no output depends on an input"]),
        (one("Add", &["x", "elsewhere"], vec![], vec![]), &["\"y_node\"", "\"elsewhere\"", "no node before it"]),
        (one("Mul", &["x", "s"], vec![], vec![scalar("s", f32::NAN)]), &["\"s\"", "NaN"]),
        (
            one("Mul", &["x", "s"], vec![], vec![scalar("s", f32::INFINITY)]),
            &["\"y_node\" (Mul)", "must be finite"],
        ),
        (one("Div", &["x", "s"], vec![], vec![scalar("s", 0.0)]), &["\"y_node\" (Div)", "constant 0"]),
        (one("Expand", &["x", "shape"], vec![], huge), &["\"y_node\" (Expand)", "more than"]),
        (
            one("TopK", &["x", "k"], vec![], vec![integers("k", &[7])]),
            &["\"y_node\" (TopK)", "the 7 largest of 6"],
        ),
    ];
    cases.iter().for_each(|(model, parts)| refused(model, parts));
    let cycle = vec![node("Add", &["x", "y"], "a", vec![]), node("Relu", &["a"], "y", vec![])];
    refused(&Model::new(&image, cycle, vec![]), &["cycle"]);
}

#[test]
fn constants_that_grow_or_are_no_numbers_are_refused() {
    let grown = |op: &str, inputs: &[&str], constants: Vec<pb::TensorProto>| {
        let nodes = vec![node(op, inputs, "g", vec![]), node("Add", &["x", "g"], "y", vec![])];
        Model::new(&[1, 6], nodes, constants)
    };
    let million = || integers("m", &[1_000_000, 1_000_000]);
    let half = |bits: i32| pb::TensorProto {
        data_type: pb::tensor_proto::DataType::Float16 as i32,
        float_data: Vec::new(),
        int32_data: vec![bits],
        ..scalar("h", 0.0)
    };
    let long = vec![scalar("a", 0.0), scalar("b", 1e12), scalar("c", 1.0)];
    let cases: [(Model, &[&str]); 6] = [
        (grown("Tile", &["w", "m"], vec![constant("w", &[1, 6]), million()]), &["\"g_node\" (Tile)", "more than"]),
        (grown("ConstantOfShape", &["m"], vec![million()]), &["\"g_node\" (ConstantOfShape)", "more than"]),
        (grown("Range", &["a", "b", "c"], long), &["\"g_node\" (Range)", "numbers; at most"]),
        (grown("Neg", &["h"], vec![half(0x7e00)]), &["\"h\"", "NaN"]),
        (
            Model::new(&[1, 6], vec![node("Mul", &["x", "h"], "y", vec![])], vec![half(0x7c00)]),
            &["\"y_node\" (Mul)", "must be finite"],
        ),
        (
            Model::new(
                &[1, 6],
                vec![node("Add", &["x", "w"], "y", vec![])],
                vec![pb::TensorProto { int64_data: vec![(1 << 53) + 1], ..integers("w", &[0]) }],
            ),
            &["\"w\"", "beyond 2^53"],
        ),
    ];
    cases.iter().for_each(|(model, parts)| refused(model, parts));
}

/// Float layers of a model against the float engine.
fn check_floats(model: &Model, length: usize) -> Graph<Fused> {
    let Imported { graph, reference, .. } = model.import().unwrap();
    let merged = fuse(&graph).unwrap();
    let Some((_, Fused::Input(shape))) = merged.nodes().next() else { panic!("a graph starts with its input") };
    let input: Vec<f64> = (0..length).map(|i| ((i * 31) % 23) as f64 / 11.0 - 1.0).collect();
    let planes = Array3::from_shape_vec(shape.dims(), input.clone()).unwrap();
    let (found, wanted) = (execute_floats(&merged, &planes).unwrap().output(), reference.run(&input).unwrap());
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-4, "{found} is not {wanted}");
    }
    merged
}

#[test]
fn products_of_tensors_are_those_of_the_float_engine() {
    let matmul = |name: &str, a: &str, b: &str| node("MatMul", &[a, b], name, vec![]);
    let turned = |name: &str, of: &str, order: &[i64]| node("Transpose", &[of], name, vec![ints("perm", order)]);
    let dense = |name: &str, weights: &str| matmul(name, "x", weights);
    let weights = || vec![constant("u", &[6, 6]), constant("v", &[6, 6]), constant("w", &[6, 6])];
    let cases: [(&str, Vec<i64>, Vec<pb::NodeProto>); 4] = [
        ("a square", vec![1, 4, 6], vec![turned("t", "x", &[0, 2, 1]), matmul("y", "x", "t")]),
        (
            "queries and keys",
            vec![1, 4, 6],
            vec![dense("q", "u"), dense("k", "v"), turned("t", "k", &[0, 2, 1]), matmul("y", "q", "t")],
        ),
        (
            "attention",
            vec![1, 4, 6],
            vec![
                dense("q", "u"),
                dense("k", "v"),
                dense("a", "w"),
                turned("t", "k", &[0, 2, 1]),
                matmul("s", "q", "t"),
                node("Softmax", &["s"], "p", vec![int("axis", -1)]),
                matmul("y", "p", "a"),
            ],
        ),
        (
            "groups",
            vec![1, 2, 3, 6],
            vec![turned("t", "x", &[0, 1, 3, 2]), matmul("s", "x", "t"), matmul("y", "s", "x")],
        ),
    ];
    for (name, dims, nodes) in cases {
        let length = dims.iter().product::<i64>() as usize;
        let merged = check_floats(&Model::new(&dims, nodes, weights()), length);
        assert!(merged.len() > 2, "{name}");
    }
}

/// How a rotation is spelled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spelling {
    /// All features and their partners, times numbers and added.
    Whole,
    /// Features of each place in a pair by themselves, then concatenated.
    Parts,
}

/// Queries and keys of heads of six features, of which the first are rotated, in halves or neighbours.
fn rotated(heads: i64, turned: i64, halves: bool, spelling: Spelling) -> Model {
    let (width, tokens, features) = (6, 5, 6 * heads);
    let mut nodes: Vec<pb::NodeProto> =
        ["q", "k"].iter().flat_map(|x| rotated_heads(x, turned < width, halves, spelling)).collect();
    nodes.push(node("Transpose", &["ky"], "columns", vec![ints("perm", &[0, 1, 3, 2])]));
    nodes.push(node("MatMul", &["qy", "columns"], "y", vec![]));
    let constants = vec![
        constant("wq", &[features, features]),
        constant("wk", &[features, features]),
        constant("cos", &[1, 1, tokens, turned]),
        constant("sin", &[1, 1, tokens, turned]),
        constant("cosa", &[1, 1, tokens, turned / 2]),
        constant("sina", &[1, 1, tokens, turned / 2]),
        integers("heads", &[1, tokens, heads, width]),
        integers("flat", &[1, heads, tokens, turned]),
        integers("zero", &[0]),
        integers("one", &[1]),
        integers("two", &[2]),
        integers("half", &[turned / 2]),
        integers("turned", &[turned]),
        integers("width", &[width]),
        integers("axis", &[3]),
        integers("last", &[-1]),
    ];
    Model::new(&[1, tokens, features], nodes, constants)
}

/// From the input to one tensor's rotated heads; names that start with a dot are this tensor's own.
fn rotated_heads(x: &str, keeps_rest: bool, halves: bool, spelling: Spelling) -> Vec<pb::NodeProto> {
    let mut nodes = Vec::new();
    let mut add = |op: &str, inputs: &[&str], output: &str, attributes: Vec<pb::AttributeProto>| {
        let inputs: Vec<String> = inputs.iter().map(|of| of.replace('.', x)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        nodes.push(node(op, &inputs, &format!("{x}{output}"), attributes));
    };
    add("MatMul", &["x", "w."], "d", vec![]);
    add("Reshape", &[".d", "heads"], "r", vec![]);
    add("Transpose", &[".r"], "t", vec![ints("perm", &[0, 2, 1, 3])]);
    add("Slice", &[".t", "zero", "turned", "axis"], "o", vec![]);
    let (first, second) = if halves {
        ([".o", "zero", "half", "axis", "one"], [".o", "half", "turned", "axis", "one"])
    } else {
        ([".o", "zero", "turned", "axis", "two"], [".o", "one", "turned", "axis", "two"])
    };
    add("Slice", &first, "a", vec![]);
    add("Slice", &second, "b", vec![]);
    // What is in the first place of each pair, and what is in the second.
    let (pairs, joined) = match spelling {
        Spelling::Whole => {
            add("Neg", &[".b"], "n", vec![]);
            ([".n", ".a"], "s")
        }
        Spelling::Parts => {
            let products =
                [(".a", "cosa", "ac"), (".b", "sina", "bs"), (".a", "sina", "as"), (".b", "cosa", "bc")];
            products.iter().for_each(|(of, by, product)| add("Mul", &[of, by], product, vec![]));
            add("Sub", &[".ac", ".bs"], "f", vec![]);
            add("Add", &[".as", ".bc"], "g", vec![]);
            ([".f", ".g"], "m")
        }
    };
    if halves {
        add("Concat", &pairs, joined, vec![int("axis", -1)]);
    } else {
        add("Unsqueeze", &[pairs[0], "last"], "u", vec![]);
        add("Unsqueeze", &[pairs[1], "last"], "v", vec![]);
        add("Concat", &[".u", ".v"], "c", vec![int("axis", -1)]);
        add("Reshape", &[".c", "flat"], joined, vec![]);
    }
    if spelling == Spelling::Whole {
        add("Mul", &[".o", "cos"], "mc", vec![]);
        add("Mul", &[".s", "sin"], "ms", vec![]);
        add("Add", &[".mc", ".ms"], "m", vec![]);
    }
    if keeps_rest {
        add("Slice", &[".t", "turned", "width", "axis"], "p", vec![]);
    }
    add("Concat", if keeps_rest { &[".m", ".p"] } else { &[".m"] }, "y", vec![int("axis", -1)]);
    nodes
}

/// However pairs are spelled, whether all features of a head are rotated, of one head and of several.
#[test]
fn rotary_positions_are_those_of_the_float_engine() {
    let cases = [(1, 6, true), (3, 6, true), (3, 6, false), (2, 4, true), (3, 4, false)];
    let spelled = |spelling| cases.map(|(heads, turned, halves)| (heads, turned, halves, spelling));
    for (heads, turned, halves, spelling) in [Spelling::Whole, Spelling::Parts].into_iter().flat_map(spelled) {
        let model = rotated(heads, turned, halves, spelling);
        let graph = model.import().unwrap().graph;
        let of = |op: fn(&FloatOp) -> bool| graph.nodes().filter(|(_, node)| op(&node.op)).count();
        let found = (of(|op| matches!(op, FloatOp::Rotate(_))), of(|op| matches!(op, FloatOp::Affine { .. })));
        assert_eq!(found, (2, 0), "{heads} {turned} {halves} {spelling:?}: {graph:?}");
        check_floats(&model, 30 * heads as usize);
    }
}

/// Keys and values that are repeated for each head that shares them are read once.
#[test]
fn shared_heads_are_not_repeated() {
    let turned = |name: &str, of: &str, order: &[i64]| node("Transpose", &[of], name, vec![ints("perm", order)]);
    let matmul = |name: &str, a: &str, b: &str| node("MatMul", &[a, b], name, vec![]);
    let nodes = vec![
        matmul("qd", "x", "u"),
        node("Reshape", &["qd", "own"], "qr", vec![]),
        turned("q", "qr", &[0, 2, 1, 3]),
        matmul("kd", "x", "v"),
        node("Reshape", &["kd", "shared"], "kr", vec![]),
        turned("k", "kr", &[0, 2, 3, 1]),
        node("Unsqueeze", &["k", "two"], "ku", vec![]),
        node("Expand", &["ku", "wide"], "ke", vec![]),
        node("Reshape", &["ke", "repeated"], "kk", vec![]),
        matmul("y", "q", "kk"),
    ];
    let constants = vec![
        constant("u", &[6, 12]),
        constant("v", &[6, 6]),
        integers("own", &[1, 5, 4, 3]),
        integers("shared", &[1, 5, 2, 3]),
        integers("two", &[2]),
        integers("wide", &[1, 2, 2, 3, 5]),
        integers("repeated", &[1, 4, 3, 5]),
    ];
    let model = Model::new(&[1, 5, 6], nodes, constants);
    let graph = model.import().unwrap().graph;
    let shares = |op: &FloatOp| matches!(op, FloatOp::MatMul { groups: 4, right_groups: 2 });
    assert!(graph.nodes().any(|(_, node)| shares(&node.op)), "{graph:?}");
    check_floats(&model, 30);
}

/// A norm by its operator and spelled in every way is one norm: a transposed tensor, squares, and planes that are scaled.
/// Ranks among values, of which some are equal, along either axis.
#[test]
fn largest_values_and_their_places_are_those_of_the_operators() {
    let rows = [1.0, 3.0, 2.0, 3.0, -1.0, 0.5, 0.5, 0.0, 0.25, -2.0, 7.0, 1.0];
    let top = |attributes: Vec<pb::AttributeProto>| pb::NodeProto {
        output: vec!["values".into(), "places".into()],
        ..node("TopK", &["x", "k"], "values", attributes)
    };
    let sum = |of: &str| node("Add", &[of, of], "y", vec![]);
    let negative = node("Neg", &["x"], "n", vec![]);
    let place = |op: &str, attributes: Vec<pb::AttributeProto>| node(op, &["n"], "p", attributes);
    let cases: Vec<(Vec<pb::NodeProto>, Vec<f64>)> = vec![
        (vec![top(vec![]), sum("values")], vec![3.0, 3.0, 0.5, 0.5, 7.0, 1.0]),
        (vec![top(vec![]), sum("places")], vec![1.0, 3.0, 1.0, 2.0, 2.0, 3.0]),
        (vec![top(vec![int("largest", 0)]), sum("places")], vec![0.0, 2.0, 0.0, 3.0, 1.0, 0.0]),
        (vec![top(vec![int("axis", 0)]), sum("places")], vec![0.0, 0.0, 2.0, 0.0, 2.0, 1.0, 0.0, 2.0]),
        (vec![negative.clone(), place("ArgMin", vec![int("axis", 1)]), sum("p")], vec![1.0, 1.0, 2.0]),
        (
            vec![negative, place("ArgMin", vec![int("axis", 1), int("select_last_index", 1)]), sum("p")],
            vec![3.0, 2.0, 2.0],
        ),
    ];
    for (nodes, wanted) in cases {
        let model = Model::new(&[3, 4], nodes, vec![integers("k", &[2])]);
        let Imported { graph, reference, .. } = model.import().unwrap();
        let wanted: Vec<f64> = wanted.into_iter().map(|value| 2.0 * value).collect();
        assert_eq!(reference.interpret(&rows).unwrap().unwrap(), wanted);
        let merged = fuse(&graph).unwrap();
        let shape = graph.nodes().next().unwrap().1.shape;
        let planes = Array3::from_shape_vec(shape.dims(), rows.to_vec()).unwrap();
        let found = execute_floats(&merged, &planes).unwrap().output();
        assert_eq!(found, wanted);
        let options = QuantiseOptions { input_bits: 12, ..QuantiseOptions::default() };
        let fixed = quantise(&merged, &[rows.to_vec()], &options).unwrap();
        let trace = execute(&fixed, &rows).unwrap();
        let integers = fixed.nodes().last().unwrap().1.dequantise(trace.values.last().unwrap());
        for (found, wanted) in integers.iter().zip(&wanted) {
            assert!((found - wanted).abs() < 0.05, "{integers:?} is not {wanted:?}");
        }
    }
}

/// One token that is normalised first lies in planes of one value, as each of several lies in planes of its own: nothing moves it feature
/// by feature.
#[test]
fn one_token_lies_in_a_vector() {
    let norm = node("LayerNormalization", &["x", "g", "b"], "n", vec![int("axis", -1)]);
    let nodes =
        || vec![norm.clone(), node("MatMul", &["n", "w"], "l", vec![]), node("Add", &["l", "x"], "y", vec![])];
    let constants = || vec![constant("g", &[6]), constant("b", &[6]), constant("w", &[6, 6])];
    for (tokens, planes) in [(1, (6, 1, 1)), (3, (3, 1, 6))] {
        let model = Model::new(&[1, tokens, 6], nodes(), constants());
        assert_eq!(graph_planes(&model.import().unwrap().graph), planes);
        let fused = check_floats(&model, 6 * tokens as usize);
        let moved = |node: &Fused| matches!(node, Fused::Layer(layer) if layer.terms.len() > 2);
        assert!(!fused.nodes().any(|(_, node)| moved(node)));
    }
    // Of its attention's values, the features become positions all at once.
    let matmul = |name: &str, a: &str, b: &str| node("MatMul", &[a, b], name, vec![]);
    let softmax = node("Softmax", &["s"], "p", vec![int("axis", -1)]);
    let turned = node("Transpose", &["q"], "t", vec![ints("perm", &[0, 2, 1])]);
    let nodes = vec![
        matmul("q", "x", "u"),
        turned,
        matmul("s", "q", "t"),
        softmax,
        matmul("v", "x", "w"),
        matmul("y", "p", "v"),
    ];
    let model = Model::new(&[1, 1, 6], nodes, vec![constant("u", &[6, 4]), constant("w", &[6, 12])]);
    let graph = model.import().unwrap().graph;
    assert!(graph.nodes().any(|(_, node)| matches!(node.op, FloatOp::Transpose { groups: 1 })));
    check_floats(&model, 6);
}

/// Of logits by token and vocabulary, and of other axes, where comparing all pairs would be too much.
#[test]
fn places_among_many_are_those_of_the_operator() {
    for (axis, keeps, last) in [(-1, 0, 0), (1, 1, 0), (2, 1, 1)] {
        for op in ["ArgMax", "ArgMin"] {
            let attributes = vec![int("axis", axis), int("keepdims", keeps), int("select_last_index", last)];
            let logits = node("MatMul", &["x", "w"], "l", vec![]);
            let places = node(op, &["l"], "p", attributes);
            let floats = node("Cast", &["p"], "f", vec![int("to", pb::tensor_proto::DataType::Float as i64)]);
            let nodes = vec![logits, places, floats, node("Mul", &["f", "h"], "y", vec![])];
            let model = Model::new(&[1, 20, 6], nodes, vec![apart("w", &[6, 140]), scalar("h", 0.5)]);
            let fused = check_floats(&model, 120);
            let names =
                fused.nodes().map(|(_, node)| if let Fused::Layer(layer) = node { layer.output.len() } else { 0 });
            assert!(names.sum::<usize>() < 20_000, "all pairs are compared");
        }
    }
}

/// Along the axis that the file's own endings say, or the last one; no weight is in what gives the places.
#[test]
fn a_head_gives_the_place_of_the_largest() {
    let logits = || node("MatMul", &["x", "w"], "l", vec![]);
    let softmax = |axis: i64| node("Softmax", &["l"], "s", vec![int("axis", axis)]);
    let places = |of: &str, axis: i64, last: i64| {
        let attributes = vec![int("axis", axis), int("keepdims", 0), int("select_last_index", last)];
        node("ArgMax", &[of], "p", attributes)
    };
    let cases: [(Vec<pb::NodeProto>, usize, &[&str]); 6] = [
        (vec![logits()], 2, &[]),
        (vec![logits(), softmax(-1)], 2, &[]),
        (vec![logits(), softmax(1)], 1, &[]),
        (vec![logits(), places("l", 1, 0)], 1, &[]),
        (vec![logits(), softmax(1), places("s", 1, 1)], 1, &[]),
        (vec![logits(), places("l", 2, 0), node("Cast", &["p"], "c", vec![int("to", 1)])], 2, &["Cast"]),
    ];
    for (nodes, axis, left) in cases {
        let model = Model::new(&[1, 3, 6], nodes, vec![apart("w", &[6, 5])]);
        let options = OnnxOptions { head: Head::ArgMax, ..OnnxOptions::default() };
        let Imported { graph, reference, endings, outputs, .. } = model.import_as(&options).unwrap();
        assert_eq!(endings.iter().map(|ending| ending.op.as_str()).collect::<Vec<_>>(), left);
        assert_eq!(outputs[0].dims, if axis == 2 { [1, 3] } else { [1, 5] });
        let given = input(18);
        let logits = Model { nodes: vec![logits()], ..model }.import().unwrap().reference.run(&given).unwrap();
        let at =
            |row: usize, place: usize| if axis == 2 { logits[row * 5 + place] } else { logits[place * 5 + row] };
        let (rows, size) = if axis == 2 { (3, 5) } else { (5, 3) };
        let largest = |row| (0..size).rev().max_by(|a, b| at(row, *a).total_cmp(&at(row, *b))).unwrap() as f64;
        let wanted: Vec<f64> = (0..rows).map(largest).collect();
        assert_eq!(reference.run(&given).unwrap(), wanted);
        let tensor = Array3::from_shape_vec(graph_planes(&graph), given.clone()).unwrap();
        let fused = fuse(&graph).unwrap();
        assert_eq!(execute_floats(&fused, &tensor).unwrap().output(), wanted);
        check_weights_of_places(&quantise(&fused, &[given], &QuantiseOptions::default()).unwrap());
    }
}

/// From the first comparison on no layer has a weight.
fn check_weights_of_places(graph: &Graph<Fixed>) {
    let layers =
        graph.nodes().filter_map(|(_, node)| if let Fixed::Layer(layer) = node { Some(layer) } else { None });
    let known: Vec<bool> = layers.map(|layer| layer.has_known_bias() && layer.parameters() == 0).collect();
    let first = known.iter().position(|known| *known).unwrap();
    assert!(known.len() - first > 4 && known[first..].iter().all(|known| *known), "{known:?}");
}

/// What a file makes of its logits before its own ArgMax may have its largest elsewhere.
#[test]
fn heads_that_would_not_be_the_files_own_are_refused() {
    let logits = || node("MatMul", &["x", "w"], "l", vec![]);
    let softmax = node("Softmax", &["l"], "s", vec![int("axis", 2)]);
    let places = |of: &str| node("ArgMax", &[of], "p", vec![int("axis", 1), int("keepdims", 0)]);
    let reshaped = node("Reshape", &["s", "shape"], "r", vec![]);
    let cases: [(Vec<pb::NodeProto>, &[&str]); 3] = [
        (vec![logits(), softmax.clone(), places("s")], &["along axis 1", "Softmax", "not along the same axis"]),
        (vec![logits(), softmax, reshaped, places("r")], &["along axis 1", "Reshape"]),
        (vec![node("MatMul", &["x", "n"], "l", vec![])], &["the largest of one value"]),
    ];
    for (nodes, parts) in cases {
        let constants = vec![constant("w", &[6, 5]), constant("n", &[6, 1]), integers("shape", &[1, 5, 3])];
        let model = Model::new(&[1, 3, 6], nodes, constants);
        let options = OnnxOptions { head: Head::ArgMax, ..OnnxOptions::default() };
        let error = model.import_as(&options).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn norms_of_groups_of_channels_are_those_of_the_operator() {
    let group = |scale: &str| node("GroupNormalization", &["r", scale, "shift"], "y", vec![int("num_groups", 2)]);
    let constants = |scale: i64| vec![constant("scale", &[scale]), constant("shift", &[scale])];
    for each in [4, 2] {
        let nodes = vec![node("Relu", &["x"], "r", vec![]), group("scale")];
        let model = Model::new(&[1, 4, 3, 3], nodes, constants(each));
        let Imported { graph, reference, .. } = model.import().unwrap();
        let input: Vec<f64> = (0..36).map(|i| ((i * 31) % 23) as f64 / 11.0 - 1.0).collect();
        let rectified: Vec<f64> = input.iter().map(|x| x.max(0.0)).collect();
        let [scale, shift] = ["scale", "shift"].map(|name| constant(name, &[each]).float_data);
        let wanted = rectified.chunks(18).flat_map(|group| {
            let mean = group.iter().sum::<f64>() / 18.0;
            let variance = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 18.0;
            group.iter().map(move |x| (x - mean) / (variance + 1e-5).sqrt()).collect::<Vec<_>>()
        });
        let of = |channel: usize| channel * each as usize / 4;
        let wanted: Vec<f64> = wanted
            .enumerate()
            .map(|(at, x)| x * f64::from(scale[of(at / 9)]) + f64::from(shift[of(at / 9)]))
            .collect();
        let planes = Array3::from_shape_vec((4, 3, 3), input.clone()).unwrap();
        let found = execute_floats(&fuse(&graph).unwrap(), &planes).unwrap().output();
        let own = reference.interpret(&input).unwrap().unwrap();
        for ((found, own), wanted) in found.iter().zip(own).zip(wanted) {
            assert!((found - wanted).abs() < 1e-9 && (own - wanted).abs() < 1e-9, "{found}, {own}: {wanted}");
        }
    }
}

#[test]
fn norms_are_recognised_however_they_are_spelled() {
    let mean = |of: &str, name: &str| node("ReduceMean", &[of], name, vec![ints("axes", &[-1])]);
    let centred = || vec![mean("x", "m"), node("Sub", &["x", "m"], "d", vec![])];
    let squares = |of: &str, power: bool| {
        let square =
            if power { node("Pow", &[of, "two"], "q", vec![]) } else { node("Mul", &[of, of], "q", vec![]) };
        vec![square, mean("q", "v"), node("Add", &["v", "epsilon"], "e", vec![])]
    };
    let divided = |of: &str| vec![node("Sqrt", &["e"], "r", vec![]), node("Div", &[of, "r"], "y", vec![])];
    let inverse = |of: &str| {
        let reciprocal = node("Reciprocal", &["r"], "i", vec![]);
        vec![node("Sqrt", &["e"], "r", vec![]), reciprocal, node("Mul", &[of, "i"], "y", vec![])]
    };
    let power = |of: &str| vec![node("Pow", &["e", "minus"], "i", vec![]), node("Mul", &["i", of], "y", vec![])];
    let cases = [
        [centred(), squares("d", false), divided("d")].concat(),
        [centred(), squares("d", true), inverse("d")].concat(),
        [centred(), squares("d", true), power("d")].concat(),
        [squares("x", true), divided("x")].concat(),
        [squares("x", false), power("x")].concat(),
    ];
    for nodes in cases {
        let constants = vec![scalar("two", 2.0), scalar("minus", -0.5), scalar("epsilon", 1e-3)];
        let merged = check_floats(&Model::new(&[1, 4, 6], nodes, constants), 24);
        let named = |name: &str| {
            let layers =
                merged.nodes().filter_map(|(_, node)| if let Fused::Layer(own) = node { Some(own) } else { None });
            layers.filter(|layer| layer.terms.iter().any(|term| term.to_string() == name)).count()
        };
        assert_eq!((named("sum of squares"), named("scaled planes")), (1, 1));
    }
}

fn simple() -> Graph<Fused> {
    let model = Model::new(
        &[1, 4],
        vec![node("Gemm", &["x", "w"], "h", vec![]), node("Relu", &["h"], "y", vec![])],
        vec![constant("w", &[4, 3])],
    );
    fuse(&model.import().unwrap().graph).unwrap()
}

/// The layer and the range on which a function has no value.
#[test]
fn functions_without_a_value_on_their_range_are_refused() {
    for (op, sample) in [("Log", 0.0), ("Reciprocal", 0.0), ("Sqrt", -0.5)] {
        let model = Model::new(&[1, 2], vec![node(op, &["x"], "y", vec![])], vec![]);
        let merged = fuse(&model.import().unwrap().graph).unwrap();
        let error = quantise(&merged, &[vec![sample, 1.0]], &QuantiseOptions::default()).unwrap_err().to_string();
        assert!(error.contains("\"y_node\"") && error.contains("not finite at"), "{op}: {error}");
        assert!(error.contains(&format!("[{sample:.4}, 1.0000]")), "{op}: {error}");
    }
}

#[test]
fn bad_samples_and_options_are_refused() {
    let graph = simple();
    let options = QuantiseOptions::default();
    assert!(matches!(quantise(&graph, &[], &options), Err(QuantiseError::NoSamples)));
    assert!(matches!(quantise(&graph, &[vec![0.0; 3]], &options), Err(QuantiseError::SampleShape { .. })));
    let broken = vec![0.0, f64::INFINITY, 0.0, 0.0];
    assert!(matches!(quantise(&graph, &[broken], &options), Err(QuantiseError::NotFinite { position: 1, .. })));
    let wide = QuantiseOptions { weight_bits: 40, ..options };
    assert!(matches!(quantise(&graph, &[vec![0.1; 4]], &wide), Err(QuantiseError::Option { .. })));
}

#[test]
fn ranges_say_where_they_come_from() {
    let graph = simple();
    let source = |table_bits: u32| {
        let options = QuantiseOptions { input_bits: 4, weight_bits: 4, table_bits, ..QuantiseOptions::default() };
        let fixed = quantise(&graph, &[vec![0.1, 0.9, 0.4, 0.7]], &options).unwrap();
        let (_, Fixed::Layer(layer)) = fixed.nodes().last().unwrap() else { panic!("no layer") };
        let OutputKind::Requantise { range, .. } = &layer.finish.kind else { panic!("no range") };
        range.source
    };
    assert_eq!(source(12), RangeSource::WorstCase);
    assert_eq!(source(5), RangeSource::Calibrated);
}

/// A model of ids [1, 4]: rows of a table of 7, positions added, a norm; read twice, so that the cut is after it.
fn token_model(mut more: Vec<pb::NodeProto>) -> Model {
    let mut nodes = vec![
        node("Gather", &["table", "x"], "words", vec![]),
        node("Add", &["words", "positions"], "rows", vec![]),
        node("LayerNormalization", &["rows", "scale", "shift"], "normed", vec![]),
        node("MatMul", &["normed", "weights"], "product", vec![]),
        node("Add", &["product", "normed"], "output", vec![]),
    ];
    nodes.append(&mut more);
    let constants = vec![
        constant("table", &[7, 8]),
        constant("positions", &[4, 8]),
        constant("scale", &[8]),
        constant("shift", &[8]),
        constant("weights", &[8, 8]),
    ];
    Model { element: pb::tensor_proto::DataType::Int64, ..Model::new(&[1, 4], nodes, constants) }
}

#[test]
fn ids_are_looked_up_before_the_graph() {
    let Imported { graph, reference, embedding, inputs, .. } = token_model(vec![]).import().unwrap();
    let embedding = embedding.unwrap();
    assert_eq!((embedding.vocabulary(), embedding.rows().name.as_str()), (7, "normed"));
    assert_eq!((inputs.len(), inputs[0].name.as_str(), &inputs[0].dims[..]), (1, "normed", &[1, 4, 8][..]));
    let rows = embedding.look_up(&[0.0, 6.0, 3.0, 3.0]).unwrap();
    let found = execute_floats(
        &fuse(&graph).unwrap(),
        &Array3::from_shape_vec(graph_planes(&graph), rows.clone()).unwrap(),
    );
    let found = found.unwrap().values.pop().unwrap();
    for (ours, theirs) in found.iter().zip(reference.run(&rows).unwrap()) {
        assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
    }
    assert_ne!(rows[16..24], rows[24..32], "positions are part of the rows");
    for (ids, refused) in [
        (&[0.0, 7.0, 1.0, 1.0][..], "token 1"),
        (&[-1.0; 4], "token 0"),
        (&[0.5; 4], "token 0"),
        (&[1.0; 5], "5 tokens"),
    ] {
        let error = embedding.look_up(ids).unwrap_err().to_string();
        assert!(error.contains(refused) && error.contains("\"x\""), "{error}");
    }
}

fn graph_planes(graph: &Graph<zklayout_model::Float>) -> (usize, usize, usize) {
    graph.nodes().next().unwrap().1.shape.dims()
}

#[test]
fn ids_that_are_read_elsewhere_are_refused() {
    let beside = vec![
        node("Cast", &["x"], "numbers", vec![int("to", 1)]),
        node("ReduceMean", &["numbers"], "mean", vec![]),
        node("Add", &["output", "mean"], "both", vec![]),
    ];
    let error = token_model(beside).import().unwrap_err().to_string();
    assert!(error.contains("read beside the embedding"), "{error}");
    let short = Model {
        constants: vec![constant("table", &[7, 8]), constant("positions", &[3, 8])],
        ..token_model(vec![])
    };
    let short = Model {
        constants: [short.constants, token_model(vec![]).constants.split_off(2)].concat(),
        ..token_model(vec![])
    };
    let error = short.import().unwrap_err().to_string();
    assert!(error.contains("4 tokens") && error.contains("positions"), "{error}");
}
