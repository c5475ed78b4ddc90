//! Pad: values around a tensor, or fewer of its own: constants, reflections, its edge, or its other end.

use super::{AtNode, Node};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

pub(super) fn pad(node: &Node<'_>, dims: &[usize]) -> Result<Vec<Picked>, ImportError> {
    let filling = match node.optional_numbers(2)? {
        Some(value) => value.first().copied().unwrap_or(0.0),
        None => node.float("value", 0.0),
    };
    let pads = node.list(1, "pads")?.ok_or_else(|| node.unsupported("it has no pads"))?;
    let half = pads.len() / 2;
    let axes = match node.optional_numbers(3)? {
        Some(axes) => axes.iter().map(|axis| *axis as i64).collect(),
        None => (0..half as i64).collect::<Vec<_>>(),
    };
    if axes.len() != half || pads.len() != 2 * half || node.optional_value(3).is_none() && half != dims.len() {
        return Err(node.unsupported(format!("pads {pads:?} of axes {axes:?} of a tensor of shape {dims:?}")));
    }
    let (mut before, mut shape) = (vec![0i64; dims.len()], dims.to_vec());
    for (place, axis) in axes.into_iter().enumerate() {
        let axis = node.axis(axis, dims.len())?;
        before[axis] = pads[place];
        let extent =
            (dims[axis] as i64).checked_add(pads[place]).and_then(|sum| sum.checked_add(pads[half + place]));
        let extent = extent.and_then(|extent| usize::try_from(extent).ok()).filter(|extent| *extent > 0);
        shape[axis] = extent.ok_or_else(|| node.unsupported(format!("pads {pads:?} of shape {dims:?}")))?;
    }
    let (count, own) = (extents::count(&shape).at(node)?, extents::steps(dims));
    let mode = node.text("mode");
    let along: fn(i64, i64) -> Option<i64> = match mode.as_str() {
        "" | "constant" => |at, extent| (0..extent).contains(&at).then_some(at),
        "edge" => |at, extent| Some(at.clamp(0, extent - 1)),
        "wrap" => |at, extent| Some(at.rem_euclid(extent)),
        "reflect" => |at, extent| reflected(at, extent),
        _ => return Err(node.unsupported(format!("mode {mode:?}"))),
    };
    let place = |at: usize| -> Option<u32> {
        let index = extents::index(&shape, at);
        let mut place = 0;
        for axis in 0..dims.len() {
            place += along(index[axis] as i64 - before[axis], dims[axis] as i64)? as usize * own[axis];
        }
        Some(place as u32)
    };
    let places = (0..count).map(place).collect();
    Ok(vec![Picked { dims: shape.clone(), places: Some(places), filling }])
}

/// Back and forth between the first and the last place.
fn reflected(at: i64, extent: i64) -> Option<i64> {
    if extent == 1 {
        return Some(0);
    }
    let at = at.rem_euclid(2 * (extent - 1));
    Some(if at < extent { at } else { 2 * (extent - 1) - at })
}
