//! TopK, ArgMax and ArgMin: the largest values along an axis, or the least, and their places.
//!
//! A value's rank is the number of values that come before it: those that are larger, and of equal ones those with a smaller place. The
//! value of a rank is the sum of all values times whether they have it. One value alone is a maximum, and one place alone that of
//! a maximum where comparing all values would be too much.

use ndarray::Array2;
use zklayout_model::{Activation, FloatOp, Function, Move, NodeId, Planes, Pointwise, Step};

use super::contract::{Weights, in_order};
use super::reduce::Reduction;
use super::softmax::Arranged;
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Element, Kind, Value};

/// Most comparisons of one node.
const MOST_COMPARISONS: usize = 1 << 14;

/// What is asked for along an axis.
struct Top {
    axis: usize,
    /// How many.
    count: usize,
    /// 1 for the largest, -1 for the least.
    sign: f64,
    /// Whether of equal values the last one comes first.
    last_first: bool,
    keeps: bool,
}

impl Top {
    fn of_top(node: &Node<'_>) -> Result<Self, ImportError> {
        let count = match node.optional_numbers(1)? {
            Some(count) => count.first().copied().unwrap_or(0.0) as i64,
            None => node.int("k", 0),
        };
        let dims = &node.value(0)?.dims;
        let axis = node.axis(node.int("axis", -1), dims.len())?;
        let fits = usize::try_from(count).ok().filter(|count| (1..=dims[axis]).contains(count));
        let count = fits.ok_or_else(|| node.unsupported(format!("the {count} largest of {}", dims[axis])))?;
        let sign = if node.int("largest", 1) != 0 { 1.0 } else { -1.0 };
        Ok(Self { axis, count, sign, last_first: false, keeps: true })
    }

    fn of_place(node: &Node<'_>, sign: f64) -> Result<Self, ImportError> {
        let axis = node.axis(node.int("axis", 0), node.value(0)?.dims.len())?;
        let last_first = node.int("select_last_index", 0) != 0;
        Ok(Self { axis, count: 1, sign, last_first, keeps: node.int("keepdims", 1) != 0 })
    }

    /// The axis last, and the order of axes that does so.
    fn rows(&self, value: &Value) -> (Value, Vec<usize>) {
        let order: Vec<usize> =
            (0..value.dims.len()).filter(|axis| *axis != self.axis).chain([self.axis]).collect();
        (in_order(value, &order), order)
    }

    /// As many results as are asked for along the axis, in some order of axes, as the axes of a tensor.
    fn result(&self, dims: &[usize], order: &[usize], rows: &Value) -> Value {
        let extent = |axis: &usize| if *axis == self.axis { self.count } else { dims[*axis] };
        let shape: Vec<usize> = order.iter().map(extent).collect();
        let back: Vec<usize> =
            (0..order.len()).filter_map(|axis| order.iter().position(|own| *own == axis)).collect();
        let mut result = in_order(&rows.with_dims(shape), &back);
        if !self.keeps {
            result.dims.remove(self.axis);
        }
        result
    }

    /// The places along an axis of one value.
    fn only(&self, value: &Value) -> Value {
        let mut dims = value.dims.clone();
        if !self.keeps {
            dims.remove(self.axis);
        }
        Value::numbers(Kind::Integer, dims, vec![0.0; value.len()])
    }

    /// Places of a row, the one that is asked for first coming first.
    fn sorted(&self, row: &[f64]) -> Vec<usize> {
        let mut places: Vec<usize> = (0..row.len()).collect();
        if self.last_first {
            places.reverse();
        }
        places.sort_by(|a, b| (self.sign * row[*b]).total_cmp(&(self.sign * row[*a])));
        places.truncate(self.count);
        places
    }

    /// The place of the first of this order, from maxima.
    fn place_of_largest(&self, layers: &mut Layers, name: &str, value: &Value) -> Result<Value, String> {
        let signed = layers.sum(name, &[(value, self.sign)])?;
        let Arranged { value: arranged, order, groups, planes } = layers.by_planes(&signed, &[self.axis]);
        let source = layers.bring(name, &arranged, &arranged.dims, &Frame::in_order(planes))?;
        let op = FloatOp::ArgMax { groups, last: self.last_first };
        let places = layers.add(name, op, Planes { channels: groups, ..planes }, &[source]);
        let rows = Value::whole(Kind::Integer, vec![groups * planes.plane()], places);
        Ok(self.result(&value.dims, &order, &rows))
    }

    fn evaluate(&self, node: &Node<'_>) -> Result<[Value; 2], ImportError> {
        let value = node.value(0)?;
        let (rows, order) = self.rows(value);
        let extent = value.dims[self.axis].max(1);
        let (mut numbers, mut places) = (Vec::new(), Vec::new());
        for row in rows.as_numbers().unwrap_or_default().chunks(extent) {
            for place in self.sorted(row) {
                numbers.push(row[place]);
                places.push(place as f64);
            }
        }
        let count = vec![numbers.len()];
        let own = |kind, numbers| self.result(&value.dims, &order, &Value::numbers(kind, count.clone(), numbers));
        Ok([own(value.kind, numbers), own(Kind::Integer, places)])
    }
}

