//! One layer's integers: scales, weights, bias, and what becomes of its accumulators.

use super::accumulator_scale::{self, TooFine, scale_for};
use super::options::QuantiseOptions;
use super::own_scales::finer_bits;
use super::tensor::{Tensor, rounded, worst_case};
use crate::activation::{Activation, Clamp, FixedActivation, Function, ValueTable};
use crate::calibration::{Bounds, Evidence, Runs, Sums};
use crate::error::QuantiseError;
use crate::fixed::{FixedLayer, OutputKind, RangeSource, ValueRange};
use crate::fused::Precision;
use crate::linear::Linear;
use crate::per_channel::PerChannel;
use crate::rounding::Rounding;
use crate::skip::Skip;

/// Bits by which exact layers and squares may exceed the tables of others.
const EXACT_BITS: u32 = 3;
/// Bits below which every requantisation's shift and every added tensor's factor must be.
const MOST_SHIFT: i32 = 40;

/// A layer and what is known when its integers are chosen.
pub(super) struct LayerQuantiser<'a> {
    pub(super) name: &'a str,
    pub(super) linear: &'a Linear<f64>,
    pub(super) skips: &'a [Skip<f64>],
    pub(super) activation: &'a Activation,
    pub(super) precision: Precision,
    /// What the layer reads, the linear operator's source first, and the places of those nodes.
    pub(super) tensors: &'a [Tensor],
    pub(super) sources: &'a [usize],
    /// Bounds of each channel of its pre-activations.
    pub(super) bounds: &'a [Bounds],
    /// Whether each channel of its result has a scale of its own.
    pub(super) own_scales: bool,
    pub(super) options: &'a QuantiseOptions,
    pub(super) evidence: &'a Evidence,
    pub(super) runs: &'a Runs,
}

