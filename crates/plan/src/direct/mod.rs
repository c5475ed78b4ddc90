//! The family `direct`: every operation is a row gadget, every operand is copied to the row that reads it.
//!
//! The layouts of Chen et al., "ZKML" (EuroSys 2024): a grid of advice columns, all under the permutation argument, one
//! phase, and the proof system's own lookups. Rows follow each other layer by layer; [`Direct::walk`] is the one place
//! that says which row holds what.

mod candidate;
mod columns;
mod digits;
mod gadget;
mod gates;
mod geometry;
mod knobs;
mod layout;
mod search;
mod tally;
mod walk;

pub(crate) use candidate::realise;
pub use columns::DirectColumns;
pub(crate) use digits::DigitRange;
pub use gadget::{Cell, Datum, Fill, Gadget, SLOT_CELLS, Source};
pub use gates::{DirectGate, DirectGates, DirectLookup};
pub use geometry::Geometry;
pub use knobs::{DirectKnobs, DotVariant, ReluVariant};
pub use layout::{Direct, DirectLayer, DirectSkip, Finish, Gadgets, Weights};
pub(crate) use search::offer;
pub use walk::Homes;
