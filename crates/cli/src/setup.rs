//! `zklayout setup`: quantised model, plan and keys, before there is any input.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::plan::CircuitShape;
use zklayout::{Artefact, ModelCommitment, Plan, QuantisedModel, Setup, SetupRecord, Srs, files};

use crate::args::{KeyOptions, SetupCommand};
use crate::error::CliError;
use crate::powers::Powers;
use crate::prediction::Prediction;
use crate::progress::Steps;
use crate::session::ModelFile;
use crate::terminal::say;
use crate::{commit, output, prediction, report, session};

/// Fewest samples that choose scales for inputs other than themselves.
pub(crate) const FEWEST_SAMPLES: usize = 8;

#[derive(Serialize)]
struct Summary<'a> {
    verifying_key: String,
    /// Digest of the model commitment, if weights are committed.
    model: Option<String>,
    #[serde(flatten)]
    powers: &'a Powers,
    record: &'a SetupRecord,
    predicted: &'a Prediction,
    seconds: &'a [(String, f64)],
    shape: &'a CircuitShape,
    folder: &'a Path,
}

pub(crate) fn run(options: &SetupCommand, json: bool) -> Result<(), CliError> {
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&options.model));
    prediction::check_start(options.keys.force)?;
    output::try_folder(&folder)?;
    let mut steps = Steps::new(json);
    let KeyOptions { layout, plan, .. } = &options.keys;
    let read = || ModelFile::to_lay_out(&options.model, &options.reading, layout, plan.as_deref());
    let file = steps.run("read model", read)?;
    let layout = layout.plan(&file.model.input())?;
    let quantised = steps.run("quantise", || file.integers(&options.keys.scales, &layout, None))?;
    if let Some(few) = few_samples(&quantised).filter(|_| !options.few_samples) {
        let more = format!("a setup for other inputs wants {FEWEST_SAMPLES} or more; --few-samples goes on");
        return Err(CliError::Usage(format!("{few} chose the scales, {more}")));
    }
    let Made { setup, srs, predicted } = make(file, quantised, &options.keys, &folder, &mut steps)?;
    let summary = Summary {
        verifying_key: setup.verifying_key().hash().to_string(),
        model: setup.commitment().map(|commitment| commitment.digest().to_string()),
        powers: &Powers::of(srs.verifier()),
        record: setup.record(),
        predicted: &predicted,
        seconds: steps.times(),
        shape: &setup.plan().shape,
        folder: &folder,
    };
    if json {
        say!("{}", serde_json::json!(summary));
    } else {
        print(&summary, &setup);
    }
    Ok(())
}

fn print(summary: &Summary<'_>, setup: &Setup) {
    say!("{}", report::layers(setup.model().graph(), setup.plan()));
    let mut pairs = setup.plan().description();
    pairs.extend(report::record(summary.record));
    pairs.extend(report::statements(summary.record, setup.plan().visibility().shows_input()));
    pairs.push(("times", report::times(summary.seconds)));
    pairs.push(("files", summary.folder.display().to_string()));
    pairs.extend(setup.seed_file().map(|seed| ("seed", commit::seed_advice(seed))));
    say!("{}", report::pairs(&pairs));
    say!("verifying key {}", summary.verifying_key);
    if let Some(model) = &summary.model {
        say!("model {model}");
    }
    summary.powers.print();
}

/// A setup, the powers of tau that it was made with, and what it and a proof were predicted to take.
pub(crate) struct Made {
    pub(crate) setup: Setup,
    pub(crate) srs: Srs,
    pub(crate) predicted: Prediction,
}

/// Plans and makes keys, or reads them where the folder holds the same setup already. The file's floats are dropped first.
pub(crate) fn make(
    file: ModelFile,
    quantised: QuantisedModel,
    options: &KeyOptions,
    folder: &Path,
    steps: &mut Steps,
) -> Result<Made, CliError> {
    let layout = options.layout.plan(&file.model.input())?;
    let (embedding, places) = (file.recorded_embedding(), file.recorded_places());
    let ModelFile { path, model } = file;
    drop(model);
    let plan = steps.run("plan", || commit::plan(options, layout, &quantised))?;
    let cache = options.powers.cache.folder();
    let predicted = Prediction::of_fitting(&plan, &options.layout.prices()?, &cache, options.force)?;
    steps.say(&format!("predicted: {}", predicted.line()));
    let srs = steps.run("powers of tau", || session::powers(&options.powers, plan.k()))?;
    if holds(folder, &quantised, &plan, &srs, options.owner.commitment.as_deref())? {
        let setup = steps.run("read keys", || commit::with_seed(Setup::load(folder)?, &options.owner))?;
        return Ok(Made { setup, srs, predicted });
    }
    let owner = match plan.shape.committed_lanes {
        0 => None,
        _ => Some(commit::of(&path, &options.owner, &quantised, &plan, &srs, steps)?),
    };
    let (owner, seed) = owner.unzip();
    let setup = steps.run("make keys", || Setup::with_owner(quantised, &plan, &srs, owner))?;
    let mut setup = setup.with_embedding(embedding).with_places(places);
    steps.run("write keys", || {
        // The seed comes first: keys without it are worth nothing.
        seed.map_or(Ok(()), |seed| setup.save_seed(seed))?;
        setup.save(folder)
    })?;
    Ok(Made { setup, srs, predicted })
}

/// Whether a folder holds the setup that would be made; another one is not replaced.
fn holds(
    folder: &Path,
    quantised: &QuantisedModel,
    plan: &Plan,
    srs: &Srs,
    commitment: Option<&Path>,
) -> Result<bool, CliError> {
    if !folder.join(files::RECORD).exists() {
        return Ok(false);
    }
    let (key, ..) = Setup::load_public(folder)?;
    let same_model = Setup::load_model(folder)?.hash()? == quantised.hash()?;
    let same_plan = key.plan_hash() == plan.hash().map_err(zklayout::Error::from)?;
    let same_commitment = match commitment {
        Some(path) => {
            ModelCommitment::load(path)?.digest() == {
                ModelCommitment::load(&folder.join(files::MODEL_COMMITMENT))?.digest()
            }
        }
        None => true,
    };
    if same_commitment && same_model && same_plan && key.srs_hash() == srs.hash() {
        return Ok(true);
    }
    Err(CliError::Usage(format!(
        "{0} holds another setup, of key {1}, and its proofs need it: prove with `--setup {0}`, or give the new setup another \
         folder",
        folder.display(),
        key.hash()
    )))
}

/// What to say of a model whose scales fewer samples chose than other inputs should rely on.
pub(crate) fn few_samples(model: &QuantisedModel) -> Option<String> {
    let samples =
        model.calibration().map(|calibration| calibration.samples).filter(|count| *count < FEWEST_SAMPLES)?;
    Some(if samples == 1 { "1 sample".to_owned() } else { format!("{samples} samples") })
}

/// Where a model's setup goes.
pub(crate) fn default_folder(model: &Path) -> PathBuf {
    Path::new("setups").join(model.file_stem().unwrap_or_default())
}
