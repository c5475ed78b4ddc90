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
    /// A model or samples that are refused, in words of the command.
    #[error("{0}")]
    Refused(String),
    /// Samples that are refused, after a report that names each of them.
    #[error("{0}")]
    RefusedSamples(String),
    /// A proof that does not verify.
    #[error(transparent)]
    Unverified(zklayout::prover::ProverError),
    /// One of several that does not verify.
    #[error("{folder}: {source}")]
    UnverifiedIn { folder: PathBuf, source: zklayout::prover::ProverError },
}

impl CliError {
    /// Whether the command has printed its answer all the same.
    pub(crate) fn has_answer(&self) -> bool {
        matches!(self, Self::RefusedSamples(_))
    }

    /// The command's exit code, as its help lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        use zklayout::Error::{Prover, Read, Record, Setup};
        match self {
            Self::Read { .. } | Self::Write { .. } => 1,
            Self::Library(Prover(_) | Read { .. } | Record { .. } | Setup { .. }) => 1,
            Self::Library(zklayout::Error::OtherIds { .. }) => 4,
            Self::Usage(_) => 2,
            Self::Library(_) | Self::Refused(_) | Self::RefusedSamples(_) => 3,
            Self::Unverified(_) | Self::UnverifiedIn { .. } => 4,
        }
    }
}

impl From<zklayout::prover::ProverError> for CliError {
    fn from(error: zklayout::prover::ProverError) -> Self {
        Self::Library(error.into())
    }
}