pub(super) fn import_top(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (top, value, name) = (Top::of_top(node)?, node.value(0)?, node.name());
    if top.count == 1 && !node.gives(1) {
        let reduction = Reduction::over(vec![top.axis], &value.dims, true);
        let signed = layers.sum(&name, &[(value, top.sign)]).at(node)?;
        let largest = layers.largest(&name, &signed, &reduction).at(node)?;
        return Ok(vec![layers.sum(&name, &[(&largest, top.sign)]).at(node)?]);
    }
    if value.dims[top.axis] == 1 {
        return Ok(vec![value.clone(), top.only(value)]);
    }
    let (rows, order) = top.rows(value);
    let ranks = Ranks::of(layers, &name, &rows, &top).at(node)?;
    let chosen = ranks.chosen(layers, &name, top.count);
    let mut results = Vec::new();
    if node.gives(0) {
        let values = ranks.values(layers, &name, (&chosen, &rows)).at(node)?;
        results.push(Value { kind: value.kind, ..top.result(&value.dims, &order, &values) });
    } else {
        results.push(value.clone());
    }
    if node.gives(1) {
        results.push(top.result(&value.dims, &order, &ranks.places(layers, &name, &chosen).at(node)?));
    }
    Ok(results)
}

pub(super) fn evaluate_top(node: &Node<'_>) -> Results {
    Ok(Top::of_top(node)?.evaluate(node)?.to_vec())
}

fn import_place(node: &Node<'_>, layers: &mut Layers, sign: f64) -> Results {
    let (top, value, name) = (Top::of_place(node, sign)?, node.value(0)?, node.name());
    if value.dims[top.axis] == 1 {
        return match node.is_head() {
            true => Err(node.unsupported("the place of the largest of one value")),
            false => Ok(vec![top.only(value)]),
        };
    }
    let all = comparisons(value.len() / value.dims[top.axis], value.dims[top.axis]);
    // A head's layers have no weights, which comparisons of all pairs have.
    if all > MOST_COMPARISONS || node.is_head() {
        return Ok(vec![top.place_of_largest(layers, &name, value).at(node)?]);
    }
    let (rows, order) = top.rows(value);
    let ranks = Ranks::of(layers, &name, &rows, &top).at(node)?;
    let chosen = ranks.chosen(layers, &name, 1);
    Ok(vec![top.result(&value.dims, &order, &ranks.places(layers, &name, &chosen).at(node)?)])
}

fn evaluate_place(node: &Node<'_>, sign: f64) -> Results {
    let [_, places] = Top::of_place(node, sign)?.evaluate(node)?;
    Ok(vec![places])
}

pub(super) fn import_arg_max(node: &Node<'_>, layers: &mut Layers) -> Results {
    import_place(node, layers, 1.0)
}

pub(super) fn evaluate_arg_max(node: &Node<'_>) -> Results {
    evaluate_place(node, 1.0)
}

pub(super) fn import_arg_min(node: &Node<'_>, layers: &mut Layers) -> Results {
    import_place(node, layers, -1.0)
}

pub(super) fn evaluate_arg_min(node: &Node<'_>) -> Results {
    evaluate_place(node, -1.0)
}

/// Comparisons of every value with every other one of its row, of so many rows.
fn comparisons(rows: usize, extent: usize) -> usize {
    rows.saturating_mul(extent).saturating_mul(extent.saturating_sub(1))
}

/// How many values of its row come before each value.
struct Ranks {
    node: NodeId,
    rows: usize,
    extent: usize,
}

