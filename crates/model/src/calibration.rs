//! Calibration runs: the samples in floats and, layer by layer, in the integers chosen so far.

use ndarray::Array3;

use crate::error::QuantiseError;
use crate::fixed::{Fixed, OutputKind, round_shift};
use crate::fused::{Fused, run_fused};
use crate::graph::Graph;
use crate::linear::Linear;
use crate::per_channel::PerChannel;
use crate::skip::Skip;

/// Output positions that a layer's evidence keeps.
const MOST_POSITIONS: usize = 512;

/// Smallest and largest pre-activation seen.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
}

impl Bounds {
    /// Widened by a share of the span, or of the magnitude where all values are alike.
    pub(crate) fn widened(self, margin: f64) -> Self {
        let extra = (self.hi - self.lo).max(self.magnitude()) * margin;
        Self { lo: self.lo - extra, hi: self.hi + extra }
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Those of all channels together.
    pub(crate) fn all(channels: &[Self]) -> Self {
        channels.iter().copied().reduce(Self::union).unwrap_or(Self { lo: 0.0, hi: 0.0 })
    }

    fn of<'a>(values: impl Iterator<Item = &'a f64>) -> Self {
        let none = Self { lo: f64::INFINITY, hi: f64::NEG_INFINITY };
        values.fold(none, |bounds, &value| bounds.union(Self { lo: value, hi: value }))
    }

    pub(crate) fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }
}

/// What a layer's weights were multiplied with on the samples: for each input channel and tap a column over output
/// positions, in floats and in the integers chosen so far (dequantised).
pub(crate) struct Evidence {
    pub(crate) float: Vec<Vec<f64>>,
    pub(crate) fixed: Vec<Vec<f64>>,
}

impl Evidence {
    /// The mean square of what a column of floats holds.
    pub(crate) fn mean_square(&self, column: usize) -> f64 {
        let values = &self.float[column];
        values.iter().map(|value| value * value).sum::<f64>() / values.len().max(1) as f64
    }
}

/// The samples on their way through the network.
pub(crate) struct Runs {
    input: Vec<Array3<f64>>,
    /// By sample and node: pre-activations and values in floats.
    float: Vec<Vec<(Array3<f64>, Array3<f64>)>>,
    /// By sample and node: the quantised values, dequantised, of the nodes quantised so far.
    fixed: Vec<Vec<Array3<f64>>>,
}

impl Runs {
    pub(crate) fn start(graph: &Graph<Fused>, samples: &[Vec<f64>]) -> Result<Self, QuantiseError> {
        let Some((_, Fused::Input(shape))) = graph.nodes().next() else { return Err(QuantiseError::NoSamples) };
        if samples.is_empty() {
            return Err(QuantiseError::NoSamples);
        }
        let mut runs = Self { input: Vec::new(), float: Vec::new(), fixed: Vec::new() };
        for (index, sample) in samples.iter().enumerate() {
            if let Some((position, &value)) = sample.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(QuantiseError::NotFinite { index, position, value });
            }
            let tensor = Array3::from_shape_vec(shape.dims(), sample.clone())
                .map_err(|_| QuantiseError::SampleShape { index, found: sample.len(), expected: *shape })?;
            runs.float.push(run_fused(graph, &tensor));
            runs.fixed.push(Vec::new());
            runs.input.push(tensor);
        }
        Ok(runs)
    }

    /// Bounds of each channel of a node's pre-activations over all samples.
    pub(crate) fn bounds(&self, place: usize) -> Vec<Bounds> {
        channel_bounds(self.float.iter().map(|run| &run[place].0))
    }

    /// Bounds of each channel of a quantised layer's accumulators over all samples, dequantised.
    pub(crate) fn integer_bounds(&self, sums: &Sums<'_>) -> Vec<Bounds> {
        let runs: Vec<_> = self.fixed.iter().map(|values| sums.run(values)).collect();
        channel_bounds(runs.iter())
    }

    /// What the layer at `place` multiplies with its weights: the result of the node `source`.
    pub(crate) fn evidence(&self, source: usize, linear: &Linear<f64>) -> Evidence {
        let float = self.float.iter().map(|run| &run[source].1).collect::<Vec<_>>();
        let fixed = self.fixed.iter().map(|run| &run[source]).collect::<Vec<_>>();
        Evidence { float: columns(linear, &float), fixed: columns(linear, &fixed) }
    }

    /// Takes every sample through a quantised node that reads `sources`, the first with the given scales. Overflow is left to
    /// the ranges, which are chosen afterwards.
    pub(crate) fn advance(&mut self, node: &Fixed, sources: &[usize], source_scale: &PerChannel<i32>) {
        for (input, values) in self.input.iter().zip(&mut self.fixed) {
            let next = match node {
                Fixed::Input(spec) => {
                    let mut values = input.clone();
                    for ((channel, ..), value) in values.indexed_iter_mut() {
                        let scale = f64::powi(2.0, spec.scale.of(channel));
                        *value = (*value * scale + 0.5).floor() / scale;
                    }
                    values
                }
                Fixed::Layer(layer) => {
                    let (linear, skips, scale) = (&layer.linear, &layer.skips, &layer.accumulator_scale);
                    let mut sums = Sums { linear, skips, sources, source_scale, scale }.run(values);
                    // Quantisation makes no layer that is rescaled.
                    if let OutputKind::Requantise { shift, activation, .. } = &layer.kind {
                        for ((channel, ..), value) in sums.indexed_iter_mut() {
                            let integer = (*value * f64::powi(2.0, scale.of(channel))) as i64;
                            let rounded = round_shift(integer, shift.of(channel)).unwrap_or(0);
                            *value = activation.apply(rounded) as f64 * layer.unit(channel);
                        }
                    }
                    sums
                }
            };
            values.push(next);
        }
    }
}

