//! What of a tensor is wanted: the picked channels of a convolution become convolutions of their own, and positions that nobody
//! reads are not computed, as far back as operators keep positions apart.
//!
//! A language model of which the last token's output is wanted computes that token alone after its last attention. It knows
//! operators of floats, not layers.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Axis, Slice};

use crate::float::{Float, FloatOp};
use crate::graph::{Graph, NodeId};
use crate::per_channel::PerChannel;
use crate::term::Move;

/// The graph without what nobody wants. Images have rows, and are left as they are.
pub(crate) fn wanted(graph: &Graph<Float>) -> Graph<Float> {
    if graph.nodes().any(|(_, node)| node.shape.height > 1) {
        return graph.clone();
    }
    narrowed(&split(&scaled(graph)))
}

/// The graph in which what scales and shifts a convolution's channels, and nothing else of it is read, is part of it.
fn scaled(graph: &Graph<Float>) -> Graph<Float> {
    let folded = |id: NodeId| {
        let FloatOp::Affine { scale, shift } = &graph.node(id).op else { return None };
        let source = *graph.inputs(id).first()?;
        let FloatOp::Conv { kernel, bias, groups, stride, padding } = &graph.node(source).op else { return None };
        (graph.consumers(source) == 1).then(|| {
            let mut kernel = kernel.clone();
            kernel.outer_iter_mut().zip(scale).for_each(|(mut row, scale)| row *= *scale);
            let bias =
                bias.iter().zip(scale).zip(shift).map(|((bias, scale), shift)| bias * scale + shift).collect();
            FloatOp::Conv { kernel, bias, groups: *groups, stride: *stride, padding: *padding }
        })
    };
    let mut result: Graph<Float> = Graph::new();
    let mut places: Vec<NodeId> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let picked = graph.consumers(id) > 0
            && graph.nodes().all(|(reader, other)| {
                !graph.inputs(reader).contains(&id)
                    || matches!(&other.op, FloatOp::Sum { terms } if terms.len() == 1)
            });
        let sources = graph.inputs(id);
        let (op, sources) = match folded(id).filter(|_| picked) {
            Some(op) => (op, graph.inputs(sources[0])),
            None => (node.op.clone(), sources),
        };
        let sources: Vec<NodeId> = sources.into_iter().map(|source| places[source.index()]).collect();
        places.push(result.add(Float { op, ..node.clone() }, &sources));
    }
    result
}

/// The graph in which every convolution of which others read nothing but picked channels is one for each reader.
fn split(graph: &Graph<Float>) -> Graph<Float> {
    let mut picked: Vec<Option<Float>> = vec![None; graph.len()];
    let mut read_whole = vec![false; graph.len()];
    read_whole.last_mut().into_iter().for_each(|last| *last = true);
    for (id, node) in graph.nodes() {
        for source in graph.inputs(id) {
            match picks(graph.node(source), node) {
                Some(own) => picked[id.index()] = Some(own),
                None => read_whole[source.index()] = true,
            }
        }
    }
    let mut result: Graph<Float> = Graph::new();
    let mut places: Vec<NodeId> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let sources = graph.inputs(id);
        let own = picked[id.index()].take().filter(|_| !read_whole[sources[0].index()]);
        let (node, sources) = match own {
            Some(own) => (own, graph.inputs(sources[0])),
            None => (node.clone(), sources),
        };
        let sources: Vec<NodeId> = sources.into_iter().map(|source| places[source.index()]).collect();
        let split = id.index() > 0 && !read_whole[id.index()] && graph.consumers(id) > 0;
        places.push(if split { NodeId::default() } else { result.add(node, &sources) });
    }
    result
}

