//! The family `streams`: every tensor is written once, every linear layer is one random identity.
//!
//! A tensor has one [`Home`]: a row range of the activation tape. A [`LinearFact`] ties the homes on both sides of a
//! layer through one random evaluation on the weight tape; every value is looked up in place.

mod arrangement;
mod bound;
mod candidate;
mod count;
mod domain;
mod fact;
mod factors;
mod gates;
mod geometry;
mod home;
mod knobs;
mod layout;
mod limbs;
mod linear_fact;
mod network;
mod occupancy;
mod pass;
mod record;
mod requantise;
mod search;
mod strips;
mod tape_id;

pub use bound::InputTape;
pub(crate) use bound::bound_fact;
pub(crate) use candidate::{ONE, realise};
pub(crate) use fact::placement;
pub use fact::{
    Block, ConstantFact, Evaluation, FactTerm, KernelFact, KnownBiasFact, MoveFact, PhaseAxis, ProductFact,
    RotationFact, Scalar, ScaledFact, SquaresFact, TransposeFact, WeightCells, WeightRow,
};
pub(crate) use factors::check_factors;
pub use gates::{StreamGate, StreamGates};
pub use home::{Content, Home, Public, Read, Tile};
pub use knobs::{LookupArgument, StreamKnobs};
pub use layout::Streams;
pub use limbs::{Limbs, Scale};
pub use linear_fact::LinearFact;
pub(crate) use linear_fact::bias_digits;
pub(crate) use network::MOST_STRIDE;
pub use pass::{Passes, ReadSum, WeightStep, WriteTile};
pub use requantise::Requantise;
pub(crate) use search::offer;
pub use strips::{FixedColumns, Lookup, Strip, Strips, Tag};
pub use tape_id::TapeId;
