//! `zklayout ablation`: the search without one of its freedoms after the other, predicted and measured.
//!
//! After the ablation of Chen et al., "ZKML" (EuroSys 2024), section 9.4.

use serde::Serialize;
use zklayout::cost::Cost;
use zklayout::plan::{Family, InputMode, LookupArgument, Requantise, Visibility, WeightMode};
use zklayout::{Plan, PlanOptions};

use crate::args::AblationOptions;
use crate::error::CliError;
use crate::measurement::measure;
use crate::progress::Steps;
use crate::session::Job;
use crate::terminal::say;
use crate::{plan, report};

/// Width of the activation tape where it is not chosen.
const FIXED_LANES: usize = 16;

#[derive(Serialize)]
struct Line {
    search: &'static str,
    layout: String,
    predicted: f64,
    measured: f64,
    /// Measured seconds over those of the whole search.
    ratio: f64,
}

pub(crate) fn run(options: &AblationOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let job = Job::prepare(&options.job, None, &mut steps)?;
    let mut lines: Vec<Line> = Vec::new();
    for (search, restricted) in restrictions(&job.layout) {
        let (cost, plan) = cheapest(&job, &restricted)?;
        let measured =
            steps.run(search, || measure(&options.job, &job.quantised, options.runs, &plan))?.prove_best;
        let whole = lines.first().map_or(measured, |first| first.measured);
        let layout = plan.layout.knobs().to_string();
        lines.push(Line { search, layout, predicted: cost.prove_seconds, measured, ratio: measured / whole });
    }
    if json {
        say!("{}", serde_json::json!(lines));
    } else {
        print(&lines);
    }
    Ok(())
}

/// Searches by name; some are the best of several.
fn restrictions(all: &PlanOptions) -> Vec<(&'static str, Vec<PlanOptions>)> {
    let uniform = |one| PlanOptions { requantise: Some(one), ..all.clone() };
    // The family has no way to hold them outside of the circuit.
    let weights = match all.visibility.weights {
        WeightMode::Committed => WeightMode::Private,
        held => held,
    };
    let input = if all.visibility.binds_input() { InputMode::Private } else { all.visibility.input };
    let visibility = Visibility { input, weights };
    let direct = PlanOptions { family: Some(Family::Direct), visibility, ..all.clone() };
    vec![
        ("all layouts", vec![all.clone()]),
        ("fixed columns", vec![PlanOptions { lanes: Some(FIXED_LANES), ..all.clone() }]),
        ("direct only", vec![direct.clone()]),
        ("no logUp", vec![PlanOptions { lookups: Some(LookupArgument::Native), ..all.clone() }]),
        ("no phases", vec![PlanOptions { whole_grids: true, ..all.clone() }]),
        ("one choice per layer type", vec![uniform(Requantise::Split), uniform(Requantise::Table), direct]),
    ]
}

fn cheapest(job: &Job, searches: &[PlanOptions]) -> Result<(Cost, Plan), CliError> {
    let mut best: Option<(Cost, Plan)> = None;
    let mut failure = None;
    for options in searches {
        let plan = match job.quantised.plan(options) {
            Ok(plan) => plan,
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        let cost = plan::price(&plan.shape, options)?;
        if best.as_ref().is_none_or(|(least, _)| cost.prove_seconds < least.prove_seconds) {
            best = Some((cost, plan));
        }
    }
    let none = || CliError::Usage("no search to make".into());
    best.ok_or_else(|| failure.map_or_else(none, CliError::from))
}

fn print(lines: &[Line]) {
    let mut table = report::table(&["search", "layout", "predicted", "measured", "ratio"]);
    for line in lines {
        table.add_row([
            line.search.to_owned(),
            line.layout.clone(),
            report::seconds(line.predicted),
            report::seconds(line.measured),
            format!("{:.2}", line.ratio),
        ]);
    }
    say!("{table}");
}
