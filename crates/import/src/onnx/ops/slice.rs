//! Slice and Split: ranges along axes.

use super::Node;
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

type Moved = Result<Vec<Picked>, ImportError>;

/// Every `step`-th place of an axis, from a first one on.
#[derive(Clone, Copy)]
struct Range {
    first: usize,
    step: i64,
    count: usize,
}

pub(super) fn slice(node: &Node<'_>, dims: &[usize]) -> Moved {
    let missing = || node.unsupported("it has no starts or ends");
    let (starts, ends) =
        (node.list(1, "starts")?.ok_or_else(missing)?, node.list(2, "ends")?.ok_or_else(missing)?);
    let axes = node.list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = node.list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] || steps.contains(&0) {
        return Err(node.unsupported(format!("starts {starts:?}, ends {ends:?}, axes {axes:?}, steps {steps:?}")));
    }
    let mut ranges: Vec<Range> = dims.iter().map(|dim| Range { first: 0, step: 1, count: *dim }).collect();
    for (place, axis) in axes.iter().enumerate() {
        let axis = node.axis(*axis, dims.len())?;
        ranges[axis] = range(dims[axis] as i64, starts[place], ends[place], steps[place]);
    }
    cut(node, dims, &ranges).map(|part| vec![part])
}

/// Ends beyond the axis mean its ends.
fn range(extent: i64, start: i64, end: i64, step: i64) -> Range {
    let from_end = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
    let (least, most) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
    let first = from_end(start).clamp(least.max(0), most.max(0));
    let end = from_end(end).clamp(least, most);
    let span = if step > 0 { end - first } else { first - end };
    let count = if span > 0 && extent > 0 { (span as u64).div_ceil(step.unsigned_abs()) as usize } else { 0 };
    Range { first: first as usize, step, count }
}

fn cut(node: &Node<'_>, dims: &[usize], ranges: &[Range]) -> Result<Picked, ImportError> {
    let shape: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    if shape.contains(&0) {
        return Err(node.unsupported(format!("a part of shape {shape:?} of a tensor of shape {dims:?}")));
    }
    if shape == dims && ranges.iter().all(|range| range.step == 1) {
        return Ok(Picked::in_order(shape));
    }
    let own = extents::steps(dims);
    let count: usize = shape.iter().product();
    let place = |at: usize| {
        let index = extents::index(&shape, at);
        let along = index.iter().zip(ranges).zip(&own);
        along
            .map(|((at, range), own)| (range.first as i64 + *at as i64 * range.step) as usize * own)
            .sum::<usize>()
    };
    let places = (0..count).map(|at| Some(place(at) as u32)).collect();
    Ok(Picked::of_places(shape, places))
}

pub(super) fn split(node: &Node<'_>, dims: &[usize]) -> Moved {
    let axis = node.axis(node.int("axis", 0), dims.len())?;
    let (extent, outputs) = (dims[axis], node.outputs());
    let lengths: Vec<usize> = match node.list(1, "split")? {
        Some(lengths) => lengths.into_iter().map(|length| usize::try_from(length).unwrap_or(0)).collect(),
        None => {
            let each = extent.div_ceil(outputs.max(1));
            (0..outputs).map(|output| each.min(extent.saturating_sub(output * each))).collect()
        }
    };
    if lengths.len() != outputs || lengths.iter().sum::<usize>() != extent {
        let reason = format!("parts of lengths {lengths:?} for {outputs} outputs of an axis of {extent}");
        return Err(node.unsupported(reason));
    }
    let mut first = 0;
    let mut parts = Vec::with_capacity(outputs);
    for length in lengths {
        let mut ranges: Vec<Range> = dims.iter().map(|dim| Range { first: 0, step: 1, count: *dim }).collect();
        ranges[axis] = Range { first, step: 1, count: length };
        parts.push(cut(node, dims, &ranges)?);
        first += length;
    }
    Ok(parts)
}
