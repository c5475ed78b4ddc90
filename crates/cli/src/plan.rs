//! `zklayout plan`.

use std::io::Write;
use std::path::Path;

use zklayout::Plan;

use crate::args::PlanCommand;
use crate::error::CliError;
use crate::{report, session};

pub(crate) fn run(options: &PlanCommand, json: bool) -> Result<(), CliError> {
    let model = session::load(&options.model.model)?;
    let quantised = session::quantise(&model, &options.model, None)?;
    let plan = quantised.plan(&options.layout.plan())?;
    if let Some(path) = &options.out {
        save(&plan, path)?;
    }
    if json {
        println!("{}", plan.to_json().map_err(zklayout::Error::from)?);
    } else {
        println!("{}", report::layers(quantised.graph(), &plan));
        println!("{}", report::pairs(&report::counts(&plan)));
    }
    Ok(())
}

/// Writes a plan to a temporary file, then renames it.
pub(crate) fn save(plan: &Plan, path: &Path) -> Result<(), CliError> {
    let text = plan.to_json().map_err(zklayout::Error::from)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| CliError::Write { path: path.to_owned(), source })
}
