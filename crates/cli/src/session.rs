//! What several commands do first: model, samples, quantisation, powers of tau.

use std::path::{Path, PathBuf};

use zklayout::{DEVELOPMENT_SEED, Model, Plan, PlanOptions, QuantisedModel, Samples, Srs, Trace};

use crate::args::{JobOptions, LayoutOptions, ModelOptions, SetupOptions};
use crate::error::CliError;
use crate::progress::Steps;

/// A model, quantised, and its execution on one input.
pub(crate) struct Job {
    pub(crate) quantised: QuantisedModel,
    pub(crate) trace: Trace,
    /// The float engine's output on the same input.
    pub(crate) float_output: Vec<f64>,
}

impl Job {
    pub(crate) fn prepare(options: &JobOptions, steps: &mut Steps) -> Result<Self, CliError> {
        let model = steps.run("read model", || load(&options.model.model))?;
        let samples = Samples::read(&options.sample.input, model.input_shape())?;
        let input = samples.get(options.sample.index, &options.sample.input)?;
        let quantised =
            steps.run("quantise", || quantise(&model, &options.model, &options.layout.plan()?, Some(&samples)))?;
        let trace = quantised.run(input)?;
        Ok(Self { float_output: model.float_output(input)?, quantised, trace })
    }

    /// Largest difference between the integer model's output and the float model's.
    pub(crate) fn largest_difference(&self) -> f64 {
        let integer = self.quantised.dequantise(&self.trace);
        self.float_output.iter().zip(&integer).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

/// Reads the model.
pub(crate) fn load(path: &Path) -> Result<Model, CliError> {
    Ok(Model::load(path)?)
}

/// The saved plan, or else the cheapest.
pub(crate) fn choose(
    saved: Option<&Path>,
    layout: &LayoutOptions,
    quantised: &QuantisedModel,
) -> Result<Plan, CliError> {
    let Some(path) = saved else { return Ok(quantised.plan(&layout.plan()?)?) };
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let plan = Plan::from_json(&text).map_err(zklayout::Error::from)?;
    plan.check_model(quantised.graph()).map_err(zklayout::Error::from)?;
    Ok(plan)
}

/// Quantises with the calibration file, or else with the samples at hand; an error budget also looks at the layouts.
pub(crate) fn quantise(
    model: &Model,
    options: &ModelOptions,
    layout: &PlanOptions,
    at_hand: Option<&Samples>,
) -> Result<QuantisedModel, CliError> {
    let calibration =
        options.calibration.as_ref().map(|path| Samples::read(path, model.input_shape())).transpose()?;
    let samples = calibration.as_ref().or(at_hand).ok_or_else(|| {
        CliError::Usage("scales are chosen from samples: give some with --calibration FILE".into())
    })?;
    Ok(match options.max_error {
        Some(most) => model.quantise_within(&samples.inputs, &options.quantise(), most, layout)?,
        None => model.quantise(&samples.inputs, &options.quantise())?,
    })
}

/// Powers of tau from the given file, or a cached development setup.
pub(crate) fn setup(options: &SetupOptions, k: u32) -> Result<Srs, CliError> {
    match &options.srs {
        Some(path) => {
            let mut srs = Srs::from_file(path)?;
            srs.shrink(k)?;
            Ok(srs)
        }
        None => {
            let folder = options.srs_cache.clone().unwrap_or_else(default_cache);
            Ok(Srs::cached_development(&folder, k, DEVELOPMENT_SEED)?)
        }
    }
}

fn default_cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    named.or_else(home).unwrap_or_else(std::env::temp_dir).join("zklayout")
}
