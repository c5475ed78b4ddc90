//! Circuit layouts for a quantised graph: where every tensor lives, which fact is proven where, what it takes.
//!
//! A tensor is written once, in its [`Home`]: a row range of the activation tape. A [`LinearFact`] ties the
//! homes on both sides of a layer through one random evaluation on the weight tape. [`plan`] enumerates the
//! widths of both tapes, the requantisation and the number of rows, and returns the cheapest [`Plan`].
//!
//! This crate knows nothing of halo2, of fields or of the weights' values.

mod candidate;
mod error;
mod fact;
mod geometry;
mod home;
mod pass;
mod plan;
mod score;
mod search;
mod shape;
mod table;

pub use error::PlanError;
pub use fact::{Block, LinearFact, Scalar, WeightCells, WeightRow};
pub use home::{Content, Home, Public, Read, Tile};
pub use pass::{Passes, ReadSum, WeightStep, WriteTile};
pub use plan::{Knobs, Plan, PlanHash, Visibility, WeightMode};
pub use search::{PlanOptions, plan};
pub use shape::{CircuitShape, LOOKUPS_PER_SUM, UNUSABLE_ROWS};
pub use table::{Table, TableKind};
