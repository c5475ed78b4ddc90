//! Calibration runs: the samples in floats and, layer by layer, in the integers chosen so far.

use ndarray::Array3;

use crate::error::QuantiseError;
use crate::fixed::{Fixed, OutputKind, round_shift};
use crate::fuse::{Fused, run_fused};
use crate::graph::Graph;
use crate::linear::Linear;
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

    /// Bounds of a node's pre-activations over all samples.
    pub(crate) fn bounds(&self, place: usize) -> Bounds {
        Bounds::of(self.float.iter().flat_map(|run| run[place].0.iter()))
    }

    /// Bounds of a quantised layer's accumulators over all samples, dequantised.
    pub(crate) fn integer_bounds(&self, sums: &Sums<'_>) -> Bounds {
        let bounds = self.fixed.iter().map(|values| Bounds::of(sums.run(values).iter()));
        bounds.reduce(Bounds::union).unwrap_or(Bounds { lo: 0.0, hi: 0.0 })
    }

    /// What the layer at `place` multiplies with its weights: the result of the node `source`.
    pub(crate) fn evidence(&self, source: usize, linear: &Linear<f64>) -> Evidence {
        let float = self.float.iter().map(|run| &run[source].1).collect::<Vec<_>>();
        let fixed = self.fixed.iter().map(|run| &run[source]).collect::<Vec<_>>();
        Evidence { float: columns(linear, &float), fixed: columns(linear, &fixed) }
    }

    /// Takes every sample through a quantised node that reads `sources`. Overflow is left to the ranges, which are
    /// chosen afterwards.
    pub(crate) fn advance(&mut self, node: &Fixed, sources: &[usize]) {
        for (input, values) in self.input.iter().zip(&mut self.fixed) {
            let next = match node {
                Fixed::Input(spec) => {
                    let scale = f64::powi(2.0, spec.scale);
                    input.mapv(|value| (value * scale + 0.5).floor() / scale)
                }
                Fixed::Layer(layer) => {
                    let (unit, scale) = (layer.accumulator_scale, f64::powi(2.0, layer.scale()));
                    let (linear, skips, source_scale) = (&layer.linear, &layer.skips, layer.source_scale());
                    let sums = Sums { linear, skips, sources, source_scale, scale: unit }.run(values);
                    match &layer.kind {
                        // Quantisation makes no layer that is rescaled.
                        OutputKind::Raw | OutputKind::Rescale(_) => sums,
                        OutputKind::Requantise { shift, activation, .. } => sums.mapv(|value| {
                            let integer = (value * f64::powi(2.0, unit)) as i64;
                            activation.apply(round_shift(integer, *shift).unwrap_or(0)) as f64 / scale
                        }),
                    }
                }
            };
            values.push(next);
        }
    }
}

/// Accumulators of a quantised layer, dequantised; floats hold them exactly as long as they stay below 2^53.
pub(crate) struct Sums<'a> {
    pub(crate) linear: &'a Linear<i64>,
    /// Only their signs matter: dequantised tensors have one scale.
    pub(crate) skips: &'a [Skip<i64>],
    /// Places of the nodes that the layer reads.
    pub(crate) sources: &'a [usize],
    pub(crate) source_scale: i32,
    pub(crate) scale: i32,
}

impl Sums<'_> {
    fn run(&self, values: &[Array3<f64>]) -> Array3<f64> {
        let weights = self.linear.map(|w| *w as f64, |b| *b as f64);
        let source = f64::powi(2.0, self.source_scale);
        let sums = weights.apply(&values[self.sources[0]].mapv(|value| value * source));
        let unit = f64::powi(2.0, self.scale);
        let mut sums = sums.map_or_else(|| Array3::zeros(self.linear.output.dims()), |sums| sums / unit);
        for (skip, source) in self.skips.iter().zip(&self.sources[1..]) {
            // Floats do not overflow.
            skip.with_factor(skip.factor.signum() as f64).add_to(
                &mut sums,
                &values[*source],
                self.linear.skip_stride(),
            );
        }
        sums
    }
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
