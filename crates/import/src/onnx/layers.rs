//! The graph under construction, and the few operations that every imported operator is made of: sums, products, functions,
//! factors and summands of constants, on tensors of any rank.
//!
//! It knows no ONNX operator, and not how values are brought to planes (`arrange`).

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::Array3;
use zklayout_model::{Activation, Float, FloatOp, Graph, Move, NodeId, Planes};

use super::extents;
use super::multiple::{Multiple, Part};
use super::value::{Content, Element, Kind, Value};

/// Heads from which on constants of each value are multiplied position by position; those of fewer are folded into what reads a vector.
const LEAST_HEADS: usize = 2;

/// Planes that a tensor's values are in, and at which place of them each is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) planes: Planes,
    /// By place of the tensor, the place in the planes; the same if not given.
    pub(super) order: Option<Arc<Vec<u32>>>,
}

impl Frame {
    /// Planes in the tensor's own order.
    pub(super) fn in_order(planes: Planes) -> Self {
        Self { planes, order: None }
    }

    /// The planes that tensors of given extents have by themselves: the last two axes are rows and columns from rank three on.
    pub(super) fn natural(dims: &[usize]) -> Self {
        let count: usize = dims.iter().product();
        Self::in_order(match dims {
            [channels @ .., height, width] if channels.len() > 1 || !channels.is_empty() && *height > 1 => {
                Planes::new(channels.iter().product(), *height, *width)
            }
            [1, height, width] => Planes::new(1, *height, *width),
            _ => Planes::vector(count),
        })
    }

    fn vector(&self) -> Self {
        Self { planes: Planes::vector(self.planes.len()), order: self.order.clone() }
    }

    /// Values in the tensor's order, in the planes' order.
    pub(super) fn arrange<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let Some(order) = &self.order else { return values.to_vec() };
        let mut arranged = values.to_vec();
        for (value, place) in values.iter().zip(order.iter()) {
            arranged[*place as usize] = *value;
        }
        arranged
    }

    /// The tensor whose planes a node has.
    pub(super) fn value(&self, kind: Kind, dims: Vec<usize>, node: NodeId) -> Value {
        match &self.order {
            None => Value::whole(kind, dims, node),
            Some(order) => {
                let elements = order.iter().map(|place| Element::Place(node, *place)).collect();
                Value {
                    kind,
                    dims,
                    content: Content::Elements(Arc::new(elements)),
                    element: 0,
                    whole: kind != Kind::Float,
                }
            }
        }
    }
}

/// The graph, as far as it is read.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) graph: Graph<Float>,
    /// What is a tensor times constants.
    pub(super) multiples: HashMap<NodeId, Multiple>,
    /// What is a sum of two such, by place in its planes.
    pub(super) sums: HashMap<NodeId, Vec<[Part; 2]>>,
}

impl Layers {
    /// Adds an operator.
    pub(super) fn add(&mut self, name: &str, op: FloatOp, planes: Planes, sources: &[NodeId]) -> NodeId {
        self.graph.add(Float { name: name.to_owned(), op, shape: planes }, sources)
    }

    /// Planes of a node's result.
    pub(super) fn planes(&self, node: NodeId) -> Planes {
        self.graph.node(node).shape
    }

    /// The planes that a tensor is in already, if it is in some, whole.
    pub(super) fn frame(&self, value: &Value) -> Option<Frame> {
        let elements = match &value.content {
            Content::Numbers(_) => return None,
            Content::Whole(node) => return Some(Frame::in_order(self.planes(*node))),
            Content::Elements(elements) => elements,
        };
        let Some(Element::Place(node, _)) = elements.first() else { return None };
        let planes = self.planes(*node);
        if elements.len() != planes.len() {
            return None;
        }
        let mut seen = vec![false; planes.len()];
        let mut order = Vec::with_capacity(planes.len());
        for element in elements.iter() {
            match element {
                Element::Place(other, place) if other == node && !seen[*place as usize] => {
                    seen[*place as usize] = true;
                    order.push(*place);
                }
                _ => return None,
            }
        }
        Some(Frame { planes, order: Some(Arc::new(order)) })
    }

    /// The planes that tensors of one shape are best read in: those that one of them is in already.
    fn common_frame(&self, values: &[&Value], dims: &[usize]) -> Frame {
        let count: usize = dims.iter().product();
        let full = || values.iter().filter(|value| value.len() == count);
        let whole = full().find(|value| matches!(value.content, Content::Whole(_)));
        let whole = whole.and_then(|value| self.frame(value));
        let framed = || full().find_map(|value| self.frame(value));
        whole.or_else(framed).unwrap_or_else(|| Frame::natural(dims))
    }

