//! One layer's integers: scales, weights, bias, and what becomes of its accumulators.

use ndarray::Array4;

use super::accumulator_scale::{self, TooFine, scale_for};
use super::options::QuantiseOptions;
use super::own_scales::finer_bits;
use super::tensor::{Tensor, rounded};
use crate::activation::{Activation, FixedActivation, ValueTable};
use crate::calibration::{Bounds, Evidence, Runs, Sums};
use crate::clamp::Clamp;
use crate::error::QuantiseError;
use crate::fixed::{FixedFinish, FixedLayer, OutputKind, RangeSource, ValueRange};
use crate::function::Function;
use crate::fused::{FusedLayer, Precision};
use crate::interval::reach;
use crate::per_channel::PerChannel;
use crate::rounding::Rounding;
use crate::term::{Extent, Kernel, MOST_SHIFT, Quantised, Quantising, Term};

/// Bits by which exact layers and squares may exceed the tables of others.
const EXACT_BITS: u32 = 3;
/// How many times the largest magnitude on the samples a function with poles may have elsewhere in its table.
const BESIDE_SAMPLES: f64 = 4.0;
/// Entries of a range that is searched for places where a function is not finite: more than any table has.
const MOST_LOOKED_AT: i64 = 1 << 21;

/// A layer and what is known when its integers are chosen.
pub(super) struct LayerQuantiser<'a> {
    pub(super) layer: &'a FusedLayer,
    /// What the layer reads, and the places of those nodes.
    pub(super) tensors: &'a [Tensor],
    pub(super) sources: &'a [usize],
    /// Bounds of each channel of its pre-activations.
    pub(super) bounds: &'a [Bounds],
    /// Whether each channel of its result has a scale of its own.
    pub(super) own_scales: bool,
    pub(super) options: &'a QuantiseOptions,
    /// What its kernel's weights were multiplied with, if it has one.
    pub(super) evidence: Option<&'a Evidence>,
    pub(super) runs: &'a Runs<'a>,
}

/// A term of the layer on its way to integers.
struct OfTerm<'a> {
    quantiser: &'a LayerQuantiser<'a>,
    scale: &'a PerChannel<i32>,
    sources: &'a [&'a PerChannel<i32>],
}

impl Quantising for OfTerm<'_> {
    fn scale(&self) -> &PerChannel<i32> {
        self.scale
    }

    fn sources(&self) -> &[&PerChannel<i32>] {
        self.sources
    }

    fn outputs(&self) -> usize {
        self.quantiser.layer.output.channels
    }

    fn weights(&self, weights: &Array4<f64>, first_input: &dyn Fn(usize) -> usize) -> (Array4<i64>, Vec<f64>) {
        let evidence = self.quantiser.evidence.filter(|_| !self.quantiser.is_kept());
        let (Some(evidence), [source]) = (evidence, self.sources) else {
            return (weights.mapv(|weight| weight.round() as i64), Vec::new());
        };
        let largest = (1i64 << (self.quantiser.options.weight_bits - 1)) - 1;
        // What decides by a jump is told apart by weights as they are, where integers hold them.
        let keeps_exact = self.quantiser.layer.finish.activation.jumps();
        Rounding { scale: self.scale, source, largest, evidence, keeps_exact }.round(weights, first_input)
    }

    fn refuse(&self, channel: usize, reason: &str) -> QuantiseError {
        self.quantiser.refuse(channel, reason)
    }
}

/// A layer's terms and biases in integers, and its accumulators' scales.
struct Integers {
    terms: Vec<Term<i64>>,
    bias: Vec<i64>,
    scale: PerChannel<i32>,
}

