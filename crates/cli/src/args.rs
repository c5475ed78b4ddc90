//! Arguments.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use zklayout::cost::Profile;
use zklayout::plan::{Family, InputMode, Limits, LookupArgument, Objective, Requantise, Visibility, WeightMode};
use zklayout::prover::{MOST_CONTEXT, Prover};
use zklayout::samples::InputShape;
use zklayout::{FileOptions, PlanOptions};

use crate::error::CliError;
use crate::scales::ScaleOptions;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 a file cannot be read or written, 2 wrong usage, 3 a model, an input or samples are \
                          refused, 4 a proof does not verify, 130 interrupted";

/// Proves neural-network inference in zero knowledge.
#[derive(Debug, Parser)]
#[command(name = "zklayout", version, about, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show values of private tensors: those that an error is about, and the float model's output.
    #[arg(long, global = true)]
    pub(crate) show_values: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Quantise a model, plan its circuit and make its keys, before there is any input.
    Setup(SetupCommand),
    /// Commit to a model's weights, once: what proofs with committed weights are tied to.
    Commit(CommitCommand),
    /// Commit to an input, once: what proofs of any models about it are tied to.
    CommitInput(CommitInputCommand),
    /// Prove a model's output on an input, then verify the proof.
    Prove(ProveOptions),
    /// Verify the proofs in folders that `prove` wrote.
    Verify(VerifyOptions),
    /// Show that a model commitment holds a setup's integers, without the owner's seed.
    Audit(AuditOptions),
    /// Show a model's operators and the layers they merge into.
    Inspect(InspectOptions),
    /// Choose a model's scales and save its integers.
    Quantise(QuantiseCommand),
    /// Say which samples a model's ranges refuse.
    Check(CheckOptions),
    /// Choose a layout and show it.
    Plan(PlanCommand),
    /// Compare the integer model with the float model on labelled samples.
    Accuracy(AccuracyOptions),
    /// Time proving and verifying, beside a unit of this machine's speed.
    Benchmark(BenchmarkOptions),
    /// Measure this machine, so that layouts are priced for it.
    Calibrate(CalibrateCommand),
    /// Compare predicted with measured costs over several layouts of a model.
    Compare(CompareOptions),
    /// What each freedom of the search is worth: without it, predicted and measured.
    Ablation(AblationOptions),
}

/// Extents of dimensions that a model leaves free.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct FreeDimensions {
    /// The extent of a dimension that the model names and leaves free; repeat it for others. A free batch is 1.
    #[arg(long = "dim", value_name = "NAME=N", value_parser = parse_dimension)]
    given: Vec<(String, usize)>,
}

impl FreeDimensions {
    /// The extents as they were given.
    pub(crate) fn given(&self) -> &[(String, usize)] {
        &self.given
    }

    /// How a file is read whose named inputs come first.
    pub(crate) fn read(&self, first: &[String]) -> Result<FileOptions, CliError> {
        Ok(FileOptions { dimensions: self.by_name()?, first_inputs: first.to_vec(), places: false })
    }

    fn by_name(&self) -> Result<BTreeMap<String, usize>, CliError> {
        let mut all = BTreeMap::new();
        for (name, extent) in &self.given {
            if all.insert(name.clone(), *extent).is_some() {
                return Err(CliError::Usage(format!("--dim {name} is given twice")));
            }
        }
        Ok(all)
    }
}

/// How a model's file is read, apart from what it says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ReadingOptions {
    #[command(flatten)]
    dimensions: FreeDimensions,
    /// What the model's output is.
    #[arg(long, value_enum, default_value_t)]
    output: OutputChoice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputChoice {
    /// As the file has it.
    #[default]
    Values,
    /// The place of the largest value, the first of equal ones, along the axis of the file's own ArgMax, or else its last one: of logits,
    /// the token. The values are not shown.
    Argmax,
}

impl ReadingOptions {
    /// The same as arguments of the command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let given = self.dimensions.given().iter();
        let dimensions = given.flat_map(|(name, extent)| ["--dim".into(), format!("{name}={extent}")]);
        let places = self.places().then(|| ["--output".to_owned(), "argmax".to_owned()]);
        dimensions.chain(places.into_iter().flatten()).collect()
    }

    /// Whether the output is the place of the largest value.
    pub(crate) fn places(&self) -> bool {
        self.output == OutputChoice::Argmax
    }

    /// How a file is read whose named inputs come first.
    pub(crate) fn read(&self, first: &[String]) -> Result<FileOptions, CliError> {
        Ok(FileOptions { places: self.places(), ..self.dimensions.read(first)? })
    }
}

