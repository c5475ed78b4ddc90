//! Rotations of features by numbers of their position, as rotary position embeddings spell them in products by constants and a sum.
//!
//! Of a product by constants it is remembered what its values were before (`Multiple`). Where two of one tensor are added, each value of the
//! sum is two values of that tensor at one position, times numbers: if all heads have the same numbers, that is one operator,
//! and what was in between is read by nobody. A sum that is half of that, as of the first features alone, is remembered until it is
//! concatenated with the other. It knows no operator: whether halves or neighbours make a pair, and whether they are
//! sliced, split or gathered, is where values are.

use std::collections::{HashMap, HashSet};

use ndarray::{Array2, Axis, Slice};
use zklayout_model::{FloatOp, NodeId, Planes, Rotation};

use super::layers::{Frame, Layers};
use super::multiple::{Multiple, Part};
use super::value::{Content, Element, Kind, Value};

/// A rotation of some channels of a node.
struct Found {
    node: NodeId,
    /// Those that are rotated, in order.
    channels: Vec<usize>,
    rotation: Rotation<f64>,
    /// By place of the tensor, the place in the rotation's planes.
    order: Vec<u32>,
}

impl Layers {
    /// Remembers that a node's values are a tensor's, times numbers.
    pub(super) fn note_multiple(&mut self, node: NodeId, value: &Value, frame: &Frame, factors: Vec<f64>) {
        if value.len() == frame.planes.len() {
            self.multiples.insert(node, Multiple::new(value, frame.order.clone(), factors));
        }
    }

    /// By value of a sum of two tensors that are multiples, what is added.
    pub(super) fn summands(&self, terms: &[(&Value, f64)], dims: &[usize]) -> Option<Vec<[Part; 2]>> {
        let [(a, _), (b, _)] = terms else { return None };
        if ![a, b].iter().all(|value| value.dims == dims && self.is_multiple(value)) {
            return None;
        }
        let parts = terms.iter().map(|(value, sign)| self.parts(value, &[*sign])).collect::<Option<Vec<_>>>()?;
        Some(parts[0].iter().zip(&parts[1]).map(|(own, other)| [*own, *other]).collect())
    }

    /// The sum of two tensors that are multiples of one, if it is a rotation of that.
    pub(super) fn rotated_sum(
        &mut self,
        name: &str,
        summands: &[[Part; 2]],
        dims: &[usize],
    ) -> Result<Option<Value>, String> {
        let Some(found) = self.rotation(summands) else { return Ok(None) };
        Ok(Some(self.add_rotation(name, found, dims)?.0))
    }

    /// A tensor whose sums are a rotation together, with the rotation's values in their places.
    pub(super) fn rotated_parts(&mut self, name: &str, value: Value) -> Result<Value, String> {
        let Content::Elements(elements) = &value.content else { return Ok(value) };
        let summands = |element: &Element| match element {
            Element::Place(node, place) => Some(self.sums.get(node)?[*place as usize]),
            Element::Number(_) => None,
        };
        let sums = elements.iter().enumerate().filter_map(|(place, element)| Some((place, summands(element)?)));
        let (places, summands): (Vec<usize>, Vec<[Part; 2]>) = sums.unzip();
        let Some(found) = self.rotation(&summands) else { return Ok(value) };
        let rotated = self.add_rotation(name, found, &[places.len()])?.0;
        let mut elements = elements.to_vec();
        places.iter().zip(rotated.elements().iter()).for_each(|(place, element)| elements[*place] = *element);
        Ok(Value::of_elements(value.kind, value.dims, elements))
    }

    /// A tensor times numbers of each value, if at least so many heads have the same.
    pub(super) fn rotated_product(
        &mut self,
        name: &str,
        value: &Value,
        factors: &[f64],
        least_heads: usize,
    ) -> Result<Option<Value>, String> {
        let alone = |part: Part| [part, Part { factor: 0.0, ..part }];
        let parts = self.parts(value, factors).map(|parts| parts.into_iter().map(alone).collect::<Vec<_>>());
        let found = parts.and_then(|parts| self.rotation(&parts));
        let heads = |found: &Found| found.channels.len() / found.rotation.features();
        let Some(found) = found.filter(|found| heads(found) >= least_heads) else { return Ok(None) };
        let (product, node, frame) = self.add_rotation(name, found, &value.dims)?;
        self.note_multiple(node, value, &frame, frame.arrange(factors));
        Ok(Some(product))
    }

    fn add_rotation(
        &mut self,
        name: &str,
        found: Found,
        dims: &[usize],
    ) -> Result<(Value, NodeId, Frame), String> {
        let Found { node, channels, rotation, order } = found;
        let width = rotation.positions();
        let planes = Planes::new(channels.len(), 1, width);
        let place = |channel: usize| (0..width).map(move |t| Element::Place(node, (channel * width + t) as u32));
        let elements: Vec<Element> = channels.into_iter().flat_map(place).collect();
        let source = self.home(name, &elements, planes)?;
        let node = self.add(name, FloatOp::Rotate(rotation), planes, &[source]);
        let frame = Frame { planes, order: Some(order.into()) };
        Ok((frame.value(Kind::Float, dims.to_vec(), node), node, frame))
    }

