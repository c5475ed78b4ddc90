//! `zklayout commit-input`: the commitment to an input, and its holder's seed; and who holds the input of a proof.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::plan::InputTape;
use zklayout::prover::{InputCommitment, InputHolder, OwnerSeed};
use zklayout::{Artefact, Setup, Srs};

use crate::args::{CommitInputCommand, HolderOptions};
use crate::error::CliError;
use crate::progress::Steps;
use crate::terminal::say;
use crate::{output, report, session};

#[derive(Serialize)]
struct Summary<'a> {
    input: String,
    tape: InputTape,
    commitment: &'a Path,
    seed: &'a Path,
    seconds: &'a [(String, f64)],
}

pub(crate) fn run(options: &CommitInputCommand, json: bool) -> Result<(), CliError> {
    let files = Files::of(&options.holder, &options.sample.input[0]);
    output::try_folder(parent(&files.commitment))?;
    let mut steps = Steps::new(json);
    let setup = steps.run("read setup", || Setup::load(&options.setup))?;
    let input = session::input(&options.sample, setup.plan().input_shape)?;
    let srs = steps.run("powers of tau", || session::powers(&options.powers, setup.plan().k()))?;
    let holder = files.holder(&setup, &srs, &input, &mut steps)?;
    let summary = Summary {
        input: holder.commitment().digest().to_string(),
        tape: holder.commitment().tape(),
        commitment: &files.commitment,
        seed: &files.seed,
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
    let InputTape { k, shape, .. } = summary.tape;
    let pairs = [
        ("input", format!("{shape}, for plans of 2^{k} rows")),
        ("times", report::times(summary.seconds)),
        ("commitment", format!("{} (publish it)", summary.commitment.display())),
        ("seed", seed_advice(summary.seed)),
    ];
    say!("{}", report::pairs(&pairs));
    say!("input {}", summary.input);
}

/// What to say of an input's seed.
pub(crate) fn seed_advice(seed: &Path) -> String {
    format!("{} (SECRET: proofs about the input need it, and it unhides the commitment)", seed.display())
}

/// Where an input's commitment and its seed are.
pub(crate) struct Files {
    pub(crate) commitment: PathBuf,
    pub(crate) seed: PathBuf,
}

impl Files {
    /// Those that are given, or those beside the input.
    pub(crate) fn of(options: &HolderOptions, input: &Path) -> Self {
        let beside = |given: &Option<PathBuf>, extension: &str| {
            let mut name = input.as_os_str().to_owned();
            name.push(extension);
            given.clone().unwrap_or_else(|| name.into())
        };
        Self {
            commitment: beside(&options.input_commitment, ".commitment"),
            seed: beside(&options.input_seed, ".seed"),
        }
    }

    /// The holder of an input: with the commitment and seed that are there, or with new ones, which are written.
    pub(crate) fn holder(
        &self,
        setup: &Setup,
        srs: &Srs,
        input: &[f64],
        steps: &mut Steps,
    ) -> Result<InputHolder, CliError> {
        let Self { commitment, seed } = self;
        match (commitment.exists(), seed.exists()) {
            (true, true) => Ok(InputHolder::new(InputCommitment::load(commitment)?, OwnerSeed::load(seed)?)?),
            (true, false) => {
                let reason = "the seed of this commitment must be there; give it with --input-seed FILE";
                Err(CliError::Usage(format!("{}: {reason}", commitment.display())))
            }
            (false, true) => {
                let reason = "it is the seed of another commitment; give that with --input-commitment FILE, or another --input-seed";
                Err(CliError::Usage(format!("{}: {reason}", seed.display())))
            }
            (false, false) => {
                let holder = steps.run("commit to input", || setup.commit_input(srs, input))?;
                holder.seed().save(seed)?;
                holder.commitment().save(commitment)?;
                Ok(holder)
            }
        }
    }
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
