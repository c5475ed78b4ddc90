//! A plan as a halo2 circuit: columns, gates, fixed cells, and the placement of an execution's integers.
//!
//! The circuit makes no decision that the plan does not state. [`FixedGrid`] lays out everything that does not
//! depend on an input, [`Witness`] everything that is committed before the challenges, and [`Evaluations`]
//! everything after; [`InferenceCircuit`] hands all three to halo2.

mod circuit;
mod columns;
mod error;
mod evaluations;
mod expressions;
mod fixed;
mod gates;
mod realised;
mod weights;
mod witness;

pub use circuit::{CircuitParams, InferenceCircuit};
pub use columns::{Challenges, Columns};
pub use error::CircuitError;
pub use evaluations::{ChallengeValues, Evaluations};
pub use fixed::{Copy, FixedColumns, FixedGrid, Source};
pub use realised::{check_shape, realised_shape};
pub use weights::WeightTape;
pub use witness::{Witness, instance_columns};

/// The scalar field of the curve that proofs live on.
pub type Scalar = halo2curves::bn256::Fr;