/// A convolution's channels that a node picks, as a convolution.
fn picks(source: &Float, node: &Float) -> Option<Float> {
    let (FloatOp::Conv { kernel, bias, groups: 1, stride, padding }, FloatOp::Sum { terms }) =
        (&source.op, &node.op)
    else {
        return None;
    };
    let [Move { factor, channels: Some(channels), offset: (0, 0), stride: 1 }] = &terms[..] else { return None };
    let channels: Vec<usize> = channels.iter().copied().collect::<Option<_>>()?;
    let same = (node.shape.height, node.shape.width) == (source.shape.height, source.shape.width);
    let plain = *factor == PerChannel::uniform(1.0) && channels.len() < kernel.dim().0;
    (same && plain).then(|| {
        let bias = channels.iter().map(|channel| bias[*channel]).collect();
        let kernel = kernel.select(Axis(0), &channels);
        let op = FloatOp::Conv { kernel, bias, groups: 1, stride: *stride, padding: *padding };
        Float { op, ..node.clone() }
    })
}

/// The graph in which every tensor in rows of one has the positions that are read alone.
fn narrowed(graph: &Graph<Float>) -> Graph<Float> {
    let mut narrowing = Narrowing { graph, ranges: ranges(graph), result: Graph::new(), places: BTreeMap::new() };
    for (id, _) in graph.nodes() {
        let own = narrowing.ranges[id.index()].clone();
        narrowing.compute(id, &own);
    }
    // The last node is the output, which a copy of another one may be no more.
    let last = graph.len().checked_sub(1).map(NodeId::new);
    let place = last.and_then(|last| narrowing.places.get(&(last, narrowing.ranges[last.index()].clone().into())));
    let whole = place.is_some_and(|place| place.index() + 1 == narrowing.result.len());
    // Where every position is read by somebody, reading them one by one only adds crops.
    if whole && values(&narrowing.result) < values(graph) { narrowing.result } else { graph.clone() }
}

/// Values of all tensors.
fn values(graph: &Graph<Float>) -> usize {
    graph.nodes().map(|(_, node)| node.shape.len()).sum()
}

/// A graph on its way to what is read of it.
struct Narrowing<'a> {
    graph: &'a Graph<Float>,
    /// By node, the positions that are read of it.
    ranges: Vec<Range<usize>>,
    result: Graph<Float>,
    /// Where some positions of a node are.
    places: BTreeMap<(NodeId, Positions), NodeId>,
}

/// Positions from the first to behind the last, in an order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Positions(usize, usize);

impl From<Range<usize>> for Positions {
    fn from(range: Range<usize>) -> Self {
        Self(range.start, range.end)
    }
}

impl Narrowing<'_> {
    /// Some positions of a node, from what it reads.
    fn compute(&mut self, id: NodeId, own: &Range<usize>) -> NodeId {
        let (graph, node) = (self.graph, self.graph.node(id));
        let (mut read, mut starts) = (Vec::new(), Vec::new());
        let sources = graph.inputs(id);
        for (slot, source) in sources.iter().enumerate() {
            let asked = asked(graph, id, slot, own);
            // Single values are not added to moved planes.
            let moves = matches!(node.op, FloatOp::Sum { .. }) && (sources.len() == 1 || own.len() > 1);
            let held = if moves { self.ranges[source.index()].clone() } else { asked };
            read.push(self.positions(*source, &held));
            starts.push(held.start);
        }
        let mut node = Float { op: moved(graph, id, own, &starts), ..node.clone() };
        if node.shape.height == 1 {
            node.shape.width = own.len();
        }
        let same = read.first().filter(|_| is_same(&node, &read, &self.result)).copied();
        let place = same.unwrap_or_else(|| self.result.add(node, &read));
        self.places.insert((id, own.clone().into()), place);
        place
    }

    /// Some positions of a node that has more: computed by themselves where that takes no weights, or else cropped.
    fn positions(&mut self, id: NodeId, asked: &Range<usize>) -> NodeId {
        if let Some(place) = self.places.get(&(id, asked.clone().into())) {
            return *place;
        }
        let node = self.graph.node(id);
        let cheap = matches!(node.op, FloatOp::Affine { .. } | FloatOp::Normalise { .. } | FloatOp::Activation(_));
        if cheap && keeps_positions(self.graph, id) {
            return self.compute(id, asked);
        }
        let held = self.ranges[id.index()].clone();
        let place = self.positions(id, &held);
        let place = crop(&mut self.result, place, &held, asked);
        self.places.insert((id, asked.clone().into()), place);
        place
    }
}

