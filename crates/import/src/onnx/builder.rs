//! The walk over a file's nodes: what depends on no input is folded, everything else becomes operators of the graph.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::prelude::DatumType;
use zklayout_model::{Float, FloatOp, Graph, NodeId, Planes};

use super::advice::advice;
use super::constant;
use super::extents::{self, MOST_HELD};
use super::inputs::{TensorInfo, check_names, declared};
use super::interpreter::{Interpreter, evaluate};
use super::layers::{Frame, Layers};
use super::node::{self, Node};
use super::ops::{Importer, Rule, qualified_name};
use super::options::OnnxOptions;
use super::reference;
use super::value::{Element, Kind, Value};
use crate::error::{ImportError, MissingOperator};

/// Operators for which an infinite constant is a bound, not a weight.
const TAKES_INFINITY: [&str; 9] = ["Add", "Clip", "Min", "Max", "Where", "Slice", "Greater", "Less", "Pad"];

/// Operators that broadcast, normalise or cast in another way in operator sets before this one.
const REDEFINED: [&str; 16] = [
    "Add",
    "And",
    "BatchNormalization",
    "Cast",
    "Div",
    "Equal",
    "Gemm",
    "Greater",
    "Less",
    "Mul",
    "Or",
    "PRelu",
    "Pow",
    "Sub",
    "Upsample",
    "Xor",
];
const FIRST_OPSET: i64 = 7;

/// What a file becomes.
pub(super) struct Built {
    pub(super) graph: Graph<Float>,
    pub(super) inputs: Vec<(TensorInfo, DatumType)>,
    pub(super) outputs: Vec<TensorInfo>,
    pub(super) interpreter: Option<Interpreter>,
}

