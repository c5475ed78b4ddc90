//! Names of the files in folders of setups and proofs.

#[cfg(feature = "prove")]
use std::path::Path;

#[cfg(feature = "prove")]
use crate::error::Error;

/// The proof, in a proof's folder.
pub const PROOF: &str = "proof.bin";
/// What a verifier needs; in both kinds of folder.
pub const VERIFYING_KEY: &str = "verifying.key";
/// The verifier's part of the powers of tau; in both.
pub const VERIFIER_SRS: &str = "verifier.srs";
/// The commitment to the model's weights, if they are committed; in both.
pub const MODEL_COMMITMENT: &str = "model.commitment";
/// The commitment to the input, if it is committed; beside the proof.
pub const INPUT_COMMITMENT: &str = "input.commitment";
/// What the owner answers an auditor who has the weights; the owner's, and without the seed it is all that an auditor needs.
pub const OWNERS_ANSWER: &str = "owners.answer";
/// The setup's record; in both.
pub const RECORD: &str = "setup.json";
/// The integers with the weights; the owner's.
pub const QUANTISED_MODEL: &str = "model.quantised";
/// What ties the owner's files together; the owner's.
pub const OWNER: &str = "owner.json";

/// All files of a whole setup.
pub const SETUP: [&str; 5] = [RECORD, OWNER, QUANTISED_MODEL, VERIFYING_KEY, VERIFIER_SRS];

/// Where the owner's seed of a model goes unless it is told otherwise: beside the model, never where proofs or setups are.
#[cfg(feature = "prove")]
pub fn seed_of(model: &Path) -> std::path::PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".seed");
    name.into()
}

/// Reads a model's file.
#[cfg(feature = "prove")]
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}
