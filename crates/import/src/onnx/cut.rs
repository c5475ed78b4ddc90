//! Finds the embedding of a file that takes token ids, and cuts it off: the vectors become the input of what is left.
//!
//! Ids are those integers by which rows of a constant are gathered. From there on, whatever is still of one token alone (positions
//! and types that are added, a norm) belongs to the embedding; the cut is the last such tensor that everything else depends on
//! the ids through. An attention mask is taken to hold ones alone, types zeros, positions to count from 0: their names are those
//! of every exporter. It knows names and edges, not what is computed.

use std::collections::{BTreeMap, HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;
use zklayout_model::Planes;

use super::constant;
use super::embedding::{Embedding, Folded};
use super::inputs::{TensorInfo, declared};
use super::interpreter::{Interpreter, evaluate};
use super::node::Node;
use super::ops::{Rule, qualified_name};
use super::options::OnnxOptions;
use super::reference::{Reference, datum};
use super::value::{Kind, Value};
use crate::error::ImportError;

/// Operators whose result says nothing of the values that they read.
const OF_SHAPES: [&str; 2] = ["Shape", "Size"];
/// Operators that arrange ids, or rows.
const ARRANGING: [&str; 5] = ["Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"];
/// Operators that keep the rows of tokens apart.
const OF_ROWS: [&str; 7] = ["Add", "Div", "Dropout", "LayerNormalization", "Mul", "RMSNormalization", "Sub"];
/// Largest difference between the looked-up vectors and the float engine's, as a share of the largest.
const TOLERANCE: f64 = 1e-3;

/// What a tensor depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depends {
    /// No input's values.
    Nothing,
    /// The id of one token.
    Id,
    /// The id of one token, by a row that was gathered.
    Row,
    /// Anything else.
    Other,
}

/// A cut that was found.
pub(super) struct Cut {
    pub(super) embedding: Embedding,
    /// The file's type of ids.
    element: i32,
}

/// Finds where a file that takes ids is cut; `None` if it takes none.
///
/// # Errors
/// Ids that are read beside the embedding, or beside inputs of another kind; or more tokens than there are positions.
pub(super) fn find(onnx: &pb::GraphProto, options: &OnnxOptions, opset: i64) -> Result<Option<Cut>, ImportError> {
    let walk = Walk::of(onnx);
    if !walk.gathers() {
        return Ok(None);
    }
    let constants: HashSet<&str> = onnx.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let (mut ids, mut folded) = (Vec::new(), Vec::new());
    for input in onnx.input.iter().filter(|input| !constants.contains(input.name.as_str())) {
        let (info, element) = declared(input, &options.dimensions)?;
        match fold(&info) {
            Some(own) => folded.push((own, element)),
            None => ids.push((info, element)),
        }
    }
    let [(ids, element)] = &ids[..] else {
        let names: Vec<&str> = ids.iter().map(|(info, _)| info.name.as_str()).collect();
        return Err(refused(&format!("it takes {names:?}; a model of token ids takes those alone")));
    };
    let Some(rows) = walk.cut() else {
        let reason = format!("{:?} is read beside the embedding, where ids are not proven", ids.name);
        return Err(refused(&reason));
    };
    let parts = Parts { ids: ids.clone(), element: *element, folded };
    parts.cut(&walk, rows, options, opset).map(Some)
}

fn refused(reason: &str) -> ImportError {
    ImportError::Graph(format!("token ids: {reason}"))
}

/// The one value that an input of a well-known name has.
fn fold(info: &TensorInfo) -> Option<Folded> {
    let count = info.dims.iter().product();
    let tokens = info.dims.last().copied().unwrap_or(1);
    let (meaning, values): (_, Vec<f64>) = match info.name.as_str() {
        "attention_mask" => ("1 everywhere", vec![1.0; count]),
        "token_type_ids" => ("0 everywhere", vec![0.0; count]),
        "position_ids" => ("0, 1, 2, ...", (0..count).map(|place| (place % tokens) as f64).collect()),
        _ => return None,
    };
    Some(Folded { name: info.name.clone(), dims: info.dims.clone(), values, meaning })
}

/// A graph's nodes in an order in which they can be run, and what each tensor depends on.
struct Walk<'a> {
    onnx: &'a pb::GraphProto,
    nodes: Vec<&'a pb::NodeProto>,
    depends: HashMap<&'a str, Depends>,
}

