//! What proofs of one key share, made once.

use halo2_proofs::plonk::ProvingKey;
use halo2curves::bn256::{Fr, G1Affine};

use crate::core::bases::Bases;
use crate::core::domain::Domain;
use crate::core::key_columns::KeyColumns;
use crate::core::quotient;

/// Tables of the powers of tau, and the key's columns on the cosets.
pub(crate) struct Prepared {
    pub(super) domain: Domain,
    /// Shifts of the cosets that the quotient is computed on.
    pub(super) cosets: Vec<Fr>,
    pub(super) bases: Bases,
    pub(super) key_columns: KeyColumns,
}

impl Prepared {
    /// Prepares a key, with the Lagrange basis of as many powers as it has rows.
    pub(crate) fn new(key: &ProvingKey<G1Affine>, lagrange: Vec<G1Affine>) -> Self {
        let cs = key.get_vk().cs();
        let domain = Domain::new(key.get_vk().get_domain().k());
        let cosets = quotient::cosets(cs);
        let mut key_columns = KeyColumns::of(key);
        let read = quotient::read_on_cosets(cs, &key_columns, domain.k);
        key_columns.keep(key, &domain, &cosets, &read);
        let bases = Bases::new(lagrange, cs.blinding_factors() + 1);
        Self { domain, cosets, bases, key_columns }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("k", &self.domain.k).finish_non_exhaustive()
    }
}
