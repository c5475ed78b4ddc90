//! Pools: means and maxima of windows, and of whole planes. Members of a batch are channels of their own.

use std::ops::Range;

use ndarray::Array4;
use zklayout_model::{Activation, Clamp, FloatOp, NodeId, Padding, Planes};

use super::window::{Images, Window};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Element, Kind, Value};

/// Most weights of a map of each plane onto another.
const MOST_WEIGHTS: usize = 1 << 20;
/// Weights up to which windows of several kinds are such a map.
const FEW_WEIGHTS: usize = 1 << 14;
/// Most values of a result that is the maximum of its taps one by one.
const MOST_ONE_BY_ONE: usize = 1 << 13;

/// A pool: its images with the batch among the channels, its window, and the planes of its result.
struct Pool {
    images: Images,
    source: Planes,
    window: Window,
    output: Planes,
}

impl Pool {
    fn of(node: &Node<'_>) -> Result<Self, ImportError> {
        let images = Images::of(node)?;
        let size = node.sizes("kernel_shape", &vec![0; images.directions])?;
        let window = Window::of(node, &images, &size)?;
        let source = Planes { channels: images.batch * images.planes.channels, ..images.planes };
        let output = window.output(node, source, source.channels)?;
        Ok(Self { images, source, window, output })
    }

    fn dims(&self) -> Vec<usize> {
        self.images.dims(Planes { channels: self.images.planes.channels, ..self.output })
    }

    fn bring(&self, node: &Node<'_>, layers: &mut Layers) -> Result<NodeId, ImportError> {
        let value = node.value(0)?;
        layers.bring(&node.name(), value, &value.dims, &Frame::in_order(self.source)).at(node)
    }

    /// Whether a weight for each value of a plane and of its result is too much.
    fn is_large(&self) -> bool {
        self.source.len().saturating_mul(self.output.plane()) > FEW_WEIGHTS
    }

    fn windows(&self) -> Vec<[usize; 2]> {
        let columns = |row: usize| (0..self.output.width).map(move |column| [row, column]);
        (0..self.output.height).flat_map(columns).collect()
    }

    /// The places of a plane that a window reads.
    fn read(&self, window: [usize; 2]) -> Vec<usize> {
        let place = |tap| self.window.tap(self.source, window, tap).map(|(y, x)| y * self.source.width + x);
        self.window.taps().into_iter().filter_map(place).collect()
    }

    /// What the sum of a window is divided by: its taps, perhaps with those in the padding.
    fn divisor(&self, window: [usize; 2], padding_counts: bool) -> usize {
        if !padding_counts {
            return self.read(window).len().max(1);
        }
        let extents = [self.source.height, self.source.width];
        let inside = |axis: usize, tap: usize| {
            let place = window[axis] * self.window.stride[axis] + tap * self.window.dilation[axis];
            place < extents[axis] + self.window.before[axis] + self.window.after[axis]
        };
        self.window.taps().into_iter().filter(|tap| inside(0, tap[0]) && inside(1, tap[1])).count().max(1)
    }
}

