//! What several commands do first: model, samples, quantisation, plan, powers of tau.

use std::path::{Path, PathBuf};

use zklayout::graph::{Fixed, Graph, Planes};
use zklayout::import::Embedding;
use zklayout::prover::{DEVELOPMENT_SEED, Owner};
use zklayout::record::{RecordedEmbedding, RecordedPlaces};
use zklayout::samples::{InputPart, InputShape};
#[cfg(feature = "text")]
use zklayout::text::Tokenizer;
use zklayout::{AnyModel, Plan, PlanOptions, ProvingKey, QuantisedModel, Samples, Srs, Trace};

use crate::args::{JobOptions, LayoutOptions, ModelOptions, PowersOptions, ReadingOptions, SampleOptions};
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::scales::ScaleOptions;
use crate::{limits, report};

/// A model's file, read.
pub(crate) struct ModelFile {
    pub(crate) path: PathBuf,
    pub(crate) model: AnyModel,
}

impl ModelFile {
    /// Reads a model.
    pub(crate) fn read(path: &Path, reading: &ReadingOptions) -> Result<Self, CliError> {
        Self::with_first(path, reading, &[])
    }

    /// Reads a model whose named inputs come first, as keys have them.
    pub(crate) fn with_first(path: &Path, reading: &ReadingOptions, first: &[String]) -> Result<Self, CliError> {
        Ok(Self { path: path.to_owned(), model: AnyModel::open_with(path, &reading.read(first)?)? })
    }

    /// Reads a model as a plan's inputs lie.
    pub(crate) fn of_plan(path: &Path, reading: &ReadingOptions, plan: &Plan) -> Result<Self, CliError> {
        let first: Vec<String> = plan.inputs.iter().map(|input| input.name.clone()).collect();
        let file = Self::with_first(path, reading, &first)?;
        let wrong = |reason| CliError::Usage(format!("{}: {reason}", path.display()));
        file.model.input().check_plan(plan).map_err(wrong)?;
        Ok(file)
    }

    /// Reads a model to be laid out as the options say, or as a saved plan does.
    pub(crate) fn to_lay_out(
        path: &Path,
        reading: &ReadingOptions,
        layout: &LayoutOptions,
        plan: Option<&Path>,
    ) -> Result<Self, CliError> {
        match plan {
            Some(plan) => Self::of_plan(path, reading, &saved(plan)?),
            None => Self::with_first(path, reading, layout.public_names()),
        }
    }

    /// The sample that is asked for, as the model's input.
    pub(crate) fn input(&self, options: &SampleOptions) -> Result<Vec<f64>, CliError> {
        let given = match &options.text {
            Some(text) => self.ids(text, options.tokenizer.as_deref())?,
            None => input(options, self.model.input())?,
        };
        Ok(self.model.rows(&given)?)
    }

    /// Ids of a text, as many as the model takes.
    #[cfg(feature = "text")]
    fn ids(&self, text: &str, tokenizer: Option<&Path>) -> Result<Vec<f64>, CliError> {
        let Some(embedding) = self.embedding() else { return Err(zklayout::Error::NoIds.into()) };
        let tokenizer = tokenizer.map_or_else(|| Tokenizer::beside(&self.path), Tokenizer::load)?;
        let (ids, expected) = (tokenizer.ids(text)?, embedding.ids().dims.iter().product());
        if ids.len() != expected {
            return Err(zklayout::Error::TextLength { found: ids.len(), expected }.into());
        }
        Ok(ids.into_iter().map(f64::from).collect())
    }

    #[cfg(not(feature = "text"))]
    fn ids(&self, _: &str, _: Option<&Path>) -> Result<Vec<f64>, CliError> {
        let reason =
            "this program was built without its feature `text`: build it with that, or give ids by --input";
        Err(CliError::Usage(reason.into()))
    }

    /// The embedding, if the file takes token ids.
    pub(crate) fn embedding(&self) -> Option<&Embedding> {
        self.model.float().and_then(|model| model.embedding())
    }

    /// What a setup's record says of the embedding.
    pub(crate) fn recorded_embedding(&self) -> Option<RecordedEmbedding> {
        self.embedding().map(|embedding| RecordedEmbedding {
            input: embedding.ids().name.clone(),
            tokens: embedding.ids().dims.iter().product(),
            vocabulary: embedding.vocabulary(),
        })
    }

    /// What a setup's record says of an output of places.
    pub(crate) fn recorded_places(&self) -> Option<RecordedPlaces> {
        let (rows, values) = self.model.float()?.places()?;
        Some(RecordedPlaces { rows, values })
    }

    /// What is left to whoever reads the model's output.
    pub(crate) fn endings(&self) -> Vec<String> {
        report::endings(self.model.float().map(|model| model.endings()).unwrap_or_default())
    }

    /// Refuses a setup of another model.
    pub(crate) fn check_setup(&self, setup: &Path, model: &QuantisedModel) -> Result<(), CliError> {
        let (found, expected) = (self.model.source(), model.source());
        if found == expected {
            return Ok(());
        }
        let (setup, path) = (setup.display(), self.path.display());
        let reason = format!("of the file with hash {expected}, this one has {found}");
        Err(CliError::Usage(format!("{setup} is a setup of another model than {path}: {reason}")))
    }

    /// The float model's output, if there is one.
    pub(crate) fn float_output(&self, input: &[f64]) -> Result<Option<Vec<f64>>, CliError> {
        Ok(self.model.float().map(|model| model.float_output(input)).transpose()?)
    }

