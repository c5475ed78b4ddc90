//! What can go wrong with keys, proofs and their files.

use std::path::PathBuf;

use zklayout_circuit::CircuitError;
use zklayout_plan::PlanError;

use crate::ptau_error::PtauError;

/// A proving or verifying error.
#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is not a {expected}: {reason}")]
    NotArtefact {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What was found.
        reason: String,
    },
    /// The file was written by another version.
    #[error("{path} has format version {found}, this version reads {expected}; make it again")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Version of this library.
        expected: u32,
    },
    /// The file was changed or cut off.
    #[error("{path} is damaged: its contents do not match its checksum")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The powers of tau are malformed.
    #[error("powers of tau: {0}")]
    Srs(String),
    /// A `.ptau` file is not one that can be used.
    #[error("powers of tau: {0}")]
    Ptau(#[from] PtauError),
    /// A file of powers of tau is refused.
    #[error("{path}: {source}")]
    SrsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ProverError>,
    },
    /// There are too few powers of tau.
    #[error("the powers of tau reach 2^{found} rows, the plan needs 2^{needed}; use a larger file")]
    SrsTooSmall {
        /// Logarithm of the rows that the plan needs.
        needed: u32,
        /// Logarithm of the rows at hand.
        found: u32,
    },
    /// Two artefacts belong to different plans, powers of tau or keys.
    #[error("{what} of the {left} is {found}, of the {right} {expected}; they were not made together")]
    NotTogether {
        /// Which hash.
        what: &'static str,
        /// First artefact.
        left: &'static str,
        /// Second artefact.
        right: &'static str,
        /// Hash in the first.
        found: String,
        /// Hash in the second.
        expected: String,
    },
    /// The caller's context is too long.
    #[error("the context has {found} bytes, at most {most} are allowed; give its hash instead")]
    ContextTooLong {
        /// Its bytes.
        found: usize,
        /// Most bytes.
        most: usize,
    },
    /// The proof was made for another context.
    #[error("the proof was made for {found}, expected was {expected}; give the context that it was made for")]
    OtherContext {
        /// The proof's context.
        found: String,
        /// The verifier's.
        expected: String,
    },
    /// The model's weights are not those that the key fixes.
    #[error("the model's weights are not those that the verifying key commits to")]
    OtherWeights,
    /// The input is not what the holder's commitment holds.
    #[error("the input is not the one that the input commitment was made of, or its seed is another")]
    OtherValues,
    /// Something was made with another model commitment.
    #[error(
        "the {of} is of model {found}, the model commitment is {expected}; give those that were made together"
    )]
    OtherModel {
        /// What was made.
        of: &'static str,
        /// Its digest.
        found: String,
        /// The commitment's digest.
        expected: String,
    },
    /// A model commitment was made for other keys.
    #[error(
        "the commitment's {what}: {found}; the keys' plan has {expected}; commit again for these keys, or plan with the commitment's tape kept"
    )]
    OtherCommitment {
        /// What differs.
        what: &'static str,
        /// The commitment's.
        found: String,
        /// The plan's.
        expected: String,
    },
    /// An input commitment was made for other plans, or an input is none of a plan's.
    #[error(
        "the committed input's {what}: {found}; the keys' plan has {expected}; plans that share a commitment have as many rows, and \
         their models read inputs of one shape at one scale, which the same calibration samples choose"
    )]
    OtherInput {
        /// What differs.
        what: &'static str,
        /// The commitment's.
        found: String,
        /// The plan's.
        expected: String,
    },
    /// Something was made with another input commitment.
    #[error("the proof is about input {found}, expected is {expected}; give the commitment that it was made with")]
    OtherRecord {
        /// The proof's digest.
        found: String,
        /// The commitment's digest.
        expected: String,
    },
    /// A seed belongs to another input commitment.
    #[error(
        "the seed is of input commitment {found}, this one is {expected}; give the input and the seed that it was made with"
    )]
    OtherSeed {
        /// The seed's digest.
        found: String,
        /// The commitment's digest.
        expected: String,
    },
    /// The plan's input is bound to no commitment.
    #[error("the plan's input is not bound to a commitment; make the keys for a committed input")]
    NotBound,
    /// The plan's input is bound to a commitment, and none was given.
    #[error("the keys are of a committed input: {0}")]
    NoInputCommitment(&'static str),
    /// A commitment holds what is no point of the curve.
    #[error("the commitment's lane {lane} is no point of the curve in its one encoding")]
    NoPoint {
        /// The lane.
        lane: usize,
    },
    /// The plan's weights are committed, and no commitment was given.
    #[error("the keys are of committed weights: {0}")]
    NoCommitment(&'static str),
    /// The plan's weights are not committed.
    #[error("the plan has {weights}; a model commitment belongs to a plan with committed weights")]
    NotCommitted {
        /// How they are held.
        weights: String,
    },
    /// halo2 refused to make keys or a proof.
    #[error("the proof system failed while {doing}: {reason}")]
    ProofSystem {
        /// The step.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
    /// The proof does not verify.
    #[error("the proof is invalid: {0}")]
    Invalid(String),
    /// The circuit could not be built.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The plan is unusable.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl ProverError {
    /// A failure while this machine is measured.
    pub(crate) fn calibrating(reason: String) -> Self {
        Self::ProofSystem { doing: "calibrating", reason }
    }

    /// The value or weight that was refused: not for messages that others read.
    pub fn private_value(&self) -> Option<i64> {
        if let Self::Circuit(error) = self { error.private_value() } else { None }
    }
}
