//! Post-training quantisation: power-of-two scales from calibration samples and a bit budget.
//!
//! Ranges are worst-case where the lookup table they need is small, otherwise calibrated with a margin; each
//! [`ValueRange`] says which.

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Clamp, FixedActivation, Function, ValueTable};
use crate::calibration::{Bounds, Evidence, Runs, Sums};
use crate::error::QuantiseError;
use crate::fixed::{Fixed, FixedInput, FixedLayer, OutputKind, RangeSource, ValueRange, round_shift};
use crate::fuse::{Fused, Precision};
use crate::graph::Graph;
use crate::interval::worst_case;
use crate::linear::Linear;
use crate::rounding::Rounding;
use crate::shape::Shape;
use crate::skip::Skip;

/// Bits by which exact layers and squares may exceed the tables of others.
const EXACT_BITS: u32 = 3;

/// The bit budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantiseOptions {
    /// Bits of an input value.
    pub input_bits: u32,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// An activation table holds at most `2^table_bits` entries.
    pub table_bits: u32,
    /// How far beyond the calibration samples a range reaches: 0.25 adds a quarter on either side.
    pub margin: f64,
    /// How far an output may be from the float model's, as a share of how far the float outputs go.
    pub allow_error: f64,
}

impl Default for QuantiseOptions {
    fn default() -> Self {
        Self { input_bits: 8, weight_bits: 9, table_bits: 11, margin: 0.25, allow_error: 0.05 }
    }
}

impl QuantiseOptions {
    fn check(&self) -> Result<(), QuantiseError> {
        let bits = [
            ("input_bits", self.input_bits, 1, 16),
            ("weight_bits", self.weight_bits, 2, 16),
            ("table_bits", self.table_bits, 2, 20),
        ];
        for (option, found, least, most) in bits {
            if !(least..=most).contains(&found) {
                let reason = format!("{found} is outside {least} to {most}");
                return Err(QuantiseError::Option { option, reason });
            }
        }
        if !(self.margin.is_finite() && (0.0..=100.0).contains(&self.margin)) {
            let reason = format!("{} is outside 0 to 100", self.margin);
            return Err(QuantiseError::Option { option: "margin", reason });
        }
        if !(0.0..=1.0).contains(&self.allow_error) {
            let reason = format!("{} is outside 0 to 1", self.allow_error);
            return Err(QuantiseError::Option { option: "allow_error", reason });
        }
        Ok(())
    }
}

/// Gives a merged graph integer weights, scales and ranges.
///
/// `samples` are flat inputs in the model's own order.
///
/// # Errors
/// No sample, a sample of another shape or not finite, an option out of range, or a layer that the bit budget
/// cannot represent.
pub fn quantise(
    graph: &Graph<Fused>,
    samples: &[Vec<f64>],
    options: &QuantiseOptions,
) -> Result<Graph<Fixed>, QuantiseError> {
    options.check()?;
    let mut runs = Runs::start(graph, samples)?;
    let mut fixed: Graph<Fixed> = Graph::new();
    let mut tensors: Vec<Tensor> = Vec::new();
    for (id, node) in graph.nodes() {
        let inputs = graph.inputs(id);
        let sources: Vec<usize> = inputs.iter().map(|source| source.index()).collect();
        let place = id.index();
        let bounds = runs.bounds(place);
        let node = match node {
            Fused::Input(shape) => Fixed::Input(quantise_input(*shape, bounds, options)),
            Fused::Layer { name, linear, skips, activation, precision } => {
                let is_last = place + 1 == graph.len();
                let raw = is_last && activation.is_identity();
                let evidence = &runs.evidence(sources[0], linear);
                let read: Vec<Tensor> = sources.iter().map(|&source| tensors[source]).collect();
                let (tensors, sources, runs) = (&read[..], &sources[..], &runs);
                let layer = LayerQuantiser {
                    name,
                    linear,
                    skips,
                    activation,
                    precision: *precision,
                    tensors,
                    sources,
                    bounds,
                    options,
                    evidence,
                    runs,
                };
                Fixed::Layer(layer.run(raw)?)
            }
        };
        tensors.push(Tensor::after(&node));
        runs.advance(&node, &sources);
        fixed.add(node, &inputs);
    }
    share_ranges(&mut fixed);
    Ok(fixed)
}

