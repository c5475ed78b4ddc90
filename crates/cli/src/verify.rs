//! `zklayout verify`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use zklayout::plan::{NamedInput, PlanHash};
use zklayout::prover::{Commitments, ProverError, verify_all};
use zklayout::{
    AnyModel, Artefact, InputCommitment, ModelCommitment, Plan, ProofBundle, PublicValues, Samples, SetupRecord,
    VerifierSrs, VerifyingKey, files,
};

use crate::args::VerifyOptions;
use crate::error::CliError;
use crate::powers::Powers;
use crate::report;
use crate::terminal::say;

#[derive(Serialize)]
struct Summary<'a> {
    verified: bool,
    #[serde(flatten)]
    powers: &'a Powers,
    verifying_key: String,
    /// Whether the caller named the key or its hash: else whoever made it may have made a circuit that shows nothing.
    key_pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Model>,
    context: String,
    /// Whether the caller named the digest of the input that the proofs are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_pinned: Option<bool>,
    /// What the folder says of the key; no proof shows it.
    recorded_not_proven: Option<&'a SetupRecord>,
    #[serde(flatten)]
    proof: Option<Shown<'a>>,
    /// Where several folders were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    proofs: Option<Vec<Shown<'a>>>,
    /// Where the public input was held against token ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids_checked: Option<bool>,
    seconds: f64,
}

/// The model commitment that proofs are of, and what is known of the numbers that it holds.
#[derive(Serialize)]
struct Model {
    digest: String,
    /// Whether the caller named the digest: else any weights may have given the output.
    pinned: bool,
    /// Whether somebody showed here that the numbers are integers of the plan's bits.
    audited: bool,
}

/// What one proof shows.
#[derive(Serialize)]
struct Shown<'a> {
    folder: &'a Path,
    output: &'a [i64],
    output_values: &'a [f64],
    output_stored: Option<&'a [i64]>,
    input_values: Option<&'a [f64]>,
    /// Where some of several inputs are public.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Input<'a>>,
    /// Digest of the commitment to the input, if the input is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
}

/// One of several inputs, as the key names it.
#[derive(Serialize)]
struct Input<'a> {
    name: &'a str,
    public: bool,
    values: Option<&'a [f64]>,
}

impl<'a> Input<'a> {
    /// Every input of a plan that names them, with what a proof shows of it.
    fn all(plan: &'a Plan, public: &'a PublicValues) -> Vec<Self> {
        let mut rest = public.input_values.as_deref().unwrap_or_default();
        let mut one = |input: &'a NamedInput| {
            let values = if input.public { rest.split_off(..input.values) } else { None };
            Self { name: &input.name, public: input.public, values }
        };
        plan.inputs.iter().map(&mut one).collect()
    }

    fn statement(&self) -> String {
        const MOST: usize = 8;
        let Some(values) = self.values else { return format!("input {:?} is private", self.name) };
        let first: Vec<String> = values.iter().take(MOST).map(|value| format!("{value:.4}")).collect();
        let more = if values.len() > MOST { format!(" ... ({} values)", values.len()) } else { String::new() };
        format!("input {:?} is public: {}{more}", self.name, first.join(" "))
    }
}

impl<'a> Shown<'a> {
    fn of(plan: &'a Plan, (folder, public): (&'a PathBuf, &'a PublicValues)) -> Self {
        Self {
            inputs: Input::all(plan, public),
            folder,
            output: &public.output,
            output_values: &public.output_values,
            output_stored: public.output_stored.as_deref(),
            input_values: public.input_values.as_deref(),
            input: public.record.map(|input| input.to_string()),
        }
    }
}

pub(crate) fn run(options: &VerifyOptions, json: bool) -> Result<(), CliError> {
    let key = trusted_key(options)?;
    let srs = VerifierSrs::load(&path(options, options.srs.as_deref(), files::VERIFIER_SRS))?;
    Powers::check(&srs, options.srs_hash.as_deref())?;
    let context = options.context.read()?;
    let bundles = options.folders.iter().map(|folder| ProofBundle::load(&folder.join(files::PROOF)));
    let bundles = bundles.collect::<Result<Vec<_>, _>>()?;
    let commitment = trusted_model(options, &key)?;
    let inputs = trusted_inputs(options, &key, &bundles)?;
    let commitments = Commitments { model: commitment.as_ref(), inputs: &inputs };
    let start = Instant::now();
    let all: Vec<_> = bundles.iter().map(|bundle| (bundle, context.as_slice())).collect();
    let public =
        verify_all(&srs, &key, commitments, &all).map_err(|(place, error)| refused(options, place, error))?;
    let seconds = start.elapsed().as_secs_f64();
    let ids = options.ids.as_deref().map(|ids| check_ids(options, ids, &key, &public)).transpose()?;
    let record = recorded(first(options), key.hash());
    let model = commitment.map(|commitment| Model {
        digest: commitment.digest().to_string(),
        pinned: options.model_digest.is_some(),
        audited: false,
    });
    let plan = key.plan()?;
    let each = options.folders.iter().zip(&public);
    let mut shown: Vec<Shown<'_>> = each.map(|one| Shown::of(&plan, one)).collect();
    let summary = Summary {
        verified: true,
        powers: &Powers::of(&srs),
        verifying_key: key.hash().to_string(),
        key_pinned: options.key_hash.is_some() || options.key.is_some(),
        model,
        context: bundles[0].context.to_string(),
        input_pinned: (!inputs.is_empty()).then_some(options.input_digest.is_some()),
        recorded_not_proven: record.as_ref().ok(),
        proof: (shown.len() == 1).then(|| shown.remove(0)),
        proofs: (shown.len() > 1).then_some(shown),
        ids_checked: ids,
        seconds,
    };
    if json {
        say!("{}", serde_json::json!(summary));
    } else {
        print(&summary, &public, record.as_ref().err());
    }
    Ok(())
}

