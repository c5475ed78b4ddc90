//! `zklayout plan`.

use std::path::Path;
use std::time::Instant;

use zklayout::cost::{Cost, CostModel, Profile, Speed};
use zklayout::plan::{CircuitShape, Priced, SearchReport, Visibility, WeightMode};
use zklayout::prover::write_whole;
use zklayout::{Plan, PlanOptions, QuantisedModel};

use crate::args::{ModelOptions, PlanCommand};
use crate::error::CliError;
use crate::session::ModelFile;
use crate::terminal::say;
use crate::{drawing, machine, report};

pub(crate) fn run(options: &PlanCommand, json: bool) -> Result<(), CliError> {
    let ModelOptions { model, reading, scales } = &options.model;
    let file = ModelFile::to_lay_out(model, reading, &options.layout, None)?;
    let choices = options.layout.plan(&file.model.input())?;
    let quantised = file.integers(scales, &choices, None)?;
    let start = Instant::now();
    let found = quantised.search(&choices)?;
    let seconds = start.elapsed().as_secs_f64();
    let plan =
        Plan { profile: Some(found.profile.clone()), ..quantised.realise(&found.best.candidate, &choices)? };
    if let Some(path) = &options.out {
        save(&plan, path)?;
    }
    if let Some(path) = &options.svg {
        let title = options.model.model.file_stem().unwrap_or_default().to_string_lossy();
        write_text(&drawing::draw(quantised.graph(), &plan, &title), path)?;
    }
    if json {
        say!("{}", plan.to_json().map_err(zklayout::Error::from)?);
        return Ok(());
    }
    say!("{}", report::layers(quantised.graph(), &plan));
    let mut pairs = plan.description();
    pairs.extend(report::integers(&quantised));
    say!("{}", report::pairs(&pairs));
    say!("{}", report::shares(quantised.graph(), &plan, &found.best.cost));
    say!("{}", report::cost(&found.best.cost));
    say!("{}", report::pairs(&on_this_machine(&plan, &choices, &options.cache.folder())?));
    say!("{}", report::front(&found));
    say!("{}", report::weight_modes(&weight_modes(&quantised, &choices, &found)));
    say!("{}", report::pairs(&report::search(&found, seconds)));
    Ok(())
}

/// The cheapest layout of each way to hold weights; none where no layout is within the limits.
fn weight_modes(
    quantised: &QuantisedModel,
    choices: &PlanOptions,
    found: &SearchReport,
) -> Vec<(WeightMode, Option<Priced>)> {
    let priced = |weights: WeightMode| {
        if weights == choices.visibility.weights {
            return Some(found.best.clone());
        }
        let visibility = Visibility { weights, ..choices.visibility };
        let choices = PlanOptions { visibility, tape: None, ..choices.clone() };
        quantised.search(&choices).ok().map(|found| found.best)
    };
    WeightMode::ALL.into_iter().map(|weights| (weights, priced(weights))).collect()
}

/// What a circuit costs on the machine that plans are chosen for.
pub(crate) fn price(shape: &CircuitShape, choices: &PlanOptions) -> Result<Cost, CliError> {
    Ok(CostModel::new(&profile(choices)?)
        .within(choices.keeping_within())
        .price(shape)
        .map_err(zklayout::Error::from)?)
}

/// The machine that plans are chosen for.
pub(crate) fn profile(choices: &PlanOptions) -> Result<Profile, CliError> {
    let shipped = || Profile::two_cores().map_err(zklayout::Error::from);
    Ok(choices.profile.clone().map_or_else(shipped, Ok)?)
}

/// What the price says of this machine, whose speed is kept in a cache folder.
fn on_this_machine(
    plan: &Plan,
    choices: &PlanOptions,
    cache: &Path,
) -> Result<Vec<(&'static str, String)>, CliError> {
    let profile = profile(choices)?;
    let mut pairs = vec![("prices are of", format!("profile {}: {}", profile.name, report::host(&profile.host)))];
    let Some(speed) = machine::speed(cache, &profile) else { return Ok(pairs) };
    let here = price(&plan.shape, &PlanOptions { profile: Some(profile.at_speed(&speed)), ..choices.clone() })?;
    let Speed { points, columns, products } = speed;
    let times = format!(
        "{points:.2} times as long for curve points, {columns:.2} for transforms, {products:.2} for gates"
    );
    pairs.push(("this machine", format!("prove {}: {times}", report::seconds(here.prove_seconds))));
    Ok(pairs)
}

/// Writes a plan to a temporary file, then renames it.
pub(crate) fn save(plan: &Plan, path: &Path) -> Result<(), CliError> {
    write_text(&plan.to_json().map_err(zklayout::Error::from)?, path)
}

/// Writes a text to a temporary file, then renames it.
pub(crate) fn write_text(text: &str, path: &Path) -> Result<(), CliError> {
    write_whole(path, text.as_bytes()).map_err(|source| CliError::Write { path: path.to_owned(), source })
}
