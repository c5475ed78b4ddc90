//! Resize and Upsample: to the nearest values along any axes, or linear over planes.

use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Kind, Picked, Value};

/// By place along an axis of the result, the places before and their weights.
type Along = Vec<Vec<(usize, f64)>>;

/// How an axis is resized.
struct Axis {
    before: usize,
    after: usize,
    scale: f64,
}

/// How coordinates of the result become those of the input.
struct Coordinates {
    mode: String,
    nearest: String,
}

impl Coordinates {
    fn of(node: &Node<'_>) -> Result<Self, ImportError> {
        let named = |attribute: &str, default: &str| match node.text(attribute) {
            text if text.is_empty() => default.to_owned(),
            text => text,
        };
        let old = if node.opset < 11 { "asymmetric" } else { "half_pixel" };
        let (mode, nearest) = (
            named("coordinate_transformation_mode", old),
            named("nearest_mode", if node.opset < 11 { "floor" } else { "round_prefer_floor" }),
        );
        let known = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"];
        if !known.contains(&mode.as_str()) {
            return Err(node.unsupported(format!("coordinate_transformation_mode {mode:?}")));
        }
        if node.int("antialias", 0) != 0 || node.int("exclude_outside", 0) != 0 {
            return Err(node.unsupported("antialias or exclude_outside"));
        }
        Ok(Self { mode, nearest })
    }

    fn before(&self, axis: &Axis, at: usize) -> f64 {
        let (at, before, after) = (at as f64, axis.before as f64, axis.after as f64);
        match self.mode.as_str() {
            "asymmetric" => at / axis.scale,
            "align_corners" if axis.after == 1 => 0.0,
            "align_corners" => at * (before - 1.0) / (after - 1.0),
            "pytorch_half_pixel" if axis.after == 1 => 0.0,
            "half_pixel_symmetric" => {
                let adjustment = after / (axis.scale * before);
                let offset = before / 2.0 * (1.0 - adjustment);
                offset + (at + 0.5) / axis.scale - 0.5
            }
            _ => (at + 0.5) / axis.scale - 0.5,
        }
    }

    fn nearest(&self, axis: &Axis) -> Result<Along, String> {
        let round: fn(f64) -> f64 = match self.nearest.as_str() {
            "floor" => f64::floor,
            "ceil" => f64::ceil,
            "round_prefer_floor" => |at| (at - 0.5).ceil(),
            "round_prefer_ceil" => |at| (at + 0.5).floor(),
            other => return Err(format!("nearest_mode {other:?}")),
        };
        let last = axis.before as f64 - 1.0;
        let place = |at: usize| vec![(round(self.before(axis, at)).clamp(0.0, last) as usize, 1.0)];
        Ok((0..axis.after).map(place).collect())
    }

    fn linear(&self, axis: &Axis) -> Along {
        let last = axis.before - 1;
        let place = |at: usize| {
            let at = self.before(axis, at).clamp(0.0, last as f64);
            let first = (at.floor() as usize).min(last);
            let share = at - first as f64;
            vec![(first, 1.0 - share), ((first + 1).min(last), share)]
        };
        (0..axis.after).map(place).collect()
    }
}

/// What every axis becomes.
fn axes(
    node: &Node<'_>,
    dims: &[usize],
    scales: Option<&[f64]>,
    sizes: Option<&[f64]>,
) -> Result<Vec<Axis>, ImportError> {
    let policy = node.text("keep_aspect_ratio_policy");
    if !["", "stretch"].contains(&policy.as_str()) {
        return Err(node.unsupported(format!("keep_aspect_ratio_policy {policy:?}")));
    }
    let chosen = match node.attribute("axes") {
        Some(axes) => axes.ints.iter().map(|axis| node.axis(*axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..dims.len()).collect(),
    };
    let given = scales.or(sizes).ok_or_else(|| node.unsupported("it has neither scales nor sizes"))?;
    if given.len() != chosen.len() || dims.contains(&0) {
        return Err(node.unsupported(format!("{given:?} for {} axes of shape {dims:?}", chosen.len())));
    }
    let mut all: Vec<Axis> = dims.iter().map(|dim| Axis { before: *dim, after: *dim, scale: 1.0 }).collect();
    for (axis, number) in chosen.into_iter().zip(given) {
        let before = dims[axis] as f64;
        let (after, scale) =
            if scales.is_some() { ((before * number).floor(), *number) } else { (*number, number / before) };
        if !(1.0..1e9).contains(&after) || !scale.is_finite() {
            return Err(node.unsupported(format!("{given:?} for a tensor of shape {dims:?}")));
        }
        all[axis] = Axis { before: dims[axis], after: after as usize, scale };
    }
    Ok(all)
}

/// Each axis of the result, or the reason against it.
struct Resized {
    dims: Vec<usize>,
    along: Vec<Along>,
    nearest: bool,
}

fn resized(node: &Node<'_>, scales: Option<&[f64]>, sizes: Option<&[f64]>) -> Result<Resized, ImportError> {
    let dims = &node.value(0)?.dims;
    let (axes, coordinates) = (axes(node, dims, scales, sizes)?, Coordinates::of(node)?);
    let mode = node.text("mode");
    if node.opset < 11 && axes.iter().any(|axis| axis.scale < 1.0) {
        return Err(node.unsupported("fewer values than before, which operator sets below 11 do not define"));
    }
    let broken = |axis: &Axis| axis.scale * axis.before as f64 != axis.after as f64;
    if ["align_corners", "half_pixel_symmetric"].contains(&coordinates.mode.as_str()) && axes.iter().any(broken) {
        let reason = "a scale that gives no whole number of values, with coordinates that depend on their number";
        return Err(node.unsupported(reason));
    }
    let nearest = match mode.as_str() {
        "" | "nearest" => true,
        "linear" | "bilinear" => false,
        _ => return Err(node.unsupported(format!("mode {mode:?}; nearest and linear are known"))),
    };
    let own = |axis: &Axis| match (nearest, axis.before == axis.after && axis.scale == 1.0) {
        (_, true) => Ok((0..axis.after).map(|at| vec![(at, 1.0)]).collect()),
        (true, _) => coordinates.nearest(axis),
        (false, _) => Ok(coordinates.linear(axis)),
    };
    let after: Vec<usize> = axes.iter().map(|axis| axis.after).collect();
    extents::count(&after).at(node)?;
    let along = axes.iter().map(own).collect::<Result<Vec<Along>, String>>().at(node)?;
    Ok(Resized { dims: after, along, nearest })
}

/// Scales or sizes, where the operator set has them; an empty list is none.
fn stated<'a>(node: &Node<'a>) -> Result<Resized, ImportError> {
    let list = |slot: usize| -> Result<Option<&'a [f64]>, ImportError> {
        Ok(node.optional_numbers(slot)?.filter(|numbers| !numbers.is_empty()))
    };
    if node.opset < 11 {
        return resized(node, list(1)?, None);
    }
    let (scales, sizes) = (list(2)?, list(3)?);
    resized(node, if sizes.is_some() { None } else { scales }, sizes)
}

