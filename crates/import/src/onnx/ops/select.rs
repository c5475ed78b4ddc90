//! Slice, Split and Gather with constant indices, Pad with zeros: parts of a tensor, moved.

use zklayout_model::{FloatOp, Move, Planes};

use super::Node;
use crate::error::ImportError;
use crate::onnx::node::Axis;

pub(super) fn import_slice(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let list = |slot: usize, attribute: &str| -> Result<Vec<i64>, ImportError> {
        Ok(match node.optional(slot)? {
            Some(values) => values.values.iter().map(|value| *value as i64).collect(),
            None => node.integers(attribute),
        })
    };
    let (starts, ends, steps) = (list(1, "starts")?, list(2, "ends")?, list(4, "steps")?);
    let mut axes = list(3, "axes")?;
    if axes.is_empty() {
        axes = (0..starts.len() as i64).collect();
    }
    if starts.len() != ends.len() || axes.len() != starts.len() || steps.iter().any(|step| *step != 1) {
        return Err(node.unsupported(format!("starts {starts:?}, ends {ends:?}, axes {axes:?}, steps {steps:?}")));
    }
    let mut part = Part::whole(node.shape);
    for ((axis, start), end) in axes.into_iter().zip(starts).zip(ends) {
        if node.is_batch(axis) && start == 0 && end >= 1 {
            continue;
        }
        let axis = node.axis(axis)?;
        let extent = axis.extent(node.shape) as i64;
        let place = |at: i64| if at < 0 { (at + extent).max(0) } else { at.min(extent) } as usize;
        part.cut(axis, place(start), place(end));
    }
    part.import(node)
}

pub(super) fn import_split(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let axis = node.axis(node.int("axis", 0))?;
    let extent = axis.extent(node.shape);
    let lengths: Vec<usize> = match node.optional(1)? {
        Some(lengths) => lengths.values.iter().map(|length| *length as usize).collect(),
        None if !node.integers("split").is_empty() => {
            node.integers("split").iter().map(|length| *length as usize).collect()
        }
        None => {
            let each = extent.div_ceil(node.outputs().max(1));
            (0..node.outputs()).map(|output| each.min(extent.saturating_sub(output * each))).collect()
        }
    };
    let Some(&length) = lengths.get(node.output) else {
        return Err(node.unsupported(format!("{} lengths for {} outputs", lengths.len(), node.outputs())));
    };
    let start: usize = lengths[..node.output].iter().sum();
    let mut part = Part::whole(node.shape);
    part.cut(axis, start, (start + length).min(extent));
    part.import(node)
}

pub(super) fn import_gather(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let axis = node.axis(node.int("axis", 0))?;
    let indices = node.constant(1)?;
    if axis != Axis::Channel || indices.dims.len() != 1 {
        return Err(node
            .unsupported(format!("indices of shape {:?} along {axis:?}; only lists of channels", indices.dims)));
    }
    let count = node.shape.channels as i64;
    let place = |index: &f64| usize::try_from(if *index < 0.0 { *index as i64 + count } else { *index as i64 });
    let channels: Vec<Option<usize>> = indices
        .values
        .iter()
        .map(|index| place(index).ok().filter(|channel| *channel < node.shape.channels))
        .collect();
    if channels.contains(&None) {
        return Err(node.unsupported(format!("indices {:?} of {count} channels", indices.values)));
    }
    let shape = Planes { channels: channels.len(), ..node.shape };
    Ok(Some((FloatOp::Sum { terms: vec![Move { channels: Some(channels), ..Move::plain(1.0) }] }, shape)))
}

pub(super) fn import_pad(node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
    let mode = node.text("mode");
    let value = match node.optional(2)? {
        Some(value) => value.values.first().copied().unwrap_or(0.0),
        None => node.float("value", 0.0),
    };
    if !(mode.is_empty() || mode == "constant") || value != 0.0 {
        return Err(node.unsupported(format!("mode {mode:?} with value {value}; only zeros are padded")));
    }
    let pads: Vec<i64> = match node.optional(1)? {
        Some(pads) => pads.values.iter().map(|pad| *pad as i64).collect(),
        None => node.integers("pads"),
    };
    let half = pads.len() / 2;
    let axes: Vec<i64> = match node.optional(3)? {
        Some(axes) => axes.values.iter().map(|axis| *axis as i64).collect(),
        None => (0..half as i64).collect(),
    };
    if axes.len() != half || pads.len() != 2 * half {
        return Err(node.unsupported(format!("pads {pads:?} of axes {axes:?}")));
    }
    let mut part = Part::whole(node.shape);
    for (place, axis) in axes.into_iter().enumerate() {
        let (before, after) = (pads[place], pads[half + place]);
        if node.is_batch(axis) && (before, after) == (0, 0) {
            continue;
        }
        part.pad(node.axis(axis)?, before, after);
    }
    part.import(node)
}

/// A range of a tensor along each axis; it may reach beyond the tensor.
struct Part {
    source: Planes,
    starts: [i64; 3],
    ends: [i64; 3],
}

impl Part {
    fn whole(source: Planes) -> Self {
        let ends = [source.channels, source.height, source.width].map(|extent| extent as i64);
        Self { source, starts: [0; 3], ends }
    }

    fn cut(&mut self, axis: Axis, start: usize, end: usize) {
        (self.starts[axis as usize], self.ends[axis as usize]) = (start as i64, end as i64);
    }

    fn pad(&mut self, axis: Axis, before: i64, after: i64) {
        self.starts[axis as usize] -= before;
        self.ends[axis as usize] += after;
    }

    fn import(&self, node: &Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError> {
        let extent = |axis: usize| usize::try_from(self.ends[axis] - self.starts[axis]).unwrap_or(0);
        let shape = Planes::new(extent(0), extent(1), extent(2));
        if shape.is_empty() {
            return Err(node.unsupported(format!("it leaves nothing of a {} tensor", self.source)));
        }
        if shape == self.source && self.starts == [0; 3] {
            return Ok(None);
        }
        let channel = |o: usize| {
            usize::try_from(o as i64 + self.starts[0]).ok().filter(|channel| *channel < self.source.channels)
        };
        let all = self.starts[0] == 0 && shape.channels == self.source.channels;
        let channels = (!all).then(|| (0..shape.channels).map(channel).collect());
        let term = Move { channels, offset: (self.starts[1], self.starts[2]), ..Move::plain(1.0) };
        Ok(Some((FloatOp::Sum { terms: vec![term] }, shape)))
    }
}
