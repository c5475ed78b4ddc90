//! A model's owner: the commitment that is published, and the seed that is not.

use std::sync::OnceLock;

use halo2curves::bn256::Fr;
use rand::rngs::OsRng;
use zklayout_circuit::streams::WeightTape;
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{Plan, PlanHash, Streams};

use crate::commitment::model::ModelCommitment;
use crate::commitment::seed::{OwnerSeed, blinds};
use crate::error::ProverError;
use crate::srs::Srs;

/// What proofs of a model with committed weights are made with, beside the model.
#[derive(Clone, Debug)]
pub struct Owner {
    commitment: ModelCommitment,
    seed: OwnerSeed,
    /// What hides each lane, once it was needed: it takes a pass over the weights.
    blinds: OnceLock<Vec<Fr>>,
}

impl Owner {
    /// Commits to a model's weights, with a new seed: of the same weights, every commitment is another one.
    ///
    /// # Errors
    /// A plan without committed weights or of another model, or too few powers of tau.
    pub fn commit(srs: &Srs, plan: &Plan, graph: &Graph<Fixed>) -> Result<Self, ProverError> {
        Self::with_secret(srs, plan, graph, OwnerSeed::draw(OsRng))
    }

    /// The same from a seed that is there already: the digest is the seed's, or something has changed.
    ///
    /// # Errors
    /// See [`Owner::commit`]; [`ProverError::OtherModel`] if the weights, the tape or the powers of tau are not those that the
    /// seed was made for.
    pub fn again(srs: &Srs, plan: &Plan, graph: &Graph<Fixed>, seed: &OwnerSeed) -> Result<Self, ProverError> {
        let owner = Self::with_secret(srs, plan, graph, *seed.secret())?;
        owner.commitment.check_digest("seed", seed.digest())?;
        Ok(owner)
    }

    /// Commitment and seed as they were saved.
    ///
    /// # Errors
    /// [`ProverError::OtherModel`] for two that were not made together.
    pub fn new(commitment: ModelCommitment, seed: OwnerSeed) -> Result<Self, ProverError> {
        commitment.check_digest("seed", seed.digest())?;
        Ok(Self { commitment, seed, blinds: OnceLock::new() })
    }

    /// What is published.
    pub fn commitment(&self) -> &ModelCommitment {
        &self.commitment
    }

    /// What is kept.
    pub fn seed(&self) -> &OwnerSeed {
        &self.seed
    }

    fn with_secret(srs: &Srs, plan: &Plan, graph: &Graph<Fixed>, secret: [u8; 32]) -> Result<Self, ProverError> {
        plan.check_structure(graph)?;
        let layout = committed_layout(plan)?;
        let (tape, id) = (WeightTape::of(layout, graph)?, layout.tape_id());
        let blinds = blinds(&secret, content(srs.hash(), layout, &tape), tape.lanes());
        let commitment = ModelCommitment::new(srs.hash(), id, &tape, &srs.lagrange(id.k)?, &blinds);
        let digest = commitment.digest();
        Ok(Self { commitment, seed: OwnerSeed::new(secret, digest), blinds: blinds.into() })
    }

    /// What hides each lane of the model's tape.
    pub(crate) fn blinds(&self, layout: &Streams, graph: &Graph<Fixed>) -> Result<&[Fr], ProverError> {
        if let Some(blinds) = self.blinds.get() {
            return Ok(blinds);
        }
        let tape = WeightTape::of(layout, graph)?;
        let blinds = blinds(self.seed.secret(), content(self.commitment.srs_hash(), layout, &tape), tape.lanes());
        Ok(self.blinds.get_or_init(|| blinds))
    }
}

/// What a lane's hiding number belongs to: powers of tau, tape and weights.
fn content(srs: PlanHash, layout: &Streams, tape: &WeightTape) -> PlanHash {
    let id = layout.tape_id();
    let numbers = [u64::from(id.k), id.lanes as u64, id.rows as u64].map(u64::to_le_bytes);
    let weights = weights_hash(tape).0;
    PlanHash::of("committed content", &[numbers.as_flattened(), &srs.0, &id.hash.0, &weights].concat())
}

/// Hash of all weights of a tape.
pub(crate) fn weights_hash(tape: &WeightTape) -> PlanHash {
    let bytes = |row: &[i16]| row.iter().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<u8>>();
    PlanHash::of_parts("weights of a tape", tape.cells().chunks(tape.lanes().max(1)).map(bytes))
}

/// The layout of a plan whose weights are committed.
pub(crate) fn committed_layout(plan: &Plan) -> Result<&Streams, ProverError> {
    let layout = plan.layout.as_streams().filter(|_| plan.shape.committed_lanes > 0);
    layout.ok_or_else(|| ProverError::NotCommitted { weights: plan.visibility().weights.to_string() })
}
