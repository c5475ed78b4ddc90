//! What families of layouts are and what they give: names, choices, candidates, complete layouts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::direct::{Direct, DirectKnobs};
use crate::shape::CircuitShape;
use crate::streams::{StreamKnobs, Streams};
use crate::visibility::Visibility;

/// A family of layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Every linear layer is one random identity; every value is looked up in place.
    Streams,
    /// Every operation is a row; its operands are copied there.
    Direct,
}

/// The choices that determine a layout, given the model and the visibility.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Knobs {
    /// Of the family `streams`.
    Streams(StreamKnobs),
    /// Of the family `direct`.
    Direct(DirectKnobs),
}

/// A complete layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Of the family `streams`.
    Streams(Streams),
    /// Of the family `direct`.
    Direct(Direct),
}

/// One layout before it is laid out: its choices and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The choices.
    pub knobs: Knobs,
    /// The circuit's counts.
    pub shape: CircuitShape,
}

impl Knobs {
    /// The family that the knobs belong to.
    pub fn family(&self) -> Family {
        match self {
            Self::Streams(_) => Family::Streams,
            Self::Direct(_) => Family::Direct,
        }
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streams(knobs) => knobs.fmt(f),
            Self::Direct(knobs) => knobs.fmt(f),
        }
    }
}

impl Layout {
    /// The layout, if it is of the family `streams`.
    pub fn as_streams(&self) -> Option<&Streams> {
        match self {
            Self::Streams(streams) => Some(streams),
            Self::Direct(_) => None,
        }
    }

    /// The layout, if it is of the family `direct`.
    pub fn as_direct(&self) -> Option<&Direct> {
        match self {
            Self::Direct(direct) => Some(direct),
            Self::Streams(_) => None,
        }
    }

    /// The choices that the layout was made from.
    pub fn knobs(&self) -> Knobs {
        match self {
            Self::Streams(streams) => Knobs::Streams(streams.knobs.clone()),
            Self::Direct(direct) => Knobs::Direct(direct.knobs),
        }
    }

    /// What the verifier learns.
    pub fn visibility(&self) -> Visibility {
        match self {
            Self::Streams(streams) => streams.visibility,
            Self::Direct(direct) => direct.visibility,
        }
    }
}
