//! Hashes under a purpose, so that none stands for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A 256-bit hash, printed in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanHash(pub [u8; 32]);

impl PlanHash {
    /// Hashes bytes under a purpose.
    pub fn of(purpose: &str, bytes: &[u8]) -> Self {
        Self::of_parts(purpose, [bytes])
    }

    /// Hashes bytes that come in parts, wherever those are cut.
    pub fn of_parts(purpose: &str, parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
        state.update(&(purpose.len() as u64).to_le_bytes()).update(purpose.as_bytes());
        parts.into_iter().for_each(|part| {
            state.update(part.as_ref());
        });
        let mut hash = [0; 32];
        hash.copy_from_slice(state.finalize().as_bytes());
        Self(hash)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