/// Whether a node is what it reads.
fn is_same(node: &Float, read: &[NodeId], result: &Graph<Float>) -> bool {
    let FloatOp::Sum { terms } = &node.op else { return false };
    let plain = matches!(&terms[..], [term] if term.is_plain() && term.factor == PerChannel::uniform(1.0));
    plain && read.len() == 1 && result.node(read[0]).shape == node.shape
}

/// By node, the positions that are read of it.
fn ranges(graph: &Graph<Float>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Option<Range<usize>>> = vec![None; graph.len()];
    for (id, node) in graph.nodes().rev() {
        let whole = 0..node.shape.width;
        let kept = keeps_positions(graph, id) && id.index() > 0 && id.index() + 1 < graph.len();
        let own = ranges[id.index()].take().filter(|_| kept).unwrap_or(whole);
        for (slot, source) in graph.inputs(id).into_iter().enumerate() {
            let asked = asked(graph, id, slot, &own);
            let before = ranges[source.index()].take().unwrap_or(asked.clone());
            ranges[source.index()] = Some(before.start.min(asked.start)..before.end.max(asked.end));
        }
        ranges[id.index()] = Some(own);
    }
    ranges.into_iter().map(Option::unwrap_or_default).collect()
}

/// Whether an operator computes each position by itself, in rows of one.
fn keeps_positions(graph: &Graph<Float>, id: NodeId) -> bool {
    let node = graph.node(id);
    let sources = graph.inputs(id);
    let flat = node.shape.height == 1 && sources.iter().all(|source| graph.node(*source).shape.height == 1);
    let same =
        |slot: usize| sources.get(slot).is_some_and(|source| graph.node(*source).shape.width == node.shape.width);
    let reads = match &node.op {
        FloatOp::Sum { terms } => terms.len(),
        FloatOp::Product | FloatOp::MatMul { .. } => 2,
        _ => 1,
    };
    flat && sources.len() == reads
        && match &node.op {
            FloatOp::Conv { kernel, stride: 1, padding, .. } => {
                kernel.dim().2 == 1 && kernel.dim().3 == 1 && padding.is_none() && same(0)
            }
            FloatOp::Activation(_)
            | FloatOp::ChannelLeaky { .. }
            | FloatOp::Affine { .. }
            | FloatOp::Offset { .. }
            | FloatOp::Rotate(_)
            | FloatOp::Softmax { .. }
            | FloatOp::ArgMax { .. }
            | FloatOp::Normalise { .. }
            | FloatOp::MatMul { .. } => same(0),
            FloatOp::Product => same(0) && same(1),
            FloatOp::Sum { terms } => terms.iter().all(|term| term.stride == 1 && term.offset.0 == 0),
            _ => false,
        }
}

/// The positions of a source that some positions of a node read.
fn asked(graph: &Graph<Float>, id: NodeId, slot: usize, own: &Range<usize>) -> Range<usize> {
    let node = graph.node(id);
    let width = graph.inputs(id).get(slot).map_or(0, |source| graph.node(*source).shape.width);
    if !keeps_positions(graph, id) || matches!(node.op, FloatOp::MatMul { .. }) && slot == 1 {
        return 0..width;
    }
    let FloatOp::Sum { terms } = &node.op else { return own.clone() };
    let at = |place: usize| (place as i64 + terms[slot].offset.1).clamp(0, width as i64) as usize;
    let read = at(own.start)..at(own.end);
    if read.is_empty() { 0..width } else { read }
}

/// A node's operator on the positions that are left, of sources that start at given ones.
fn moved(graph: &Graph<Float>, id: NodeId, own: &Range<usize>, starts: &[usize]) -> FloatOp {
    match &graph.node(id).op {
        FloatOp::Offset { factor, values } if keeps_positions(graph, id) => {
            let values = values.slice_axis(Axis(2), Slice::from(own.clone())).to_owned();
            FloatOp::Offset { factor: *factor, values }
        }
        FloatOp::Rotate(rotation) if keeps_positions(graph, id) => FloatOp::Rotate(rotation.at(own.clone())),
        FloatOp::Sum { terms } if keeps_positions(graph, id) => {
            let term = |(term, start): (&Move<f64>, &usize)| {
                let columns = term.offset.1 + own.start as i64 - *start as i64;
                Move { offset: (0, columns), ..term.clone() }
            };
            FloatOp::Sum { terms: terms.iter().zip(starts).map(term).collect() }
        }
        op => op.clone(),
    }
}

