//! Circuit layouts for a quantised graph: where every tensor lives, which fact is proven where, what it takes.
//!
//! A [`Family`] enumerates layouts and reports what each takes, as a [`CircuitShape`]; [`plan`] returns the cheapest as
//! a [`Plan`].
//!
//! This crate knows nothing of halo2, of fields or of the weights' values.

mod algebra;
mod bounds;
pub mod cost;
mod description;
mod direct;
mod encoder;
mod ends;
mod error;
mod families;
mod hash;
mod layout;
mod limits;
mod named_input;
mod objective;
mod operations;
mod options;
mod plan;
mod sample;
mod search;
mod shape;
mod share;
mod soundness;
mod streams;
mod structure;
mod system;
mod table;
mod visibility;

pub use algebra::{Algebra, Challenge, Constraint, Exponents, PublicAlgebra};
pub use cost::{Cost, CostError, CostModel, Profile};
pub use direct::{
    Cell, Datum, Direct, DirectColumns, DirectGate, DirectGates, DirectKnobs, DirectLayer, DirectLookup,
    DirectSkip, DotVariant, Fill, Finish, Gadget, Gadgets, Geometry, Homes, ReluVariant, SLOT_CELLS, Source,
    Weights,
};
pub use error::PlanError;
pub use families::{FAMILIES, LayoutFamily};
pub use hash::PlanHash;
pub use layout::{Candidate, Family, Knobs, Layout};
pub use named_input::NamedInput;
pub use objective::{Limits, Mix, Objective};
pub use operations::{Counted, Load, Operations};
pub use options::{Buyer, PlanOptions};
pub use plan::Plan;
pub use sample::sample;
pub use search::{Priced, SearchReport, StopReason, candidates, plan, search, search_among};
pub use shape::{CircuitShape, Occupancy, usable_rows};
pub use share::{Part, Share};
pub use soundness::Soundness;
pub use streams::*;
pub use structure::{structure, structure_hash};
pub use system::UNUSABLE_ROWS;
pub use table::{Steps, Table, TableKind};
pub use visibility::{InputMode, Visibility, WeightMode};