impl Ranks {
    fn of(layers: &mut Layers, name: &str, value: &Value, top: &Top) -> Result<Self, String> {
        let extent = value.dims.last().copied().unwrap_or(1).max(1);
        let rows = value.len() / extent;
        let all = comparisons(rows, extent);
        if all > MOST_COMPARISONS {
            return Err(format!(
                "places of {rows} x {extent} values take {all} comparisons; at most {MOST_COMPARISONS} are made"
            ));
        }
        let source = layers.home(name, &value.elements(), Planes::vector(value.len()))?;
        // By row and place, the pairs with earlier places, and with later ones.
        let pair = |row: usize, (one, other): (usize, usize)| (row * extent + one, row * extent + other);
        let earlier = |place: usize| (0..place).map(move |other| (place, other));
        let later = |place: usize| (place + 1..extent).map(move |other| (place, other));
        let of_rows = |of_place: &dyn Fn(usize) -> Vec<(usize, usize)>| -> Vec<(usize, usize)> {
            let places = (0..rows).flat_map(|row| (0..extent).map(move |place| (row, place)));
            places.flat_map(|(row, place)| of_place(place).into_iter().map(move |two| pair(row, two))).collect()
        };
        let sides = [
            (of_rows(&|place| earlier(place).collect()), !top.last_first),
            (of_rows(&|place| later(place).collect()), top.last_first),
        ];
        let (mut terms, mut sources) = (Vec::new(), Vec::new());
        for (side, (pairs, or_zero)) in sides.into_iter().enumerate() {
            if pairs.is_empty() {
                continue;
            }
            let compared = compare(layers, name, (source, top.sign), &pairs, or_zero);
            for nth in 0..extent - 1 {
                let channels = (0..rows * extent).map(|at| {
                    let (row, place) = (at / extent, at % extent);
                    let (count, before) = if side == 0 {
                        (place, place * (place.max(1) - 1) / 2)
                    } else {
                        (extent - 1 - place, place * (2 * extent - place - 1) / 2)
                    };
                    (nth < count).then_some(row * extent * (extent - 1) / 2 + before + nth)
                });
                terms.push(Move { channels: Some(channels.collect()), ..Move::plain(1.0) });
                sources.push(compared);
            }
        }
        let node = layers.add(name, FloatOp::Sum { terms }, Planes::vector(rows * extent), &sources);
        Ok(Self { node, rows, extent })
    }

    /// By rank, a node that says of each value whether it has that.
    fn chosen(&self, layers: &mut Layers, name: &str, count: usize) -> Vec<NodeId> {
        let planes = layers.planes(self.node);
        let mut of_rank = |rank: usize| {
            let copy = layers.add(name, FloatOp::Sum { terms: vec![Move::plain(1.0)] }, planes, &[self.node]);
            let less = Step::Sum { constant: -(rank as f64), terms: vec![(0, 1.0)] };
            let steps = Pointwise::new(vec![less, Step::Function(Function::Zero, 1)]);
            let activation = match steps.filter(|_| rank > 0) {
                Some(steps) => Activation::Composed(steps),
                None => Activation::Function(Function::Zero),
            };
            layers.add(name, FloatOp::Activation(activation), planes, &[copy])
        };
        (0..count).map(&mut of_rank).collect()
    }

    /// The values of each rank: `[rows, ranks]`.
    fn values(
        &self,
        layers: &mut Layers,
        name: &str,
        (chosen, rows): (&[NodeId], &Value),
    ) -> Result<Value, String> {
        let place = |row: usize, node: NodeId, at: usize| Element::Place(node, (row * self.extent + at) as u32);
        let elements = (0..self.rows).flat_map(|row| {
            chosen.iter().flat_map(move |node| (0..self.extent).map(move |at| place(row, *node, at)))
        });
        let own = Value::of_elements(Kind::Float, vec![self.rows, chosen.len(), self.extent], elements.collect());
        let rows = rows.with_dims(vec![self.rows, self.extent, 1]);
        layers.matmul(name, (&own, &rows), &[self.rows], [chosen.len(), self.extent, 1])
    }

    /// The places that have each rank: `[rows, ranks]`. Weights of integers as small as these are exact.
    fn places(&self, layers: &mut Layers, name: &str, chosen: &[NodeId]) -> Result<Value, String> {
        let mut of_rank = Vec::new();
        for node in chosen {
            let own = Value::whole(Kind::Integer, vec![self.rows, self.extent, 1], *node);
            let matrix = Array2::from_shape_fn((self.rows, self.extent), |(_, place)| place as f64);
            let weights = Weights { groups: self.rows, matrix, bias: vec![0.0; self.rows] };
            of_rank.push(layers.contract(name, &own, [self.rows, self.extent, 1], weights)?.elements());
        }
        let place = |row: usize| of_rank.iter().map(move |elements| elements[row]);
        let elements: Vec<Element> = (0..self.rows).flat_map(place).collect();
        Ok(Value::of_elements(Kind::Integer, vec![self.rows, chosen.len()], elements))
    }
}

/// Whether the second of each pair is larger than the first, or also if it is equal.
fn compare(
    layers: &mut Layers,
    name: &str,
    (source, sign): (NodeId, f64),
    pairs: &[(usize, usize)],
    or_zero: bool,
) -> NodeId {
    let planes = Planes::vector(pairs.len());
    let side = |channels: Vec<Option<usize>>, sign: f64| Move { channels: Some(channels), ..Move::plain(sign) };
    let terms = vec![
        side(pairs.iter().map(|(_, other)| Some(*other)).collect(), sign),
        side(pairs.iter().map(|(one, _)| Some(*one)).collect(), -sign),
    ];
    let difference = layers.add(name, FloatOp::Sum { terms }, planes, &[source, source]);
    let positive = Activation::Function(Function::Positive { or_zero });
    layers.add(name, FloatOp::Activation(positive), planes, &[difference])
}