impl LayerQuantiser<'_> {
    /// The quantised layer; with `raw` its accumulators are the model's output.
    pub(super) fn run(&self, raw: bool) -> Result<FixedLayer, QuantiseError> {
        self.check_finite()?;
        let mut integers = self.integers(self.accumulator_scale(raw)?)?;
        let kind = if raw { OutputKind::Raw } else { self.requantise(&mut integers)? };
        let Integers { terms, bias, scale } = integers;
        let finish = FixedFinish { weight_bits: self.options.weight_bits, accumulator_scale: scale, kind };
        Ok(FixedLayer { name: self.layer.name.clone(), output: self.layer.output, terms, bias, finish })
    }

    /// Whether nothing may be rounded.
    fn is_kept(&self) -> bool {
        self.layer.finish.precision != Precision::Calibrated
    }

    fn check_finite(&self) -> Result<(), QuantiseError> {
        let bias = self.layer.bias.iter().copied().enumerate().find(|(_, value)| !value.is_finite());
        let terms = self.layer.terms.iter().find_map(|term| term.floats().not_finite());
        match terms.or(bias) {
            Some((channel, found)) => Err(self.refuse(channel, &format!("it holds a weight or bias of {found}"))),
            None => Ok(()),
        }
    }

    fn accumulator_scale(&self, raw: bool) -> Result<PerChannel<i32>, QuantiseError> {
        let scales: Vec<&PerChannel<i32>> = self.tensors.iter().map(|tensor| &tensor.scale).collect();
        let added = self.added(&scales);
        let Some((kernel, source)) = self.kernel(&scales) else {
            // Sums of tensors are taken at the finest of their scales.
            let rest = scales.iter().flat_map(|scale| scale.values()).copied().max().unwrap_or(0);
            let added = added.into_iter().map(|added| added.unwrap_or(rest));
            return Ok(PerChannel::of_channels(added).unwrap_or(PerChannel::uniform(rest)));
        };
        let (false, Some(evidence)) = (self.is_kept(), self.evidence) else { return Ok(source.clone()) };
        let all = Bounds::all(self.bounds).widened(self.options.margin);
        let common = scale_for(all.hi - all.lo, self.entries());
        let layer = accumulator_scale::Layer {
            kernel,
            bias: &self.layer.bias,
            source,
            added,
            evidence,
            weight_bits: self.options.weight_bits,
            table_bits: self.table_bits(),
            result: common.map(|common| self.own(common, self.bounds, all)),
            raw,
        };
        layer.scales().map_err(|TooFine { channel, added, held }| {
            let reason = "it adds a tensor whose values are finer than its own weights can be";
            let scales = format!("scale 2^-{added} beside 2^-{held}");
            self.refuse(channel, &format!("{reason} ({scales}); raise the weight bits"))
        })
    }

    /// The layer's kernel with the scales of what it reads.
    fn kernel<'b>(&'b self, scales: &'b [&'b PerChannel<i32>]) -> Option<(&'b Kernel<f64>, &'b PerChannel<i32>)> {
        let mut reads = self.layer.reads(scales);
        reads.find_map(|(term, sources)| Some((term.as_kernel()?, *sources.first()?)))
    }

    /// By output channel, the finest scale that what is added to weighted sums has.
    fn added(&self, scales: &[&PerChannel<i32>]) -> Vec<Option<i32>> {
        let scale = |output: usize| {
            self.layer.reads(scales).filter_map(|(term, sources)| term.floats().least_scale(output, sources)).max()
        };
        (0..self.layer.output.channels).map(scale).collect()
    }

    fn integers(&self, scale: PerChannel<i32>) -> Result<Integers, QuantiseError> {
        for (channel, bias) in self.layer.bias.iter().enumerate() {
            if (bias * f64::powi(2.0, scale.of(channel))).abs() >= 2f64.powi(52) {
                return Err(self.refuse(channel, "its bias is too large beside its weights for exact integers"));
            }
        }
        let scales: Vec<&PerChannel<i32>> = self.tensors.iter().map(|tensor| &tensor.scale).collect();
        let (mut terms, mut bias) = (Vec::new(), self.layer.bias.clone());
        for (term, sources) in self.layer.reads(&scales) {
            let quantising = OfTerm { quantiser: self, scale: &scale, sources };
            let Quantised { term, drift } = term.quantise(&quantising)?;
            bias.iter_mut().zip(drift).for_each(|(bias, drift)| *bias += drift);
            terms.push(term);
        }
        let integer = |(channel, bias): (usize, f64)| (bias * f64::powi(2.0, scale.of(channel))).round() as i64;
        let bias = bias.into_iter().enumerate().map(integer).collect();
        Ok(Integers { terms, bias, scale })
    }

    fn requantise(&self, integers: &mut Integers) -> Result<OutputKind, QuantiseError> {
        if self.is_kept() {
            return self.keep(integers);
        }
        let worst = self.worst_case(integers).ok_or_else(|| self.overflow())?;
        let (shift, common, channels) = self.shift(integers, &worst)?;
        let worst = match self.layer.finish.activation.decides() {
            Some(or_zero) => {
                decide_exactly(&mut integers.bias, &shift, or_zero);
                self.worst_case(integers).ok_or_else(|| self.overflow())?
            }
            None => worst,
        };
        let seen = Bounds::all(&channels).widened(self.options.margin);
        let (lo, hi) = (integer(seen.lo, common) - 1, integer(seen.hi, common) + 1);
        let range = self.range(&worst, &shift, lo, hi)?;
        let range = self.within_domain(range, Bounds::all(&channels), common)?;
        let range = self.above_pole(range, Bounds::all(&channels).lo, common);
        let activation = self.fixed_activation(common, &range)?;
        Ok(OutputKind::Requantise { shift, activation, range })
    }

    /// By how many bits each channel is divided, the scale that channels share, and the bounds of each on the samples.
    fn shift(
        &self,
        integers: &Integers,
        worst: &[(i64, i64)],
    ) -> Result<(PerChannel<u32>, i32, Vec<Bounds>), QuantiseError> {
        let Integers { terms, bias, scale: accumulator_scale } = integers;
        let (sources, output) = (self.sources, self.layer.output);
        let sums = Sums { terms, bias, output, sources, scale: accumulator_scale };
        let integers = self.runs.integer_bounds(&sums).ok_or_else(|| self.overflow())?;
        let channels: Vec<Bounds> =
            self.bounds.iter().zip(integers).map(|(float, own)| float.union(own)).collect();
        let seen = Bounds::all(&channels).widened(self.options.margin);
        let finest = accumulator_scale.least();
        let common = scale_for(seen.hi - seen.lo, self.entries()).unwrap_or_else(|| {
            // Samples that give nothing but zeros say nothing of other inputs, so that no scale is finer than what is read.
            let read = self.tensors.first().map_or(finest, |tensor| tensor.scale.least());
            scale_for(real_span(worst, accumulator_scale), self.entries()).map_or(read, |scale| scale.min(read))
        });
        let common = common.min(finest);
        let scale = self.own(common, &channels, seen);
        let dropped = |channel: usize| (accumulator_scale.of(channel) - scale.of(channel)).max(0) as u32;
        let shift = PerChannel::of_channels((0..bias.len()).map(dropped));
        let shift = shift.unwrap_or(PerChannel::uniform((finest - common) as u32));
        if shift.most() >= MOST_SHIFT as u32 {
            return Err(self.refuse_layer("no power-of-two requantisation fits; raise the table bits"));
        }
        Ok((shift, common, channels))
    }

    /// Each channel's scale: the common one, or one that takes its bounds to those of all.
    fn own(&self, common: i32, channels: &[Bounds], all: Bounds) -> PerChannel<i32> {
        let own = |bounds: &Bounds| common + finer_bits(bounds.widened(self.options.margin), all);
        let scales = PerChannel::of_channels(channels.iter().map(own).filter(|_| self.own_scales));
        scales.unwrap_or(PerChannel::uniform(common))
    }

    /// Nothing is rounded, and every value has room.
    fn keep(&self, integers: &Integers) -> Result<OutputKind, QuantiseError> {
        let shift = PerChannel::uniform(0);
        let worst = self.worst_case(integers).and_then(|bounds| rounded(&bounds, &shift));
        let (mut lo, mut hi) = worst.ok_or_else(|| self.overflow())?;
        if let Some((least, most)) = self.tensors.first().and_then(|tensor| self.known(tensor, integers)) {
            (lo, hi) = (lo.max(least), hi.min(most));
        }
        if hi - lo >= 1 << (self.options.table_bits + EXACT_BITS) {
            let reason = "its exact values need a larger table than the bits allow; lower the table bits";
            return Err(self.refuse_layer(reason));
        }
        let range = ValueRange { lo, hi, source: RangeSource::WorstCase };
        // Where channels have scales of their own, the activation is the same at all of them.
        let activation = self.fixed_activation(integers.scale.of(0), &range)?;
        Ok(OutputKind::Requantise { shift, activation, range })
    }

    /// What is known of exact sums from the range of the first tensor that is added.
    fn known(&self, tensor: &Tensor, integers: &Integers) -> Option<(i64, i64)> {
        let finer = integers.scale.of(0) - tensor.scale.of(0);
        let span = tensor.hi.checked_sub(tensor.lo)?.checked_shl(u32::try_from(finer).ok()?)?;
        match self.layer.finish.precision {
            Precision::Maximum => Some((tensor.lo, tensor.hi)),
            Precision::Difference => Some((-span, span)),
            Precision::Deficit => Some((-span, 0)),
            Precision::Calibrated | Precision::Exact => None,
        }
    }

    /// Logarithm of the most entries that the layer's table may have.
    fn table_bits(&self) -> u32 {
        let squares = matches!(self.layer.finish.activation, Activation::Function(Function::QuarterSquare));
        self.options.table_bits + if squares { EXACT_BITS } else { 0 }
    }

    /// The entries that a calibrated range may fill.
    fn entries(&self) -> f64 {
        (1i64 << self.table_bits()) as f64 - 4.0
    }

    /// The range of an inverse root, which grows without bound towards 0: it starts a margin below the least that the samples give,
    /// and what lies below is refused like anything else outside of a range.
    fn above_pole(&self, range: ValueRange, least: f64, scale: i32) -> ValueRange {
        if !matches!(self.layer.finish.activation, Activation::Function(Function::InverseRoot { .. })) {
            return range;
        }
        let least = integer(least / (1.0 + self.options.margin), scale).max(0);
        ValueRange { lo: range.lo.max(least), source: RangeSource::Calibrated, ..range }
    }

    /// The activation of integers of a scale, over a range.
    fn fixed_activation(&self, scale: i32, range: &ValueRange) -> Result<FixedActivation, QuantiseError> {
        let activation = &self.layer.finish.activation;
        if let Activation::Clamp(clamp) = activation {
            let bound = |bound: f64| integer(bound, scale);
            return Ok(FixedActivation::Clamp(Clamp { lo: clamp.lo.map(bound), hi: clamp.hi.map(bound) }));
        }
        let real = |x: i64| activation.apply(x as f64 / f64::powi(2.0, scale));
        let largest = (range.lo..=range.hi).map(real).fold(0.0f64, |largest, value| largest.max(value.abs()));
        // What is summed up before it is rounded may be finer than what is multiplied.
        let summed = self.layer.finish.precision == Precision::Deficit;
        let limit = (1i64 << (self.options.table_bits + if summed { EXACT_BITS } else { 0 })) as f64 - 1.0;
        let held = || scale_for(largest, limit).unwrap_or(scale);
        let scale_after = activation.exact_scale(scale).unwrap_or_else(held);
        let unit = f64::powi(2.0, scale_after);
        let values: Vec<f64> = (range.lo..=range.hi).map(|x| (real(x) * unit + 0.5).floor()).collect();
        if values.iter().any(|value| !value.is_finite() || value.abs() >= 2f64.powi(52)) {
            let reason = "its activation is not finite, or too large for exact integers";
            return Err(self.refuse_layer(reason));
        }
        let values = values.into_iter().map(|value| value as i64).collect();
        Ok(FixedActivation::Table(ValueTable { lo: range.lo, values, scale: scale_after }))
    }

    /// The worst case when its table fits the budget, otherwise what calibration saw.
    fn range(
        &self,
        worst: &[(i64, i64)],
        shift: &PerChannel<u32>,
        lo: i64,
        hi: i64,
    ) -> Result<ValueRange, QuantiseError> {
        let (worst_lo, worst_hi) = rounded(worst, shift).ok_or_else(|| self.overflow())?;
        let fits = worst_hi - worst_lo < 1 << self.table_bits();
        Ok(if fits {
            ValueRange { lo: worst_lo, hi: worst_hi, source: RangeSource::WorstCase }
        } else {
            let (lo, hi) = (lo.max(worst_lo), hi.min(worst_hi));
            ValueRange { lo, hi, source: RangeSource::Calibrated }
        })
    }

    /// The part of a range, around what the samples gave, on which the activation is finite and no larger than a small
    /// multiple of what it is on the samples: a pole beside them has no place in the table.
    fn within_domain(&self, range: ValueRange, seen: Bounds, scale: i32) -> Result<ValueRange, QuantiseError> {
        let activation = &self.layer.finish.activation;
        if activation.is_finite_everywhere() {
            return Ok(range);
        }
        let unit = f64::powi(2.0, -scale);
        let value = |x: i64| activation.apply(x as f64 * unit);
        let inner = (integer(seen.lo, scale).max(range.lo), integer(seen.hi, scale).min(range.hi));
        if inner.1.saturating_sub(inner.0) > MOST_LOOKED_AT {
            return Err(
                self.refuse_layer("its function needs a table of too many entries on the range of its values")
            );
        }
        // No table holds more on either side than the budget's entries.
        let room = 1i64 << (self.table_bits() + 1);
        let ends = (range.lo.max(inner.0.saturating_sub(room)), range.hi.min(inner.1.saturating_add(room)));
        let largest = (inner.0..=inner.1).map(|x| value(x).abs()).fold(0.0, f64::max);
        if let Some(x) = (inner.0..=inner.1).find(|x| !value(*x).is_finite()) {
            let (lo, hi) = (seen.lo, seen.hi);
            return Err(self.refuse_layer(&format!(
                "its function is not finite at {:.4}, within the range [{lo:.4}, {hi:.4}] that the samples give",
                x as f64 * unit
            )));
        }
        let held = |x: i64| value(x).is_finite() && value(x).abs() <= BESIDE_SAMPLES * largest;
        let lo = (ends.0..=inner.0).rev().take_while(|x| held(*x)).last().unwrap_or(inner.0);
        let hi = (inner.1..=ends.1).take_while(|x| held(*x)).last().unwrap_or(inner.1);
        let source = if (lo, hi) == (range.lo, range.hi) { range.source } else { RangeSource::Calibrated };
        Ok(ValueRange { lo, hi, source })
    }

    /// By output channel, bounds of the accumulators over all values of what is read; `None` means overflow.
    fn worst_case(&self, integers: &Integers) -> Option<Vec<(i64, i64)>> {
        let extents: Vec<Extent> = self.tensors.iter().map(Tensor::extent).collect();
        reach(&integers.terms, &integers.bias, self.layer.output, &extents)
    }

    fn overflow(&self) -> QuantiseError {
        self.refuse_layer("its accumulator can overflow 64 bits; lower the bits")
    }

    fn refuse(&self, channel: usize, reason: &str) -> QuantiseError {
        self.refuse_layer(&format!("channel {channel}: {reason}"))
    }

    fn refuse_layer(&self, reason: &str) -> QuantiseError {
        QuantiseError::Layer { layer: self.layer.name.clone(), reason: reason.to_owned() }
    }
}

/// A comparison is of accumulators, not of what rounding leaves of them: where 0 counts quotients are rounded down, so that none below
/// 0 comes to 0, and up where it does not.
fn decide_exactly(biases: &mut [i64], shift: &PerChannel<u32>, or_zero: bool) {
    for (channel, bias) in biases.iter_mut().enumerate() {
        let half = (1i64 << shift.of(channel)) >> 1;
        *bias += match (half, or_zero) {
            (0, _) => 0,
            (half, true) => -half,
            (half, false) => half - 1,
        };
    }
}

/// The integer that a real number is at a scale.
fn integer(real: f64, scale: i32) -> i64 {
    (real * f64::powi(2.0, scale)).round() as i64
}

/// How far apart real numbers within bounds can be.
fn real_span(bounds: &[(i64, i64)], scale: &PerChannel<i32>) -> f64 {
    let units = (0..bounds.len()).map(|channel| f64::powi(2.0, -scale.of(channel)));
    let real = bounds.iter().zip(units).map(|((lo, hi), unit)| (*lo as f64 * unit, *hi as f64 * unit));
    let (least, most) = real.fold((0.0f64, 0.0f64), |(least, most), (lo, hi)| (least.min(lo), most.max(hi)));
    most - least
}
