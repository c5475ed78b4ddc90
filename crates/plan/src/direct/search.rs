//! Every number of columns, variant and number of slots, each on the fewest rows that hold it.

use rayon::prelude::*;
use zklayout_model::{Fixed, Graph};

use crate::direct::candidate::build;
use crate::direct::knobs::{COLUMNS, DirectKnobs, DotVariant, ReluVariant, SLOTS};
use crate::direct::layout::Direct;
use crate::error::PlanError;
use crate::layout::{Candidate, Knobs};
use crate::limits::MOST_K;
use crate::options::{Buyer, PlanOptions};
use crate::shape::CircuitShape;
use crate::streams::LookupArgument;

/// Offers every candidate within the options' limits on rows. There are no tapes: none if the options ask for a certain
/// one.
pub(crate) fn offer(graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError> {
    let sums = options.lookups.is_some_and(|lookups| lookups != LookupArgument::Native);
    if options.lanes.is_some() || options.requantise.is_some() || sums {
        return Ok(());
    }
    let variants: Vec<DirectKnobs> = variants(options.min_k).filter(DirectKnobs::is_possible).collect();
    let build = |&knobs: &DirectKnobs| {
        let (layout, _) = build(graph, options.visibility, knobs)?;
        if knobs.relu == ReluVariant::Bits && !layout.gadgets.bits {
            return Ok(None);
        }
        fewest_rows(graph, options, layout)
    };
    let found = variants.par_iter().map(build).collect::<Result<Vec<_>, PlanError>>()?;
    let candidate = |(knobs, shape)| Candidate { knobs: Knobs::Direct(knobs), shape };
    buyer.take(found.into_iter().flatten().map(candidate).collect(), 0);
    Ok(())
}

fn variants(k: u32) -> impl Iterator<Item = DirectKnobs> {
    let pairs = DotVariant::ALL.into_iter().flat_map(|dot| ReluVariant::ALL.map(|relu| (dot, relu)));
    pairs.flat_map(move |(dot, relu)| {
        SLOTS.into_iter().flat_map(move |slots| {
            COLUMNS.into_iter().map(move |columns| DirectKnobs { k, columns, dot, relu, slots })
        })
    })
}

fn fewest_rows(
    graph: &Graph<Fixed>,
    options: &PlanOptions,
    layout: Direct,
) -> Result<Option<(DirectKnobs, CircuitShape)>, PlanError> {
    for k in options.min_k..=options.max_k.min(MOST_K) {
        if layout.rows > crate::shape::usable_rows(k) {
            continue;
        }
        let knobs = DirectKnobs { k, ..layout.knobs };
        let (layout, shape) = build(graph, options.visibility, knobs)?;
        if layout.fits(&shape) {
            return Ok(Some((knobs, shape)));
        }
    }
    Ok(None)
}