impl<'a> Walk<'a> {
    fn of(onnx: &'a pb::GraphProto) -> Self {
        let constants: HashSet<&str> = onnx.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let mut depends: HashMap<&str, Depends> = HashMap::new();
        for input in onnx.input.iter().filter(|input| !constants.contains(input.name.as_str())) {
            let own = TensorInfo { name: input.name.clone(), dims: vec![1], kind: Kind::Integer, read: true };
            let kind = if fold(&own).is_some() { Depends::Nothing } else { of_input(input) };
            depends.insert(&input.name, kind);
        }
        depends.extend(constants.into_iter().map(|name| (name, Depends::Nothing)));
        let (mut nodes, mut waiting): (Vec<&pb::NodeProto>, Vec<&pb::NodeProto>) =
            (Vec::new(), onnx.node.iter().collect());
        loop {
            let before = waiting.len();
            waiting.retain(|node| {
                let known = |name: &String| name.is_empty() || depends.contains_key(name.as_str());
                let ready = node.input.iter().all(known);
                if ready {
                    let own = of_node(node, &depends);
                    depends.extend(node.output.iter().map(|name| (name.as_str(), own)));
                    nodes.push(*node);
                }
                !ready
            });
            if waiting.len() == before {
                return Self { onnx, nodes, depends };
            }
        }
    }

    fn on(&self, name: &str) -> Depends {
        self.depends.get(name).copied().unwrap_or(Depends::Other)
    }

    /// Whether rows of a constant are gathered by ids.
    fn gathers(&self) -> bool {
        self.nodes.iter().any(|node| self.is_look_up(node))
    }

    fn is_look_up(&self, node: &pb::NodeProto) -> bool {
        let [data, ids] = node.input.as_slice() else { return false };
        node.op_type == "Gather" && self.on(data) == Depends::Nothing && self.on(ids) == Depends::Id
    }

    /// The last tensor of single tokens that the outputs depend on the ids through.
    fn cut(&self) -> Option<&'a str> {
        let rows = self.nodes.iter().rev().flat_map(|node| node.output.iter()).map(String::as_str);
        rows.filter(|name| self.on(name) == Depends::Row).find(|name| self.separates(name))
    }

    /// Whether no output depends on an input's values but through a tensor.
    fn separates(&self, cut: &str) -> bool {
        let producers = self.producers();
        let (mut seen, mut reached): (HashSet<&str>, bool) = (HashSet::new(), false);
        let mut stack: Vec<&str> = self.onnx.output.iter().map(|output| output.name.as_str()).collect();
        while let Some(name) = stack.pop() {
            reached |= name == cut;
            if name == cut || self.on(name) == Depends::Nothing || !seen.insert(name) {
                continue;
            }
            match producers.get(name) {
                Some(node) => stack.extend(node.input.iter().map(String::as_str).filter(|name| !name.is_empty())),
                None => return false,
            }
        }
        reached
    }

    fn producers(&self) -> HashMap<&'a str, &'a pb::NodeProto> {
        let named = |node: &&'a pb::NodeProto| {
            let node: &'a pb::NodeProto = node;
            node.output.iter().map(move |name| (name.as_str(), node))
        };
        self.nodes.iter().flat_map(named).collect()
    }

    /// The nodes that a tensor takes, in an order in which they can be run.
    fn before(&self, name: &str) -> Vec<&'a pb::NodeProto> {
        let mut needed: HashSet<&str> = HashSet::from([name]);
        let mut nodes = Vec::new();
        for node in self.nodes.iter().rev() {
            if node.output.iter().any(|name| needed.contains(name.as_str())) {
                needed.extend(node.input.iter().map(String::as_str));
                nodes.push(*node);
            }
        }
        nodes.reverse();
        nodes
    }
}

fn of_input(input: &pb::ValueInfoProto) -> Depends {
    let Some(pb::type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|own| own.value.as_ref())
    else {
        return Depends::Other;
    };
    let whole = constant::kind_of(tensor.elem_type) == Some(Kind::Integer);
    if whole { Depends::Id } else { Depends::Other }
}

/// What a node's results depend on, from what it reads.
fn of_node(node: &pb::NodeProto, depends: &HashMap<&str, Depends>) -> Depends {
    let operator = qualified_name(node);
    let reads: Vec<Depends> = node.input.iter().filter_map(|name| depends.get(name.as_str()).copied()).collect();
    let any = |wanted: Depends| reads.contains(&wanted);
    if OF_SHAPES.contains(&operator.as_ref()) || reads.iter().all(|own| *own == Depends::Nothing) {
        return Depends::Nothing;
    }
    match (any(Depends::Other), any(Depends::Row), any(Depends::Id)) {
        (true, ..) | (_, true, true) => Depends::Other,
        _ if operator == "Gather" => match reads[..] {
            [Depends::Nothing, Depends::Id] => Depends::Row,
            _ => Depends::Other,
        },
        (_, true, _) if OF_ROWS.contains(&operator.as_ref()) && is_of_features(node) => Depends::Row,
        _ if !ARRANGING.contains(&operator.as_ref()) => Depends::Other,
        (_, true, _) => Depends::Row,
        _ => Depends::Id,
    }
}