    /// The model's integers: its own, or those that the options choose. An input chooses nothing unless it is public.
    pub(crate) fn integers(
        &self,
        scales: &ScaleOptions,
        layout: &PlanOptions,
        input: Option<&[f64]>,
    ) -> Result<QuantisedModel, CliError> {
        match &self.model {
            AnyModel::Float(model) => scales.integers(&self.path, model, layout, input),
            AnyModel::Integer(_) if scales.chooses() => {
                let reason = "it is quantised already: leave out the options that choose scales or bits";
                Err(CliError::Usage(format!("{}: {reason}", self.path.display())))
            }
            AnyModel::Integer(model) => Ok(model.as_ref().clone()),
        }
    }
}

/// The sample that is asked for.
pub(crate) fn input(options: &SampleOptions, shape: impl Into<InputShape>) -> Result<Vec<f64>, CliError> {
    let [first, ..] = &options.input[..] else {
        let reason = "a text is for a model's file, whose tokenizer cuts it: give the model";
        return Err(CliError::Usage(reason.into()));
    };
    let shape = shape.into();
    let samples = match &options.input[..] {
        [file] if file.exists() || named(file).is_none() => Samples::read(file, shape)?,
        files => {
            let parts = files.iter().map(|file| named_part(file, &shape)).collect::<Result<Vec<_>, _>>()?;
            Samples::of_parts(parts, &shape).map_err(CliError::Usage)?
        }
    };
    Ok(samples.get(options.index, first)?.clone())
}

/// The name and the file of `NAME=FILE`.
fn named(argument: &Path) -> Option<(&str, &Path)> {
    argument.to_str()?.split_once('=').map(|(name, file)| (name, Path::new(file)))
}

/// Samples of one input among several.
fn named_part(argument: &Path, shape: &InputShape) -> Result<(String, Samples), CliError> {
    let wrong = |reason: &str| CliError::Usage(format!("--input {}: {reason}", argument.display()));
    let (name, file) = named(argument).ok_or_else(|| wrong("of several, each is NAME=FILE"))?;
    let part = shape.parts.iter().find(|part| part.name == name).cloned();
    let fixed = shape.fixed.iter().find(|(fixed, _)| fixed == name);
    let fixed = fixed.map(|(name, values)| InputPart { name: name.clone(), dims: vec![values.len()] });
    let known: Vec<&str> = shape.parts.iter().map(|part| part.name.as_str()).collect();
    let part = part.or(fixed).ok_or_else(|| wrong(&format!("the model's inputs are {known:?}")))?;
    let own = InputShape { parts: vec![part.clone()], ..Planes::vector(part.values()).into() };
    Ok((name.to_owned(), Samples::read(file, own)?))
}

/// A model, quantised, and its execution on one input.
pub(crate) struct Job {
    pub(crate) quantised: QuantisedModel,
    pub(crate) trace: Trace,
    /// What is asked of its layout.
    pub(crate) layout: PlanOptions,
}

impl Job {
    /// Reads and runs a model, laid out as the options say or as a saved plan does.
    pub(crate) fn prepare(options: &JobOptions, plan: Option<&Path>, steps: &mut Steps) -> Result<Self, CliError> {
        let ModelOptions { model, reading, scales } = &options.model;
        let read = || ModelFile::to_lay_out(model, reading, &options.layout, plan);
        let file = steps.run("read model", read)?;
        let input = file.input(&options.sample)?;
        let layout = options.layout.plan(&file.model.input())?;
        let quantised = steps.run("quantise", || file.integers(scales, &layout, Some(&input)))?;
        Ok(Self { trace: quantised.run(&input)?, quantised, layout })
    }
}

/// The saved plan, or else the cheapest.
pub(crate) fn choose(
    given: Option<&Path>,
    layout: &PlanOptions,
    quantised: &QuantisedModel,
) -> Result<Plan, CliError> {
    let Some(path) = given else { return Ok(quantised.plan(layout)?) };
    let plan = saved(path)?;
    plan.check_model(quantised.graph()).map_err(zklayout::Error::from)?;
    limits::check(&plan, &layout.limits)?;
    Ok(plan)
}

/// A plan that was saved, which may be of any model.
fn saved(path: &Path) -> Result<Plan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Ok(Plan::from_json(&text).map_err(zklayout::Error::from)?)
}

/// A key with what its proofs are tied to, for measurements: a commitment whose seed nobody keeps, if weights are committed.
pub(crate) fn tied(srs: &Srs, key: ProvingKey, graph: &Graph<Fixed>) -> Result<ProvingKey, CliError> {
    if key.plan().shape.committed_lanes == 0 {
        return Ok(key);
    }
    let owner = Owner::commit(srs, key.plan(), graph)?;
    Ok(key.with_owner(owner)?)
}

/// Powers of tau from the given file, or a cached development setup.
pub(crate) fn powers(options: &PowersOptions, k: u32) -> Result<Srs, CliError> {
    let mut srs = match &options.srs {
        Some(path) => Srs::from_file(path)?,
        None => Srs::cached_development(&options.cache.folder(), k, DEVELOPMENT_SEED)?,
    };
    Powers::check(srs.verifier(), options.srs_hash.as_deref())?;
    srs.shrink(k)?;
    Ok(srs.with_tables(options.cache.folder()))
}
