//! The family `streams` as a halo2 circuit.

mod circuit;
mod columns;
mod evaluations;
mod expressions;
mod fixed;
mod gates;
mod term;
mod weights;
mod witness;

pub(crate) use circuit::Assignment;
pub use columns::{Challenges, Columns, FixedColumns};
pub use evaluations::{ChallengeValues, Evaluations};
pub(crate) use expressions::{Expr, constant};
pub use fixed::{Copy, FixedGrid, Source};
pub(crate) use gates::create as create_gates;
pub use weights::WeightTape;
pub(crate) use weights::{bias_digit, layer};
pub use witness::Witness;
pub(crate) use witness::instance_columns;