    /// A tensor, repeated to the given extents, in the planes of a frame.
    pub(super) fn bring(
        &mut self,
        name: &str,
        value: &Value,
        dims: &[usize],
        frame: &Frame,
    ) -> Result<NodeId, String> {
        if let (Content::Whole(node), None) = (&value.content, &frame.order)
            && value.len() == frame.planes.len()
        {
            if self.planes(*node) == frame.planes {
                return Ok(*node);
            }
            if self.planes(*node).plane() == 1 && frame.planes.plane() == 1 {
                return Ok(*node);
            }
        }
        let elements = value.elements();
        let elements = if value.dims == dims || value.len() == frame.planes.len() {
            elements
        } else {
            let places = extents::repeated(&value.dims, dims).ok_or_else(|| mismatch(&value.dims, dims))?;
            Arc::new(places.into_iter().map(|place| elements[place as usize]).collect())
        };
        self.home(name, &frame.arrange(&elements), frame.planes)
    }

    /// Each value's function.
    pub(super) fn apply(&mut self, name: &str, value: &Value, activation: &Activation) -> Result<Value, String> {
        if let Some(numbers) = value.as_numbers() {
            let results = numbers.iter().map(|number| activation.apply(*number)).collect();
            return Ok(Value::numbers(value.kind, value.dims.clone(), results));
        }
        let frame = self.common_frame(&[value], &value.dims);
        let source = self.bring(name, value, &value.dims, &frame)?;
        let node = self.add(name, FloatOp::Activation(activation.clone()), frame.planes, &[source]);
        Ok(frame.value(value.kind, value.dims.clone(), node))
    }

    /// Tensors and constants, added with signs.
    pub(super) fn sum(&mut self, name: &str, terms: &[(&Value, f64)]) -> Result<Value, String> {
        let dims = together(terms.iter().map(|(value, _)| *value))?;
        let kind = terms.first().map_or(Kind::Float, |(value, _)| value.kind);
        let mut constant = Value::numbers(kind, Vec::new(), vec![0.0]);
        let mut tensors: Vec<(&Value, f64)> = Vec::new();
        for (value, sign) in terms {
            match value.as_numbers() {
                Some(_) => constant = zip(&constant, value, |sum, number| sum + sign * number)?,
                None => tensors.push((*value, *sign)),
            }
        }
        let shifts = constant.as_numbers().is_some_and(|numbers| numbers.iter().any(|number| *number != 0.0));
        let sum = match tensors[..] {
            [] => repeat(&constant, &dims)?,
            [(value, sign)] if shifts => {
                return self.affine(name, value, &dims, &Value::number(sign), &constant);
            }
            [(value, sign)] if sign != 1.0 => {
                return self.affine(name, value, &dims, &Value::number(sign), &Value::number(0.0));
            }
            [(value, _)] => repeat(value, &dims)?,
            _ => self.sum_of_tensors(name, &tensors, &dims)?,
        };
        if tensors.len() > 1 && shifts {
            return self.affine(name, &sum, &dims, &Value::number(1.0), &constant);
        }
        let whole = terms.iter().all(|(value, _)| value.is_whole());
        Ok(Value { kind, whole, ..sum })
    }

    fn sum_of_tensors(&mut self, name: &str, terms: &[(&Value, f64)], dims: &[usize]) -> Result<Value, String> {
        let summands = self.summands(terms, dims);
        if let Some(summands) = &summands
            && let Some(rotated) = self.rotated_sum(name, summands, dims)?
        {
            return Ok(rotated);
        }
        let values: Vec<&Value> = terms.iter().map(|(value, _)| *value).collect();
        let frame = self.common_frame(&values, dims);
        let mut sources = Vec::with_capacity(values.len());
        for value in &values {
            sources.push(self.bring(name, value, dims, &frame)?);
        }
        let terms = terms.iter().map(|(_, sign)| Move::plain(*sign)).collect();
        let node = self.add(name, FloatOp::Sum { terms }, frame.planes, &sources);
        if let Some(summands) = summands {
            self.sums.insert(node, frame.arrange(&summands));
        }
        Ok(frame.value(Kind::Float, dims.to_vec(), node))
    }