/// Gives layers with the same activation one range, so that they share a table, and judges anew which ranges no input
/// can leave.
fn share_ranges(graph: &mut Graph<Fixed>) {
    let mut shared: Vec<(Clamp<i64>, i64, i64)> = Vec::new();
    for (clamp, range) in graph.nodes_mut().filter_map(activation) {
        match shared.iter_mut().find(|(other, ..)| *other == *clamp) {
            Some((_, lo, hi)) => (*lo, *hi) = (range.lo.min(*lo), range.hi.max(*hi)),
            None => shared.push((*clamp, range.lo, range.hi)),
        }
    }
    let sources: Vec<Vec<usize>> =
        graph.nodes().map(|(id, _)| graph.inputs(id).iter().map(|source| source.index()).collect()).collect();
    let mut tensors: Vec<Tensor> = Vec::new();
    for (node, sources) in graph.nodes_mut().zip(sources) {
        let read: Vec<Tensor> = sources.into_iter().map(|source| tensors[source]).collect();
        let worst = match node {
            Fixed::Layer(FixedLayer { linear, skips, kind: OutputKind::Requantise { shift, .. }, .. }) => {
                rounded_worst_case(linear, skips, &read, *shift)
            }
            _ => None,
        };
        if let Some((clamp, range)) = activation(node)
            && let Some((_, lo, hi)) = shared.iter().find(|(other, ..)| *other == *clamp)
        {
            let inside = worst.is_some_and(|(least, most)| *lo <= least && most <= *hi);
            let source = if inside { RangeSource::WorstCase } else { RangeSource::Calibrated };
            *range = ValueRange { lo: *lo, hi: *hi, source };
        }
        tensors.push(Tensor::after(node));
    }
}

fn activation(node: &mut Fixed) -> Option<(&Clamp<i64>, &mut ValueRange)> {
    match node {
        Fixed::Layer(FixedLayer {
            kind: OutputKind::Requantise { activation: FixedActivation::Clamp(clamp), range, .. },
            ..
        }) => Some((clamp, range)),
        _ => None,
    }
}

/// Shape, scale and integer bounds of the tensor that a layer reads.
#[derive(Clone, Copy)]
struct Tensor {
    shape: Shape,
    scale: i32,
    lo: i64,
    hi: i64,
}

impl Tensor {
    fn after(node: &Fixed) -> Self {
        match node {
            Fixed::Input(FixedInput { shape, scale, range, .. }) => {
                Self { shape: *shape, scale: *scale, lo: range.lo, hi: range.hi }
            }
            Fixed::Layer(layer) => match &layer.kind {
                OutputKind::Raw => Self { shape: layer.linear.output, scale: layer.scale(), lo: 0, hi: 0 },
                OutputKind::Rescale(rescale) => {
                    let (lo, hi) = rescale.extremes();
                    Self { shape: layer.linear.output, scale: layer.scale(), lo, hi }
                }
                OutputKind::Requantise { activation, range, .. } => {
                    let (lo, hi) = activation.extremes(range.lo, range.hi);
                    Self { shape: layer.linear.output, scale: layer.scale(), lo, hi }
                }
            },
        }
    }
}

/// The largest scale at which `magnitude` stays at or below `limit`.
fn scale_for(magnitude: f64, limit: f64) -> i32 {
    const LARGEST: i32 = 30;
    if magnitude <= 0.0 {
        return LARGEST;
    }
    ((limit / magnitude).log2().floor() as i32).clamp(-LARGEST, LARGEST)
}

fn quantise_input(shape: Shape, bounds: Bounds, options: &QuantiseOptions) -> FixedInput {
    let limit = if bounds.lo < 0.0 { 1i64 << (options.input_bits - 1) } else { 1i64 << options.input_bits } - 1;
    // Two's complement reaches one further below 0 than above.
    let above = scale_for(bounds.hi.max(1e-9), limit as f64 + 0.5);
    let scale = above.min(scale_for((-bounds.lo).max(1e-9), limit as f64 + 1.5));
    let lo = if bounds.lo < 0.0 { -limit - 1 } else { 0 };
    let range = ValueRange { lo, hi: limit, source: RangeSource::WorstCase };
    FixedInput { shape, scale, range, stored: None }
}

struct LayerQuantiser<'a> {
    name: &'a str,
    linear: &'a Linear<f64>,
    skips: &'a [Skip<f64>],
    activation: &'a Activation,
    precision: Precision,
    /// What the layer reads, the linear operator's source first, and the places of those nodes.
    tensors: &'a [Tensor],
    sources: &'a [usize],
    bounds: Bounds,
    options: &'a QuantiseOptions,
    evidence: &'a Evidence,
    runs: &'a Runs,
}

