//! A setup: everything that is made before there is an input. The quantised model, the plan inside the keys, the keys, and a
//! record of where the scales came from; where weights are committed outside of the circuit, the commitment too.
//!
//! Nothing here takes an input but [`Setup::prove`], which changes nothing that is saved: one key serves all inputs within its ranges.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zklayout_plan::Plan;
use zklayout_prover::{
    Artefact, InputHolder, ModelCommitment, Owner, OwnerSeed, ProofBundle, ProofJob, Prover, ProverError,
    ProvingKey, Srs, VerifierSrs, VerifyingKey, keygen, prove_with, write_whole,
};

use crate::error::Error;
use crate::files;
use crate::quantised::QuantisedModel;
use crate::record::{RecordedEmbedding, RecordedPlaces, SetupRecord};

/// Format of the owner's list.
const OWNER_FORMAT: u32 = 1;

/// A model's keys, and what they are of.
#[derive(Clone, Debug)]
pub struct Setup {
    model: QuantisedModel,
    key: ProvingKey,
    verifier: VerifierSrs,
    record: SetupRecord,
    commitment: Option<ModelCommitment>,
    /// Where the owner's seed was saved.
    seed_file: Option<PathBuf>,
}

/// What ties the owner's files together. Hashes of weights let others test guesses, so that it stays with the owner.
#[derive(PartialEq, Serialize, Deserialize)]
struct OwnersList {
    format: u32,
    verifying_key: String,
    quantised_model: String,
    /// Digest of the model commitment, if weights are committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Where the owner's seed is; the seed is nowhere in the setup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<PathBuf>,
}

impl Setup {
    /// Makes keys. No input is in sight: the same model, plan and powers of tau always give the same keys. Where the plan's
    /// weights are committed, they are committed to with a new seed, which [`Setup::save_seed`] keeps.
    ///
    /// # Errors
    /// A plan of another model, too few powers of tau, or a failure of halo2.
    pub fn new(model: QuantisedModel, plan: &Plan, srs: &Srs) -> Result<Self, Error> {
        let committed = plan.shape.committed_lanes > 0;
        let owner = committed.then(|| Owner::commit(srs, plan, model.graph())).transpose()?;
        Self::with_owner(model, plan, srs, owner)
    }

    /// The same with a commitment that was made before, so that other keys prove the same model.
    ///
    /// # Errors
    /// See [`Setup::new`]; a commitment of another weight tape or other powers of tau, or one where no weights are committed.
    pub fn with_owner(model: QuantisedModel, plan: &Plan, srs: &Srs, owner: Option<Owner>) -> Result<Self, Error> {
        let commitment = owner.as_ref().map(|owner| owner.commitment().clone());
        let key = keygen(srs, plan, model.graph())?;
        let key = match owner {
            Some(owner) => key.with_owner(owner)?,
            None => key,
        };
        let record = SetupRecord::of(model.calibration(), model.fidelity(), key.verifying());
        Ok(Self { model, key, verifier: srs.verifier().clone(), record, commitment, seed_file: None })
    }

    /// The same, with a record of the embedding that was cut off the model.
    #[must_use]
    pub fn with_embedding(mut self, embedding: Option<RecordedEmbedding>) -> Self {
        self.record.embedding = embedding;
        self
    }

    /// The same, with a record of what the output has the places of.
    #[must_use]
    pub fn with_places(mut self, places: Option<RecordedPlaces>) -> Self {
        self.record.places = places;
        self
    }

    /// The commitment to the model's weights, which verifiers need; none unless they are committed.
    pub fn commitment(&self) -> Option<&ModelCommitment> {
        self.commitment.as_ref()
    }

    /// Writes the owner's seed to a file that its owner alone can read, and remembers where. Without it there are no further
    /// proofs of this commitment; with it and the weights, anyone proves. Nothing is written where there is no seed.
    ///
    /// # Errors
    /// A file that holds another seed, or cannot be written.
    pub fn save_seed(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let Some(owner) = self.key.owner() else { return Ok(()) };
        if path.exists() && OwnerSeed::load(path)? != *owner.seed() {
            let reason = "it is the seed of another model commitment, whose proofs need it; give another file";
            return Err(unusable(path, reason.into()));
        }
        owner.seed().save(path)?;
        self.seed_file = Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        Ok(())
    }

    /// The setup with the owner's seed, where the file that it was saved to is not at hand.
    ///
    /// # Errors
    /// A seed of another commitment, or a setup without committed weights.
    pub fn with_seed(self, seed: OwnerSeed) -> Result<Self, Error> {
        let Some(commitment) = self.commitment.clone() else {
            let weights = self.plan().visibility().weights.to_string();
            return Err(ProverError::NotCommitted { weights }.into());
        };
        let key = self.key.with_owner(Owner::new(commitment, seed)?)?;
        Ok(Self { key, ..self })
    }

    /// Where the owner's seed was saved.
    pub fn seed_file(&self) -> Option<&Path> {
        self.seed_file.as_deref()
    }

    /// The quantised model.
    pub fn model(&self) -> &QuantisedModel {
        &self.model
    }