/// A file, as far as it is read.
pub(super) struct Builder<'a> {
    options: &'a OnnxOptions,
    opset: i64,
    layers: Layers,
    values: HashMap<String, Value>,
    /// What the operators' results hold so far.
    held: usize,
    inputs: Vec<(TensorInfo, DatumType)>,
    /// Places of the nodes that the outputs depend on.
    live: Vec<usize>,
    /// Places of the nodes that depend on an input, in an order in which they can be run.
    run: Vec<usize>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(onnx: &pb::GraphProto, options: &'a OnnxOptions, opset: i64) -> Result<Self, ImportError> {
        let (live, names) = live(onnx)?;
        let mut values = HashMap::new();
        for tensor in onnx.initializer.iter().filter(|tensor| names.contains(tensor.name.as_str())) {
            values.insert(tensor.name.clone(), constant::load(tensor)?);
        }
        let layers = Layers::default();
        let mut builder =
            Self { options, opset, layers, values, held: 0, inputs: Vec::new(), live, run: Vec::new() };
        builder.check_operators(onnx)?;
        builder.add_inputs(onnx, &names)?;
        Ok(builder)
    }

    /// Refuses all operators that are not known, at once.
    fn check_operators(&self, onnx: &pb::GraphProto) -> Result<(), ImportError> {
        let mut missing: Vec<MissingOperator> = Vec::new();
        for proto in self.live.iter().map(|place| &onnx.node[*place]) {
            let operator = qualified_name(proto);
            if self.options.operators.rule(&operator).is_some() {
                continue;
            }
            let name = node::name(proto);
            match missing.iter_mut().find(|other| other.op == operator) {
                Some(other) => other.nodes.push(name),
                None => missing.push(MissingOperator {
                    advice: advice(&operator),
                    op: operator.into_owned(),
                    nodes: vec![name],
                }),
            }
        }
        let supported = || self.options.operators.names().join(", ");
        if missing.is_empty() {
            Ok(())
        } else {
            Err(ImportError::UnsupportedOps { supported: supported(), missing })
        }
    }

    /// All inputs that are read lie one after the other in the graph's one input.
    fn add_inputs(&mut self, onnx: &pb::GraphProto, names: &HashSet<&str>) -> Result<(), ImportError> {
        check_names(&onnx.input, &self.options.dimensions)?;
        let constants: HashSet<&str> = onnx.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        for input in onnx.input.iter().filter(|input| !constants.contains(input.name.as_str())) {
            let read = names.contains(input.name.as_str());
            let (info, element) = declared(input, &self.options.dimensions)?;
            let datum = reference::datum(element, info.kind);
            self.inputs.push((TensorInfo { read, ..info }, datum));
        }
        let read: Vec<TensorInfo> =
            self.inputs.iter().map(|(info, _)| info).filter(|info| info.read).cloned().collect();
        let Some(first) = read.first() else {
            return Err(ImportError::Graph("no output depends on an input; there is nothing to prove".into()));
        };
        let planes = input_planes(onnx, &read);
        let name = if read.len() == 1 { first.name.clone() } else { "inputs".to_owned() };
        let node = self.layers.add(&name, FloatOp::Input, planes, &[]);
        if let ([only], Some(tokens)) = (&read[..], tokens(onnx, &read)) {
            let (count, features) = (planes.channels, planes.width);
            debug_assert_eq!(count, tokens);
            let op = FloatOp::Transpose { groups: 1 };
            let turned = self.layers.add(&name, op, Planes::new(features, 1, count), &[node]);
            let place = |at: usize| Element::Place(turned, (at % features * count + at / features) as u32);
            let elements = (0..count * features).map(place).collect();
            self.values.insert(only.name.clone(), Value::of_elements(only.kind, only.dims.clone(), elements));
            return Ok(());
        }
        if let [only] = &read[..] {
            self.values.insert(only.name.clone(), Value::whole(only.kind, only.dims.clone(), node));
            return Ok(());
        }
        let mut start = 0;
        for info in read {
            let count: usize = info.dims.iter().product();
            let elements = (start..start + count).map(|place| Element::Place(node, place as u32)).collect();
            self.values.insert(info.name, Value::of_elements(info.kind, info.dims, elements));
            start += count;
        }
        Ok(())
    }

    pub(super) fn build(mut self, onnx: &pb::GraphProto) -> Result<Built, ImportError> {
        let mut waiting = std::mem::take(&mut self.live);
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for place in waiting {
                let known = |name: &String| name.is_empty() || self.values.contains_key(name);
                if onnx.node[place].input.iter().all(known) {
                    self.add_node(&onnx.node[place], place)?;
                } else {
                    later.push(place);
                }
            }
            if later.len() == before {
                return Err(self.stuck(&onnx.node[later[0]]));
            }
            waiting = later;
        }
        self.finish(onnx)
    }

    fn stuck(&self, proto: &pb::NodeProto) -> ImportError {
        let unknown = proto.input.iter().find(|name| !name.is_empty() && !self.values.contains_key(*name));
        ImportError::Graph(format!(
            "node {:?} ({}) reads {:?}, which no node before it gives: it is missing, an output that is not supported, or \
             the nodes form a cycle",
            node::name(proto),
            proto.op_type,
            unknown.map(String::as_str).unwrap_or_default()
        ))
    }

    fn add_node(&mut self, proto: &pb::NodeProto, place: usize) -> Result<(), ImportError> {
        let inputs: Vec<Option<Value>> =
            proto.input.iter().map(|name| self.values.get(name).filter(|_| !name.is_empty()).cloned()).collect();
        let shape = self.first_planes(&inputs);
        let node = Node::new(proto, &inputs, self.opset, shape);
        let operator = qualified_name(proto);
        let rule = self.options.operators.rule(&operator);
        let rule = rule.ok_or_else(|| node.unsupported("it is not known"))?;
        let folded = inputs.iter().flatten().all(|value| value.as_numbers().is_some());
        let results = if folded || matches!(rule, Rule::Constants(_)) {
            evaluate(&node, rule)?
        } else {
            check_finite(&node, &operator)?;
            check_age(&node, &operator)?;
            self.run.push(place);
            self.import(&node, rule)?
        };
        self.hold(&results).map_err(|reason| node.unsupported(reason))?;
        for (name, value) in proto.output.iter().zip(results) {
            self.values.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Counts what results take beside the graph's tensors, and those.
    fn hold(&mut self, results: &[Value]) -> Result<(), String> {
        for live in results.iter().filter(|value| value.as_numbers().is_none()) {
            extents::live_count(&live.dims)?;
        }
        self.held += results.iter().map(Value::held).sum::<usize>();
        let computed: usize = self.layers.graph.nodes().map(|(_, node)| node.shape.len()).sum();
        if self.held.max(computed) > MOST_HELD {
            return Err(format!("with its result more than {MOST_HELD} values are computed or moved"));
        }
        Ok(())
    }

    /// Planes of the first tensor, as an operator of one's own finds it.
    fn first_planes(&self, inputs: &[Option<Value>]) -> Planes {
        let first = inputs.iter().flatten().find(|value| value.as_numbers().is_none());
        first.map_or(Planes::new(0, 0, 0), |value| {
            self.layers
                .frame(value)
                .filter(|frame| frame.order.is_none())
                .unwrap_or(Frame::natural(&value.dims))
                .planes
        })
    }

    fn import(&mut self, node: &Node<'_>, rule: Rule) -> Result<Vec<Value>, ImportError> {
        match rule {
            Rule::Function(function) => {
                let activation = function(node)?;
                let applied = self.layers.apply(&node.name(), node.value(0)?, &activation);
                Ok(vec![applied.map_err(|reason| node.unsupported(reason))?])
            }
            Rule::Layers(import, _) => import(node, &mut self.layers),
            Rule::Own(importer) => self.import_own(node, importer),
            Rule::Pick(_) | Rule::Constants(_) => evaluate(node, rule),
        }
    }

    fn import_own(&mut self, node: &Node<'_>, importer: Importer) -> Result<Vec<Value>, ImportError> {
        let tensors: Vec<&Value> = node.values().filter(|value| value.as_numbers().is_none()).collect();
        let first = tensors[0];
        let Some((op, shape)) = importer(node)? else { return Ok(vec![first.clone()]) };
        let several = matches!(op, FloatOp::Sum { .. } | FloatOp::Product | FloatOp::MatMul { .. });
        let mut sources: Vec<NodeId> = Vec::new();
        for value in tensors.iter().take(if several { tensors.len() } else { 1 }) {
            let planes = self.layers.frame(value).filter(|frame| frame.order.is_none());
            let frame = planes.unwrap_or(Frame::natural(&value.dims));
            let source = self.layers.bring(&node.name(), value, &value.dims, &frame);
            sources.push(source.map_err(|reason| node.unsupported(reason))?);
        }
        let dims = match shape {
            shape if shape == node.shape => first.dims.clone(),
            Planes { channels, height: 1, width: 1 } => vec![1, channels],
            Planes { channels, height, width } => vec![1, channels, height, width],
        };
        let result = self.layers.add(&node.name(), op, shape, &sources);
        Ok(vec![Value::whole(first.kind, dims, result)])
    }

    /// All outputs, one after the other, are the graph's last node.
    fn finish(mut self, onnx: &pb::GraphProto) -> Result<Built, ImportError> {
        let mut outputs = Vec::new();
        let mut all = Vec::new();
        for output in &onnx.output {
            let value = self.values.get(&output.name).cloned().ok_or_else(|| {
                ImportError::Graph(format!("output {:?} is produced by no node that is supported", output.name))
            })?;
            let read = value.as_numbers().is_none();
            outputs.push(TensorInfo {
                name: output.name.clone(),
                dims: value.dims.clone(),
                kind: value.kind,
                read,
            });
            all.push(value);
        }
        let last = self.join(&all).map_err(|reason| ImportError::Graph(format!("the outputs: {reason}")))?;
        let graph = pruned(&self.layers.graph, last);
        let own = self.run.iter().any(|place| {
            let operator = qualified_name(&onnx.node[*place]);
            matches!(self.options.operators.rule(&operator), Some(Rule::Own(_)) | None)
        });
        let interpreter = (!own).then(|| self.interpreter(onnx));
        Ok(Built { graph, inputs: self.inputs, outputs, interpreter })
    }

    fn join(&mut self, values: &[Value]) -> Result<NodeId, String> {
        if let [value] = values {
            if let Some(planes) = self.layers.swapped(value) {
                return self.layers.bring("output", value, &value.dims, &Frame::in_order(planes));
            }
            let frame = self.layers.frame(value).filter(|frame| frame.order.is_none());
            let frame = frame.unwrap_or(Frame::natural(&value.dims));
            let own = self.layers.bring("output", value, &value.dims, &frame);
            // Nobody reads an output's planes: what no few moves bring to those of its axes may lie in a plane each.
            let vector = Frame::in_order(Planes::vector(value.len()));
            return own.or_else(|_| self.layers.bring("output", value, &value.dims, &vector));
        }
        let elements: Vec<Element> = values.iter().flat_map(|value| value.elements().to_vec()).collect();
        let all = Value::of_elements(Kind::Float, vec![elements.len()], elements);
        let planes = self.layers.frame(&all).filter(|frame| frame.order.is_none());
        let frame = planes.unwrap_or(Frame::in_order(Planes::vector(all.len())));
        self.layers.bring("outputs", &all, &all.dims, &frame)
    }

    fn interpreter(&self, onnx: &pb::GraphProto) -> Interpreter {
        let nodes: Vec<pb::NodeProto> = self.run.iter().map(|place| onnx.node[*place].clone()).collect();
        let outputs: Vec<String> = onnx.output.iter().map(|output| output.name.clone()).collect();
        let read: HashSet<&String> = nodes.iter().flat_map(|node| &node.input).chain(&outputs).collect();
        let constants =
            self.values.iter().filter(|(name, value)| read.contains(name) && value.as_numbers().is_some());
        let inputs = self.inputs.iter().map(|(info, _)| info).filter(|info| info.read);
        Interpreter {
            constants: constants.map(|(name, value)| (name.clone(), value.clone())).collect(),
            inputs: inputs.map(|info| (info.name.clone(), info.dims.clone(), info.kind)).collect(),
            nodes,
            outputs,
            opset: self.opset,
            operators: self.options.operators.clone(),
        }
    }
}

/// Refuses operators of sets before 7 that were defined otherwise.
fn check_age(node: &Node<'_>, operator: &str) -> Result<(), ImportError> {
    if node.opset >= FIRST_OPSET || !REDEFINED.contains(&operator) {
        return Ok(());
    }
    let set = node.opset;
    Err(node.unsupported(format!(
        "operator set {set} defines it otherwise than sets from {FIRST_OPSET} on; convert the model (onnx.version_converter)"
    )))
}

/// Refuses infinite weights.
fn check_finite(node: &Node<'_>, operator: &str) -> Result<(), ImportError> {
    let infinite = |value: &Value| {
        value.as_numbers().and_then(|numbers| numbers.iter().copied().find(|number| !number.is_finite()))
    };
    match node.values().find_map(infinite) {
        Some(number) if !TAKES_INFINITY.contains(&operator) => {
            Err(node.unsupported(format!("one of its constants holds {number}; every weight must be finite")))
        }
        _ => Ok(()),
    }
}

/// Places of the nodes that the outputs depend on, in the file's order, and the names of all tensors that they read.
fn live(onnx: &pb::GraphProto) -> Result<(Vec<usize>, HashSet<&str>), ImportError> {
    let mut producers: HashMap<&str, usize> = HashMap::new();
    for (place, proto) in onnx.node.iter().enumerate() {
        for output in proto.output.iter().filter(|output| !output.is_empty()) {
            if producers.insert(output, place).is_some() {
                return Err(ImportError::Graph(format!("tensor {output:?} is given by two nodes")));
            }
        }
    }
    if onnx.output.is_empty() {
        return Err(ImportError::Graph("it has no output".into()));
    }
    let mut names: HashSet<&str> = HashSet::new();
    let mut places: HashSet<usize> = HashSet::new();
    let mut stack: Vec<&str> = onnx.output.iter().map(|output| output.name.as_str()).collect();
    while let Some(name) = stack.pop() {
        if !names.insert(name) {
            continue;
        }
        if let Some(place) = producers.get(name).filter(|place| places.insert(**place)) {
            stack.extend(onnx.node[*place].input.iter().map(String::as_str).filter(|name| !name.is_empty()));
        }
    }
    let mut places: Vec<usize> = places.into_iter().collect();
    places.sort_unstable();
    Ok((places, names))
}

/// Tokens of a graph's one input, if they have features that are normalised or compared with each other: those lie in planes of a
/// token each.
fn tokens(onnx: &pb::GraphProto, read: &[TensorInfo]) -> Option<usize> {
    let over_tokens = |node: &pb::NodeProto| {
        matches!(node.op_type.as_str(), "LayerNormalization" | "RMSNormalization" | "Softmax")
    };
    let [only] = read else { return None };
    let (features, others) = only.dims.split_last()?;
    let tokens: usize = others.iter().product();
    let long = matches!(others, [1, _] | [_]) && tokens > 1 && *features > 1;
    (long && onnx.node.iter().any(over_tokens)).then_some(tokens)
}

/// Planes of the graph's input. What is transposed or multiplied by a matrix before anything else lies in a vector, from which
/// any planes can be taken, and so does the one token of a file that has just one and normalises it first.
fn input_planes(onnx: &pb::GraphProto, read: &[TensorInfo]) -> Planes {
    if let ([only], Some(tokens)) = (read, tokens(onnx, read)) {
        return Planes::new(tokens, 1, only.dims.iter().product::<usize>() / tokens);
    }
    let natural = |info: &TensorInfo| Frame::natural(&info.dims).planes;
    let first = natural(&read[0]);
    let count = read.iter().map(|info| info.dims.iter().product::<usize>()).sum();
    let alike = read.iter().all(|info| (natural(info).height, natural(info).width) == (first.height, first.width));
    let turned = |info: &TensorInfo| {
        let reads = |node: &&pb::NodeProto| node.input.contains(&info.name);
        let first = onnx.node.iter().find(reads).map(|node| node.op_type.as_str());
        let token = info.dims.split_last().is_some_and(|(_, others)| others.iter().product::<usize>() == 1);
        match first {
            Some("Transpose" | "MatMul" | "Gemm") => info.dims.len() > 1,
            Some("LayerNormalization" | "RMSNormalization") => token,
            _ => false,
        }
    };
    if !alike || read.iter().any(turned) {
        return Planes::vector(count);
    }
    Planes { channels: count / first.plane(), ..first }
}

/// The part of a graph that a node depends on, which becomes the last one.
fn pruned(graph: &Graph<Float>, last: NodeId) -> Graph<Float> {
    let mut live = vec![false; graph.len()];
    live[0] = true;
    live[last.index()] = true;
    for (id, _) in graph.nodes().rev() {
        if live[id.index()] {
            graph.inputs(id).into_iter().for_each(|source| live[source.index()] = true);
        }
    }
    let mut kept: Graph<Float> = Graph::new();
    let mut places = vec![NodeId::default(); graph.len()];
    for (id, node) in graph.nodes().filter(|(id, _)| live[id.index()]) {
        let sources: Vec<NodeId> = graph.inputs(id).into_iter().map(|source| places[source.index()]).collect();
        places[id.index()] = kept.add(node.clone(), &sources);
    }
    kept
}