    /// The product of two tensors or constants.
    pub(super) fn product(&mut self, name: &str, a: &Value, b: &Value) -> Result<Value, String> {
        let dims = together([a, b])?;
        match (a.as_numbers(), b.as_numbers()) {
            (Some(_), Some(_)) => zip(a, b, |a, b| a * b),
            (Some(_), None) => self.affine(name, b, &dims, a, &Value::number(0.0)),
            (None, Some(_)) => self.affine(name, a, &dims, b, &Value::number(0.0)),
            (None, None) => {
                if let Some(gated) = self.gated(name, (a, b), &dims)? {
                    return Ok(gated);
                }
                let frame = self.common_frame(&[a, b], &dims);
                let sources = [self.bring(name, a, &dims, &frame)?, self.bring(name, b, &dims, &frame)?];
                let node = self.add(name, FloatOp::Product, frame.planes, &sources);
                Ok(frame.value(a.kind, dims, node))
            }
        }
    }

    /// A tensor times another one that has a value for each of its planes: a product of a plane and a number each.
    fn gated(&mut self, name: &str, (a, b): (&Value, &Value), dims: &[usize]) -> Result<Option<Value>, String> {
        let count: usize = dims.iter().product();
        for (wide, gates) in [(a, b), (b, a)] {
            if wide.len() != count || gates.len() == count {
                continue;
            }
            let frame = self.common_frame(&[wide], dims);
            let Planes { channels, .. } = frame.planes;
            let places = extents::repeated(&gates.dims, dims).ok_or_else(|| mismatch(&gates.dims, dims))?;
            let places = per_channel(&frame.arrange(&places), frame.planes.plane().max(1));
            let Some(places) = places.filter(|_| frame.planes.plane() > 1) else { continue };
            let elements = gates.elements();
            let gates: Vec<Element> = places.into_iter().map(|place| elements[place as usize]).collect();
            let sources =
                [self.bring(name, wide, dims, &frame)?, self.home(name, &gates, Planes::vector(channels))?];
            let op = FloatOp::MatMul { groups: channels, right_groups: channels };
            let node = self.add(name, op, frame.planes, &sources);
            return Ok(Some(frame.value(wide.kind, dims.to_vec(), node)));
        }
        Ok(None)
    }

    /// A tensor times constants, and constants added: of each channel if they are the same all over its planes, or of each value.
    pub(super) fn affine(
        &mut self,
        name: &str,
        value: &Value,
        dims: &[usize],
        scale: &Value,
        shift: &Value,
    ) -> Result<Value, String> {
        if value.as_numbers().is_some() {
            return zip(&zip(value, scale, |x, scale| x * scale)?, shift, |x, shift| x + shift);
        }
        let frame = self.common_frame(&[value], dims);
        let arranged = |frame: &Frame, constant: &Value| -> Result<Vec<f64>, String> {
            let numbers = repeat(constant, dims)?;
            Ok(numbers.as_numbers().map(|numbers| frame.arrange(numbers)).unwrap_or_default())
        };
        let (factors, summands) = (arranged(&frame, scale)?, arranged(&frame, shift)?);
        let unshifted = summands.iter().all(|summand| *summand == 0.0);
        let of_channels = |frame: &Frame| {
            let plane = frame.planes.plane().max(1);
            Some((per_channel(&factors, plane)?, per_channel(&summands, plane)?))
        };
        let uniform = factors.first().copied().filter(|first| factors.iter().all(|factor| factor == first));
        let op = match (of_channels(&frame), uniform) {
            (Some((scale, shift)), _) => FloatOp::Affine { scale, shift },
            (None, Some(factor)) if factor.abs() == 1.0 => {
                let values = Array3::from_shape_vec(frame.planes.dims(), summands).map_err(|e| e.to_string())?;
                FloatOp::Offset { factor, values }
            }
            (None, Some(factor)) => {
                let scaled = self.affine(name, value, dims, &Value::number(factor), &Value::number(0.0))?;
                return self.affine(name, &scaled, dims, &Value::number(1.0), shift);
            }
            (None, None) => return self.affine_by_value(name, value, dims, scale, shift),
        };
        let source = self.bring(name, value, dims, &frame)?;
        let node = self.add(name, op, frame.planes, &[source]);
        if let (Some(factor), true) = (uniform, unshifted) {
            self.note_multiple(node, value, &frame, vec![factor]);
        }
        Ok(frame.value(value.kind, dims.to_vec(), node))
    }

