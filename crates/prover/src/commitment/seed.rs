//! The secret of whoever made a commitment: what hides the weights of a model, or an input. Whoever has it and the numbers can prove for
//! its owner; whoever has it alone can test guesses of them.

use ff::FromUniformBytes;
use halo2curves::bn256::Fr;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;

/// See the module's description.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerSeed {
    secret: [u8; 32],
    /// Digest of the commitment that was made with it.
    digest: PlanHash,
}

impl Artefact for OwnerSeed {
    const KIND: [u8; 4] = *b"seed";
    const NAME: &'static str = "seed of an owner";
    const IS_SECRET: bool = true;
}

impl std::fmt::Debug for OwnerSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnerSeed").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl OwnerSeed {
    /// Draws a secret.
    pub(crate) fn draw(mut rng: impl RngCore + CryptoRng) -> [u8; 32] {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        secret
    }

    pub(crate) fn new(secret: [u8; 32], digest: PlanHash) -> Self {
        Self { secret, digest }
    }

    /// Digest of the commitment that it belongs to.
    pub fn digest(&self) -> PlanHash {
        self.digest
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

/// What hides each lane. It belongs to a content: other weights, another tape or other powers of tau under one secret have
/// numbers that have nothing to do with these, or the difference of two commitments would show what was changed.
pub(crate) fn blinds(secret: &[u8; 32], content: PlanHash, lanes: usize) -> Vec<Fr> {
    let blind = |lane: usize| {
        let bytes = [&secret[..], &content.0, &(lane as u64).to_le_bytes()].concat();
        let halves =
            ["what hides a lane", "what hides a lane, its other half"].map(|half| PlanHash::of(half, &bytes).0);
        let mut wide = [0; 64];
        wide.copy_from_slice(halves.as_flattened());
        Fr::from_uniform_bytes(&wide)
    };
    (0..lanes).map(blind).collect()
}
