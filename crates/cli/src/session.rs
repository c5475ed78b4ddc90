//! What several commands do first: model, samples, quantisation, plan, powers of tau.

use std::path::{Path, PathBuf};

use zklayout::{
    DEVELOPMENT_SEED, Model, Plan, PlanHash, PlanOptions, Planes, QuantisedModel, Samples, Srs, Trace,
};

use crate::args::{JobOptions, LayoutOptions, ModelOptions, PowersOptions, SampleOptions};
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::scales::ScaleOptions;

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
            Some("tflite" | "quantised") => Self::Stored(QuantisedModel::load(path)?),
            _ => Self::Float(Box::new(Model::load(path)?)),
        })
    }

    pub(crate) fn input_shape(&self) -> Planes {
        match self {
            Self::Float(model) => model.input_shape(),
            Self::Stored(model) => model.input_shape(),
        }
    }

    /// Refuses a setup of another model.
    pub(crate) fn check_setup(&self, path: &Path, setup: &Path, model: &QuantisedModel) -> Result<(), CliError> {
        if self.hash() == model.source() {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "{} is a setup of another model than {}: of the file with hash {}, this one has {}",
            setup.display(),
            path.display(),
            model.source(),
            self.hash()
        )))
    }

    /// Hash of the file that the model was read from first.
    fn hash(&self) -> PlanHash {
        match self {
            Self::Float(model) => model.source(),
            Self::Stored(model) => model.source(),
        }
    }

    /// The float engine's output, if there is a float model.
    pub(crate) fn float_output(&self, input: &[f64]) -> Result<Option<Vec<f64>>, CliError> {
        match self {
            Self::Float(model) => Ok(Some(model.float_output(input)?)),
            Self::Stored(_) => Ok(None),
        }
    }

    /// The model's integers: its own, or those that the options choose. An input chooses nothing unless it is public.
    pub(crate) fn integers(
        &self,
        path: &Path,
        scales: &ScaleOptions,
        layout: &PlanOptions,
        input: Option<&[f64]>,
    ) -> Result<QuantisedModel, CliError> {
        match self {
            Self::Float(model) => scales.integers(path, model, layout, input),
            Self::Stored(_) if scales.chooses() => {
                let reason = "it is quantised already: leave out the options that choose scales or bits";
                Err(CliError::Usage(format!("{}: {reason}", path.display())))
            }
            Self::Stored(model) => Ok(model.clone()),
        }
    }
}

/// Reads a model and gives it integers without any input.
pub(crate) fn quantised(options: &ModelOptions, layout: &PlanOptions) -> Result<QuantisedModel, CliError> {
    Source::read(&options.model)?.integers(&options.model, &options.scales, layout, None)
}

/// The sample that is asked for.
pub(crate) fn input(options: &SampleOptions, shape: Planes) -> Result<Vec<f64>, CliError> {
    let samples = Samples::read(&options.input, shape)?;
    Ok(samples.get(options.index, &options.input)?.clone())
}

/// A model, quantised, and its execution on one input.
pub(crate) struct Job {
    pub(crate) quantised: QuantisedModel,
    pub(crate) trace: Trace,
}

impl Job {
    pub(crate) fn prepare(options: &JobOptions, steps: &mut Steps) -> Result<Self, CliError> {
        let path = &options.model.model;
        let model = steps.run("read model", || Source::read(path))?;
        let input = input(&options.sample, model.input_shape())?;
        let layout = options.layout.plan()?;
        let quantised =
            steps.run("quantise", || model.integers(path, &options.model.scales, &layout, Some(&input)))?;
        Ok(Self { trace: quantised.run(&input)?, quantised })
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

/// Powers of tau from the given file, or a cached development setup.
pub(crate) fn powers(options: &PowersOptions, k: u32) -> Result<Srs, CliError> {
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
