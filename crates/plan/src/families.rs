//! Layout families: what a plan can choose between.
//!
//! A family turns a quantised graph into candidates, and a candidate's knobs into the complete layout. A family with
//! gates of its own is one module, a variant of [`Family`] and a word in [`FAMILIES`]; other ways of choosing among the layouts of
//! those are a [`LayoutFamily`] that is handed to [`search_among`](crate::search_among).

use zklayout_model::{Fixed, Graph};

use crate::direct;
use crate::error::PlanError;
use crate::layout::{Family, Knobs, Layout};
use crate::options::{Buyer, PlanOptions};
use crate::shape::CircuitShape;
use crate::streams;
use crate::visibility::{Visibility, WeightMode};

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
            Self::Direct => {
                no_commitment(options.visibility)?;
                direct::offer(graph, options, buyer)
            }
        }
    }
}

impl Family {
    /// Whether the family has a way to hold inputs and weights.
    pub(crate) fn holds(self, visibility: Visibility) -> bool {
        self == Self::Streams || no_commitment(visibility).is_ok()
    }
}

impl Knobs {
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
                no_commitment(visibility)?;
                let (direct, shape) = direct::realise(graph, visibility, *knobs)?;
                Ok((Layout::Direct(direct), shape))
            }
        }
    }
}

/// Refuses what is committed outside of the circuit: `direct` reads each of them as a cell.
fn no_commitment(visibility: Visibility) -> Result<(), PlanError> {
    if visibility.weights == WeightMode::Committed || visibility.binds_input() {
        let reason = "inputs and weights are committed to outside of the circuit by the family streams alone";
        return Err(PlanError::Unsupported { layer: "family direct".into(), reason: reason.into() });
    }
    Ok(())
}
