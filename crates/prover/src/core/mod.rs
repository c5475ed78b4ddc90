//! A prover of the same protocol as halo2's: its proofs are those that halo2's own prover makes, in a third of the time.
//!
//! The verifier is halo2's, and no statement is believed for anything that is computed here: an error costs a proof, not
//! soundness. What this module does have to get right is that proofs are found, and that they hide the witness
//! (`docs/decisions/0013-prover-core.md`). The exception is key generation: a verifier trusts its commitments, and with them the sums in
//! `small`, `wide`, `buckets` and `additions`, which are held to halo2's (`docs/decisions/0019-key-generation.md`). It knows plans of the family `streams` without native lookups: two phases,
//! the first of small integers. It decides nothing about them, and reads constraints and keys as halo2 has them.

mod additions;
mod assembly;
mod bases;
mod buckets;
mod columns;
mod copies;
mod domain;
mod expression;
mod forms;
mod hiding;
mod kept;
mod kernels;
mod key;
mod key_columns;
mod keygen;
mod opening;
mod permutation;
mod prepared;
mod program;
mod prove;
mod queries;
mod quotient;
mod small;
mod stages;
mod tables;
mod wide;

pub(crate) use kernels::{COLUMNS, Gates, Kernels, PIECES, SET};
pub(crate) use key::Key;
pub(crate) use keygen::{keygen, with_columns};
pub(crate) use prepared::Prepared;
pub(crate) use prove::{Cells, prove};
pub(crate) use small::sum as small_sum;
pub(crate) use tables::Tables;