pub(super) fn import_average(node: &Node<'_>, layers: &mut Layers) -> Results {
    let pool = Pool::of(node)?;
    let padding_counts = node.int("count_include_pad", 0) != 0;
    let (name, window, output) = (node.name(), pool.window, pool.output);
    let divisors: Vec<usize> =
        pool.windows().into_iter().map(|window| pool.divisor(window, padding_counts)).collect();
    let alike = divisors.iter().all(|divisor| *divisor == divisors[0]);
    let padding = window.padding(pool.source, output);
    let source = pool.bring(node, layers)?;
    let result = match window.common_stride(output).filter(|_| alike && window.dilation == [1, 1]) {
        Some(stride) if padding.is_none() => {
            let op = FloatOp::AveragePool { window: window.size.into(), stride };
            layers.add(&name, op, output, &[source])
        }
        Some(stride) => {
            let [rows, columns] = window.size;
            let kernel = Array4::from_elem((output.channels, 1, rows, columns), 1.0 / divisors[0] as f64);
            let (bias, groups) = (vec![0.0; output.channels], output.channels);
            layers.add(&name, FloatOp::Conv { kernel, bias, groups, stride, padding }, output, &[source])
        }
        None if window.common_stride(output).is_some() && window.dilation == [1, 1] && pool.is_large() => {
            return Ok(vec![by_rectangles(node, layers, &pool, source, &divisors)?]);
        }
        None => {
            let rows: Vec<Vec<(usize, f64)>> = pool
                .windows()
                .into_iter()
                .zip(&divisors)
                .map(|(window, divisor)| {
                    pool.read(window).into_iter().map(|at| (at, 1.0 / *divisor as f64)).collect()
                })
                .collect();
            return Ok(vec![layers.planes_map(&name, source, &rows, pool.dims()).at(node)?]);
        }
    };
    Ok(vec![Value::whole(Kind::Float, pool.dims(), result)])
}

/// Means where windows at the edges have other divisors: those with the same one are a rectangle, which is a mean of a part of the
/// planes by itself.
fn by_rectangles(
    node: &Node<'_>,
    layers: &mut Layers,
    pool: &Pool,
    source: NodeId,
    divisors: &[usize],
) -> Result<Value, ImportError> {
    let (output, name) = (pool.output, node.name());
    let rows = alike(output.height, |row| divisors[row * output.width]);
    let columns = alike(output.width, |column| divisors[column]);
    let mut elements = vec![Element::Number(0.0); output.len()];
    for rows in &rows {
        for columns in &columns {
            let divisor = divisors[rows.start * output.width + columns.start];
            let (part, planes) = pool.rectangle(node, layers, source, [rows, columns], divisor)?;
            for channel in 0..output.channels {
                for (y, row) in rows.clone().enumerate() {
                    for (x, column) in columns.clone().enumerate() {
                        let place = (channel * planes.height + y) * planes.width + x;
                        let own = (channel * output.height + row) * output.width + column;
                        elements[own] = Element::Place(part, place as u32);
                    }
                }
            }
        }
    }
    let joined = layers.home(&name, &elements, output).at(node)?;
    Ok(Value::whole(Kind::Float, pool.dims(), joined))
}

/// Ranges of places that have the same number.
fn alike(count: usize, number: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in 0..count {
        match ranges.last_mut().filter(|range| number(range.start) == number(at)) {
            Some(range) => range.end = at + 1,
            None => ranges.push(at..at + 1),
        }
    }
    ranges
}

impl Pool {
    /// The means of a rectangle of windows, by rows and columns.
    fn rectangle(
        &self,
        node: &Node<'_>,
        layers: &mut Layers,
        source: NodeId,
        windows: [&Range<usize>; 2],
        divisor: usize,
    ) -> Result<(NodeId, Planes), ImportError> {
        let (window, all, name) = (self.window, self.source, node.name());
        let stride = window.common_stride(self.output).unwrap_or(1);
        // By direction: padding before, first and last place that is read, padding after.
        let read = |axis: usize, extent: usize| {
            let first = windows[axis].start * stride;
            let end = (windows[axis].end - 1) * stride + window.size[axis];
            let (start, limit) =
                (first.saturating_sub(window.before[axis]), end.saturating_sub(window.before[axis]));
            let places = start..limit.min(extent);
            (window.before[axis].saturating_sub(first), places, limit.saturating_sub(extent))
        };
        let ((top, rows, bottom), (left, columns, right)) = (read(0, all.height), read(1, all.width));
        let part = Planes::new(all.channels, rows.len(), columns.len());
        let place = |channel: usize, row: usize, column: usize| {
            Element::Place(source, ((channel * all.height + row) * all.width + column) as u32)
        };
        let mut elements = Vec::with_capacity(part.len());
        for channel in 0..all.channels {
            for row in rows.clone() {
                elements.extend(columns.clone().map(|column| place(channel, row, column)));
            }
        }
        let own = layers.home(&name, &elements, part).at(node)?;
        let kernel = Array4::from_elem((all.channels, 1, window.size[0], window.size[1]), 1.0 / divisor as f64);
        let (bias, groups, padding) =
            (vec![0.0; all.channels], all.channels, Padding { top, left, bottom, right });
        let planes = Planes::new(all.channels, windows[0].len(), windows[1].len());
        let op = FloatOp::Conv { kernel, bias, groups, stride, padding };
        Ok((layers.add(&name, op, planes, &[own]), planes))
    }
}

