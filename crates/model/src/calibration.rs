//! Calibration runs: the samples in floats and, layer by layer, in the integers chosen so far.

use ndarray::Array3;
use rayon::prelude::*;

use crate::error::{ExecuteError, QuantiseError};
use crate::execute::{Trace, execute_floats};
use crate::fixed::{Fixed, FixedLayer, OutputKind, round_shift};
use crate::fused::Fused;
use crate::graph::Graph;
use crate::layer::accumulate;
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::term::{Kernel, Term};

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

/// The samples on their way through the network, in floats and in integers.
pub(crate) struct Runs<'a> {
    input: &'a [Array3<f64>],
    /// By sample and node, of the nodes quantised so far: the values, empty where no other node reads them.
    float: Vec<Vec<Array3<f64>>>,
    fixed: Vec<Vec<Array3<i64>>>,
    /// By node, the last one that reads it.
    last_readers: Vec<usize>,
}

/// Samples as a graph's input.
///
/// # Errors
/// No sample, one of another shape, or one that is not finite.
pub(crate) fn inputs(graph: &Graph<Fused>, samples: &[Vec<f64>]) -> Result<Vec<Array3<f64>>, QuantiseError> {
    let Some((_, Fused::Input(shape))) = graph.nodes().next() else { return Err(QuantiseError::NoSamples) };
    if samples.is_empty() {
        return Err(QuantiseError::NoSamples);
    }
    let tensor = |(index, sample): (usize, &Vec<f64>)| {
        if let Some((position, &value)) = sample.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(QuantiseError::NotFinite { index, position, value });
        }
        Array3::from_shape_vec(shape.dims(), sample.clone()).map_err(|_| QuantiseError::SampleShape {
            index,
            found: sample.len(),
            expected: *shape,
        })
    };
    samples.iter().enumerate().map(tensor).collect()
}

/// What is to be known of each input's run in floats, of which no more are kept than there are cores.
pub(crate) fn of_runs<R: Send>(
    graph: &Graph<Fused>,
    inputs: &[Array3<f64>],
    of: impl Fn(&Trace<f64>) -> R + Sync,
) -> Result<Vec<R>, QuantiseError> {
    let run = |input| execute_floats(graph, input).map(|trace| of(&trace)).map_err(|error| refused(&error));
    let runs: Vec<_> = inputs.par_iter().map(run).collect();
    runs.into_iter().collect()
}

/// By node, bounds of each channel of its pre-activations over all inputs.
pub(crate) fn bounds(graph: &Graph<Fused>, inputs: &[Array3<f64>]) -> Result<Vec<Vec<Bounds>>, QuantiseError> {
    let of_run = |run: &Trace<f64>| run.accumulators.iter().map(channel_bounds).collect::<Vec<_>>();
    let runs = of_runs(graph, inputs, of_run)?;
    let union = |a: Vec<Vec<Bounds>>, b| a.into_iter().zip(b).map(|(a, b)| channel_unions(a, b)).collect();
    Ok(runs.into_iter().reduce(union).unwrap_or_default())
}

impl<'a> Runs<'a> {
    /// Inputs before the first node.
    pub(crate) fn start(graph: &Graph<Fused>, input: &'a [Array3<f64>]) -> Self {
        let mut last_readers: Vec<usize> = (0..graph.len()).collect();
        for (id, _) in graph.nodes() {
            graph.inputs(id).iter().for_each(|source| last_readers[source.index()] = id.index());
        }
        Self { input, float: vec![Vec::new(); input.len()], fixed: vec![Vec::new(); input.len()], last_readers }
    }

    /// Bounds of each channel of a quantised layer's accumulators over all samples, dequantised; `None` means overflow.
    pub(crate) fn integer_bounds(&self, sums: &Sums<'_>) -> Option<Vec<Bounds>> {
        let of_run = |values: &Vec<Array3<i64>>| {
            let mut real = sums.run(values)?.mapv(|sum| sum as f64);
            for (channel, mut plane) in real.outer_iter_mut().enumerate() {
                plane *= f64::powi(2.0, -sums.scale.of(channel));
            }
            Some(channel_bounds(&real))
        };
        let runs: Option<Vec<_>> = self.fixed.par_iter().map(of_run).collect();
        Some(runs?.into_iter().reduce(channel_unions).unwrap_or_default())
    }

    /// What a kernel of the layer multiplies with its weights: the result of the node `source`, whose integers have the given
    /// scales.
    pub(crate) fn evidence(
        &self,
        (source, scale): (usize, &PerChannel<i32>),
        kernel: &Kernel<f64>,
        output: Planes,
    ) -> Evidence {
        let float: Vec<_> = self.float.iter().map(|values| &values[source]).collect();
        let real = |values: &Vec<Array3<i64>>| {
            let mut real = values[source].mapv(|value| value as f64);
            for (channel, mut plane) in real.outer_iter_mut().enumerate() {
                plane *= f64::powi(2.0, -scale.of(channel));
            }
            real
        };
        let fixed: Vec<_> = self.fixed.iter().map(real).collect();
        let fixed: Vec<_> = fixed.iter().collect();
        Evidence { float: columns(kernel, output, &float), fixed: columns(kernel, output, &fixed) }
    }

