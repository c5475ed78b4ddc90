//! Numbers outside of the circuit: a commitment that is made once, of a model's weights or of an input, and the link that ties each
//! proof to it.
//!
//! ```text
//! once            C_lane = sum_row w[row][lane] * L_row + r_lane * L_last        published: the model commitment
//! every proof     bindings, with the commitment's digest      absorbed before halo2 says anything: rho depends on it
//!                 halo2's proof, with C_v, v[row] = sum_lane rho^(lanes-1-lane) * w[row][lane]
//!                 R -> c -> z_0 ... z_5                       the link: C_v - sum_lane rho^(lanes-1-lane) * C_lane lies in
//!                                                             the blinding rows alone
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `lanes` | commitments to the lanes of a tape of integers |
//! | `model` | the model commitment |
//! | `seed` | the secret of whoever made a commitment, and what is drawn from it |
//! | `owner` | model commitment and seed together |
//! | `input` | a commitment to an input, and it and its seed together |
//! | `exact` | the audit that anyone checks: integers of so many bits, in their rows |
//! | `answer` | what an owner shows an auditor without giving the seed away |
//! | `link` | the Schnorr proof, one at a time or many at once |
//! | `recorder` | a transcript that remembers what passes through it |
//! | `bound` | which column of a proof is bound, and its blinding cells |
//!
//! `docs/soundness.md` has the argument; `docs/decisions/0017-committed-weights.md` and `0018-committed-inputs.md` say why it is so.

mod answer;
#[cfg(test)]
mod attacks;
mod bound;
mod exact;
mod input;
#[cfg(test)]
mod input_attacks;
mod lanes;
mod link;
mod model;
mod owner;
mod recorder;
mod seed;

pub use answer::{OwnersAnswer, audit_same, audit_weights};
pub(crate) use bound::Bound;
pub use exact::{AuditProof, prove_audit, verify_audit};
pub(crate) use input::bound_layout;
pub use input::{InputCommitment, InputHolder};
pub(crate) use link::{Link, hold};
pub use model::ModelCommitment;
pub use owner::Owner;
pub(crate) use owner::committed_layout;
pub(crate) use recorder::Recorder;
pub use seed::OwnerSeed;
