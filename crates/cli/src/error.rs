//! Errors of the command line itself.

use std::path::PathBuf;

/// What ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Library(#[from] zklayout::Error),
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Usage(String),
}

impl From<zklayout::prover::ProverError> for CliError {
    fn from(error: zklayout::prover::ProverError) -> Self {
        Self::Library(error.into())
    }
}