/// Accumulators of a quantised layer, dequantised; floats hold them exactly as long as they stay below 2^53.
pub(crate) struct Sums<'a> {
    pub(crate) linear: &'a Linear<i64>,
    /// Only their signs matter: tensors are dequantised.
    pub(crate) skips: &'a [Skip<i64>],
    /// Places of the nodes that the layer reads.
    pub(crate) sources: &'a [usize],
    /// Scale of each channel of what the linear operator reads.
    pub(crate) source_scale: &'a PerChannel<i32>,
    /// Scale of each channel's accumulators.
    pub(crate) scale: &'a PerChannel<i32>,
}

impl Sums<'_> {
    fn run(&self, values: &[Array3<f64>]) -> Array3<f64> {
        let weights = self.linear.map(|w| *w as f64, |b| *b as f64);
        let mut source = values[self.sources[0]].clone();
        for ((channel, ..), value) in source.indexed_iter_mut() {
            *value *= f64::powi(2.0, self.source_scale.of(channel));
        }
        let sums = weights.apply(&source);
        let mut sums = sums.unwrap_or_else(|| Array3::zeros(self.linear.output.dims()));
        for ((channel, ..), sum) in sums.indexed_iter_mut() {
            *sum *= f64::powi(2.0, -self.scale.of(channel));
        }
        for (skip, source) in self.skips.iter().zip(&self.sources[1..]) {
            // Floats do not overflow.
            skip.with_factor(skip.factor.map(|factor| factor.signum() as f64)).add_to(
                &mut sums,
                &values[*source],
                self.linear.skip_stride(),
            );
        }
        sums
    }
}

/// Bounds of each channel of some tensors of one shape.
fn channel_bounds<'a>(tensors: impl Iterator<Item = &'a Array3<f64>>) -> Vec<Bounds> {
    let mut bounds: Vec<Bounds> = Vec::new();
    for tensor in tensors {
        for (channel, plane) in tensor.outer_iter().enumerate() {
            let own = Bounds::of(plane.iter());
            match bounds.get_mut(channel) {
                Some(before) => *before = before.union(own),
                None => bounds.push(own),
            }
        }
    }
    bounds
}

/// Columns of the layer's matrix form, over a subset of output positions of all samples.
fn columns(linear: &Linear<f64>, inputs: &[&Array3<f64>]) -> Vec<Vec<f64>> {
    let (kh, kw) = linear.kernel_size();
    let pooled = linear.pooled();
    let positions = linear.output.plane() * inputs.len();
    let stride = positions.div_ceil(MOST_POSITIONS);
    let mut columns = vec![Vec::new(); pooled.channels * kh * kw];
    for position in (0..positions).step_by(stride.max(1)) {
        let (sample, place) = (position / linear.output.plane(), position % linear.output.plane());
        let (y, x) = (place / linear.output.width * linear.stride, place % linear.output.width * linear.stride);
        for (index, column) in columns.iter_mut().enumerate() {
            let (c, dy, dx) = (index / (kh * kw), index / kw % kh, index % kw);
            column.push(window_sum(linear, inputs[sample], c, y + dy, x + dx));
        }
    }
    columns
}

/// The value under a tap, with padded coordinates: a sum over the layer's window.
fn window_sum(linear: &Linear<f64>, input: &Array3<f64>, c: usize, y: usize, x: usize) -> f64 {
    let pooled = linear.pooled();
    let inside = |at: usize, before: usize, size: usize| at.checked_sub(before).filter(|&at| at < size);
    let row = inside(y, linear.padding.top, pooled.height);
    let column = inside(x, linear.padding.left, pooled.width);
    let (Some(row), Some(column)) = (row, column) else { return 0.0 };
    let w = linear.window;
    (0..w * w).map(|i| input[[c, row * w + i / w, column * w + i % w]]).sum()
}
