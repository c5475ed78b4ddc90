//! A setup: everything that is made before there is an input. The quantised model, the plan inside the keys, the keys, and a
//! record of where the scales came from.
//!
//! Nothing here takes an input but [`Setup::prove`], which changes nothing that is saved: one key serves all inputs within its ranges.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zklayout_plan::Plan;
use zklayout_prover::{
    Artefact, ProofBundle, Prover, ProverError, ProvingKey, Srs, VerifierSrs, VerifyingKey, keygen, prove_with,
    write_whole,
};

use crate::error::Error;
use crate::files;
use crate::quantised::QuantisedModel;
use crate::record::SetupRecord;

/// Format of the owner's list.
const OWNER_FORMAT: u32 = 1;

/// A model's keys, and what they are of.
#[derive(Clone, Debug)]
pub struct Setup {
    model: QuantisedModel,
    key: ProvingKey,
    verifier: VerifierSrs,
    record: SetupRecord,
}

/// What ties the owner's files together. Hashes of weights let others test guesses, so that it stays with the owner.
#[derive(PartialEq, Serialize, Deserialize)]
struct Owner {
    format: u32,
    verifying_key: String,
    quantised_model: String,
}

impl Setup {
    /// Makes keys. No input is in sight: the same model, plan and powers of tau always give the same keys.
    ///
    /// # Errors
    /// A plan of another model, too few powers of tau, or a failure of halo2.
    pub fn new(model: QuantisedModel, plan: &Plan, srs: &Srs) -> Result<Self, Error> {
        let key = keygen(srs, plan, model.graph())?;
        let record = SetupRecord::of(model.calibration(), model.fidelity(), key.verifying());
        Ok(Self { model, key, verifier: srs.verifier().clone(), record })
    }

    /// The quantised model.
    pub fn model(&self) -> &QuantisedModel {
        &self.model
    }

    /// The plan that the keys were made for.
    pub fn plan(&self) -> &Plan {
        self.key.plan()
    }

    /// What a prover needs.
    pub fn proving_key(&self) -> &ProvingKey {
        &self.key
    }

