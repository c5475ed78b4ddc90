//! An audit by someone who has a setup and not its seed: the commitment holds the setup's integers, and nothing else.

use std::path::Path;

use serde::Serialize;
use zklayout_plan::PlanHash;
use zklayout_prover::{Artefact, ModelCommitment, OwnersAnswer, ProverError, Srs, audit_weights};

use crate::error::Error;
use crate::files;
use crate::setup::Setup;

/// What an audit shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Digest of the model commitment.
    pub model: PlanHash,
    /// Hash of the verifying key whose plan says which weight is where.
    pub verifying_key: PlanHash,
    /// Hash of the file that the integers say they were made of. That they were is not shown.
    pub source: PlanHash,
    /// Bits of the committed integers: each weight, and each digit of a bias.
    pub weight_bits: u32,
}

/// Audits the commitment of a setup, whose folder holds the integers, the keys, the commitment and the owner's answer, with powers of
/// tau of at least as many rows.
///
/// # Errors
/// A folder that is not whole, is not of committed weights or whose files do not belong together; or a commitment that holds
/// other numbers than the setup's integers.
pub fn audit(folder: impl AsRef<Path>, srs: &Srs) -> Result<Audit, Error> {
    let folder = folder.as_ref();
    let (key, ..) = Setup::load_public(folder)?;
    let plan = key.plan()?;
    let Some(layout) = plan.layout.as_streams().filter(|_| plan.shape.committed_lanes > 0) else {
        return Err(ProverError::NotCommitted { weights: plan.visibility().weights.to_string() }.into());
    };
    let model = Setup::load_model(folder)?;
    let commitment = ModelCommitment::load(&folder.join(files::MODEL_COMMITMENT))?;
    let answer = OwnersAnswer::load(&folder.join(files::OWNERS_ANSWER))?;
    audit_weights(srs, &key, &commitment, model.graph(), &answer)?;
    Ok(Audit {
        model: commitment.digest(),
        verifying_key: key.hash(),
        source: model.source(),
        weight_bits: layout.weight_bits,
    })
}
