//! Layout families: what a plan can choose between.
//!
//! A family turns a quantised graph into candidates, and a candidate's knobs into the complete layout. A family with
//! gates of its own is one module, a variant here and a word in [`FAMILIES`]; other ways of choosing among the layouts of
//! those are a [`LayoutFamily`] that is handed to [`search_among`](crate::search_among).

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph};

use crate::direct::{self, Direct, DirectKnobs};
use crate::error::PlanError;
use crate::plan::Visibility;
use crate::search::{Buyer, PlanOptions};
use crate::shape::CircuitShape;
use crate::streams::{self, StreamKnobs, Streams};

/// A family of layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Every linear layer is one random identity; every value is looked up in place.
    Streams,
    /// Every operation is a row; its operands are copied there.
    Direct,
}

/// Offers layouts to a search.
pub trait LayoutFamily: Sync {
    /// The family's name on the command line.
    fn name(&self) -> &str;

    /// Offers every candidate for a graph within the options' limits on rows.
    ///
    /// # Errors
    /// A graph that the family does not cover.
    fn offer(&self, graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError>;
}

/// Every family that is searched.
pub const FAMILIES: &[Family] = &[Family::Streams, Family::Direct];

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The choices.
    pub knobs: Knobs,
    /// The circuit's counts.
    pub shape: CircuitShape,
}

impl LayoutFamily for Family {
    fn name(&self) -> &str {
        match self {
            Self::Streams => "streams",
            Self::Direct => "direct",
        }
    }

    fn offer(&self, graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError> {
        match self {
            Self::Streams => streams::offer(graph, options, buyer),
            Self::Direct => direct::offer(graph, options, buyer),
        }
    }
}

impl Knobs {
    /// The family that the knobs belong to.
    pub fn family(&self) -> Family {
        match self {
            Self::Streams(_) => Family::Streams,
            Self::Direct(_) => Family::Direct,
        }
    }

    /// The layout that the knobs stand for, and its counts.
    pub(crate) fn realise(
        &self,
        graph: &Graph<Fixed>,
        visibility: Visibility,
    ) -> Result<(Layout, CircuitShape), PlanError> {
        match self {
            Self::Streams(knobs) => {
                let (streams, shape) = streams::realise(graph, visibility, knobs.clone())?;
                Ok((Layout::Streams(streams), shape))
            }
            Self::Direct(knobs) => {
                let (direct, shape) = direct::realise(graph, visibility, *knobs)?;
                Ok((Layout::Direct(direct), shape))
            }
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