impl LayerQuantiser<'_> {
    fn run(&self, raw: bool) -> Result<FixedLayer, QuantiseError> {
        let weight_scale = self.weight_scale();
        let accumulator_scale = self.tensors[0].scale + weight_scale;
        let linear = self.integers(weight_scale, accumulator_scale)?;
        let skips = self.skips(accumulator_scale)?;
        let kind = if raw { OutputKind::Raw } else { self.requantise(&linear, &skips, accumulator_scale)? };
        Ok(FixedLayer {
            name: self.name.to_owned(),
            linear,
            skips,
            weight_bits: self.options.weight_bits,
            weight_scale,
            accumulator_scale,
            kind,
        })
    }

    fn weight_scale(&self) -> i32 {
        if self.linear.is_nothing() {
            // Sums of tensors are taken at the finest of their scales.
            let finest = self.tensors[1..].iter().map(|tensor| tensor.scale).max();
            return finest.unwrap_or(self.tensors[0].scale) - self.tensors[0].scale;
        }
        if self.precision != Precision::Calibrated {
            return 0;
        }
        let largest = self.linear.kernel.iter().fold(0.0f64, |largest, w| largest.max(w.abs()));
        let limit = (1i64 << (self.options.weight_bits - 1)) as f64 - 0.5;
        // A scale beyond what the weights need only widens the accumulator.
        scale_for(largest, limit).min(self.options.weight_bits as i32 + 8)
    }

    fn integers(&self, weight_scale: i32, accumulator_scale: i32) -> Result<Linear<i64>, QuantiseError> {
        let finite = self.linear.kernel.iter().chain(&self.linear.bias).all(|value| value.is_finite());
        let bias_scale = f64::powi(2.0, accumulator_scale);
        let fits = self.linear.bias.iter().all(|bias| (bias * bias_scale).abs() < 2f64.powi(52));
        if !finite || !fits {
            return Err(self.refuse("its weights or bias are not finite, or too large for exact integers"));
        }
        let factor = f64::powi(2.0, weight_scale);
        let largest = (1i64 << (self.options.weight_bits - 1)) - 1;
        let (kernel, drift) = if self.precision != Precision::Calibrated {
            (self.linear.kernel.mapv(|weight| weight.round() as i64), vec![0.0; self.linear.bias.len()])
        } else {
            Rounding { factor, largest, evidence: self.evidence }.round(self.linear)
        };
        let mut linear = self.linear.map(|_| 0, |_| 0);
        linear.kernel = kernel;
        for (integer, (bias, drift)) in linear.bias.iter_mut().zip(self.linear.bias.iter().zip(drift)) {
            *integer = ((bias + drift) * bias_scale).round() as i64;
        }
        Ok(linear)
    }

    /// The skip connections' factors, which bring their tensors to the accumulator's scale.
    fn skips(&self, accumulator_scale: i32) -> Result<Vec<Skip<i64>>, QuantiseError> {
        let factor = |(skip, tensor): (&Skip<f64>, &Tensor)| {
            let shift = u32::try_from(accumulator_scale - tensor.scale).ok().filter(|shift| *shift < 40)?;
            Some(skip.with_factor(if skip.factor < 0.0 { -(1 << shift) } else { 1 << shift }))
        };
        let factors = self.skips.iter().zip(&self.tensors[1..]).map(factor);
        factors.collect::<Option<_>>().ok_or_else(|| {
            self.refuse("it adds a tensor of a finer scale than its own sums have; raise the weight bits")
        })
    }

    fn requantise(
        &self,
        linear: &Linear<i64>,
        skips: &[Skip<i64>],
        accumulator_scale: i32,
    ) -> Result<OutputKind, QuantiseError> {
        if self.precision != Precision::Calibrated {
            return self.keep(linear, skips, accumulator_scale);
        }
        let (sources, source_scale) = (self.sources, self.tensors[0].scale);
        let sums = Sums { linear, skips, sources, source_scale, scale: accumulator_scale };
        let integers = self.runs.integer_bounds(&sums);
        let seen = self.bounds.union(integers).widened(self.options.margin);
        let entries = (1i64 << self.table_bits()) as f64 - 4.0;
        let scale = scale_for((seen.hi - seen.lo).max(1e-6), entries).min(accumulator_scale);
        let shift = u32::try_from(accumulator_scale - scale)
            .ok()
            .filter(|&shift| shift < 40)
            .ok_or_else(|| self.refuse("no power-of-two requantisation fits; raise the table bits"))?;
        let integer = |real: f64| (real * f64::powi(2.0, scale)).round() as i64;
        let range = self.range(linear, skips, shift, integer(seen.lo) - 1, integer(seen.hi) + 1)?;
        Ok(OutputKind::Requantise { shift, activation: self.fixed_activation(scale, &range)?, range })
    }

    /// Nothing is rounded, and every value has room.
    fn keep(&self, linear: &Linear<i64>, skips: &[Skip<i64>], scale: i32) -> Result<OutputKind, QuantiseError> {
        let worst = rounded_worst_case(linear, skips, self.tensors, 0);
        let (mut lo, mut hi) =
            worst.ok_or_else(|| self.refuse("its accumulator can overflow 64 bits; lower the bits"))?;
        if let (Precision::Maximum, [_, tensor, ..]) = (self.precision, self.tensors) {
            (lo, hi) = (lo.max(tensor.lo), hi.min(tensor.hi));
        }
        if hi - lo >= 1 << (self.options.table_bits + EXACT_BITS) {
            return Err(
                self.refuse("its exact values need a larger table than the bits allow; lower the table bits")
            );
        }
        let range = ValueRange { lo, hi, source: RangeSource::WorstCase };
        Ok(OutputKind::Requantise { shift: 0, activation: self.fixed_activation(scale, &range)?, range })
    }

    /// Logarithm of the most entries that the layer's table may have.
    fn table_bits(&self) -> u32 {
        let squares = matches!(self.activation, Activation::Function(Function::QuarterSquare));
        self.options.table_bits + if squares { EXACT_BITS } else { 0 }
    }

    /// The activation of integers of a scale, over a range.
    fn fixed_activation(&self, scale: i32, range: &ValueRange) -> Result<FixedActivation, QuantiseError> {
        let integer = |real: f64| (real * f64::powi(2.0, scale)).round() as i64;
        let function = match self.activation {
            Activation::Clamp(clamp) => {
                let (lo, hi) = (clamp.lo.map(integer), clamp.hi.map(integer));
                return Ok(FixedActivation::Clamp(Clamp { lo, hi }));
            }
            Activation::Function(function) => function,
        };
        let real = |x: i64| function.apply(x as f64 / f64::powi(2.0, scale));
        let largest = (range.lo..=range.hi).map(real).fold(0.0f64, |largest, value| largest.max(value.abs()));
        let limit = (1i64 << self.options.table_bits) as f64 - 1.0;
        let scale_after = function.exact_scale(scale).unwrap_or_else(|| scale_for(largest.max(1e-6), limit));
        let unit = f64::powi(2.0, scale_after);
        let values: Vec<f64> = (range.lo..=range.hi).map(|x| (real(x) * unit + 0.5).floor()).collect();
        if values.iter().any(|value| !value.is_finite() || value.abs() >= 2f64.powi(52)) {
            return Err(self.refuse("its activation is not finite, or too large for exact integers"));
        }
        let values = values.into_iter().map(|value| value as i64).collect();
        Ok(FixedActivation::Table(ValueTable { lo: range.lo, values, scale: scale_after }))
    }

    /// The worst case when its table fits the budget, otherwise what calibration saw.
    fn range(
        &self,
        linear: &Linear<i64>,
        skips: &[Skip<i64>],
        shift: u32,
        lo: i64,
        hi: i64,
    ) -> Result<ValueRange, QuantiseError> {
        let worst = rounded_worst_case(linear, skips, self.tensors, shift);
        let (worst_lo, worst_hi) =
            worst.ok_or_else(|| self.refuse("its accumulator can overflow 64 bits; lower the bits"))?;
        let fits = worst_hi - worst_lo < 1 << self.table_bits();
        Ok(if fits {
            ValueRange { lo: worst_lo, hi: worst_hi, source: RangeSource::WorstCase }
        } else {
            let (lo, hi) = (lo.max(worst_lo), hi.min(worst_hi));
            ValueRange { lo, hi, source: RangeSource::Calibrated }
        })
    }

    fn refuse(&self, reason: &str) -> QuantiseError {
        QuantiseError::Layer { layer: self.name.to_owned(), reason: reason.to_owned() }
    }
}

/// Bounds of a layer's rounded accumulators over all values of the tensors that it reads.
fn rounded_worst_case(
    linear: &Linear<i64>,
    skips: &[Skip<i64>],
    tensors: &[Tensor],
    shift: u32,
) -> Option<(i64, i64)> {
    let (mut lo, mut hi) = worst_case(linear, tensors[0].lo, tensors[0].hi)?;
    for (skip, tensor) in skips.iter().zip(&tensors[1..]) {
        let (a, b) = (skip.factor.checked_mul(tensor.lo)?, skip.factor.checked_mul(tensor.hi)?);
        let (least, most) = (a.min(b), a.max(b));
        // A moved or smaller tensor is not added everywhere.
        let everywhere =
            skip.is_plain() && covers(tensor.shape, skip.live_source(linear.output, linear.skip_stride()));
        let (least, most) = if everywhere { (least, most) } else { (least.min(0), most.max(0)) };
        lo = lo.checked_add(least)?;
        hi = hi.checked_add(most)?;
    }
    Some((round_shift(lo, shift)?, round_shift(hi, shift)?))
}

/// Whether a tensor has as many rows and columns.
fn covers(tensor: Shape, (height, width): (usize, usize)) -> bool {
    tensor.height >= height && tensor.width >= width
}
