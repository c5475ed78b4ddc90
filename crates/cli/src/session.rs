//! What several commands do first: model, samples, quantisation, powers of tau.

use std::path::{Path, PathBuf};

use zklayout::{DEVELOPMENT_SEED, Model, Plan, PlanOptions, QuantisedModel, Samples, Shape, Srs, Trace};

use crate::args::{JobOptions, LayoutOptions, ModelOptions, SetupOptions};
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;

/// What a model file holds.
pub(crate) enum Source {
    /// A float model.
    Float(Box<Model>),
    /// One that is quantised already.
    Stored(QuantisedModel),
}

impl Source {
    /// Reads a model; the file's extension tells its format.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        Ok(match path.extension().and_then(|extension| extension.to_str()) {
            Some("tflite") => Self::Stored(QuantisedModel::load(path)?),
            _ => Self::Float(Box::new(Model::load(path)?)),
        })
    }

    pub(crate) fn input_shape(&self) -> Shape {
        match self {
            Self::Float(model) => model.input_shape(),
            Self::Stored(model) => model.input_shape(),
        }
    }

    /// The float engine's output, if there is a float model.
    fn float_output(&self, input: &[f64]) -> Result<Option<Vec<f64>>, CliError> {
        match self {
            Self::Float(model) => Ok(Some(model.float_output(input)?)),
            Self::Stored(_) => Ok(None),
        }
    }

    /// The model's integers: its own, or those that the options and samples choose.
    pub(crate) fn quantise(
        &self,
        options: &ModelOptions,
        layout: &PlanOptions,
        at_hand: Option<&Samples>,
    ) -> Result<QuantisedModel, CliError> {
        match self {
            Self::Float(model) => quantise(model, options, layout, at_hand),
            Self::Stored(_) if options.chooses_scales() => {
                let reason = "it is quantised already: leave out the options that choose scales or bits";
                Err(CliError::Usage(format!("{}: {reason}", options.model.display())))
            }
            Self::Stored(model) => Ok(model.clone()),
        }
    }
}

/// A model, quantised, and its execution on one input.
pub(crate) struct Job {
    pub(crate) quantised: QuantisedModel,
    pub(crate) trace: Trace,
    /// The float engine's output on the same input, if there is a float model.
    pub(crate) float_output: Option<Vec<f64>>,
}

impl Job {
    pub(crate) fn prepare(options: &JobOptions, steps: &mut Steps) -> Result<Self, CliError> {
        let model = steps.run("read model", || Source::read(&options.model.model))?;
        let samples = Samples::read(&options.sample.input, model.input_shape())?;
        let input = samples.get(options.sample.index, &options.sample.input)?;
        let quantised =
            steps.run("quantise", || model.quantise(&options.model, &options.layout.plan()?, Some(&samples)))?;
        let trace = quantised.run(input)?;
        Ok(Self { float_output: model.float_output(input)?, quantised, trace })
    }

    /// Largest difference between the integer model's output and the float model's, if there is one.
    pub(crate) fn largest_difference(&self) -> Option<f64> {
        let integer = self.quantised.dequantise(&self.trace);
        let float = self.float_output.as_ref()?;
        Some(float.iter().zip(&integer).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
    }
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
    let mut srs = match &options.srs {
        Some(path) => Srs::from_file(path)?,
        None => {
            let folder = options.srs_cache.clone().unwrap_or_else(default_cache);
            Srs::cached_development(&folder, k, DEVELOPMENT_SEED)?
        }
    };
    Powers::check(srs.verifier(), options.srs_hash.as_deref())?;
    srs.shrink(k)?;
    Ok(srs)
}

fn default_cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    named.or_else(home).unwrap_or_else(std::env::temp_dir).join("zklayout")
}
