//! The numbers of a plan, and of a model's roundings and moved tensors, each read in one place.

use zklayout_model::{FixedActivation, FixedLayer, Move, OutputKind, ValueRange};
use zklayout_plan::{Content, Home, Layout, LinearFact, Plan, Read, Streams, WeightMode};

use crate::objection::{Objection, expect};

/// What becomes of an accumulator before it is divided: `factor * acc + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(crate) factor: i64,
    pub(crate) offset: i64,
}

/// The layout, if it is of the family `streams`.
pub(crate) fn streams(plan: &Plan) -> Result<&Streams, Objection> {
    match &plan.layout {
        Layout::Streams(layout) => Ok(layout),
        Layout::Direct(_) => Err(Objection("the layout is of another family".into())),
    }
}

/// The fact of a node's layer.
pub(crate) fn fact(layout: &Streams, node: usize) -> Result<&LinearFact, Objection> {
    expect(layout.facts.iter().find(|fact| fact.layer == node), || format!("node {node} has no fact"))
}

/// The node of the quantised graph whose tensor a home holds; `None` if it holds constants.
pub(crate) fn node(home: &Home) -> Option<usize> {
    match home.content {
        Content::Ones => None,
        Content::Input => Some(0),
        Content::Layer(node) => Some(node),
    }
}

/// Tape rows of a plane.
pub(crate) fn plane_rows(home: &Home) -> usize {
    let (side, _) = blocks(home);
    side * side * (home.tiles + home.tail)
}

/// Side of the blocks whose places are phases, and the row and column of the first value in its block; a plane that is one phase
/// has blocks of one position.
pub(crate) fn blocks(home: &Home) -> (usize, (usize, usize)) {
    match home.read {
        Read::Phases { stride, corner } => (stride, corner),
        _ => (1, (0, 0)),
    }
}

/// What the quotients of a channel are multiplied by, as a logarithm.
pub(crate) fn shift(home: &Home, channel: usize) -> u32 {
    home.shift.of(channel)
}

/// Bits of a channel's remainder, or of each of its limbs.
pub(crate) fn limb_bits(home: &Home, channel: usize) -> u32 {
    home.limb_bits.of(channel)
}

/// Remainder columns of a lane.
pub(crate) fn limb_count(layout: &Streams, remainder_columns: usize) -> usize {
    remainder_columns / layout.knobs.lanes.max(1)
}

/// What the remainder of a limb is multiplied by.
pub(crate) fn limb_factor(layout: &Streams, limb: usize) -> i64 {
    1 << (layout.knobs.limbs.map_or(0, |limbs| limbs.bits) * limb as u32)
}

/// How a channel's accumulators are scaled.
pub(crate) fn scaled(fact: &LinearFact, channel: usize) -> Scaled {
    let scale = fact.scales.get(channel);
    scale.map_or(Scaled { factor: 1, offset: 0 }, |scale| Scaled { factor: scale.factor, offset: scale.offset })
}

/// What a moved tensor is multiplied by where it is added to an output channel, by the model's definition.
pub(crate) fn move_factor(moved: &Move<i64>, output: usize) -> i64 {
    moved.factor.of(output)
}

/// How a channel's accumulators are rounded, if bits are dropped: how many, and what becomes of the rest.
pub(crate) fn requantised(layer: &FixedLayer, channel: usize) -> Option<(u32, &FixedActivation, &ValueRange)> {
    match &layer.finish.kind {
        OutputKind::Requantise { shift, activation, range } => Some((shift.of(channel), activation, range)),
        OutputKind::Raw | OutputKind::Rescale(_) | OutputKind::Stored(_) => None,
    }
}

/// Tag of the table that a channel's values are looked up in, if they are.
pub(crate) fn tag(layout: &Streams, home: &Home, channel: usize) -> Option<u64> {
    let place = match home.tables.as_slice() {
        [one] => Some(one),
        tables => tables.get(channel),
    };
    place.and_then(|place| layout.tables.get(*place)).map(|table| table.tag)
}

/// What is added to every stored private weight of a fact; fixed weights are stored as they are.
pub(crate) fn weight_offset(layout: &Streams, _fact: &LinearFact) -> i64 {
    match layout.visibility.weights {
        WeightMode::Private => 1 << (layout.weight_bits - 1),
        WeightMode::Fixed | WeightMode::Committed => 0,
    }
}