impl Layers {
    /// Every plane mapped onto one of other values, each a weighted sum of the plane's: `rows` has the places and weights of each.
    pub(super) fn planes_map(
        &mut self,
        name: &str,
        source: NodeId,
        rows: &[Vec<(usize, f64)>],
        dims: Vec<usize>,
    ) -> Result<Value, String> {
        let planes = self.planes(source);
        let (channels, values) = (planes.channels, rows.len());
        let weights = channels.saturating_mul(values).saturating_mul(planes.plane());
        if weights > MOST_WEIGHTS {
            return Err(format!("windows of several kinds on {planes} planes, which take {weights} weights"));
        }
        let mut kernel = Array4::zeros((channels * values, 1, planes.height, planes.width));
        for channel in 0..channels {
            for (value, row) in rows.iter().enumerate() {
                for (place, weight) in row {
                    kernel[[channel * values + value, 0, place / planes.width, place % planes.width]] += weight;
                }
            }
        }
        let (bias, padding) = (vec![0.0; channels * values], Padding::default());
        let op = FloatOp::Conv { kernel, bias, groups: channels, stride: 1, padding };
        let result = self.add(name, op, Planes::vector(channels * values), &[source]);
        Ok(Value::whole(Kind::Float, dims, result))
    }
}

/// A function of what every window reads.
fn evaluate_windows(node: &Node<'_>, of: impl Fn(&Pool, [usize; 2], &[f64]) -> f64) -> Results {
    let (pool, input) = (Pool::of(node)?, node.numbers(0)?);
    let mut numbers = Vec::with_capacity(pool.output.len());
    for plane in input.chunks(pool.source.plane()) {
        for window in pool.windows() {
            let read: Vec<f64> = pool.read(window).into_iter().map(|at| plane[at]).collect();
            numbers.push(of(&pool, window, &read));
        }
    }
    Ok(vec![Value::numbers(Kind::Float, pool.dims(), numbers)])
}

pub(super) fn evaluate_average(node: &Node<'_>) -> Results {
    let padding_counts = node.int("count_include_pad", 0) != 0;
    evaluate_windows(node, |pool, window, read| {
        read.iter().sum::<f64>() / pool.divisor(window, padding_counts) as f64
    })
}

/// A pool of whole planes.
fn whole(node: &Node<'_>) -> Result<(Planes, Vec<usize>), ImportError> {
    let Images { batch, planes, .. } = Images::of(node)?;
    let mut dims = node.value(0)?.dims.clone();
    dims.iter_mut().skip(2).for_each(|dim| *dim = 1);
    Ok((Planes { channels: batch * planes.channels, ..planes }, dims))
}

fn import_whole(node: &Node<'_>, layers: &mut Layers, op: FloatOp) -> Results {
    let ((planes, dims), value) = (whole(node)?, node.value(0)?);
    let source = layers.bring(&node.name(), value, &value.dims, &Frame::in_order(planes)).at(node)?;
    let result = layers.add(&node.name(), op, Planes::vector(planes.channels), &[source]);
    Ok(vec![Value::whole(Kind::Float, dims, result)])
}

