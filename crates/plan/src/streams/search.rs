//! Every pair of tape widths, requantisation and number of rows.

use zklayout_model::{Fixed, FixedLayer, Graph};

use crate::error::PlanError;
use crate::layout::{Candidate as Layout, Knobs};
use crate::search::PlanOptions;
use crate::shape::{CircuitShape, usable_rows};
use crate::streams::arrangement::Arrangement;
use crate::streams::candidate::Candidate;
use crate::streams::count::count;
use crate::streams::home::Home;
use crate::streams::layout::{LookupArgument, StreamKnobs, tables};
use crate::streams::network::Network;
use crate::streams::requantise::Requantisation;
use crate::table::TableSet;

/// Widths of the activation tape that are tried.
pub(crate) const LANES: [usize; 11] = [1, 2, 3, 4, 6, 8, 9, 12, 16, 24, 32];
/// The widest weight tape that is tried.
pub(crate) const MOST_WEIGHT_LANES: usize = 64;
/// The most sets of table columns that are tried.
pub(crate) const MOST_TABLE_COLUMNS: usize = 3;
/// Lookup arguments that are tried.
pub(crate) const LOOKUP_ARGUMENTS: [LookupArgument; 4] = [
    LookupArgument::Sums { chunk: 3 },
    LookupArgument::Sums { chunk: 2 },
    LookupArgument::Sums { chunk: 1 },
    LookupArgument::Native,
];
/// The largest logarithm of the number of rows that is ever tried.
pub(crate) const MOST_K: u32 = 26;

/// Every candidate within the options' limits.
pub(crate) fn candidates(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Vec<Layout>, PlanError> {
    if let Some(lanes) = options.lanes.filter(|lanes| !LANES.contains(lanes)) {
        let reason = format!("{lanes} lanes are never tried; choose one of {LANES:?}");
        return Err(PlanError::Unsupported { layer: "activation tape".into(), reason });
    }
    let network = Network::of(graph)?;
    let variants = Requantisation::variants(&network, options.requantise);
    let mut found = Vec::new();
    let (mut failure, mut laid_out) = (None, false);
    for &lanes in LANES.iter().filter(|&&lanes| options.lanes.is_none_or(|only| only == lanes)) {
        let arrangement = match Arrangement::of(&network, lanes) {
            Ok(arrangement) => arrangement,
            Err(error) => {
                tracing::debug!(lanes, %error, "no layout");
                failure = Some(error);
                continue;
            }
        };
        laid_out = true;
        for requantisation in &variants {
            let tables = tables(requantisation, &network.layers, &options.visibility);
            let candidate =
                Candidate::new(&network, arrangement.clone(), &options.visibility, lanes, requantisation);
            for lookups in
                LOOKUP_ARGUMENTS.into_iter().filter(|one| options.lookups.is_none_or(|only| only == *one))
            {
                for k in options.min_k..=options.max_k.min(MOST_K) {
                    let wanted = StreamKnobs {
                        k,
                        lanes,
                        weight_lanes: 0,
                        table_columns: 0,
                        requantise: requantisation.choices.clone(),
                        lookups,
                    };
                    if let Some((knobs, shape)) = narrowest(&candidate, &network.layers, options, &tables, wanted)
                    {
                        found.push(Layout { knobs: Knobs::Streams(knobs), shape });
                    }
                }
            }
        }
    }
    match failure {
        Some(error) if !laid_out => Err(error),
        _ => Ok(found),
    }
}

/// The narrowest weight tape and fewest table columns that fit.
fn narrowest(
    candidate: &Candidate<'_>,
    layers: &[&FixedLayer],
    options: &PlanOptions,
    tables: &TableSet,
    wanted: StreamKnobs,
) -> Option<(StreamKnobs, CircuitShape)> {
    let usable = usable_rows(wanted.k).checked_sub(1)?;
    let most = if wanted.lookups == LookupArgument::Native { 1 } else { MOST_TABLE_COLUMNS };
    let table_columns = (1..=most).find(|columns| tables.entries().div_ceil(*columns) <= usable)?;
    if candidate.homes.iter().map(Home::rows).sum::<usize>() > usable {
        return None;
    }
    (1..=MOST_WEIGHT_LANES).filter(|&weight_lanes| fact_rows(layers, weight_lanes) < usable).find_map(
        |weight_lanes| {
            let knobs = StreamKnobs { weight_lanes, table_columns, ..wanted.clone() };
            let (facts, passes) = candidate.facts(knobs.lanes, weight_lanes);
            let shape = count(&knobs, &options.visibility, &candidate.homes, &facts, &passes, tables);
            (needed_rows(&shape, table_columns) <= usable).then_some((knobs, shape))
        },
    )
}

/// Rows that the layout needs with `table_columns` sets of table columns, the last usable row excluded.
pub(crate) fn needed_rows(shape: &CircuitShape, table_columns: usize) -> usize {
    let table_rows = shape.table_entries.div_ceil(table_columns);
    shape.activation_rows.max(shape.weight_rows).max(table_rows)
}

pub(crate) fn too_large(max_k: u32) -> PlanError {
    let reason = "activations, weights or tables need more rows; raise the limit or lower the bits";
    PlanError::TooLarge { max_k, reason: reason.into() }
}

/// Rows of the weight tape, without building it.
fn fact_rows(layers: &[&FixedLayer], weight_lanes: usize) -> usize {
    layers
        .iter()
        .map(|layer| {
            let (kh, kw) = layer.linear.kernel_size();
            let outputs = layer.linear.group_outputs();
            let weights = layer.linear.group_inputs() * kh * kw;
            layer.linear.groups * (outputs * (1 + layer.skips.len()) + outputs.div_ceil(weight_lanes) * weights)
        })
        .sum()
}
