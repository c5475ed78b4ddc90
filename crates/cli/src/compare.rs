//! `zklayout predictions`: predicted beside measured costs, over layouts spread over all candidates.
//!
//! Each layout is proven by a process of its own, so that its peak memory is its own.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use zklayout::{Candidate, Cost, Knobs, Plan};

use crate::args::{CompareOptions, JobOptions};
use crate::error::CliError;
use crate::progress::Steps;
use crate::session::Job;
use crate::{plan, report};

/// What `zklayout benchmark --json` reports.
#[derive(Deserialize)]
struct Measured {
    prove_best: f64,
    verify_best: f64,
    keygen: f64,
    peak_memory_bytes: Option<u64>,
    proof_bytes: usize,
}

impl Measured {
    /// The faster of two runs, number by number; the memory of the one that needed more.
    fn best(self, other: Self) -> Self {
        Self {
            prove_best: self.prove_best.min(other.prove_best),
            verify_best: self.verify_best.min(other.verify_best),
            keygen: self.keygen.min(other.keygen),
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            proof_bytes: other.proof_bytes,
        }
    }
}

#[derive(Serialize)]
struct Prediction {
    layout: String,
    measured_seconds: f64,
    measured_memory: u64,
    measured_keygen: f64,
    measured_verify: f64,
    measured_proof_bytes: usize,
    predicted: Cost,
}

impl Prediction {
    fn of(layout: String, predicted: Cost, measured: Measured) -> Self {
        Self {
            layout,
            measured_seconds: measured.prove_best,
            measured_memory: measured.peak_memory_bytes.unwrap_or(0),
            measured_keygen: measured.keygen,
            measured_verify: measured.verify_best,
            measured_proof_bytes: measured.proof_bytes,
            predicted,
        }
    }
}

#[derive(Serialize)]
struct Predictions {
    layouts: Vec<Prediction>,
    /// Mean absolute errors, relative to what was measured.
    prove_error: f64,
    memory_error: f64,
    keygen_error: f64,
    verify_error: f64,
    /// Rank correlation of predicted and measured proving times.
    kendall_tau: f64,
    exact_proof_bytes: bool,
}

pub(crate) fn run(options: &CompareOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let job = Job::prepare(&options.job, &mut steps)?;
    let choices = options.job.layout.plan()?;
    let mut priced = Vec::new();
    for candidate in job.quantised.candidates(&choices)? {
        let plan = job.quantised.realise(&candidate, &choices)?;
        // Like the planner, leave out what the profile was not measured for.
        if let Ok(cost) = plan::price(&plan, &choices) {
            priced.push((cost, candidate, plan));
        }
    }
    priced.sort_by(|(a, ..), (b, ..)| a.prove_seconds.total_cmp(&b.prove_seconds));
    let chosen = spread(priced, options.layouts);
    let mut best: Vec<Option<Measured>> = chosen.iter().map(|_| None).collect();
    for _ in 0..options.rounds.max(1) {
        for ((_, candidate, plan), best) in chosen.iter().zip(&mut best) {
            let measured = steps.run(&name(candidate), || measure(options, plan))?;
            *best = Some(match best.take() {
                Some(other) => other.best(measured),
                None => measured,
            });
        }
    }
    let layouts = chosen
        .into_iter()
        .zip(best)
        .filter_map(|((cost, candidate, _), measured)| Some(Prediction::of(name(&candidate), cost, measured?)));
    let layouts = layouts.collect();
    let predictions = Predictions::of(layouts);
    if json {
        println!("{}", serde_json::json!(predictions));
    } else {
        print(&predictions);
    }
    Ok(())
}

/// The cheapest half one by one, and as many again spread over the rest: neighbours are what a planner has to order.
fn spread<T>(sorted: Vec<T>, count: usize) -> Vec<T> {
    let (near, all) = (count.div_ceil(2), sorted.len());
    let far = count - near;
    let chosen = |place: usize| {
        place < near || (1..=far).any(|step| place == near + (all.saturating_sub(near + 1)) * step / (4 * far))
    };
    sorted.into_iter().enumerate().filter(|(place, _)| chosen(*place)).map(|(_, item)| item).collect()
}

fn name(candidate: &Candidate) -> String {
    match &candidate.knobs {
        Knobs::Direct(knobs) => format!(
            "direct {}x2^{} {:?} {:?} {} slots",
            knobs.columns, knobs.k, knobs.dot, knobs.relu, knobs.slots
        ),
        Knobs::Streams(knobs) => {
            let split = if knobs.remainders() { "split" } else { "whole" };
            format!("2^{}, {} lanes, {} weight lanes, {split}", knobs.k, knobs.lanes, knobs.weight_lanes)
        }
    }
}