fn evaluate_whole(node: &Node<'_>, of: impl Fn(&[f64]) -> f64) -> Results {
    let (planes, dims) = whole(node)?;
    let numbers = node.numbers(0)?.chunks(planes.plane()).map(of).collect();
    Ok(vec![Value::numbers(Kind::Float, dims, numbers)])
}

pub(super) fn import_global_average(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (planes, _) = whole(node)?;
    import_whole(node, layers, FloatOp::AveragePool { window: (planes.height, planes.width), stride: 1 })
}

pub(super) fn evaluate_global_average(node: &Node<'_>) -> Results {
    evaluate_whole(node, |plane| plane.iter().sum::<f64>() / plane.len() as f64)
}

pub(super) fn import_global_max(node: &Node<'_>, layers: &mut Layers) -> Results {
    let (planes, _) = whole(node)?;
    let (window, padding) = ((planes.height, planes.width), Padding::default());
    import_whole(node, layers, FloatOp::MaxPool { window, stride: 1, padding })
}

pub(super) fn evaluate_global_max(node: &Node<'_>) -> Results {
    evaluate_whole(node, largest)
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

pub(super) fn import_max(node: &Node<'_>, layers: &mut Layers) -> Results {
    let pool = Pool::of(node)?;
    let (window, output) = (pool.window, pool.output);
    let padding = if window.ceil { window.padding(pool.source, output) } else { window.written() };
    let inside = padding.top + padding.bottom < window.size[0] && padding.left + padding.right < window.size[1];
    let stride = window.common_stride(output).filter(|_| inside && window.dilation == [1, 1]);
    let Some(stride) = stride else { return one_by_one(node, layers, &pool) };
    let source = pool.bring(node, layers)?;
    let op = FloatOp::MaxPool { window: window.size.into(), stride, padding };
    let result = layers.add(&node.name(), op, output, &[source]);
    Ok(vec![Value::whole(Kind::Float, pool.dims(), result)])
}

/// The maximum of the taps one after the other, `max(a, b) = a + max(b - a, 0)`, in a vector, where any tap is a choice of channels.
fn one_by_one(node: &Node<'_>, layers: &mut Layers, pool: &Pool) -> Results {
    if pool.output.len() > MOST_ONE_BY_ONE {
        return Err(node.unsupported(format!(
            "windows with other strides, dilations or paddings than whole planes share, on a result of {} values; at most \
             {MOST_ONE_BY_ONE}",
            pool.output.len()
        )));
    }
    let (name, value) = (node.name(), node.value(0)?);
    let vector = layers.home(&name, &value.elements(), Planes::vector(value.len())).at(node)?;
    let read: Vec<Vec<usize>> = pool.windows().into_iter().map(|window| pool.read(window)).collect();
    let most = read.iter().map(Vec::len).max().unwrap_or(0);
    if read.iter().any(Vec::is_empty) {
        return Err(node.unsupported("a window that lies in the padding"));
    }
    // A window with fewer taps has its first one again.
    let tap = |tap: usize| {
        let element = |place: usize| {
            let (channel, window) = (place / read.len(), &read[place % read.len()]);
            Element::Place(vector, (channel * pool.source.plane() + window.get(tap).unwrap_or(&window[0])) as u32)
        };
        let elements = (0..pool.output.len()).map(element).collect();
        Value::of_elements(Kind::Float, vec![pool.output.len()], elements)
    };
    let rectified = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
    let mut largest = tap(0);
    for next in 1..most {
        let more = layers.sum(&name, &[(&tap(next), 1.0), (&largest, -1.0)]).at(node)?;
        let gain = layers.apply(&name, &more, &rectified).at(node)?;
        largest = layers.sum(&name, &[(&largest, 1.0), (&gain, 1.0)]).at(node)?;
    }
    Ok(vec![largest.with_dims(pool.dims())])
}

pub(super) fn evaluate_max(node: &Node<'_>) -> Results {
    evaluate_windows(node, |_, _, read| largest(read))
}
