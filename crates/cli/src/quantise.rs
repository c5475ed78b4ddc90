//! `zklayout quantise`: a model's integers, saved.

use std::path::Path;

use zklayout::PlanOptions;
use zklayout::record::RecordedFidelity;

use crate::args::QuantiseCommand;
use crate::error::CliError;
use crate::session::ModelFile;
use crate::terminal::say;
use crate::{output, report};

/// Extension by which other commands know a file of integers.
const EXTENSION: &str = "quantised";

pub(crate) fn run(options: &QuantiseCommand, json: bool) -> Result<(), CliError> {
    if options.out.extension().is_none_or(|extension| extension != EXTENSION) {
        return Err(CliError::Usage(format!("{} does not end in .{EXTENSION}", options.out.display())));
    }
    output::try_folder(options.out.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?;
    let file = ModelFile::read(&options.model.model, &options.model.reading)?;
    let quantised = file.integers(&options.model.scales, &PlanOptions::default(), None)?;
    quantised.save(&options.out)?;
    if json {
        let summary = serde_json::json!({
            "calibration": quantised.calibration(),
            "fidelity": RecordedFidelity::of(quantised.fidelity()),
            "hash": quantised.hash()?.to_string(),
        });
        say!("{summary}");
        return Ok(());
    }
    let mut pairs = report::integers(&quantised);
    pairs.push(("hash", format!("{} (private: it tells guesses of the weights apart)", quantised.hash()?)));
    pairs.push(("file", options.out.display().to_string()));
    say!("{}", report::pairs(&pairs));
    Ok(())
}