/// Some positions of a tensor that holds others too.
fn crop(result: &mut Graph<Float>, place: NodeId, held: &Range<usize>, asked: &Range<usize>) -> NodeId {
    let source = result.node(place);
    let mut shape = source.shape;
    shape.width = asked.len();
    let offset = (0, asked.start as i64 - held.start as i64);
    let op = FloatOp::Sum { terms: vec![Move { offset, ..Move::plain(1.0) }] };
    let name = source.name.clone();
    result.add(Float { name, op, shape }, &[place])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::planes::Planes;
    use crate::term::Padding;
    use crate::{execute_floats, fuse};

    fn conv(channels: usize, outputs: usize) -> FloatOp {
        let kernel =
            Array4::from_shape_fn((outputs, channels, 1, 1), |(o, c, ..)| ((o * 7 + c * 3) % 5) as f64 - 2.0);
        FloatOp::Conv { kernel, bias: vec![0.5; outputs], groups: 1, stride: 1, padding: Padding::default() }
    }

    fn pick(channels: std::ops::Range<usize>, column: i64) -> FloatOp {
        let channels = Some(channels.map(Some).collect());
        FloatOp::Sum { terms: vec![Move { channels, offset: (0, column), ..Move::plain(1.0) }] }
    }

    /// A convolution's two halves, multiplied; a norm, and the last position's output.
    fn network() -> Graph<Float> {
        let mut graph = Graph::new();
        let mut add = |op: FloatOp, channels: usize, width: usize, sources: &[NodeId]| {
            graph.add(Float { name: "node".into(), op, shape: Planes::new(channels, 1, width) }, sources)
        };
        let input = add(FloatOp::Input, 4, 6, &[]);
        let both = add(conv(4, 8), 8, 6, &[input]);
        let (left, right) = (add(pick(0..4, 0), 4, 6, &[both]), add(pick(4..8, 0), 4, 6, &[both]));
        let product = add(FloatOp::MatMul { groups: 1, right_groups: 1 }, 6, 6, &[left, right]);
        let summed = add(conv(6, 4), 4, 6, &[product]);
        let sum = add(FloatOp::Sum { terms: vec![Move::plain(1.0), Move::plain(1.0)] }, 4, 6, &[summed, input]);
        let norm = add(FloatOp::Normalise { centred: true, epsilon: 0.1 }, 4, 6, &[sum]);
        let last = add(pick(0..4, 5), 4, 1, &[norm]);
        add(conv(4, 2), 2, 1, &[last]);
        graph
    }

    #[test]
    fn one_position_is_computed_alone_and_gives_the_same() {
        let (before, after) = (network(), wanted(&network()));
        let narrow = after.nodes().filter(|(_, node)| node.shape.width == 1).count();
        assert!(narrow >= 6, "{after:?}");
        let convolutions = after.nodes().filter(|(_, node)| matches!(node.op, FloatOp::Conv { .. })).count();
        assert_eq!(convolutions, 4, "{after:?}");
        let input = Array3::from_shape_fn((4, 1, 6), |(c, _, t)| ((c * 5 + t * 3) % 7) as f64 - 3.0);
        // What is wanted of a graph that is fused is taken out of it there.
        let run =
            |graph: &Graph<Float>| execute_floats(&fuse(graph).unwrap(), &input).unwrap().values.pop().unwrap();
        let direct = crate::merge::merge(&before).unwrap();
        let direct = execute_floats(&direct, &input).unwrap().values.pop().unwrap();
        for (own, other) in direct.iter().zip(&run(&before)) {
            assert!((own - other).abs() < 1e-9, "{own} {other}");
        }
    }
}