/// Whether a norm is over features alone.
fn is_of_features(node: &pb::NodeProto) -> bool {
    let axis = node.attribute.iter().find(|own| own.name == "axis").map_or(-1, |own| own.i);
    !node.op_type.ends_with("Normalization") || axis == -1
}

/// The inputs of a file that takes ids.
struct Parts {
    ids: TensorInfo,
    element: i32,
    folded: Vec<(Folded, i32)>,
}

impl Parts {
    fn cut(self, walk: &Walk<'_>, rows: &str, options: &OnnxOptions, opset: i64) -> Result<Cut, ImportError> {
        let nodes = walk.before(rows);
        let front = self.front(walk, &nodes, rows, (options, opset))?;
        let vocabulary = vocabulary(walk, &front);
        let tokens = self.ids.dims.iter().product::<usize>();
        let found = front.values(&vec![0.0; tokens]).map_err(|error| {
            refused(&format!("{tokens} tokens in {:?} are more than there are positions: {error}", self.ids.name))
        })?;
        let dims = found.first().map(|value| value.dims.clone()).unwrap_or_default();
        let rows = TensorInfo { name: rows.to_owned(), dims, kind: Kind::Float, read: true };
        let folded = self.folded.into_iter().map(|(folded, _)| folded).collect();
        let ids = TensorInfo { read: true, ..self.ids };
        Ok(Cut { embedding: Embedding { front, ids, rows, vocabulary, folded }, element: self.element })
    }

    /// What runs the embedding's nodes: those that depend on no id are run once, here.
    fn front(
        &self,
        walk: &Walk<'_>,
        nodes: &[&pb::NodeProto],
        rows: &str,
        (options, opset): (&OnnxOptions, i64),
    ) -> Result<Interpreter, ImportError> {
        let read: HashSet<&str> =
            nodes.iter().flat_map(|node| node.input.iter()).map(String::as_str).chain([rows]).collect();
        let mut known: HashMap<String, Value> = HashMap::new();
        for tensor in walk.onnx.initializer.iter().filter(|tensor| read.contains(tensor.name.as_str())) {
            known.insert(tensor.name.clone(), constant::load(tensor)?);
        }
        for (Folded { name, dims, values, .. }, _) in &self.folded {
            known.insert(name.clone(), Value::numbers(Kind::Integer, dims.clone(), values.clone()));
        }
        let ids = &self.ids;
        let zeros = Value::numbers(ids.kind, ids.dims.clone(), vec![0.0; ids.dims.iter().product()]);
        known.insert(ids.name.clone(), zeros);
        let mut left = Vec::new();
        for proto in nodes {
            if walk.on(&proto.output[0]) != Depends::Nothing {
                left.push((*proto).clone());
                continue;
            }
            let inputs: Vec<Option<Value>> = proto.input.iter().map(|name| known.get(name).cloned()).collect();
            let node = Node::new(proto, &inputs, opset, Planes::vector(1));
            let rule = options.operators.rule(&qualified_name(proto)).filter(|rule| !matches!(rule, Rule::Own(_)));
            let rule = rule.ok_or_else(|| node.unsupported("it is not known in an embedding"))?;
            known.extend(proto.output.iter().cloned().zip(evaluate(&node, rule)?));
        }
        let wanted: HashSet<&String> = left.iter().flat_map(|node| &node.input).collect();
        known.retain(|name, _| wanted.contains(name) && *name != ids.name);
        Ok(Interpreter {
            nodes: left,
            constants: known,
            inputs: vec![(ids.name.clone(), ids.dims.clone(), ids.kind)],
            outputs: vec![rows.to_owned()],
            opset,
            operators: options.operators.clone(),
        })
    }
}

/// Rows of the smallest constant that is gathered by ids.
fn vocabulary(walk: &Walk<'_>, front: &Interpreter) -> usize {
    let rows = front.nodes.iter().filter(|node| walk.is_look_up(node)).filter_map(|node| {
        let axis = node.attribute.iter().find(|own| own.name == "axis").map_or(0, |own| own.i);
        front.constants.get(&node.input[0])?.dims.get(usize::try_from(axis).ok()?).copied()
    });
    rows.min().unwrap_or(0)
}