fn measure(options: &CompareOptions, plan: &Plan) -> Result<Measured, CliError> {
    let file =
        tempfile::NamedTempFile::new().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
    plan::save(plan, file.path())?;
    let program = std::env::current_exe().map_err(|source| CliError::Read { path: "zklayout".into(), source })?;
    let mut command = Command::new(&program);
    command.args(["--json", "benchmark", "--runs", &options.runs.to_string(), "--plan"]).arg(file.path());
    forward(&options.job, &mut command);
    let output = command.output().map_err(|source| CliError::Read { path: program.clone(), source })?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| CliError::Usage(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The same model, samples and setup.
fn forward(job: &JobOptions, command: &mut Command) {
    command.arg(&job.model.model).arg("--input").arg(&job.sample.input);
    command.arg("--index").arg(job.sample.index.to_string());
    let files: [(&str, Option<&Path>); 3] = [
        ("--calibration", job.model.calibration.as_deref()),
        ("--srs", job.setup.srs.as_deref()),
        ("--srs-cache", job.setup.srs_cache.as_deref()),
    ];
    for (flag, file) in files {
        if let Some(file) = file {
            command.arg(flag).arg(file);
        }
    }
    let quantise = job.model.quantise();
    command.arg("--input-bits").arg(quantise.input_bits.to_string());
    command.arg("--weight-bits").arg(quantise.weight_bits.to_string());
    command.arg("--table-bits").arg(quantise.table_bits.to_string());
    command.arg("--margin").arg(quantise.margin.to_string());
}

impl Predictions {
    fn of(layouts: Vec<Prediction>) -> Self {
        let error = |pair: fn(&Prediction) -> (f64, f64)| {
            let errors = layouts.iter().map(pair).map(|(predicted, measured)| (predicted / measured - 1.0).abs());
            errors.sum::<f64>() / layouts.len().max(1) as f64
        };
        Self {
            prove_error: error(|p| (p.predicted.prove_seconds, p.measured_seconds)),
            memory_error: error(|p| (p.predicted.peak_memory as f64, p.measured_memory as f64)),
            keygen_error: error(|p| (p.predicted.keygen_seconds, p.measured_keygen)),
            verify_error: error(|p| (p.predicted.verify_seconds, p.measured_verify)),
            kendall_tau: kendall_tau(&layouts),
            exact_proof_bytes: layouts.iter().all(|p| p.predicted.proof_bytes == p.measured_proof_bytes),
            layouts,
        }
    }
}

/// Pairs in the same order less pairs in the opposite one, among all pairs.
fn kendall_tau(layouts: &[Prediction]) -> f64 {
    let pairs = layouts.iter().enumerate().flat_map(|(place, a)| layouts[place + 1..].iter().map(move |b| (a, b)));
    let agreements = pairs.map(|(a, b)| {
        let predicted = a.predicted.prove_seconds - b.predicted.prove_seconds;
        (predicted * (a.measured_seconds - b.measured_seconds)).signum()
    });
    let (count, sum) = agreements.fold((0.0, 0.0), |(count, sum), agreement| (count + 1.0, sum + agreement));
    if count > 0.0 { sum / count } else { 1.0 }
}

fn print(predictions: &Predictions) {
    let mut table =
        report::table(&["layout", "measured", "predicted", "memory", "predicted", "keys", "predicted"]);
    for layout in &predictions.layouts {
        table.add_row([
            layout.layout.clone(),
            report::seconds(layout.measured_seconds),
            report::seconds(layout.predicted.prove_seconds),
            report::bytes(layout.measured_memory),
            report::bytes(layout.predicted.peak_memory),
            report::seconds(layout.measured_keygen),
            report::seconds(layout.predicted.keygen_seconds),
        ]);
    }
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let pairs = [
        ("mean error, prove", percent(predictions.prove_error)),
        ("mean error, memory", percent(predictions.memory_error)),
        ("mean error, keys", percent(predictions.keygen_error)),
        ("mean error, verify", percent(predictions.verify_error)),
        ("Kendall's tau", format!("{:.3}", predictions.kendall_tau)),
        ("proof bytes", if predictions.exact_proof_bytes { "exact".into() } else { "WRONG".into() }),
    ];
    println!("{table}\n{}", report::pairs(&pairs));
}