fn print(summary: &Summary<'_>, public: &[PublicValues], unrecorded: Option<&String>) {
    for shown in summary.proofs.iter().flatten() {
        let values: Vec<String> = shown.output_values.iter().map(|value| format!("{value:.4}")).collect();
        say!("{}: output {}", shown.folder.display(), values.join(" "));
    }
    if let [public] = public {
        say!("{}", outputs(public));
    }
    let of_key = if summary.key_pinned {
        "the one that was asked for"
    } else {
        "not pinned: --key-hash says which it must be; of another key nothing below means anything"
    };
    say!("verifying key {} ({of_key})", summary.verifying_key);
    if let Some(model) = &summary.model {
        let whose = if model.pinned {
            "the one that was asked for"
        } else {
            "not pinned: --model-digest says whose it must be; some numbers give any output of an input that is known"
        };
        say!("model {} ({whose})", model.digest);
        say!(
            "weights: the committed numbers; that they are integers of the plan's bits is shown by an audit, not here"
        );
    }
    let shown = summary.proof.iter().chain(summary.proofs.iter().flatten());
    for (folder, input) in shown.clone().flat_map(|shown| shown.inputs.iter().map(|input| (shown.folder, input))) {
        say!("{}, of {}", input.statement(), folder.display());
    }
    for (folder, input) in shown.filter_map(|shown| Some((shown.folder, shown.input.as_ref()?))) {
        let pinned = "the one that was asked for";
        let open = "not pinned: --input-digest says whose it must be";
        let whose = if summary.input_pinned == Some(true) { pinned } else { open };
        say!("input {input} ({whose}), of {}", folder.display());
    }
    if summary.context != PlanHash::of("context", &[]).to_string() {
        say!("context {}", summary.context);
    }
    match (summary.recorded_not_proven, unrecorded) {
        (Some(record), _) => say!("recorded by whoever made the setup, not proven: {record}"),
        (None, reason) => {
            let reason = reason.map_or("", String::as_str);
            say!("how far the integers are from a float model is not recorded: {reason}");
        }
    }
    if summary.ids_checked.is_some() {
        say!("the public input is what the model's embedding makes of the given ids");
    } else if let Some(embedding) = summary.recorded_not_proven.and_then(|record| record.embedding.as_ref()) {
        say!(
            "input, as recorded and not proven: {}",
            embedding.statement(public.iter().all(|public| public.input_values.is_some()))
        );
    }
    if let Some(places) = summary.recorded_not_proven.and_then(|record| record.places.as_ref()) {
        say!("output, as recorded and not proven: {}", places.statement());
    }
    summary.powers.print();
    say!("verified in {}", report::seconds(summary.seconds));
}

/// Holds one proof's public input against ids.
fn check_ids(
    options: &VerifyOptions,
    ids: &Path,
    key: &VerifyingKey,
    public: &[PublicValues],
) -> Result<bool, CliError> {
    let wrong = |reason: &str| CliError::Usage(format!("--ids: {reason}"));
    let [PublicValues { input_values: Some(input), .. }] = public else {
        return Err(wrong("the input of one proof is held against ids, and it must be public"));
    };
    let path = options.model.as_deref().ok_or_else(|| wrong("give the model whose ids they are"))?;
    let file = AnyModel::open_with(path, &options.dimensions.read(&[])?)?;
    let model = file.float().ok_or(CliError::Library(zklayout::Error::NoIds))?;
    let given = Samples::read(ids, model.input())?;
    model.check_ids(given.get(options.index, ids)?, &key.plan()?, input)?;
    Ok(true)
}

fn first(options: &VerifyOptions) -> &Path {
    options.folders.first().map_or(Path::new("."), PathBuf::as_path)
}