impl Resized {
    fn pick(&self, value: &Value) -> Value {
        let own = extents::steps(&value.dims);
        let count: usize = self.dims.iter().product();
        let place = |at: usize| {
            let index = extents::index(&self.dims, at);
            let places = index.iter().zip(&self.along).zip(&own);
            Some(places.map(|((at, along), own)| along[*at][0].0 * own).sum::<usize>() as u32)
        };
        value.pick(Picked::of_places(self.dims.clone(), (0..count).map(place).collect()))
    }

    fn import(&self, node: &Node<'_>, layers: &mut Layers) -> Results {
        let value = node.value(0)?;
        if self.nearest {
            return Ok(vec![self.pick(value)]);
        }
        let rank = value.dims.len();
        if rank < 3 || self.dims[..rank - 2] != value.dims[..rank - 2] {
            return Err(node.unsupported("a linear resize of other axes than rows and columns"));
        }
        let frame = Frame::natural(&value.dims);
        let source = layers.bring(&node.name(), value, &value.dims, &frame).at(node)?;
        let (rows, columns) = (&self.along[rank - 2], &self.along[rank - 1]);
        let width = frame.planes.width;
        let both = |row: &Vec<(usize, f64)>, column: &Vec<(usize, f64)>| {
            row.iter().flat_map(|(y, a)| column.iter().map(move |(x, b)| (y * width + x, a * b))).collect()
        };
        let map: Vec<Vec<(usize, f64)>> = rows
            .iter()
            .flat_map(|row| columns.iter().map(|column| both(row, column)).collect::<Vec<_>>())
            .collect();
        Ok(vec![layers.planes_map(&node.name(), source, &map, self.dims.clone()).at(node)?])
    }

    /// One axis after the other.
    fn evaluate(&self, node: &Node<'_>) -> Results {
        let value = node.value(0)?;
        let (mut dims, mut numbers) = (value.dims.clone(), node.numbers(0)?.to_vec());
        for (axis, along) in self.along.iter().enumerate() {
            let (before, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
            dims[axis] = along.len();
            let outer: usize = dims[..axis].iter().product();
            let mut next = Vec::with_capacity(outer * along.len() * inner);
            for first in 0..outer {
                for terms in along {
                    let at = |rest: usize| {
                        let own = terms
                            .iter()
                            .map(|(at, weight)| weight * numbers[(first * before + at) * inner + rest]);
                        own.sum::<f64>()
                    };
                    next.extend((0..inner).map(at));
                }
            }
            numbers = next;
        }
        Ok(vec![Value::numbers(Kind::Float, dims, numbers)])
    }
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    stated(node)?.import(node, layers)
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    stated(node)?.evaluate(node)
}

/// Scales of the operator that was there before Resize.
fn upsampled(node: &Node<'_>) -> Result<Resized, ImportError> {
    let attribute: Option<Vec<f64>> =
        node.attribute("scales").map(|scales| scales.floats.iter().map(|scale| f64::from(*scale)).collect());
    match (&attribute, node.optional_numbers(1)?) {
        (Some(scales), _) => resized(node, Some(scales), None),
        (None, scales) => resized(node, scales, None),
    }
}

pub(super) fn import_upsample(node: &Node<'_>, layers: &mut Layers) -> Results {
    upsampled(node)?.import(node, layers)
}

pub(super) fn evaluate_upsample(node: &Node<'_>) -> Results {
    upsampled(node)?.evaluate(node)
}
