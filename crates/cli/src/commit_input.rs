//! `zklayout commit-input`: the commitment to an input, and its holder's seed; and who holds the input of a proof. It knows nothing of
//! points and rows.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::plan::InputTape;
use zklayout::prover::{InputCommitment, InputHolder, OwnerSeed};
use zklayout::{Artefact, Setup, Srs};

use crate::args::{CommitInputCommand, HolderOptions, SampleOptions};
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::session::ModelFile;
use crate::terminal::say;
use crate::{output, report, session};

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    powers: &'a Powers,
    input: String,
    tape: InputTape,
    commitment: &'a Path,
    seed: &'a Path,
    seconds: &'a [(String, f64)],
}

pub(crate) fn run(options: &CommitInputCommand, json: bool) -> Result<(), CliError> {
    let files = Files::of(&options.holder, &options.sample)?;
    files.try_folders()?;
    let mut steps = Steps::new(json);
    let setup = steps.run("read setup", || Setup::load(&options.setup))?;
    let read =
        |path: &PathBuf| steps.run("read model", || ModelFile::of_plan(path, &options.reading, setup.plan()));
    let file = options.model.as_ref().map(read).transpose()?;
    if let Some(file) = &file {
        file.check_setup(&options.setup, setup.model())?;
    }
    let input = match &file {
        Some(file) => file.input(&options.sample)?,
        None => session::input(&options.sample, setup.plan().input_shape)?,
    };
    let srs = steps.run("powers of tau", || session::powers(&options.powers, setup.plan().k()))?;
    let holder = files.holder(&setup, &srs, &input, &mut steps)?;
    let powers = Powers::of(srs.verifier());
    let summary = Summary {
        powers: &powers,
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
    summary.powers.print();
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
    /// Those that are given, or those beside the input's file.
    pub(crate) fn of(options: &HolderOptions, sample: &SampleOptions) -> Result<Self, CliError> {
        let given = [&options.input_commitment, &options.input_seed];
        let file = match &sample.input[..] {
            [file] if file.exists() => file.as_path(),
            _ if given.iter().all(|path| path.is_some()) => Path::new(""),
            _ => {
                let reason =
                    "an input that is no single file has none beside it: give --input-commitment and --input-seed";
                return Err(CliError::Usage(reason.into()));
            }
        };
        let beside = |extension: &str| {
            let mut name = file.as_os_str().to_owned();
            // Another sample of one file is another record.
            name.push(if sample.index > 0 {
                format!(".{}{extension}", sample.index)
            } else {
                extension.to_owned()
            });
            PathBuf::from(name)
        };
        let [commitment, seed] = [".commitment", ".seed"].map(beside);
        Ok(Self {
            commitment: options.input_commitment.clone().unwrap_or(commitment),
            seed: options.input_seed.clone().unwrap_or(seed),
        })
    }

    /// Finds out whether both can be written before anything is spent.
    pub(crate) fn try_folders(&self) -> Result<(), CliError> {
        [&self.commitment, &self.seed].into_iter().try_for_each(|file| output::try_folder(output::parent(file)))
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
            (true, true) => {
                let holder = InputHolder::new(InputCommitment::load(commitment)?, OwnerSeed::load(seed)?)?;
                setup.check_input(srs, input, &holder)?;
                Ok(holder)
            }
            (true, false) => {
                let reason = "the seed of this commitment must be there; give it with --input-seed FILE";
                Err(CliError::Usage(format!("{}: {reason}", commitment.display())))
            }
            (false, true) => {
                let holder = setup.commit_input_again(srs, input, &OwnerSeed::load(seed)?)?;
                holder.commitment().save(commitment)?;
                Ok(holder)
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
