//! Powers of tau, keys, proofs, verification, and the files they live in.
//!
//! Proofs are KZG over bn256 with SHPLONK openings. This crate never plans and never reads a model file; a verifier
//! needs the verifying key, the verifier's part of the powers of tau and the proof bundle, nothing else.

mod artefact;
mod binding;
mod bundle;
mod calibrate;
mod commitment;
mod core;
mod error;
mod fixed_base;
mod keys;
mod points;
mod provenance;
mod prover;
mod ptau;
mod ptau_error;
mod public;
mod srs;
mod table_file;
mod unit;
mod verification;
#[cfg(feature = "write")]
mod whole_file;
mod workload;

pub use artefact::{Artefact, FORMAT_VERSION};
pub use binding::MOST_CONTEXT;
pub use bundle::{ProofBundle, ProofJob, PublicValues, prove, prove_with};
pub use calibrate::{CalibrateOptions, Progress, calibrate, extend, host};
pub use commitment::{
    AuditProof, InputCommitment, InputHolder, ModelCommitment, Owner, OwnerSeed, OwnersAnswer, audit_same,
    audit_weights, prove_audit, verify_audit,
};
pub use error::ProverError;
pub use keys::{ProvingKey, VerifyingKey, keygen};
pub use provenance::{CEREMONIES, Ceremony, DEVELOPMENT_SEED, DEVELOPMENT_SEEDS, Provenance};
pub use prover::Prover;
pub use ptau_error::PtauError;
pub use srs::{Srs, VerifierSrs};
pub use unit::Unit;
pub use verification::{Commitments, verify, verify_all, verify_committed, verify_tied};
#[cfg(feature = "write")]
pub use whole_file::{write_secret, write_whole};
pub use workload::{WORKLOAD_K, WorkSeconds, Workload};
