//! `zklayout commit`: the commitment to a model's weights, and the owner's seed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::plan::{TapeId, WeightMode};
use zklayout::prover::{Owner, OwnerSeed};
use zklayout::{Artefact, ModelCommitment, Plan, PlanOptions, QuantisedModel, Setup, Srs, files};

use crate::args::{CommitCommand, KeyOptions, OwnerOptions};
use crate::error::CliError;
use crate::progress::Steps;
use crate::session::{self, ModelFile};
use crate::terminal::say;
use crate::{output, report};

#[derive(Serialize)]
struct Summary<'a> {
    model: String,
    tape: TapeId,
    commitment: &'a Path,
    commitment_bytes: usize,
    seed: &'a Path,
    seconds: &'a [(String, f64)],
}

pub(crate) fn run(options: &CommitCommand, json: bool) -> Result<(), CliError> {
    let out = options.out.clone().unwrap_or_else(|| beside(&options.model, "commitment"));
    output::try_folder(output::parent(&out))?;
    let mut steps = Steps::new(json);
    let KeyOptions { layout, plan: saved, .. } = &options.keys;
    let read = || ModelFile::to_lay_out(&options.model, &options.reading, layout, saved.as_deref());
    let file = steps.run("read model", read)?;
    let layout = committed(options.keys.layout.plan(&file.model.input())?);
    let quantised = steps.run("quantise", || file.integers(&options.keys.scales, &layout, None))?;
    let plan = steps.run("plan", || plan(&options.keys, layout, &quantised))?;
    let srs = steps.run("powers of tau", || session::powers(&options.keys.powers, plan.k()))?;
    let (owner, seed) = of(&options.model, &options.keys.owner, &quantised, &plan, &srs, &mut steps)?;
    if !seed.exists() {
        owner.seed().save(&seed)?;
    }
    owner.commitment().save(&out)?;
    let summary = Summary {
        model: owner.commitment().digest().to_string(),
        tape: owner.commitment().tape(),
        commitment: &out,
        commitment_bytes: owner.commitment().size(),
        seed: &seed,
        seconds: steps.times(),
    };
    if json {
        say!("{}", serde_json::json!(summary));
    } else {
        print(&summary);
    }
    Ok(())
}

fn print(summary: &Summary<'_>) {
    let pairs = [
        ("weight tape", summary.tape.to_string()),
        ("times", report::times(summary.seconds)),
        ("commitment", format!("{} (publish it)", summary.commitment.display())),
        ("seed", seed_advice(summary.seed)),
    ];
    say!("{}", report::pairs(&pairs));
    say!("model {}", summary.model);
}

/// What to say of a seed.
pub(crate) fn seed_advice(seed: &Path) -> String {
    format!(
        "{} (SECRET: keep it and a copy; proofs need it, and it unhides the weights' commitment)",
        seed.display()
    )
}

/// The options with committed weights, whatever they say.
fn committed(mut layout: PlanOptions) -> PlanOptions {
    layout.visibility.weights = WeightMode::Committed;
    layout
}

/// The saved plan, or the cheapest that keeps the tape of a given commitment.
pub(crate) fn plan(keys: &KeyOptions, layout: PlanOptions, quantised: &QuantisedModel) -> Result<Plan, CliError> {
    let kept = keys.owner.commitment.as_deref().map(ModelCommitment::load).transpose()?;
    let layout = PlanOptions { tape: kept.map(|commitment| commitment.tape()).or(layout.tape), ..layout };
    session::choose(keys.plan.as_deref(), &layout, quantised)
}

/// The owner of a model under a plan, with the seed's file: that of the commitment that is given, of the seed that is there, or a new
/// one, whose seed is not saved yet.
pub(crate) fn of(
    model: &Path,
    options: &OwnerOptions,
    quantised: &QuantisedModel,
    plan: &Plan,
    srs: &Srs,
    steps: &mut Steps,
) -> Result<(Owner, PathBuf), CliError> {
    let path = options.seed.clone().unwrap_or_else(|| files::seed_of(model));
    output::try_folder(output::parent(&path))?;
    let seed = path.exists().then(|| OwnerSeed::load(&path)).transpose()?;
    let owner = match (&options.commitment, seed) {
        (Some(commitment), Some(seed)) => Owner::new(ModelCommitment::load(commitment)?, seed)?,
        (Some(_), None) => {
            let reason = "the seed of a commitment that was made before must be there";
            return Err(CliError::Usage(format!("{}: {reason}", path.display())));
        }
        (None, Some(seed)) => {
            let again = steps.run("commit", || Owner::again(srs, plan, quantised.graph(), &seed));
            again.map_err(|error| {
                let advice = "keep its weight tape with --commitment FILE, or commit anew with --seed NEW_FILE";
                CliError::Usage(format!("{}: {error}; {advice}", path.display()))
            })?
        }
        (None, None) => steps.run("commit", || Owner::commit(srs, plan, quantised.graph()))?,
    };
    Ok((owner, path))
}

/// A setup with the seed that is given, if one is.
pub(crate) fn with_seed(setup: Setup, options: &OwnerOptions) -> Result<Setup, CliError> {
    match &options.seed {
        Some(path) => Ok(setup.with_seed(OwnerSeed::load(path)?)?),
        None => Ok(setup),
    }
}

fn beside(model: &Path, extension: &str) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