impl LayerQuantiser<'_> {
    /// The quantised layer; with `raw` its accumulators are the model's output.
    pub(super) fn run(&self, raw: bool) -> Result<FixedLayer, QuantiseError> {
        self.check_finite()?;
        let accumulator_scale = self.accumulator_scale(raw)?;
        let linear = self.integers(&accumulator_scale)?;
        let skips = self.skips(&accumulator_scale)?;
        let kind = if raw { OutputKind::Raw } else { self.requantise(&linear, &skips, &accumulator_scale)? };
        let weight_bits = self.options.weight_bits;
        Ok(FixedLayer { name: self.name.to_owned(), linear, skips, weight_bits, accumulator_scale, kind })
    }

    fn check_finite(&self) -> Result<(), QuantiseError> {
        let channels = self.linear.kernel.outer_iter().zip(&self.linear.bias).enumerate();
        for (channel, (kernel, bias)) in channels {
            if let Some(found) = kernel.iter().chain([bias]).find(|value| !value.is_finite()) {
                return Err(self.refuse(channel, &format!("it holds a weight or bias of {found}")));
            }
        }
        Ok(())
    }

    fn accumulator_scale(&self, raw: bool) -> Result<PerChannel<i32>, QuantiseError> {
        if self.linear.is_nothing() {
            // Sums of tensors are taken at the finest of their scales.
            let rest = self.tensors.iter().flat_map(|tensor| tensor.scale.values()).copied().max().unwrap_or(0);
            let added = self.added().into_iter().map(|added| added.unwrap_or(rest));
            return Ok(PerChannel::of_channels(added).unwrap_or(PerChannel::uniform(rest)));
        }
        let source = &self.tensors[0].scale;
        if self.precision != Precision::Calibrated {
            return Ok(source.clone());
        }
        let all = Bounds::all(self.bounds).widened(self.options.margin);
        let common = scale_for(all.hi - all.lo, self.entries());
        let layer = accumulator_scale::Layer {
            linear: self.linear,
            source,
            added: self.added(),
            evidence: self.evidence,
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

    /// By output channel, the finest scale of the tensors that are added.
    fn added(&self) -> Vec<Option<i32>> {
        let scale = |output: usize| {
            let read = self.skips.iter().zip(&self.tensors[1..]);
            read.filter_map(|(skip, tensor)| Some(tensor.scale.of(skip.channel(output)?))).max()
        };
        (0..self.linear.output.channels).map(scale).collect()
    }

    fn integers(&self, scale: &PerChannel<i32>) -> Result<Linear<i64>, QuantiseError> {
        for (channel, bias) in self.linear.bias.iter().enumerate() {
            if (bias * f64::powi(2.0, scale.of(channel))).abs() >= 2f64.powi(52) {
                return Err(self.refuse(channel, "its bias is too large beside its weights for exact integers"));
            }
        }
        let largest = (1i64 << (self.options.weight_bits - 1)) - 1;
        let (kernel, drift) = if self.precision != Precision::Calibrated {
            (self.linear.kernel.mapv(|weight| weight.round() as i64), vec![0.0; self.linear.bias.len()])
        } else {
            let source = &self.tensors[0].scale;
            Rounding { scale, source, largest, evidence: self.evidence }.round(self.linear)
        };
        let mut linear = self.linear.map(|_| 0, |_| 0);
        linear.kernel = kernel;
        for (channel, integer) in linear.bias.iter_mut().enumerate() {
            let bias = self.linear.bias[channel] + drift[channel];
            *integer = (bias * f64::powi(2.0, scale.of(channel))).round() as i64;
        }
        Ok(linear)
    }

    /// The skip connections' factors, which bring their tensors to the accumulators' scales.
    fn skips(&self, scale: &PerChannel<i32>) -> Result<Vec<Skip<i64>>, QuantiseError> {
        self.skips.iter().zip(&self.tensors[1..]).map(|(skip, tensor)| self.skip(skip, tensor, scale)).collect()
    }

    fn skip(
        &self,
        skip: &Skip<f64>,
        tensor: &Tensor,
        scale: &PerChannel<i32>,
    ) -> Result<Skip<i64>, QuantiseError> {
        let factor = |channel: usize| {
            let sign = if skip.factor.of(channel) < 0.0 { -1 } else { 1 };
            // A channel that nothing is added to has no factor of its own.
            let Some(added) = skip.channel(channel) else { return Ok(sign) };
            let shift = scale.of(channel) - tensor.scale.of(added);
            if (0..MOST_SHIFT).contains(&shift) {
                return Ok(sign << shift);
            }
            let reason = "it adds a tensor whose values are far coarser or finer than its own";
            Err(self.refuse(channel, &format!("{reason}, by 2^{shift}; raise the weight bits")))
        };
        let factors = (0..self.linear.output.channels).map(factor).collect::<Result<Vec<i64>, _>>()?;
        Ok(skip.with_factor(PerChannel::of_channels(factors).unwrap_or(PerChannel::uniform(1))))
    }

    fn requantise(
        &self,
        linear: &Linear<i64>,
        skips: &[Skip<i64>],
        accumulator_scale: &PerChannel<i32>,
    ) -> Result<OutputKind, QuantiseError> {
        if self.precision != Precision::Calibrated {
            return self.keep(linear, skips, accumulator_scale);
        }
        let worst = worst_case(linear, skips, self.tensors).ok_or_else(|| self.overflow())?;
        let (sources, source_scale) = (self.sources, &self.tensors[0].scale);
        let sums = Sums { linear, skips, sources, source_scale, scale: accumulator_scale };
        let integers = self.runs.integer_bounds(&sums);
        let channels: Vec<Bounds> =
            self.bounds.iter().zip(integers).map(|(float, own)| float.union(own)).collect();
        let seen = Bounds::all(&channels).widened(self.options.margin);
        let finest = accumulator_scale.least();
        let common = scale_for(seen.hi - seen.lo, self.entries()).unwrap_or_else(|| {
            // Samples that give nothing but zeros say nothing of other inputs, so that no scale is finer than what is read.
            let read = source_scale.least();
            scale_for(real_span(&worst, accumulator_scale), self.entries()).map_or(read, |scale| scale.min(read))
        });
        let common = common.min(finest);
        let scale = self.own(common, &channels, seen);
        let dropped = |channel: usize| (accumulator_scale.of(channel) - scale.of(channel)).max(0) as u32;
        let shift = PerChannel::of_channels((0..linear.bias.len()).map(dropped));
        let shift = shift.unwrap_or(PerChannel::uniform((finest - common) as u32));
        if shift.most() >= MOST_SHIFT as u32 {
            return Err(self.refuse_layer("no power-of-two requantisation fits; raise the table bits"));
        }
        let (lo, hi) = (integer(seen.lo, common) - 1, integer(seen.hi, common) + 1);
        let range = self.range(&worst, &shift, lo, hi)?;
        Ok(OutputKind::Requantise { shift, activation: self.fixed_activation(common, &range)?, range })
    }

    /// Each channel's scale: the common one, or one that takes its bounds to those of all.
    fn own(&self, common: i32, channels: &[Bounds], all: Bounds) -> PerChannel<i32> {
        let own = |bounds: &Bounds| common + finer_bits(bounds.widened(self.options.margin), all);
        let scales = PerChannel::of_channels(channels.iter().map(own).filter(|_| self.own_scales));
        scales.unwrap_or(PerChannel::uniform(common))
    }

    /// Nothing is rounded, and every value has room.
    fn keep(
        &self,
        linear: &Linear<i64>,
        skips: &[Skip<i64>],
        scale: &PerChannel<i32>,
    ) -> Result<OutputKind, QuantiseError> {
        let shift = PerChannel::uniform(0);
        let worst = worst_case(linear, skips, self.tensors).and_then(|bounds| rounded(&bounds, &shift));
        let (mut lo, mut hi) = worst.ok_or_else(|| self.overflow())?;
        if let (Precision::Maximum, [_, tensor, ..]) = (self.precision, self.tensors) {
            (lo, hi) = (lo.max(tensor.lo), hi.min(tensor.hi));
        }
        if hi - lo >= 1 << (self.options.table_bits + EXACT_BITS) {
            let reason = "its exact values need a larger table than the bits allow; lower the table bits";
            return Err(self.refuse_layer(reason));
        }
        let range = ValueRange { lo, hi, source: RangeSource::WorstCase };
        // Where channels have scales of their own, the activation is the same at all of them.
        let activation = self.fixed_activation(scale.of(0), &range)?;
        Ok(OutputKind::Requantise { shift, activation, range })
    }

    /// Logarithm of the most entries that the layer's table may have.
    fn table_bits(&self) -> u32 {
        let squares = matches!(self.activation, Activation::Function(Function::QuarterSquare));
        self.options.table_bits + if squares { EXACT_BITS } else { 0 }
    }

    /// The entries that a calibrated range may fill.
    fn entries(&self) -> f64 {
        (1i64 << self.table_bits()) as f64 - 4.0
    }

    /// The activation of integers of a scale, over a range.
    fn fixed_activation(&self, scale: i32, range: &ValueRange) -> Result<FixedActivation, QuantiseError> {
        let function = match self.activation {
            Activation::Clamp(clamp) => {
                let bound = |bound: f64| integer(bound, scale);
                return Ok(FixedActivation::Clamp(Clamp { lo: clamp.lo.map(bound), hi: clamp.hi.map(bound) }));
            }
            Activation::Function(function) => function,
        };
        let real = |x: i64| function.apply(x as f64 / f64::powi(2.0, scale));
        let largest = (range.lo..=range.hi).map(real).fold(0.0f64, |largest, value| largest.max(value.abs()));
        let limit = (1i64 << self.options.table_bits) as f64 - 1.0;
        let held = || scale_for(largest, limit).unwrap_or(scale);
        let scale_after = function.exact_scale(scale).unwrap_or_else(held);
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

    fn overflow(&self) -> QuantiseError {
        self.refuse_layer("its accumulator can overflow 64 bits; lower the bits")
    }

    fn refuse(&self, channel: usize, reason: &str) -> QuantiseError {
        self.refuse_layer(&format!("channel {channel}: {reason}"))
    }

    fn refuse_layer(&self, reason: &str) -> QuantiseError {
        QuantiseError::Layer { layer: self.name.to_owned(), reason: reason.to_owned() }
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