    /// The same for a process that is limited to so many bytes of memory, if it is limited: what the prover keeps of the key from proof to
    /// proof is what fits, as predicted. A limit of 0 keeps nothing, which costs nothing where there is one proof alone.
    #[must_use]
    pub fn within(self, memory: Option<u64>) -> Self {
        Self { key: self.key.within(memory), ..self }
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

    /// Commits to an input as the model takes it, with a new seed. The commitment serves every setup with as many rows whose model
    /// takes inputs of this shape and scale.
    ///
    /// # Errors
    /// An input of another shape or outside the ranges, a plan whose input is not committed, or other powers of tau than the keys'.
    pub fn commit_input(&self, srs: &Srs, input: &[f64]) -> Result<InputHolder, Error> {
        self.key.check_powers(srs)?;
        Ok(InputHolder::commit(srs, self.plan(), &self.model.run(input)?.values[0])?)
    }

    /// The same with a seed that is there already, whose commitment comes out again.
    ///
    /// # Errors
    /// See [`Setup::commit_input`]; a seed that was made for something else.
    pub fn commit_input_again(&self, srs: &Srs, input: &[f64], seed: &OwnerSeed) -> Result<InputHolder, Error> {
        self.key.check_powers(srs)?;
        Ok(InputHolder::again(srs, self.plan(), &self.model.run(input)?.values[0], seed)?)
    }

    /// Refuses a holder of another input, or one whose commitment is not for these keys.
    ///
    /// # Errors
    /// What differs.
    pub fn check_input(&self, srs: &Srs, input: &[f64], holder: &InputHolder) -> Result<(), Error> {
        self.key.check_powers(srs)?;
        Ok(holder.check(srs, self.plan(), &self.model.run(input)?.values[0])?)
    }

    /// The same as [`Setup::prove_with`] about a committed input, for whoever holds it.
    ///
    /// # Errors
    /// See [`Setup::prove`]; a commitment to another input, of another shape, scale or number of rows.
    pub fn prove_about(
        &self,
        holder: &InputHolder,
        prover: Prover,
        srs: &Srs,
        input: &[f64],
        context: &[u8],
    ) -> Result<ProofBundle, Error> {
        let (trace, graph) = (self.model.run(input)?, self.model.graph());
        let job = ProofJob { prover, srs, key: &self.key, graph, trace: &trace, context, holder: Some(holder) };
        Ok(job.prove()?)
    }

    /// Writes the setup to a folder: the owner's files, and those that go with every proof. A setup that the folder holds
    /// already is not replaced by another one.
    ///
    /// # Errors
    /// A folder with another setup, or one that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = folder.as_ref();
        let owner = self.owners_list()?;
        if folder.join(files::RECORD).exists() && OwnersList::load(folder)? != owner {
            let reason = "it holds another setup, whose proofs need it; give another folder or remove it";
            return Err(unusable(folder, reason.into()));
        }
        self.model.save(folder.join(files::QUANTISED_MODEL))?;
        if let Some(committed) = self.key.owner() {
            let answer = committed.answer_weights(self.verifying_key(), self.model.graph())?;
            answer.save(&folder.join(files::OWNERS_ANSWER))?;
        }
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
        if let Some(commitment) = &self.commitment {
            commitment.save(&folder.join(files::MODEL_COMMITMENT))?;
        }
        self.verifier.save(&folder.join(files::VERIFIER_SRS))?;
        let record = self.record.to_json().map_err(|reason| unusable(folder, reason))?;
        write_text(&record, &folder.join(files::RECORD))
    }

    /// Reads a setup, and the owner's seed where it was saved. Where that is not at hand, [`Setup::with_seed`] gives it.
    ///
    /// # Errors
    /// A folder that is not whole, whose files do not belong together, or with a file that is damaged or of another format.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let (verifying, verifier, record) = Self::load_public(folder)?;
        let model = Self::load_model(folder)?;
        let key = ProvingKey::new(verifying, model.graph())?;
        let list = OwnersList::load(folder)?;
        let setup = Self { model, key, verifier, record, commitment: None, seed_file: list.seed.clone() };
        match list.model {
            Some(model) => setup.with_commitment(folder, &model),
            None => Ok(setup),
        }
    }

    fn with_commitment(self, folder: &Path, digest: &str) -> Result<Self, Error> {
        let commitment = ModelCommitment::load(&folder.join(files::MODEL_COMMITMENT))?;
        if commitment.digest().to_string() != digest {
            let reason =
                format!("its model commitment is {}, its keys were made for {digest}", commitment.digest());
            return Err(unusable(folder, reason));
        }
        let setup = Self { commitment: Some(commitment), ..self };
        match setup.seed_file.clone().filter(|path| path.exists()) {
            Some(path) => setup.with_seed(OwnerSeed::load(&path)?),
            None => Ok(setup),
        }
    }

    /// Reads a setup's quantised model alone.
    ///
    /// # Errors
    /// See [`Setup::load`].
    pub fn load_model(folder: impl AsRef<Path>) -> Result<QuantisedModel, Error> {
        let folder = folder.as_ref();
        check_complete(folder)?;
        let (owner, record) = (OwnersList::load(folder)?, SetupRecord::load(&folder.join(files::RECORD))?);
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

    fn owners_list(&self) -> Result<OwnersList, Error> {
        Ok(OwnersList {
            format: OWNER_FORMAT,
            verifying_key: self.verifying_key().hash().to_string(),
            quantised_model: self.model.hash()?.to_string(),
            model: self.commitment.as_ref().map(|commitment| commitment.digest().to_string()),
            seed: self.seed_file.clone(),
        })
    }
}

impl OwnersList {
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
