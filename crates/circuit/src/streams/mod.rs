//! The family `streams` as a halo2 circuit.

mod circuit;
mod columns;
mod evaluations;
mod fixed;
mod fold;
mod rows;
mod term;
mod weights;
mod witness;

pub(crate) use circuit::Assignment;
pub use columns::{Challenges, Columns};
pub use evaluations::{ChallengeValues, Evaluations};
pub use fixed::{Copy, FixedGrid};
pub use fold::{fold, powers};
pub use weights::WeightTape;
pub(crate) use weights::{bias_digit, layer};
pub use witness::Witness;
pub(crate) use witness::instance_columns;
