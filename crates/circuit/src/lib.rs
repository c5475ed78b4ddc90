//! A plan as a halo2 circuit: columns, gates, fixed cells, and the placement of an execution's integers.
//!
//! The circuit makes no decision that the plan does not state. [`Grid`] lays out everything that does not depend on an
//! input, [`Witness`] everything that is committed before any challenge; [`InferenceCircuit`] hands both to halo2. Each
//! family of layouts is one module.

pub mod audit;
mod circuit;
pub mod direct;
mod error;
mod expressions;
mod field;
mod freedom;
mod lowering;
mod operations;
mod realised;
pub mod streams;

pub use circuit::{CircuitParams, Config, InferenceCircuit};
pub use error::CircuitError;
pub use field::Scalar;
pub use freedom::free_cells;
pub use lowering::{Grid, GridCounts, Witness, instance_columns};
pub use operations::gate_operations;
pub use realised::{check_shape, configured_shape, realised_shape};
