//! `zklayout compare`: predicted beside measured costs, over layouts spread over all candidates.
//!
//! Each layout is proven by a process of its own, so that its peak memory is its own. Machines do not keep their speed:
//! it is measured for each kind of work before and after each layout, and times are compared at the speed that the profile was
//! measured at.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use zklayout::cost::{Cost, CostError, CostModel, Profile, Speed};
use zklayout::plan::{CircuitShape, Occupancy, Plan, Priced};
use zklayout::prover::{WorkSeconds, Workload};

use crate::args::CompareOptions;
use crate::error::CliError;
use crate::measurement::{Measured, measure};
use crate::progress::Steps;
use crate::session::Job;
use crate::terminal::say;
use crate::{plan, report};

/// Runs of the work on each side of a layout; the fastest counts, as of its proofs.
const WORK_RUNS: usize = 5;
/// Most tries at a layout while the machine changes its speed meanwhile, and by how much it may.
const MOST_TRIES: usize = 4;
const STEADY: f64 = 0.06;
/// Logarithm of the most rows that the work has: it has those of the layout, whose columns lie in the same caches.
const MOST_WORK_K: u32 = 16;

#[derive(Serialize)]
struct Prediction {
    layout: String,
    measured_seconds: f64,
    /// The same at the speed of the machine that the profile was measured on, as those below.
    adjusted_seconds: f64,
    adjusted_keygen: f64,
    adjusted_verify: f64,
    measured_memory: u64,
    measured_keygen: f64,
    measured_verify: f64,
    measured_proof_bytes: usize,
    /// Seconds of the fastest proof's steps.
    steps: serde_json::Value,
    predicted: Cost,
    shape: CircuitShape,
    occupancy: Occupancy,
}

impl Prediction {
    fn of(plan: &Plan, predicted: Cost, proven: Proven) -> Self {
        let Proven { measured, adjusted_seconds, adjusted_keygen, adjusted_verify } = proven;
        Self {
            layout: plan.layout.knobs().to_string(),
            measured_seconds: measured.prove_best,
            adjusted_seconds,
            adjusted_keygen,
            adjusted_verify,
            measured_memory: measured.peak_memory_bytes.unwrap_or(0),
            measured_keygen: measured.keygen,
            measured_verify: measured.verify_best,
            measured_proof_bytes: measured.proof_bytes,
            steps: measured.steps,
            predicted,
            shape: plan.shape.clone(),
            occupancy: plan.shape.occupancy,
        }
    }
}

#[derive(Serialize)]
struct Predictions {
    layouts: Vec<Prediction>,
    /// Mean absolute errors, relative to what was measured.
    measured_error: f64,
    /// The same at the profile's speed.
    prove_error: f64,
    memory_error: f64,
    keygen_error: f64,
    verify_error: f64,
    /// Rank correlation of predicted and measured proving times, at the profile's speed.
    kendall_tau: f64,
    exact_proof_bytes: bool,
}

pub(crate) fn run(options: &CompareOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let job = Job::prepare(&options.job, None, &mut steps)?;
    let choices = job.layout.clone();
    let mut chosen = Vec::new();
    for Priced { candidate, cost } in job.quantised.sample(&choices, options.layouts)? {
        chosen.push((cost, job.quantised.realise(&candidate, &choices)?));
    }
    let mut clock =
        Clock { work: BTreeMap::new(), profile: plan::profile(&choices)?, memory: choices.keeping_within() };
    let mut best: Vec<Option<Proven>> = chosen.iter().map(|_| None).collect();
    for _ in 0..options.rounds.max(1) {
        for ((_, plan), best) in chosen.iter().zip(&mut best) {
            let name = plan.layout.knobs().to_string();
            let proven = steps.run(&name, || {
                clock.time(&plan.shape, || measure(&options.job, &job.quantised, options.runs, plan))
            })?;
            *best = Some(match best.take() {
                Some(other) => other.best(proven),
                None => proven,
            });
        }
    }
    let layouts = chosen
        .into_iter()
        .zip(best)
        .filter_map(|((cost, plan), measured)| Some(Prediction::of(&plan, cost, measured?)));
    let predictions = Predictions::of(layouts.collect());
    if let Some(path) = &options.csv {
        plan::write_text(&predictions.csv(&options.job.model.model), path)?;
    }
    if json {
        say!("{}", serde_json::json!(predictions));
    } else {
        print(&predictions);
    }
    Ok(())
}

/// What work takes now, beside what it took when the profile was measured.
struct Clock {
    /// By the logarithm of its rows.
    work: BTreeMap<u32, Workload>,
    profile: Profile,
    /// What decides how much of a key is kept.
    memory: Option<u64>,
}

