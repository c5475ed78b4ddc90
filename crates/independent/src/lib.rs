//! Two checks of a laid-out circuit of the family `streams` that share no code with the planner.
//!
//! [`check_symbolic`] takes the gates and the fixed cells that halo2 gets, recomputes every exponent from them, and holds
//! what each layer's identity says, power by power, to the definition of the executor. [`check_tables`] runs the executor's
//! rounding at both ends of the interval of accumulators that each table entry stands for.
//!
//! Of `zklayout-plan` they import the types [`Plan`], `Layout`, `Streams`, `Home`, `Content`, `LinearFact`,
//! `Evaluation`, `Read` and `WeightMode`,
//! and read public fields only: no function that computes positions, exponents, steps, rows or entries. `tests/imports.rs`
//! holds them to that. The circuit's own placement of public values (`instance_columns`) is what a verifier uses, and says
//! which cell is which output. They do not know how a layout was found, and prove nothing about `direct` layouts.
//!
//! [`Plan`]: zklayout_plan::Plan

mod activation_tape;
mod bilinear;
mod cells;
mod circuit;
mod definition;
mod gates;
mod horner;
mod identity;
mod numbers;
mod objection;
mod polynomial;
mod public;
mod scalar_sum;
mod symbolic;
mod tables;
mod tensors;
mod weight_tape;

pub use identity::SymbolicCounts;
pub use objection::Objection;
pub use symbolic::check_symbolic;
pub use tables::{TableCounts, check_tables};
