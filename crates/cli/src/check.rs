//! `zklayout check`: which samples a model's ranges refuse, before there is a key.

use serde::Serialize;
use zklayout::{Error, PlanOptions, QuantisedModel, Samples, Setup};

use crate::args::CheckOptions;
use crate::error::CliError;
use crate::report;
use crate::session::ModelFile;
use crate::terminal::say;

#[derive(Serialize)]
struct Refused {
    sample: usize,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

pub(crate) fn run(options: &CheckOptions, json: bool, show_values: bool) -> Result<(), CliError> {
    let (quantised, samples) = integers(options)?;
    let refused: Vec<Refused> = samples
        .iter()
        .enumerate()
        .filter_map(|(sample, input)| Some(Refused::of(sample, &quantised.run(input).err()?, show_values)))
        .collect();
    if json {
        say!("{}", serde_json::json!({ "samples": samples.len(), "refused": refused }));
    } else {
        print(&quantised, &refused);
    }
    let checked = format!("of {} samples", samples.len());
    if !refused.is_empty() {
        return Err(CliError::RefusedSamples(format!("{} {checked} are refused", refused.len())));
    }
    if !json {
        say!("none {checked} is refused");
    }
    Ok(())
}

/// The integers, and the samples as their input.
fn integers(options: &CheckOptions) -> Result<(QuantisedModel, Vec<Vec<f64>>), CliError> {
    let setup = options.setup.as_ref().map(|folder| Ok::<_, CliError>((folder, Setup::load_model(folder)?)));
    let setup = setup.transpose()?;
    let read = |path: &std::path::Path| match &setup {
        Some((folder, _)) => ModelFile::of_plan(path, &options.reading, &Setup::load_public(folder)?.0.plan()?),
        None => ModelFile::read(path, &options.reading),
    };
    let file = options.model.as_deref().map(read).transpose()?;
    if let (Some((folder, quantised)), Some(file)) = (&setup, &file) {
        file.check_setup(folder, quantised)?;
    }
    let samples = match file.as_ref().and_then(|file| file.model.float()) {
        Some(model) => Some(model.samples(&options.samples)?),
        None => None,
    };
    let quantised = match (setup, file) {
        (Some((_, quantised)), _) => quantised,
        (None, Some(file)) => file.integers(&options.scales, &PlanOptions::default(), None)?,
        (None, None) => {
            return Err(CliError::Usage("give a model, or the folder of a setup with --setup".into()));
        }
    };
    let samples = match samples {
        Some(samples) => samples,
        None => Samples::read(&options.samples, quantised.input_shape())?,
    };
    Ok((quantised, samples.inputs))
}

fn print(quantised: &QuantisedModel, refused: &[Refused]) {
    say!("{}", report::pairs(&report::integers(quantised)));
    if refused.is_empty() {
        return;
    }
    let mut table = report::table(&["sample", "refused because"]);
    for Refused { sample, reason, value } in refused {
        let value = value.as_ref().map_or(String::new(), |value| format!(" (value {value})"));
        table.add_row([sample.to_string(), format!("{reason}{value}")]);
    }
    say!("{table}");
}

impl Refused {
    fn of(sample: usize, error: &Error, show_values: bool) -> Self {
        let value = if show_values { error.private_values() } else { None };
        Self { sample, reason: error.to_string(), value }
    }
}