fn parse_dimension(text: &str) -> Result<(String, usize), String> {
    let parts = text.split_once('=').and_then(|(name, extent)| Some((name, extent.parse::<usize>().ok()?)));
    match parts.filter(|(name, extent)| !name.is_empty() && *extent > 0) {
        Some((name, extent)) => Ok((name.to_owned(), extent)),
        None => Err(format!("{text:?} is no name and extent, as in batch=1")),
    }
}

/// A model, and where its integers come from.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// The model: ONNX, or integers already: TensorFlow Lite quantised to bytes, or what `quantise` wrote.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    #[command(flatten)]
    pub(crate) scales: ScaleOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Weights {
    /// In advice columns, range-checked: hidden, and not tied to any other proof's.
    Private,
    /// In fixed columns: the verifying key binds them, which does not hide them. The key lets anyone test a guess of the
    /// weights, and every proof gives away an evaluation of each column of them: a dozen proofs of a small model may be
    /// enough to compute all of its weights, as many proofs as there are rows of weights always are.
    Fixed,
    /// Outside of the circuit: the owner commits to them once, and every proof is tied to that commitment, whose digest is the
    /// model's identity. Hidden by the owner's seed, however many proofs there are.
    Committed,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ProverChoice {
    /// This library's; plans that it does not know are left to halo2's.
    #[default]
    Core,
    /// halo2's.
    Stock,
}

impl From<ProverChoice> for Prover {
    fn from(prover: ProverChoice) -> Self {
        match prover {
            ProverChoice::Core => Self::Core,
            ProverChoice::Stock => Self::Stock,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LayoutFamily {
    /// Every linear layer is one random identity.
    Streams,
    /// Every operation is a row.
    Direct,
}

impl From<LayoutFamily> for Family {
    fn from(family: LayoutFamily) -> Self {
        match family {
            LayoutFamily::Streams => Self::Streams,
            LayoutFamily::Direct => Self::Direct,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LayerRequantise {
    /// Into quotient and remainder.
    Split,
    /// By one table.
    Table,
    /// Scaled by channel, then into quotient and a remainder of several limbs: what multipliers take.
    Limbs,
}

impl From<LayerRequantise> for Requantise {
    fn from(requantise: LayerRequantise) -> Self {
        match requantise {
            LayerRequantise::Split => Self::Split,
            LayerRequantise::Table => Self::Table,
            LayerRequantise::Limbs => Self::Limbs,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Lookups {
    /// Running sums of three fractions.
    Sums3,
    /// Running sums of two fractions.
    Sums2,
    /// Running sums of one fraction.
    Sums1,
    /// The proof system's own argument.
    Native,
}

impl From<Lookups> for LookupArgument {
    fn from(lookups: Lookups) -> Self {
        match lookups {
            Lookups::Sums3 => Self::Sums { chunk: 3 },
            Lookups::Sums2 => Self::Sums { chunk: 2 },
            Lookups::Sums1 => Self::Sums { chunk: 1 },
            Lookups::Native => Self::Native,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Aim {
    /// Seconds of a proof.
    Time,
    /// The prover's peak of memory.
    Memory,
    /// Bytes of a proof.
    Proof,
    /// Seconds of a verification.
    Verify,
}

impl From<Aim> for Objective {
    fn from(aim: Aim) -> Self {
        match aim {
            Aim::Time => Self::ProveTime,
            Aim::Memory => Self::PeakMemory,
            Aim::Proof => Self::ProofSize,
            Aim::Verify => Self::VerifyTime,
        }
    }
}

/// Bytes from a number and a unit.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => f64::from(1 << 10),
        "MiB" => f64::from(1 << 20),
        "GiB" => f64::from(1 << 30),
        other => return Err(format!("unknown unit {other:?}; use KiB, MiB, GiB, kB, MB or GB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is no size; try 2GiB"))?;
    Ok((number * factor) as u64)
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Layout")]
pub(crate) struct LayoutOptions {
    /// Make the input public, or of several those that are named; repeat it for others. The rest stays private.
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    public_input: Option<Vec<String>>,
    /// Tie proofs to a commitment to the input, which its holder makes once and publishes.
    #[arg(long, conflicts_with = "public_input")]
    pub(crate) committed_input: bool,
    /// How weights are held; committed if not given, which the family direct has no way for: there private. Fixed weights are bound,
    /// not hidden: key and proofs give them away.
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// The only family of layouts to try.
    #[arg(long, value_enum)]
    family: Option<LayoutFamily>,
    /// Largest logarithm of the number of rows.
    #[arg(long, default_value_t = PlanOptions::default().max_k)]
    max_k: u32,
    /// Smallest logarithm of the number of rows.
    #[arg(long, default_value_t = PlanOptions::default().min_k)]
    min_k: u32,
    /// The only width of the activation tape to try.
    #[arg(long)]
    lanes: Option<usize>,
    /// Most lanes of the weight tape. Of committed weights each is a point for the verifier: 64 to 128 suit a verifier on chain.
    #[arg(long)]
    max_lanes: Option<usize>,
    /// The only requantisation to try, for all layers alike.
    #[arg(long, value_enum)]
    requantise: Option<LayerRequantise>,
    /// The only lookup argument to try.
    #[arg(long, value_enum)]
    lookups: Option<Lookups>,
    /// What to make small.
    #[arg(long, value_enum, default_value = "time")]
    objective: Aim,
    /// Memory that proving may take: bytes, or a number with KiB, MiB, GiB, kB, MB or GB.
    #[arg(long, value_parser = parse_bytes)]
    max_memory: Option<u64>,
    /// Advice, fixed and instance columns that a circuit may have together.
    #[arg(long)]
    max_columns: Option<usize>,
    /// The machine to price layouts for, from `calibrate`; the shipped profile if not given.
    #[arg(long)]
    profile: Option<PathBuf>,
}

impl LayoutOptions {
    /// The inputs that are to be public among others, by name.
    pub(crate) fn public_names(&self) -> &[String] {
        self.public_input.as_deref().unwrap_or_default()
    }

    /// Bytes that proving may take, if they are limited.
    pub(crate) fn max_memory(&self) -> Option<u64> {
        self.max_memory
    }

    /// The same as it was given.
    pub(crate) fn public_arguments(&self) -> Vec<String> {
        const FLAG: &str = "--public-input";
        match (self.public_input.is_some(), self.public_names()) {
            (false, _) => Vec::new(),
            (true, []) => vec![FLAG.to_owned()],
            (true, names) => names.iter().flat_map(|name| [FLAG.to_owned(), name.clone()]).collect(),
        }
    }

    /// What these options ask of a plan of a model that takes such an input.
    pub(crate) fn plan(&self, input: &InputShape) -> Result<PlanOptions, CliError> {
        let wrong = |reason: String| CliError::Usage(format!("--public-input: {reason}"));
        let (input, inputs) = match self.public_names() {
            [] if self.committed_input => (InputMode::Committed, Vec::new()),
            [] => (InputMode::public_if(self.public_input.is_some()), Vec::new()),
            names => input.public(names).map_err(wrong)?,
        };
        let choices = self.prices()?;
        Ok(PlanOptions { visibility: Visibility { input, ..choices.visibility }, inputs, ..choices })
    }

    /// The same of a plan that is there, whose price is asked for.
    pub(crate) fn prices(&self) -> Result<PlanOptions, CliError> {
        let weights = match (self.weights, self.family) {
            (Some(Weights::Private), _) | (None, Some(LayoutFamily::Direct)) => WeightMode::Private,
            (Some(Weights::Fixed), _) => WeightMode::Fixed,
            (Some(Weights::Committed), _) | (None, _) => WeightMode::Committed,
        };
        Ok(PlanOptions {
            visibility: Visibility { input: InputMode::Private, weights },
            inputs: Vec::new(),
            min_k: self.min_k,
            max_k: self.max_k,
            family: self.family.map(Into::into),
            lanes: self.lanes,
            max_weight_lanes: self.max_lanes,
            tape: None,
            whole_grids: false,
            requantise: self.requantise.map(Into::into),
            lookups: self.lookups.map(Into::into),
            profile: self.profile.as_deref().map(read_profile).transpose()?,
            objective: self.objective.into(),
            limits: Limits { memory: self.max_memory, columns: self.max_columns },
            exhaustive: false,
        })
    }
}

pub(crate) fn read_profile(path: &Path) -> Result<Profile, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Ok(Profile::from_json(&text).map_err(zklayout::Error::from)?)
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Powers of tau")]
pub(crate) struct PowersOptions {
    /// Powers of tau: halo2's raw format, or snarkjs's .ptau prepared for phase 2. Without it an insecure development
    /// setup is made.
    #[arg(long)]
    pub(crate) srs: Option<PathBuf>,
    /// Refuse powers of tau of another hash.
    #[arg(long, value_name = "HASH")]
    pub(crate) srs_hash: Option<String>,
    #[command(flatten)]
    pub(crate) cache: CacheOptions,
}

/// Where what any run can use again is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheOptions {
    /// Folder for development setups, tables of the powers of tau and this machine's speed. Without it that of the user's caches.
    #[arg(long, alias = "srs-cache", value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
}

impl CacheOptions {
    /// The folder, which may not be there yet.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(user_cache)
    }
}

fn user_cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    named.or_else(home).unwrap_or_else(std::env::temp_dir).join("zklayout")
}

/// What a proof is bound to beside its key.
#[derive(Debug, Args)]
#[command(next_help_heading = "Context")]
pub(crate) struct ContextOptions {
    /// What the proof is for, at most 64 KiB: a nonce, a purpose. It verifies for nothing else. Its hash is in the proof.
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    /// The same from a file, byte by byte.
    #[arg(long, value_name = "FILE", conflicts_with = "context")]
    context_file: Option<PathBuf>,
}

impl ContextOptions {
    /// The context's bytes, no more of a file than show that it is too long.
    pub(crate) fn read(&self) -> Result<Vec<u8>, CliError> {
        let Some(path) = &self.context_file else {
            return Ok(self.context.clone().unwrap_or_default().into_bytes());
        };
        let mut bytes = Vec::new();
        let file = File::open(path).and_then(|file| file.take(MOST_CONTEXT as u64 + 1).read_to_end(&mut bytes));
        file.map_err(|source| CliError::Read { path: path.clone(), source })?;
        if bytes.len() > MOST_CONTEXT {
            let reason = format!("a context has at most {MOST_CONTEXT} bytes; give its hash instead");
            return Err(CliError::Usage(format!("{}: {reason}", path.display())));
        }
        Ok(bytes)
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct SampleOptions {
    /// The input (.npy, .npz or .json); of a model with several, NAME=FILE for each.
    #[arg(long, required_unless_present = "text", value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// The input of a model of token ids as a text, cut by `tokenizer.json` beside the model. That is not proven, as ids are not.
    #[arg(long, conflicts_with_all = ["input", "index"])]
    pub(crate) text: Option<String>,
    /// Another tokenizer's file.
    #[arg(long, value_name = "FILE", requires = "text")]
    pub(crate) tokenizer: Option<PathBuf>,
    /// Which sample of a file that holds several.
    #[arg(long, default_value_t = 0)]
    pub(crate) index: usize,
}

/// A model, an input, and how to lay it out and set it up.
#[derive(Debug, Args)]
pub(crate) struct JobOptions {
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    #[command(flatten)]
    pub(crate) sample: SampleOptions,
    #[command(flatten)]
    pub(crate) layout: LayoutOptions,
    #[command(flatten)]
    pub(crate) powers: PowersOptions,
}

/// Options that a finished setup has no use for.
const SCALES: [&str; 8] =
    ["calibration", "range", "input_bits", "weight_bits", "table_bits", "margin", "max_error", "allow_error"];
const LAYOUT: [&str; 13] = [
    "public_input",
    "committed_input",
    "weights",
    "family",
    "max_k",
    "min_k",
    "lanes",
    "max_lanes",
    "requantise",
    "lookups",
    "objective",
    "max_memory",
    "max_columns",
];

/// What keys are made of: everything but an input.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    #[command(flatten)]
    pub(crate) scales: ScaleOptions,
    #[command(flatten)]
    pub(crate) layout: LayoutOptions,
    /// Use this saved plan instead of choosing one.
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) powers: PowersOptions,
    #[command(flatten)]
    pub(crate) owner: OwnerOptions,
    /// Go on where the prediction needs more memory than there is.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What the owner of committed weights has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Committed weights")]
pub(crate) struct OwnerOptions {
    /// The owner's seed, a secret: made if it is not there. MODEL.seed beside the model if not given. Lost, no more proofs are
    /// made of its commitment; leaked, the commitment hides weights no better than a hash of them.
    #[arg(long)]
    pub(crate) seed: Option<PathBuf>,
    /// A model commitment that `commit` or `setup` wrote: its weight tape is kept, and with it the model's digest. Needs its seed.
    #[arg(long, requires = "seed")]
    pub(crate) commitment: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CommitCommand {
    /// The model: ONNX, or integers already: TensorFlow Lite quantised to bytes, or what `quantise` wrote.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// The file for the commitment, which holds nothing secret; MODEL.commitment beside the model if not given.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// What the holder of a committed input has.
#[derive(Debug, Args)]
pub(crate) struct HolderOptions {
    /// The commitment to the input, which holds nothing secret: made if it is not there. INPUT.commitment beside the input if not
    /// given.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_commitment: Option<PathBuf>,
    /// Its seed, a secret. INPUT.seed beside the input if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_seed: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CommitInputCommand {
    /// The model's file, which the setup must be of: inputs are then read as the model names them.
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    /// The folder of a setup that was made with --committed-input: of every model that takes such inputs at one scale, planned with
    /// as many rows, it gives a commitment that serves all.
    #[arg(long)]
    pub(crate) setup: PathBuf,
    #[command(flatten)]
    pub(crate) sample: SampleOptions,
    #[command(flatten)]
    pub(crate) powers: PowersOptions,
    #[command(flatten)]
    pub(crate) holder: HolderOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SetupCommand {
    /// The model: ONNX, or integers already: TensorFlow Lite quantised to bytes, or what `quantise` wrote.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// Folder for the setup; `setups/MODEL` if not given.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Let fewer samples choose the scales than a setup for other inputs should have.
    #[arg(long)]
    pub(crate) few_samples: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// The model; a setup is made first. With --setup, the model that the setup must be of.
    #[arg(required_unless_present = "setup")]
    pub(crate) model: Option<PathBuf>,
    /// The folder of a setup, whose keys, scales and plan are used.
    #[arg(long, conflicts_with_all = SCALES, conflicts_with_all = LAYOUT, conflicts_with_all = ["setup_out", "plan", "commitment"])]
    pub(crate) setup: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    #[command(flatten)]
    pub(crate) sample: SampleOptions,
    #[command(flatten)]
    pub(crate) context: ContextOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    #[command(flatten)]
    pub(crate) holder: HolderOptions,
    /// Which code makes the proof; the proof's format and its verifier are one.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) prover: ProverChoice,
    /// Folder for the proof and what verifying it takes, without secrets; `proofs/MODEL` if not given.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Folder for the setup that is made first; `setups/MODEL` if not given.
    #[arg(long)]
    pub(crate) setup_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct QuantiseCommand {
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// The file for the integers, which other commands take as a model: MODEL.quantised. It holds the weights.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The model.
    #[arg(required_unless_present = "setup")]
    pub(crate) model: Option<PathBuf>,
    /// The folder of a setup, whose ranges count.
    #[arg(long, conflicts_with_all = SCALES)]
    pub(crate) setup: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    #[command(flatten)]
    pub(crate) scales: ScaleOptions,
    /// The samples (.npy, .npz or .json).
    #[arg(long)]
    pub(crate) samples: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The folders that `prove` wrote: several proofs of one key, and one model, are verified together.
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// The verifying key; the first folder's if not given.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// The model commitment; the first folder's if not given.
    #[arg(long)]
    pub(crate) commitment: Option<PathBuf>,
    /// Refuse a model commitment of another digest. A folder can vouch for its proof, not for its model.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) model_digest: Option<String>,
    /// The commitment to the input; each folder's own if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_commitment: Option<PathBuf>,
    /// Refuse proofs about an input of another digest.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) input_digest: Option<String>,
    /// Refuse a verifying key of another hash. A folder can vouch for its proof, not for its key.
    #[arg(long)]
    pub(crate) key_hash: Option<String>,
    /// Refuse a verifying key with more than 2^k rows: halo2 takes 224 bytes of memory for each row to verify.
    #[arg(long, default_value_t = 22)]
    pub(crate) max_k: u32,
    /// The verifier's part of the powers of tau; the folder's if not given.
    #[arg(long)]
    pub(crate) srs: Option<PathBuf>,
    /// Refuse powers of tau of another hash. The verifying key's hash covers them too.
    #[arg(long, value_name = "HASH")]
    pub(crate) srs_hash: Option<String>,
    #[command(flatten)]
    pub(crate) context: ContextOptions,
    /// Token ids (.npy, .npz or .json) that the public input must be the embedding of. No proof shows that; the model's file does.
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) ids: Option<PathBuf>,
    /// Which text of a file that holds several.
    #[arg(long, default_value_t = 0, requires = "ids")]
    pub(crate) index: usize,
    /// The model whose embedding --ids are looked up in.
    #[arg(long, value_name = "FILE", requires = "ids")]
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dimensions: FreeDimensions,
}

#[derive(Debug, Args)]
pub(crate) struct AuditOptions {
    /// The model's file, if the setup's integers are to be those made of it.
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
    /// The folder of the setup, which the owner gives to the auditor: it holds the weights, and not the seed. With --verify, the
    /// folder of a proof does as well.
    #[arg(long)]
    pub(crate) setup: PathBuf,
    /// Make a proof of the audit, for those who do not have the weights, and write it to this file. Takes the owner's seed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "verify"])]
    pub(crate) prove: Option<PathBuf>,
    /// Verify such a proof; the weights are not needed.
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub(crate) verify: Option<PathBuf>,
    /// The owner's seed, for --prove; where the setup says it is if not given.
    #[arg(long, requires = "prove")]
    pub(crate) seed: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) powers: PowersOptions,
}

#[derive(Debug, Args)]
pub(crate) struct InspectOptions {
    /// The model.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    #[command(flatten)]
    pub(crate) layout: LayoutOptions,
    #[command(flatten)]
    pub(crate) cache: CacheOptions,
    /// Write the plan to this file.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Draw the grid to this SVG file.
    #[arg(long)]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AccuracyOptions {
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// Samples (.npz with `inputs`, and `labels` if there are any).
    #[arg(long)]
    pub(crate) samples: PathBuf,
    /// Show the error of every layer too.
    #[arg(long)]
    pub(crate) layers: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchmarkOptions {
    #[command(flatten)]
    pub(crate) job: JobOptions,
    /// Which code makes the proofs.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) prover: ProverChoice,
    /// How many proofs to make.
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: usize,
    /// Do not measure the unit of speed.
    #[arg(long)]
    pub(crate) no_unit: bool,
    /// Use this saved plan instead of choosing one.
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateCommand {
    /// Write the profile to this file.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// The profile's name.
    #[arg(long, default_value = "this-machine")]
    pub(crate) name: String,
    /// Smallest logarithm of the number of rows.
    #[arg(long, default_value_t = 8)]
    pub(crate) min_k: u32,
    /// Largest logarithm of the number of rows.
    #[arg(long, default_value_t = 15)]
    pub(crate) max_k: u32,
    /// Threads that the prover will use; all if not given.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Earlier profiles of the same machine; the faster of all measurements count.
    #[arg(long)]
    pub(crate) earlier: Vec<PathBuf>,
    /// Extend this profile, of any machine, up to --max-k: by this machine's ratios to the largest size that it has.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["earlier", "min_k", "name"])]
    pub(crate) extend: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompareOptions {
    #[command(flatten)]
    pub(crate) job: JobOptions,
    /// How many layouts to prove.
    #[arg(long, default_value_t = 12)]
    pub(crate) layouts: usize,
    /// How many proofs to make of each in a round; the fastest counts.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// How many times to go through all layouts; the fastest counts.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// Write the raw figures to this file.
    #[arg(long)]
    pub(crate) csv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AblationOptions {
    #[command(flatten)]
    pub(crate) job: JobOptions,
    /// How many proofs to make of each layout; the fastest counts.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_name_each_other_rightly() {
        super::Arguments::command().debug_assert();
    }
}