impl Cut {
    /// Holds the looked-up vectors of made-up ids against those of the float engine on the whole file, if that runs it.
    ///
    /// # Errors
    /// A disagreement.
    pub(super) fn check(&self, proto: &pb::ModelProto) -> Result<(), ImportError> {
        let Embedding { ids, rows, vocabulary, .. } = &self.embedding;
        let mut front = proto.clone();
        let Some(graph) = front.graph.as_mut() else { return Ok(()) };
        self.fold(graph);
        graph.input.retain(|input| input.name == ids.name);
        graph.output = vec![pb::ValueInfoProto { name: rows.name.clone(), ..Default::default() }];
        prune(graph);
        let count: usize = ids.dims.iter().product();
        let made_up: Vec<f64> = (0..count).map(|place| (place * 37 % 101 % vocabulary) as f64).collect();
        let inputs = vec![(ids.dims.clone(), datum(self.element, ids.kind), true)];
        let Ok(theirs) = Reference::new(&front, inputs, None).run(&made_up) else { return Ok(()) };
        let ours = self.embedding.look_up(&made_up)?;
        let largest = theirs.iter().fold(1.0f64, |largest, value| largest.max(value.abs()));
        let close = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() <= TOLERANCE * largest;
        if ours.len() == theirs.len() && ours.iter().zip(&theirs).all(close) {
            return Ok(());
        }
        Err(refused("the float engine looks up other vectors; please report this model"))
    }

    /// Takes the embedding out of a graph.
    pub(super) fn apply(&self, graph: &mut pb::GraphProto) {
        let Embedding { ids, rows, .. } = &self.embedding;
        self.fold(graph);
        // What is left may still ask for the shape of the ids.
        let zeros = vec![0.0; ids.dims.iter().product()];
        graph.initializer.push(tensor(&ids.name, &ids.dims, &zeros, self.element));
        for node in &mut graph.node {
            node.output.iter_mut().filter(|name| **name == rows.name).for_each(String::clear);
        }
        let dim = |size: &usize| pb::tensor_shape_proto::Dimension {
            value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(*size as i64)),
            ..Default::default()
        };
        let shape = pb::TensorShapeProto { dim: rows.dims.iter().map(dim).collect() };
        let own = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
        let value = Some(pb::type_proto::Value::TensorType(own));
        let r#type = Some(pb::TypeProto { value, ..Default::default() });
        graph.input = vec![pb::ValueInfoProto { name: rows.name.clone(), r#type, ..Default::default() }];
        prune(graph);
    }

    /// Gives folded inputs their value.
    fn fold(&self, graph: &mut pb::GraphProto) {
        let types: BTreeMap<String, i32> =
            graph.input.iter().map(|input| (input.name.clone(), element(input))).collect();
        for Folded { name, dims, values, .. } in &self.embedding.folded {
            graph.input.retain(|input| input.name != *name);
            let element = types.get(name).copied().unwrap_or(DataType::Int64 as i32);
            graph.initializer.push(tensor(name, dims, values, element));
        }
    }
}

/// The type of an input's elements.
fn element(input: &pb::ValueInfoProto) -> i32 {
    match input.r#type.as_ref().and_then(|own| own.value.as_ref()) {
        Some(pb::type_proto::Value::TensorType(tensor)) => tensor.elem_type,
        _ => DataType::Int64 as i32,
    }
}

fn tensor(name: &str, dims: &[usize], values: &[f64], element: i32) -> pb::TensorProto {
    let dims = dims.iter().map(|dim| *dim as i64).collect();
    let mut tensor = pb::TensorProto { name: name.into(), dims, data_type: element, ..Default::default() };
    match DataType::try_from(element) {
        Ok(DataType::Float) => tensor.float_data = values.iter().map(|value| *value as f32).collect(),
        Ok(DataType::Double) => tensor.double_data = values.to_vec(),
        Ok(DataType::Int64) => tensor.int64_data = values.iter().map(|value| *value as i64).collect(),
        _ => tensor.int32_data = values.iter().map(|value| *value as i32).collect(),
    }
    tensor
}

/// Drops nodes that no output depends on.
fn prune(graph: &mut pb::GraphProto) {
    let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut kept = vec![false; graph.node.len()];
    loop {
        let before = needed.len();
        for (node, kept) in graph.node.iter().zip(&mut kept) {
            if !*kept && node.output.iter().any(|name| !name.is_empty() && needed.contains(name)) {
                *kept = true;
                needed.extend(node.input.iter().cloned());
            }
        }
        if needed.len() == before {
            break;
        }
    }
    let mut keep = kept.into_iter();
    graph.node.retain(|_| keep.next().unwrap_or(false));
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    graph.value_info.retain(|info| needed.contains(&info.name));
}