/// Says which of several proofs is refused.
fn refused(options: &VerifyOptions, place: usize, source: ProverError) -> CliError {
    match options.folders.get(place).filter(|_| options.folders.len() > 1) {
        Some(folder) => CliError::UnverifiedIn { folder: folder.clone(), source },
        None => CliError::Unverified(source),
    }
}

/// The model commitment, if the key is of committed weights: the one that is pinned, if any is.
fn trusted_model(options: &VerifyOptions, key: &VerifyingKey) -> Result<Option<ModelCommitment>, CliError> {
    if key.plan()?.shape.committed_lanes == 0 {
        if options.model_digest.is_some() {
            let reason = "its key is not of committed weights, so that it is of no model digest";
            return Err(CliError::Usage(format!("{}: {reason}", first(options).display())));
        }
        return Ok(None);
    }
    let path = path(options, options.commitment.as_deref(), files::MODEL_COMMITMENT);
    let commitment = ModelCommitment::load(&path)?;
    let found = commitment.digest().to_string();
    match &options.model_digest {
        Some(expected) if *expected != found => {
            Err(CliError::Usage(format!("{} is of model {found}, expected {expected}", path.display())))
        }
        _ => Ok(Some(commitment)),
    }
}

/// The commitments to the inputs that bundles are about, if the key is of committed inputs: the one that is pinned, if any is.
fn trusted_inputs(
    options: &VerifyOptions,
    key: &VerifyingKey,
    bundles: &[ProofBundle],
) -> Result<Vec<InputCommitment>, CliError> {
    if key.plan()?.shape.bound_lanes == 0 {
        if options.input_digest.is_some() || options.input_commitment.is_some() {
            let reason = "its key is not of committed inputs, so that it is of no input digest";
            return Err(CliError::Usage(format!("{}: {reason}", first(options).display())));
        }
        return Ok(Vec::new());
    }
    let own = |folder: &PathBuf| folder.join(files::INPUT_COMMITMENT);
    let paths: Vec<PathBuf> = match &options.input_commitment {
        Some(path) => vec![path.clone()],
        None => options.folders.iter().map(own).collect(),
    };
    let mut inputs: Vec<InputCommitment> = Vec::new();
    for path in paths {
        let input = InputCommitment::load(&path)?;
        if inputs.iter().all(|other| other.digest() != input.digest()) {
            inputs.push(input);
        }
    }
    let expected = options.input_digest.as_ref();
    let other = |digest: &PlanHash| expected.is_some_and(|expected| *expected != digest.to_string());
    match bundles.iter().filter_map(|bundle| bundle.record).find(other) {
        None => Ok(inputs),
        Some(found) => {
            let expected = options.input_digest.as_deref().unwrap_or_default();
            Err(CliError::Usage(format!("a proof is about input {found}, expected {expected}")))
        }
    }
}

fn path(options: &VerifyOptions, given: Option<&Path>, name: &str) -> PathBuf {
    given.map_or_else(|| first(options).join(name), Path::to_owned)
}

/// The verifying key, if it has the hash and at most the size that are asked for.
fn trusted_key(options: &VerifyOptions) -> Result<VerifyingKey, CliError> {
    let key = VerifyingKey::load(&path(options, options.key.as_deref(), files::VERIFYING_KEY))?;
    if let Some(expected) = options.key_hash.as_ref().filter(|expected| **expected != key.hash().to_string()) {
        return Err(CliError::Usage(format!("the verifying key's hash is {}, expected {expected}", key.hash())));
    }
    let k = key.plan()?.k();
    if k > options.max_k {
        let reason = format!("the verifying key is for 2^{k} rows, more than 2^{}; raise --max-k", options.max_k);
        return Err(CliError::Usage(reason));
    }
    Ok(key)
}

fn outputs(public: &PublicValues) -> comfy_table::Table {
    let mut table = report::table(&["output", "integer", "value", "stored"]);
    for (index, (integer, value)) in public.output.iter().zip(&public.output_values).enumerate() {
        let stored = public.output_stored.as_ref().and_then(|stored| stored.get(index));
        let stored = stored.map_or("-".to_owned(), ToString::to_string);
        table.add_row([index.to_string(), integer.to_string(), format!("{value:.4}"), stored]);
    }
    table
}

/// What the folder's record says of this key, or why it says nothing. A proof is as good without it.
fn recorded(folder: &Path, key: PlanHash) -> Result<SetupRecord, String> {
    let path = folder.join(files::RECORD);
    if !path.exists() {
        return Err(format!("{} has no {}", folder.display(), files::RECORD));
    }
    let record = SetupRecord::load(&path).map_err(|error| error.to_string())?;
    if record.verifying_key == key.to_string() {
        Ok(record)
    } else {
        Err(format!("{} is of another key", path.display()))
    }
}
