//! `zklayout audit`: whether a model commitment holds a setup's integers, without the owner's seed.

use serde::Serialize;
use zklayout::{Setup, audit};

use crate::args::AuditOptions;
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::session::{self, ModelFile};
use crate::terminal::say;

#[derive(Serialize)]
struct Summary<'a> {
    audited: bool,
    model: String,
    verifying_key: String,
    weight_bits: u32,
    /// Whether the file at hand is the one that the integers say they were made of.
    source_given: bool,
    #[serde(flatten)]
    powers: &'a Powers,
    seconds: &'a [(String, f64)],
}

pub(crate) fn run(options: &AuditOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let (key, ..) = Setup::load_public(&options.setup)?;
    if let Some(path) = &options.model {
        let file = steps.run("read model", || ModelFile::read(path))?;
        file.check_setup(&options.setup, &Setup::load_model(&options.setup)?)?;
    }
    let srs = steps.run("powers of tau", || session::powers(&options.powers, key.plan()?.k()))?;
    let audit = steps.run("audit", || audit(&options.setup, &srs))?;
    let summary = Summary {
        audited: true,
        model: audit.model.to_string(),
        verifying_key: audit.verifying_key.to_string(),
        weight_bits: audit.weight_bits,
        source_given: options.model.is_some(),
        powers: &Powers::of(srs.verifier()),
        seconds: steps.times(),
    };
    if json {
        say!("{}", serde_json::json!(summary));
        return Ok(());
    }
    say!("verifying key {}", summary.verifying_key);
    say!("model {}", summary.model);
    say!("its commitment holds the setup's integers, of {} bits each, and nothing else", summary.weight_bits);
    if !summary.source_given {
        say!("whose model the integers are was not looked at: give its file");
    }
    summary.powers.print();
    Ok(())
}
