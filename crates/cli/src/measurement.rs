//! Costs of a plan, measured by a process of its own, so that its peak memory is its own.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use zklayout::{Plan, QuantisedModel};

use crate::args::JobOptions;
use crate::error::CliError;
use crate::plan;

/// What `zklayout benchmark --json` reports.
#[derive(Deserialize)]
pub(crate) struct Measured {
    pub(crate) prove_best: f64,
    pub(crate) verify_best: f64,
    pub(crate) keygen: f64,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) proof_bytes: usize,
    /// Where the fastest proof's time went, as it was reported.
    pub(crate) steps: serde_json::Value,
}

impl Measured {
    /// The faster of two runs, number by number; the memory of the one that needed more.
    pub(crate) fn best(self, other: Self) -> Self {
        let steps = if self.prove_best < other.prove_best { self.steps } else { other.steps };
        Self {
            prove_best: self.prove_best.min(other.prove_best),
            verify_best: self.verify_best.min(other.verify_best),
            keygen: self.keygen.min(other.keygen),
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            proof_bytes: other.proof_bytes,
            steps,
        }
    }
}

/// Proves a plan `runs` times.
pub(crate) fn measure(
    job: &JobOptions,
    quantised: &QuantisedModel,
    runs: usize,
    plan: &Plan,
) -> Result<Measured, CliError> {
    let file =
        tempfile::NamedTempFile::new().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
    plan::save(plan, file.path())?;
    let program = std::env::current_exe().map_err(|source| CliError::Read { path: "zklayout".into(), source })?;
    let mut command = Command::new(&program);
    command.args(["--json", "benchmark", "--no-unit", "--runs", &runs.to_string(), "--plan"]).arg(file.path());
    forward(job, quantised, &mut command);
    let output = command.output().map_err(|source| CliError::Read { path: program.clone(), source })?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| CliError::Usage(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The same model, samples, bits and setup.
fn forward(job: &JobOptions, quantised: &QuantisedModel, command: &mut Command) {
    command.arg(&job.model.model);
    for input in &job.sample.input {
        command.arg("--input").arg(input);
    }
    if let Some(text) = &job.sample.text {
        command.arg(format!("--text={text}"));
    }
    if let Some(tokenizer) = &job.sample.tokenizer {
        command.arg("--tokenizer").arg(tokenizer);
    }
    command.args(job.model.reading.arguments());
    if job.sample.text.is_none() {
        command.arg("--index").arg(job.sample.index.to_string());
    }
    let scales = &job.model.scales;
    let files: [(&str, Option<&Path>); 3] = [
        ("--calibration", scales.calibration.as_deref()),
        ("--srs", job.powers.srs.as_deref()),
        ("--cache", job.powers.cache.cache.as_deref()),
    ];
    for (flag, file) in files {
        if let Some(file) = file {
            command.arg(flag).arg(file);
        }
    }
    if let Some((lo, hi)) = scales.range {
        command.arg("--range").arg(format!("{lo}..{hi}"));
    }
    command.args(job.layout.public_arguments());
    if let Some(memory) = job.layout.max_memory() {
        command.arg("--max-memory").arg(memory.to_string());
    }
    if job.layout.committed_input {
        command.arg("--committed-input");
    }
    let Some(quantise) = quantised.options() else { return };
    command.arg("--allow-error").arg(scales.allow_error.to_string());
    command.arg("--input-bits").arg(quantise.input_bits.to_string());
    command.arg("--weight-bits").arg(quantise.weight_bits.to_string());
    command.arg("--table-bits").arg(quantise.table_bits.to_string());
    command.arg("--margin").arg(quantise.margin.to_string());
}