    /// The same by constants of each value: of positions, if heads share them, or of a vector.
    fn affine_by_value(
        &mut self,
        name: &str,
        value: &Value,
        dims: &[usize],
        scale: &Value,
        shift: &Value,
    ) -> Result<Value, String> {
        let numbers = |constant: &Value| -> Result<Vec<f64>, String> {
            Ok(repeat(constant, dims)?.as_numbers().map(<[f64]>::to_vec).unwrap_or_default())
        };
        let (factors, summands) = (numbers(scale)?, numbers(shift)?);
        let unshifted = summands.iter().all(|summand| *summand == 0.0) && value.dims == dims;
        if unshifted && let Some(product) = self.rotated_product(name, value, &factors, LEAST_HEADS)? {
            return Ok(product);
        }
        let frame = self.common_frame(&[value], dims).vector();
        let source = match self.bring(name, value, dims, &frame) {
            Err(_) if unshifted && let Some(product) = self.rotated_product(name, value, &factors, 1)? => {
                return Ok(product);
            }
            source => source?,
        };
        let (scale, shift) = (frame.arrange(&factors), frame.arrange(&summands));
        let node = self.add(name, FloatOp::Affine { scale: scale.clone(), shift }, frame.planes, &[source]);
        if unshifted {
            self.note_multiple(node, value, &frame, scale);
        }
        Ok(frame.value(value.kind, dims.to_vec(), node))
    }

    /// The planes that a tensor is in, and the numbers of their channels, if a constant has one for each.
    pub(super) fn channels_of(
        &self,
        value: &Value,
        constant: &Value,
    ) -> Result<Option<(Frame, Vec<f64>)>, String> {
        let frame = self.common_frame(&[value], &value.dims);
        let repeated = repeat(constant, &value.dims)?;
        let numbers = repeated.as_numbers().map(|numbers| frame.arrange(numbers)).unwrap_or_default();
        Ok(per_channel(&numbers, frame.planes.plane().max(1)).map(|numbers| (frame, numbers)))
    }

    /// Values of several nodes as one node, where those lie in planes as the whole would by itself.
    pub(super) fn settled(&mut self, name: &str, value: Value) -> Result<Value, String> {
        let Content::Elements(elements) = &value.content else { return Ok(value) };
        let frame = Frame::natural(&value.dims);
        let alike = |element: &Element| match element {
            Element::Number(_) => true,
            Element::Place(node, _) => {
                let planes = self.planes(*node);
                planes.plane() == 1 && frame.planes.plane() == 1
                    || planes.plane() > 1
                        && (planes.height == frame.planes.height || planes.width == frame.planes.width)
            }
        };
        if self.frame(&value).is_some() || !elements.iter().all(alike) {
            return Ok(value);
        }
        let node = self.home(name, elements, frame.planes)?;
        self.note_multiple(node, &value, &frame, vec![1.0]);
        Ok(frame.value(value.kind, value.dims, node))
    }
}

/// Values of channels, if each channel has one.
fn per_channel<T: Copy + PartialEq>(values: &[T], plane: usize) -> Option<Vec<T>> {
    let alike = |channel: &[T]| channel.iter().all(|value| *value == channel[0]);
    let channels = || values.chunks(plane);
    channels().all(alike).then(|| channels().map(|channel| channel[0]).collect())
}

fn mismatch(a: &[usize], b: &[usize]) -> String {
    format!("operands of shapes {a:?} and {b:?} do not broadcast")
}

/// The extents that tensors have together.
pub(super) fn together<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<Vec<usize>, String> {
    let mut dims: Vec<usize> = Vec::new();
    for value in values {
        dims = extents::broadcast(&dims, &value.dims).ok_or_else(|| mismatch(&dims, &value.dims))?;
    }
    extents::count(&dims)?;
    Ok(dims)
}

/// A tensor, repeated to the given extents.
pub(super) fn repeat(value: &Value, dims: &[usize]) -> Result<Value, String> {
    if value.dims == dims {
        return Ok(value.clone());
    }
    extents::count(dims)?;
    let places = extents::repeated(&value.dims, dims).ok_or_else(|| mismatch(&value.dims, dims))?;
    if places.len() == value.len() {
        return Ok(value.with_dims(dims.to_vec()));
    }
    Ok(value.pick(super::value::Picked::of_places(dims.to_vec(), places.into_iter().map(Some).collect())))
}

/// Numbers of two constants together, value by value.
pub(super) fn zip(a: &Value, b: &Value, apply: impl Fn(f64, f64) -> f64) -> Result<Value, String> {
    let dims = together([a, b])?;
    let (a, b) = (repeat(a, &dims)?, repeat(b, &dims)?);
    let (Some(left), Some(right)) = (a.as_numbers(), b.as_numbers()) else {
        return Err("an operand depends on the model's input".into());
    };
    let results = left.iter().zip(right).map(|(a, b)| apply(*a, *b)).collect();
    Ok(Value::numbers(a.kind, dims, results))
}