    /// What a verifier needs.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying()
    }

    /// Where the scales came from, and how far the integers are from the float model.
    pub fn record(&self) -> &SetupRecord {
        &self.record
    }

    /// Runs the integers on an input and proves the execution, for one context.
    ///
    /// # Errors
    /// An input of another shape or outside the ranges, other powers of tau than the keys were made with, or a failure of
    /// halo2.
    pub fn prove(&self, srs: &Srs, input: &[f64], context: &[u8]) -> Result<ProofBundle, Error> {
        self.prove_with(Prover::default(), srs, input, context)
    }

    /// The same with a prover of choice.
    ///
    /// # Errors
    /// See [`Setup::prove`].
    pub fn prove_with(
        &self,
        prover: Prover,
        srs: &Srs,
        input: &[f64],
        context: &[u8],
    ) -> Result<ProofBundle, Error> {
        Ok(prove_with(prover, srs, &self.key, self.model.graph(), &self.model.run(input)?, context)?)
    }

    /// Writes the setup to a folder: the owner's files, and those that go with every proof. A setup that the folder holds
    /// already is not replaced by another one.
    ///
    /// # Errors
    /// A folder with another setup, or one that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = folder.as_ref();
        let owner = self.owner()?;
        if folder.join(files::RECORD).exists() && Owner::load(folder)? != owner {
            let reason = "it holds another setup, whose proofs need it; give another folder or remove it";
            return Err(unusable(folder, reason.into()));
        }
        self.model.save(folder.join(files::QUANTISED_MODEL))?;
        self.key.save(&folder.join(files::PROVING_KEY))?;
        let text = serde_json::to_string_pretty(&owner).map_err(|error| unusable(folder, error.to_string()))?;
        write_text(&(text + "\n"), &folder.join(files::OWNER))?;
        // The record comes last: a folder without it is not whole.
        self.save_public(folder)
    }

    /// Writes to a folder what goes with every proof and holds nothing secret: verifying key, verifier's powers, record.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save_public(&self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = folder.as_ref();
        self.verifying_key().save(&folder.join(files::VERIFYING_KEY))?;
        self.verifier.save(&folder.join(files::VERIFIER_SRS))?;
        let record = self.record.to_json().map_err(|reason| unusable(folder, reason))?;
        write_text(&record, &folder.join(files::RECORD))
    }

    /// Reads a setup.
    ///
    /// # Errors
    /// A folder that is not whole, whose files do not belong together, or with a file that is damaged or of another format.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let (verifying, verifier, record) = Self::load_public(folder)?;
        let model = Self::load_model(folder)?;
        let key = ProvingKey::load(&folder.join(files::PROVING_KEY), model.graph())?;
        if key.verifying().hash() != verifying.hash() {
            let (found, expected) = (key.verifying().hash(), verifying.hash());
            return Err(unusable(
                folder,
                format!("its proving key is of key {found}, its verifying key is {expected}"),
            ));
        }
        Ok(Self { model, key, verifier, record })
    }

    /// Reads a setup's quantised model alone.
    ///
    /// # Errors
    /// See [`Setup::load`].
    pub fn load_model(folder: impl AsRef<Path>) -> Result<QuantisedModel, Error> {
        let folder = folder.as_ref();
        check_complete(folder)?;
        let (owner, record) = (Owner::load(folder)?, SetupRecord::load(&folder.join(files::RECORD))?);
        let model = QuantisedModel::load(folder.join(files::QUANTISED_MODEL))?;
        if owner.quantised_model != model.hash()?.to_string() {
            return Err(unusable(folder, "its quantised model is not the one that the keys were made of".into()));
        }
        if owner.verifying_key != record.verifying_key {
            return Err(unusable(folder, format!("{} and {} name two keys", files::OWNER, files::RECORD)));
        }
        Ok(model)
    }

    /// Reads what a setup gives to verifiers.
    ///
    /// # Errors
    /// See [`Setup::load`].
    pub fn load_public(folder: impl AsRef<Path>) -> Result<(VerifyingKey, VerifierSrs, SetupRecord), Error> {
        let folder = folder.as_ref();
        check_complete(folder)?;
        let record = SetupRecord::load(&folder.join(files::RECORD))?;
        let key = VerifyingKey::load(&folder.join(files::VERIFYING_KEY))?;
        if key.hash().to_string() != record.verifying_key {
            let reason =
                format!("its verifying key is {}, its record is of key {:?}", key.hash(), record.verifying_key);
            return Err(unusable(folder, reason));
        }
        let verifier = VerifierSrs::load(&folder.join(files::VERIFIER_SRS))?;
        if verifier.hash() != key.srs_hash() {
            let reason =
                format!("its keys were made with powers of tau {}, it holds {}", key.srs_hash(), verifier.hash());
            return Err(unusable(folder, reason));
        }
        Ok((key, verifier, record))
    }

    fn owner(&self) -> Result<Owner, Error> {
        let verifying_key = self.verifying_key().hash().to_string();
        Ok(Owner { format: OWNER_FORMAT, verifying_key, quantised_model: self.model.hash()?.to_string() })
    }
}

impl Owner {
    fn load(folder: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| unusable(folder, format!("{} {reason}", files::OWNER));
        let read = std::fs::read_to_string(folder.join(files::OWNER));
        let text = read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let owner: Self = serde_json::from_str(&text).map_err(|error| wrong(format!("is unreadable: {error}")))?;
        if owner.format != OWNER_FORMAT {
            let formats = format!("has format {}, this version reads {OWNER_FORMAT}", owner.format);
            return Err(wrong(format!("{formats}; make the setup again")));
        }
        Ok(owner)
    }
}

fn check_complete(folder: &Path) -> Result<(), Error> {
    let missing: Vec<&str> = files::SETUP.into_iter().filter(|name| !folder.join(name).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reason = format!("incomplete, without {}; make the setup again", missing.join(", "));
    Err(unusable(folder, reason))
}

fn unusable(folder: &Path, reason: String) -> Error {
    Error::Setup { folder: folder.to_owned(), reason }
}

fn write_text(text: &str, path: &Path) -> Result<(), Error> {
    write_whole(path, text.as_bytes()).map_err(|source| ProverError::File { path: path.to_owned(), source }.into())
}
