//! The family `direct` as a halo2 circuit.

mod circuit;
mod columns;
mod fixed;
mod numbers;
mod public;
mod witness;

pub(crate) use circuit::Assignment;
pub use columns::Columns;
pub use fixed::{Copy, FixedGrid};
pub use numbers::Numbers;
pub(crate) use public::instance_columns;
pub use witness::Witness;
