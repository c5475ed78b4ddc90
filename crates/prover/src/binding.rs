//! What a proof's transcript starts with, before halo2 says anything. The order is in `docs/soundness.md`.

use std::io;

use ff::PrimeField;
use halo2_proofs::transcript::{Challenge255, Transcript};
use halo2curves::bn256::{Fr, G1Affine};
use zklayout_plan::PlanHash;

use crate::error::ProverError;

/// Most bytes of a caller's context.
pub const MOST_CONTEXT: usize = 64 << 10;

/// Hash of a caller's context.
pub(crate) fn context_hash(context: &[u8]) -> Result<PlanHash, ProverError> {
    if context.len() > MOST_CONTEXT {
        return Err(ProverError::ContextTooLong { found: context.len(), most: MOST_CONTEXT });
    }
    Ok(PlanHash::of("context", context))
}

/// Refuses a proof that was made for another context.
pub(crate) fn same_context(found: PlanHash, expected: PlanHash) -> Result<(), ProverError> {
    if found == expected {
        return Ok(());
    }
    let empty = PlanHash::of("context", &[]);
    let named = |hash: PlanHash| if hash == empty { "no context".into() } else { format!("the context {hash}") };
    Err(ProverError::OtherContext { found: named(found), expected: named(expected) })
}

/// Starts a transcript with what the proof is bound to: the key, the caller's context, and what columns are bound to.
pub(crate) fn bind<T>(
    transcript: &mut T,
    key: PlanHash,
    context: PlanHash,
    bound: impl IntoIterator<Item = PlanHash>,
) -> io::Result<()>
where
    T: Transcript<G1Affine, Challenge255<G1Affine>>,
{
    let hashes = [key, context].into_iter().chain(bound);
    hashes.flat_map(halves).try_for_each(|half| transcript.common_scalar(half))
}

/// A hash as two field elements: one holds fewer than 256 bits.
pub(crate) fn halves(hash: PlanHash) -> [Fr; 2] {
    let [low, high] = [0, 16].map(|start| hash.0[start..start + 16].iter().rev());
    [low, high].map(|bytes| Fr::from_u128(bytes.fold(0, |number, byte| number << 8 | u128::from(*byte))))
}