    /// Takes every sample through a node and what it was quantised to, both of which read `sources`. Values beyond a range are left to
    /// those who choose ranges.
    ///
    /// # Errors
    /// An accumulator that overflows.
    pub(crate) fn advance(
        &mut self,
        (node, fixed): (&Fused, &Fixed),
        sources: &[usize],
    ) -> Result<(), QuantiseError> {
        let runs = self.input.par_iter().zip(&mut self.float).zip(&mut self.fixed);
        let nexts: Vec<_> = runs
            .map(|((input, floats), integers)| {
                let next = match node {
                    Fused::Input(_) => input.clone(),
                    Fused::Layer(layer) => {
                        layer.values(&read(sources, floats)).map_err(|error| refused(&error))?
                    }
                };
                floats.push(next);
                integers.push(integer_values(fixed, input, &read(sources, integers))?);
                Ok(())
            })
            .collect();
        nexts.into_iter().collect::<Result<(), _>>()?;
        self.release();
        Ok(())
    }

    /// Drops what only nodes so far read.
    fn release(&mut self) {
        let so_far = self.float.first().map_or(0, Vec::len);
        for place in (0..so_far).filter(|place| self.last_readers[*place] < so_far) {
            self.float.iter_mut().for_each(|values| values[place] = Array3::default((0, 0, 0)));
            self.fixed.iter_mut().for_each(|values| values[place] = Array3::default((0, 0, 0)));
        }
    }
}

fn read<'v, T>(sources: &[usize], values: &'v [Array3<T>]) -> Vec<&'v Array3<T>> {
    sources.iter().map(|&source| &values[source]).collect()
}

/// A node's integers, whether or not they lie in its range.
fn integer_values(
    node: &Fixed,
    input: &Array3<f64>,
    sources: &[&Array3<i64>],
) -> Result<Array3<i64>, QuantiseError> {
    match node {
        Fixed::Input(spec) => {
            let mut integers = input.mapv(|_| 0);
            for (((channel, ..), integer), value) in integers.indexed_iter_mut().zip(input) {
                *integer = (value * f64::powi(2.0, spec.scale.of(channel)) + 0.5).floor() as i64;
            }
            Ok(integers)
        }
        Fixed::Layer(layer) => {
            finished(layer, sources).ok_or_else(|| refused(&ExecuteError::Overflow { layer: layer.name.clone() }))
        }
    }
}

fn refused(error: &ExecuteError) -> QuantiseError {
    let reason = "an accumulator of the samples overflows 64 bits; lower the bits".to_owned();
    match error {
        ExecuteError::Overflow { layer } => QuantiseError::Layer { layer: layer.clone(), reason },
        other => QuantiseError::Layer { layer: "samples".into(), reason: other.to_string() },
    }
}

/// A layer's values, whether or not they lie in its range.
fn finished(layer: &FixedLayer, sources: &[&Array3<i64>]) -> Option<Array3<i64>> {
    let mut sums = layer.accumulate(sources)?;
    // Quantisation makes no layer that is rescaled.
    if let OutputKind::Requantise { shift, activation, .. } = &layer.finish.kind {
        for ((channel, ..), value) in sums.indexed_iter_mut() {
            *value = activation.apply(round_shift(*value, shift.of(channel))?);
        }
    }
    Some(sums)
}

/// Accumulators of a layer whose terms and biases are integers already.
pub(crate) struct Sums<'a> {
    pub(crate) terms: &'a [Term<i64>],
    pub(crate) bias: &'a [i64],
    pub(crate) output: Planes,
    /// Places of the nodes that the layer reads.
    pub(crate) sources: &'a [usize],
    /// Scale of each channel's accumulators.
    pub(crate) scale: &'a PerChannel<i32>,
}

impl Sums<'_> {
    fn run(&self, values: &[Array3<i64>]) -> Option<Array3<i64>> {
        accumulate(self.terms, self.bias, self.output, &read(self.sources, values))
    }
}

/// Bounds of each channel of a tensor.
fn channel_bounds(tensor: &Array3<f64>) -> Vec<Bounds> {
    tensor.outer_iter().map(|plane| Bounds::of(plane.iter())).collect()
}

fn channel_unions(a: Vec<Bounds>, b: Vec<Bounds>) -> Vec<Bounds> {
    a.into_iter().zip(b).map(|(a, b)| a.union(b)).collect()
}

/// Columns of the layer's matrix form, over a subset of output positions of all samples.
fn columns(kernel: &Kernel<f64>, output: Planes, inputs: &[&Array3<f64>]) -> Vec<Vec<f64>> {
    let (kh, kw) = kernel.size();
    let pooled = kernel.pooled();
    let positions = output.plane() * inputs.len();
    let stride = positions.div_ceil(MOST_POSITIONS);
    let mut columns = vec![Vec::new(); pooled.channels * kh * kw];
    for position in (0..positions).step_by(stride.max(1)) {
        let (sample, place) = (position / output.plane(), position % output.plane());
        let (y, x) = (place / output.width * kernel.stride, place % output.width * kernel.stride);
        for (index, column) in columns.iter_mut().enumerate() {
            let (c, dy, dx) = (index / (kh * kw), index / kw % kh, index % kw);
            column.push(window_sum(kernel, inputs[sample], c, y + dy, x + dx));
        }
    }
    columns
}

/// The value under a tap, with padded coordinates: a sum over the layer's window.
fn window_sum(kernel: &Kernel<f64>, input: &Array3<f64>, c: usize, y: usize, x: usize) -> f64 {
    let pooled = kernel.pooled();
    let inside = |at: usize, before: usize, size: usize| at.checked_sub(before).filter(|&at| at < size);
    let row = inside(y, kernel.padding.top, pooled.height);
    let column = inside(x, kernel.padding.left, pooled.width);
    let (Some(row), Some(column)) = (row, column) else { return 0.0 };
    let w = kernel.window;
    (0..w * w).map(|i| input[[c, row * w + i / w, column * w + i % w]]).sum()
}
