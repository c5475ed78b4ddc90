//! `zklayout verify`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use zklayout::plan::PlanHash;
use zklayout::{Artefact, ProofBundle, PublicValues, SetupRecord, VerifierSrs, VerifyingKey, files, verify};

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
    context: String,
    /// What the folder says of the key; no proof shows it.
    recorded_not_proven: Option<&'a SetupRecord>,
    output: &'a [i64],
    output_values: &'a [f64],
    output_stored: Option<&'a [i64]>,
    input_values: Option<&'a [f64]>,
    seconds: f64,
}

pub(crate) fn run(options: &VerifyOptions, json: bool) -> Result<(), CliError> {
    let key = trusted_key(options)?;
    let srs = VerifierSrs::load(&path(options, options.srs.as_deref(), files::VERIFIER_SRS))?;
    Powers::check(&srs, options.srs_hash.as_deref())?;
    let context = options.context.read()?;
    let bundle = ProofBundle::load(&options.folder.join(files::PROOF))?;
    let start = Instant::now();
    let public = verify(&srs, &key, &bundle, &context).map_err(CliError::Unverified)?;
    let seconds = start.elapsed().as_secs_f64();
    let powers = Powers::of(&srs);
    let record = recorded(&options.folder, key.hash());
    if json {
        let summary = Summary {
            verified: true,
            powers: &powers,
            verifying_key: key.hash().to_string(),
            context: bundle.context.to_string(),
            recorded_not_proven: record.as_ref().ok(),
            output: &public.output,
            output_values: &public.output_values,
            output_stored: public.output_stored.as_deref(),
            input_values: public.input_values.as_deref(),
            seconds,
        };
        say!("{}", serde_json::json!(summary));
        return Ok(());
    }
    say!("{}", outputs(&public));
    say!("verifying key {}", key.hash());
    if !context.is_empty() {
        say!("context {}", bundle.context);
    }
    match record {
        Ok(record) => say!("recorded by whoever made the setup, not proven: {record}"),
        Err(reason) => say!("how far the integers are from a float model is not recorded: {reason}"),
    }
    powers.print();
    say!("verified in {}", report::seconds(seconds));
    Ok(())
}

fn path(options: &VerifyOptions, given: Option<&Path>, name: &str) -> PathBuf {
    given.map_or_else(|| options.folder.join(name), Path::to_owned)
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