    /// Whether a tensor starts with a value that is one of a tensor times numbers that differ.
    fn is_multiple(&self, value: &Value) -> bool {
        let first = match &value.content {
            Content::Numbers(_) => None,
            Content::Whole(node) => Some(*node),
            Content::Elements(elements) => match elements.first() {
                Some(Element::Place(node, _)) => Some(*node),
                _ => None,
            },
        };
        first.and_then(|node| self.multiples.get(&node)).is_some_and(Multiple::differs)
    }

    /// What a tensor times numbers, by place or one for all, is made of; `None` if some of it is constant.
    fn parts(&self, value: &Value, factors: &[f64]) -> Option<Vec<Part>> {
        let mut arranged: HashMap<NodeId, Vec<Element>> = HashMap::new();
        let elements = value.elements();
        let parts = elements.iter().zip(factors.iter().cycle());
        parts.map(|(element, factor)| self.part(*element, *factor, &mut arranged)).collect()
    }

    fn part(
        &self,
        mut element: Element,
        mut factor: f64,
        arranged: &mut HashMap<NodeId, Vec<Element>>,
    ) -> Option<Part> {
        loop {
            let Element::Place(node, place) = element else { return None };
            let Some(multiple) = self.multiples.get(&node) else { return Some(Part { factor, node, place }) };
            factor *= multiple.factor(place as usize);
            element = arranged.entry(node).or_insert_with(|| multiple.elements())[place as usize];
        }
    }

    /// Sums of two values each, as a rotation of one node's planes.
    fn rotation(&self, sums: &[[Part; 2]]) -> Option<Found> {
        let [Part { node, .. }, _] = *sums.first()?;
        let Planes { height: 1, width: positions @ 2.., .. } = self.planes(node) else { return None };
        let sums = own_first(sums);
        let cell = |part: &Part| (part.place as usize / positions, part.place as usize % positions);
        let mut channels: Vec<usize> = sums.iter().map(|[own, _]| cell(own).0).collect();
        channels.sort_unstable();
        channels.dedup();
        let rank: HashMap<usize, usize> = channels.iter().copied().zip(0..).collect();
        let size = (channels.len(), positions);
        let (mut numbers, mut others) = (Array2::zeros(size), Array2::zeros(size));
        let (mut partners, mut order) = (vec![None; channels.len()], Vec::with_capacity(sums.len()));
        for [part, other] in &sums {
            let ((channel, t), (partner, at)) = (cell(part), cell(other));
            let (channel, partner) = (rank[&channel], *rank.get(&partner)?);
            let same = *partners[channel].get_or_insert(partner) == partner;
            if part.node != node || other.node != node || t != at || !same {
                return None;
            }
            (numbers[[channel, t]], others[[channel, t]]) = (part.factor, other.factor);
            order.push((channel * positions + t) as u32);
        }
        let partners: Vec<usize> = partners.into_iter().collect::<Option<_>>()?;
        let rotation = of_heads(&Rotation { own: numbers, other: others, partners });
        is_permutation(&order, channels.len() * positions).then_some(Found { node, channels, rotation, order })
    }
}

/// Sums of which each starts with a value that no sum before it starts with, as far as they can: either may be the one that is rotated.
fn own_first(sums: &[[Part; 2]]) -> Vec<[Part; 2]> {
    let mut taken = HashSet::new();
    let mut ordered = |[a, b]: &[Part; 2]| {
        if taken.insert(a.place) {
            return [*a, *b];
        }
        taken.insert(b.place);
        [*b, *a]
    };
    sums.iter().map(&mut ordered).collect()
}

/// The rotation of one head, of as many heads as have the same.
fn of_heads(all: &Rotation<f64>) -> Rotation<f64> {
    let channels = all.features();
    let alike = |features: usize| {
        (0..channels).all(|channel| {
            let (first, feature) = (channel / features * features, channel % features);
            all.partners[feature] < features
                && all.partners[channel] == first + all.partners[feature]
                && all.own.row(channel) == all.own.row(feature)
                && all.other.row(channel) == all.other.row(feature)
        })
    };
    let features = (1..=channels).find(|features| channels.is_multiple_of(*features) && alike(*features));
    let kept = 0..features.unwrap_or(channels);
    let of_head = |numbers: &Array2<f64>| numbers.slice_axis(Axis(0), Slice::from(kept.clone())).to_owned();
    Rotation { own: of_head(&all.own), other: of_head(&all.other), partners: all.partners[kept.clone()].to_vec() }
}

/// Whether each of so many places is there once.
fn is_permutation(places: &[u32], count: usize) -> bool {
    let mut seen = vec![false; count];
    let once = places.iter().all(|place| !std::mem::replace(&mut seen[*place as usize], true));
    once && places.len() == count
}
