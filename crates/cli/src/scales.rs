//! Where a model's scales come from: samples that are no secret, before any input is looked at.

use std::path::{Path, PathBuf};

use clap::Args;
use zklayout::calibration::Origin;
use zklayout::plan::InputMode;
use zklayout::{Calibration, MaxError, Model, PlanOptions, QuantiseOptions, QuantisedModel, Samples};

use crate::error::CliError;

/// Samples drawn from a range.
const DRAWN: usize = 32;
/// What they are drawn by: anyone draws the same.
const SEED: u64 = 0;
/// Extensions of the samples beside a model, in the order in which they are looked for.
const BESIDE: [&str; 2] = ["samples.npz", "samples.json"];

/// How a float model gets its integers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scales")]
pub(crate) struct ScaleOptions {
    /// Samples that choose the scales (.npy, .npz, .json); `MODEL.samples.npz` or `.json` beside the model if not given.
    /// Their ranges and scales are public in the key.
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Choose the scales by 32 samples drawn uniformly from this range, if there are no others.
    #[arg(long, value_name = "LO..HI", value_parser = parse_range, allow_hyphen_values = true, conflicts_with = "calibration")]
    pub(crate) range: Option<(f64, f64)>,
    /// Bits of an input value.
    #[arg(long, default_value_t = QuantiseOptions::default().input_bits)]
    input_bits: u32,
    /// Bits of a weight.
    #[arg(long, default_value_t = QuantiseOptions::default().weight_bits)]
    weight_bits: u32,
    /// Logarithm of the largest activation table.
    #[arg(long, default_value_t = QuantiseOptions::default().table_bits)]
    table_bits: u32,
    /// How far ranges reach beyond the calibration samples.
    #[arg(long, default_value_t = QuantiseOptions::default().margin)]
    margin: f64,
    /// Choose the bits of weights and tables instead: the cheapest that keep every output of the samples within this
    /// of the float model's; or `cosine=0.998`, each output's least cosine with it, or `perplexity=1%` of labelled next tokens.
    #[arg(long, conflicts_with_all = ["weight_bits", "table_bits"])]
    max_error: Option<MaxError>,
    /// How far an output may be from the float model's on the samples, in percent of how far the float outputs go: above 0
    /// and below 100.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent,
          default_value_t = 100.0 * QuantiseOptions::default().allow_error)]
    pub(crate) allow_error: f64,
}

/// Samples that choose scales, and where they came from.
pub(crate) struct Chosen {
    pub(crate) samples: Samples,
    pub(crate) calibration: Calibration,
}

impl ScaleOptions {
    /// Whether something is asked for that a model with integers of its own has no use for.
    pub(crate) fn chooses(&self) -> bool {
        let asked = self.quantise() != QuantiseOptions::default();
        asked || self.calibration.is_some() || self.range.is_some() || self.max_error.is_some()
    }

    fn quantise(&self) -> QuantiseOptions {
        QuantiseOptions {
            input_bits: self.input_bits,
            weight_bits: self.weight_bits,
            table_bits: self.table_bits,
            margin: self.margin,
            allow_error: self.allow_error / 100.0,
        }
    }

    /// The model's integers, by the samples that these options and the model's folder give, or else by the input if all of it is
    /// public.
    pub(crate) fn integers(
        &self,
        path: &Path,
        model: &Model,
        layout: &PlanOptions,
        input: Option<&[f64]>,
    ) -> Result<QuantisedModel, CliError> {
        let (public, private) =
            if layout.visibility.input == InputMode::Public { (input, None) } else { (None, input) };
        let Chosen { samples, calibration } = self.samples(path, model, public)?;
        if private.is_some_and(|private| samples.inputs.iter().any(|sample| sample == private)) {
            eprintln!("note: the input is one of the calibration samples, whose ranges are public in the key");
        }
        let quantised = match self.max_error {
            Some(most) => model.quantise_within(&samples, &self.quantise(), most, layout)?,
            None => model.quantise(&samples.inputs, &self.quantise())?,
        };
        Ok(quantised.with_calibration(calibration))
    }

    fn samples(&self, path: &Path, model: &Model, public_input: Option<&[f64]>) -> Result<Chosen, CliError> {
        if let Some(path) = &self.calibration {
            return read(path, model, Origin::File);
        }
        let mut beside = BESIDE.iter().map(|extension| path.with_extension(extension));
        if let Some(path) = beside.find(|path| path.exists()) {
            return read(&path, model, Origin::BesideModel);
        }
        let (origin, samples) = match (self.range, public_input) {
            (Some(_), _) if model.embedding().is_some() => {
                let reason = "the model takes token ids, which no range of numbers gives";
                return Err(CliError::Usage(format!("{reason}; give texts' ids by --calibration FILE")));
            }
            (Some((lo, hi)), _) => {
                let samples = Samples::drawn((lo, hi), DRAWN, SEED, model.input()).map_err(CliError::Usage)?;
                (Origin::Range { lo, hi }, samples)
            }
            (None, Some(input)) => (Origin::PublicInput, Samples { inputs: vec![input.to_vec()], labels: None }),
            (None, None) => return Err(CliError::Usage(no_samples(path))),
        };
        Ok(Chosen { calibration: Calibration::of(origin, &samples.inputs), samples })
    }
}

fn read(path: &Path, model: &Model, origin: fn(String) -> Origin) -> Result<Chosen, CliError> {
    let samples = model.samples(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Chosen { calibration: Calibration::of(origin(name), &samples.inputs), samples })
}

fn no_samples(model: &Path) -> String {
    let [npz, json] = BESIDE.map(|extension| model.with_extension(extension).display().to_string());
    format!(
        "scales are chosen from samples, which become public in the key, so that a private input is none of them. Give \
         some by --calibration FILE, as {npz} (or {json}), by --range LO..HI, which draws {DRAWN}, or make the input \
         public with --public-input"
    )
}

/// Two finite numbers, the smaller one first.
fn parse_range(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let ends = text.split_once("..").and_then(|(lo, hi)| number(lo).zip(number(hi)));
    let (lo, hi) = ends.ok_or("expected two finite numbers, as in -1..1")?;
    if lo < hi { Ok((lo, hi)) } else { Err(format!("{lo}..{hi} is empty; the smaller number comes first")) }
}

/// A percentage that says something: outputs are never equal to the last bit, and 100 % would allow any output.
fn parse_percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.trim().parse().map_err(|_| format!("{text:?} is no number"))?;
    if percent > 0.0 && percent < 100.0 {
        return Ok(percent);
    }
    Err(format!("{percent} is not above 0, which integers never meet, and below 100, which any output meets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_finite_numbers_in_order() {
        let good =
            [("0..1", (0.0, 1.0)), ("-1..1", (-1.0, 1.0)), ("-2.5e1..-1", (-25.0, -1.0)), ("0 .. 3", (0.0, 3.0))];
        for (text, range) in good {
            assert_eq!(parse_range(text), Ok(range));
        }
        let bad =
            ["", "1", "..", "0..", "..1", "1..0", "1..1", "0..inf", "-inf..0", "NaN..1", "0..1..2", "a..b", "0-1"];
        for text in bad {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn allowed_errors_say_something() {
        for (text, allowed) in [("5", true), ("0.01", true), ("99.9", true), ("0", false), ("100", false)] {
            assert_eq!(parse_percent(text).is_ok(), allowed, "{text}");
        }
        for text in ["-1", "101", "inf", "NaN", "five", ""] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