impl Clock {
    /// What a layout takes, measured again where the machine's speed changed meanwhile.
    fn time(
        &mut self,
        shape: &CircuitShape,
        run: impl Fn() -> Result<Measured, CliError>,
    ) -> Result<Proven, CliError> {
        let k = shape.k.min(MOST_WORK_K);
        let work = self.work.entry(k).or_insert_with(|| Workload::new(k));
        let mut tries = 0;
        let (before, measured, after) = loop {
            let (before, measured, after) = (work.fastest(WORK_RUNS), run()?, work.fastest(WORK_RUNS));
            tries += 1;
            if tries == MOST_TRIES || is_steady(&before, &after) {
                break (before, measured, after);
            }
        };
        let now = self.speed(before, after).map_err(zklayout::Error::from)?;
        let price = |profile: &Profile| {
            CostModel::new(profile).within(self.memory).price(shape).map_err(zklayout::Error::from)
        };
        let (there, here) = (price(&self.profile)?, price(&self.profile.at_speed(&now))?);
        let at_profile = |seconds: f64, of: fn(&Cost) -> f64| seconds * of(&there) / of(&here);
        Ok(Proven {
            adjusted_seconds: at_profile(measured.prove_best, |cost| cost.prove_seconds),
            adjusted_keygen: at_profile(measured.keygen, |cost| cost.keygen_seconds),
            adjusted_verify: at_profile(measured.verify_best, |cost| cost.verify_seconds),
            measured,
        })
    }

    fn speed(&self, before: WorkSeconds, after: WorkSeconds) -> Result<Speed, CostError> {
        let (before, after) = (before.beside(&self.profile)?, after.beside(&self.profile)?);
        let mean = |a: f64, b: f64| (a + b) / 2.0;
        Ok(Speed {
            points: mean(before.points, after.points),
            columns: mean(before.columns, after.columns),
            products: mean(before.products, after.products),
        })
    }
}

/// Whether no kind of work took much longer or shorter after a layout than before it.
fn is_steady(before: &WorkSeconds, after: &WorkSeconds) -> bool {
    let of: [fn(&WorkSeconds) -> f64; 3] = [|work| work.points, |work| work.columns, |work| work.products];
    of.iter().all(|of| (of(after) / of(before) - 1.0).abs() < STEADY)
}

/// What a layout took.
struct Proven {
    measured: Measured,
    /// At the profile's speed, as those below.
    adjusted_seconds: f64,
    adjusted_keygen: f64,
    adjusted_verify: f64,
}

impl Proven {
    fn best(self, other: Self) -> Self {
        Self {
            adjusted_seconds: self.adjusted_seconds.min(other.adjusted_seconds),
            adjusted_keygen: self.adjusted_keygen.min(other.adjusted_keygen),
            adjusted_verify: self.adjusted_verify.min(other.adjusted_verify),
            measured: self.measured.best(other.measured),
        }
    }
}

impl Predictions {
    /// One line per layout: the raw figures.
    fn csv(&self, model: &Path) -> String {
        let model = model.display();
        let mut text =
            "model,layout,measured_s,adjusted_s,predicted_s,measured_bytes,predicted_bytes,measured_keygen_s,\
                        predicted_keygen_s,measured_verify_s,predicted_verify_s,measured_proof,predicted_proof\n"
                .to_owned();
        for p in &self.layouts {
            let cost = &p.predicted;
            text.push_str(&format!(
                "\"{model}\",\"{}\",{:.4},{:.4},{:.4},{},{},{:.4},{:.4},{:.5},{:.5},{},{}\n",
                p.layout,
                p.measured_seconds,
                p.adjusted_seconds,
                cost.prove_seconds,
                p.measured_memory,
                cost.peak_memory,
                p.measured_keygen,
                cost.keygen_seconds,
                p.measured_verify,
                cost.verify_seconds,
                p.measured_proof_bytes,
                cost.proof_bytes
            ));
        }
        text
    }

    fn of(layouts: Vec<Prediction>) -> Self {
        let error = |pair: fn(&Prediction) -> (f64, f64)| {
            let errors = layouts.iter().map(pair).map(|(predicted, measured)| (predicted / measured - 1.0).abs());
            errors.sum::<f64>() / layouts.len().max(1) as f64
        };
        Self {
            measured_error: error(|p| (p.predicted.prove_seconds, p.measured_seconds)),
            prove_error: error(|p| (p.predicted.prove_seconds, p.adjusted_seconds)),
            memory_error: error(|p| (p.predicted.peak_memory as f64, p.measured_memory as f64)),
            keygen_error: error(|p| (p.predicted.keygen_seconds, p.adjusted_keygen)),
            verify_error: error(|p| (p.predicted.verify_seconds, p.adjusted_verify)),
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
        (predicted * (a.adjusted_seconds - b.adjusted_seconds)).signum()
    });
    let (count, sum) = agreements.fold((0.0, 0.0), |(count, sum), agreement| (count + 1.0, sum + agreement));
    if count > 0.0 { sum / count } else { 1.0 }
}

fn print(predictions: &Predictions) {
    let mut table = report::table(&[
        "layout",
        "measured",
        "at profile's speed",
        "predicted",
        "memory",
        "predicted",
        "keys",
        "predicted",
    ]);
    for layout in &predictions.layouts {
        table.add_row([
            layout.layout.clone(),
            report::seconds(layout.measured_seconds),
            report::seconds(layout.adjusted_seconds),
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
        ("mean error, prove, as measured", percent(predictions.measured_error)),
        ("mean error, memory", percent(predictions.memory_error)),
        ("mean error, keys", percent(predictions.keygen_error)),
        ("mean error, verify", percent(predictions.verify_error)),
        ("Kendall's tau", format!("{:.3}", predictions.kendall_tau)),
        ("proof bytes", if predictions.exact_proof_bytes { "exact".into() } else { "WRONG".into() }),
    ];
    say!("{table}\n{}", report::pairs(&pairs));
}
