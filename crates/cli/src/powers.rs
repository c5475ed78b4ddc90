//! What is said about powers of tau wherever a proof is made or verified: their provenance and their hash.

use serde::Serialize;
use zklayout::{Provenance, VerifierSrs};

use crate::error::CliError;
use crate::terminal::say;

/// Powers of tau in a report.
#[derive(Serialize)]
pub(crate) struct Powers {
    insecure_setup: bool,
    provenance: &'static str,
    ceremony: Option<&'static str>,
    srs_hash: String,
    #[serde(skip)]
    sentence: String,
}

impl Powers {
    pub(crate) fn of(srs: &VerifierSrs) -> Self {
        let (provenance, ceremony, advice) = match srs.provenance() {
            Provenance::Development => ("development", None, " Use --srs FILE for proofs that others rely on."),
            Provenance::Ceremony(ceremony) => ("ceremony", Some(ceremony.name), ""),
            Provenance::Unknown => {
                ("unknown", None, " Compare their hash with the ceremony's, and demand it with --srs-hash.")
            }
        };
        let sentence = format!("The powers of tau are {}.{advice}", srs.provenance());
        let insecure_setup = srs.provenance() == Provenance::Development;
        Self { insecure_setup, provenance, ceremony, srs_hash: srs.hash().to_string(), sentence }
    }

    /// Refuses powers of another hash than the one that is asked for.
    pub(crate) fn check(srs: &VerifierSrs, expected: Option<&str>) -> Result<(), CliError> {
        let found = srs.hash().to_string();
        match expected {
            Some(expected) if expected != found => {
                Err(CliError::Usage(format!("the powers of tau have the hash {found}, expected {expected}")))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn print(&self) {
        say!("powers of tau {} ({})", self.srs_hash, self.provenance);
        say!("{}", self.sentence);
    }
}
