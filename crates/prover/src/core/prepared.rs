//! What proofs of one key share, made once.

use halo2curves::bn256::Fr;

use crate::core::bases::Bases;
use crate::core::kept::Kept;
use crate::core::key::Key;
use crate::core::quotient;
use crate::core::tables::Tables;

/// Tables of the powers of tau, and the key's columns on the cosets.
pub(crate) struct Prepared {
    /// Shifts of the cosets that the quotient is computed on.
    pub(super) cosets: Vec<Fr>,
    pub(super) bases: Bases,
    pub(super) kept: Kept,
}

impl Prepared {
    /// Prepares a key, with tables of as many powers as it has rows; keeps no more than `most_kept` bytes of its values.
    pub(crate) fn new(key: &Key, tables: Tables, most_kept: usize) -> Self {
        let cs = key.constraints();
        let cosets = quotient::cosets(cs);
        let kept = Kept::of(key, &cosets, &quotient::read_on_cosets(key), most_kept);
        Self { cosets, bases: Bases::new(tables, cs.blinding_factors() + 1), kept }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("cosets", &self.cosets.len()).finish_non_exhaustive()
    }
}
