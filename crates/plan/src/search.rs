//! The search: every pair of tape widths, requantisation and number of rows, scored; the cheapest wins.

use zklayout_model::{Fixed, FixedLayer, Graph};

use crate::candidate::{Candidate, chain};
use crate::error::PlanError;
use crate::home::Home;
use crate::plan::{Knobs, PLAN_FORMAT, Plan, Visibility, WeightMode, structure_hash};
use crate::score::score;
use crate::shape::{CircuitShape, UNUSABLE_ROWS};
use crate::table::TableSet;

/// Widths of the activation tape that are tried.
const LANES: [usize; 11] = [1, 2, 3, 4, 6, 8, 9, 12, 16, 24, 32];
/// The widest weight tape that is tried.
const MOST_WEIGHT_LANES: usize = 64;
/// The most sets of table columns that are tried.
const MOST_TABLE_COLUMNS: usize = 3;
/// The largest logarithm of the number of rows that is ever tried.
const MOST_K: u32 = 26;

/// What the search may choose from.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What the verifier learns.
    pub visibility: Visibility,
    /// Smallest logarithm of the number of rows.
    pub min_k: u32,
    /// Largest logarithm of the number of rows: that of the powers of tau at hand.
    pub max_k: u32,
    /// The only width of the activation tape to try.
    pub lanes: Option<usize>,
    /// The only requantisation to try: split into quotient and remainder, or by one table.
    pub remainders: Option<bool>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let visibility = Visibility { public_input: false, weights: WeightMode::Private };
        Self { visibility, min_k: 8, max_k: 20, lanes: None, remainders: None }
    }
}

/// Chooses the cheapest layout of `graph`. Equal arguments give equal plans.
///
/// # Errors
/// A graph with a form that no layout covers, or one that needs more than `max_k` allows.
pub fn plan(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
    if let Some(lanes) = options.lanes.filter(|lanes| !LANES.contains(lanes)) {
        let reason = format!("{lanes} lanes are never tried; choose one of {LANES:?}");
        return Err(PlanError::Unsupported { layer: "activation tape".into(), reason });
    }
    let (input, layers) = chain(graph)?;
    let mut best: Option<(u64, Knobs)> = None;
    let (mut failure, mut laid_out) = (None, false);
    let widths = LANES.iter().filter(|&&lanes| options.lanes.is_none_or(|only| only == lanes));
    let variants = widths.flat_map(|&lanes| [(lanes, true), (lanes, false)]);
    for (lanes, remainders) in variants.filter(|(_, split)| options.remainders.is_none_or(|only| only == *split)) {
        let candidate = match Candidate::build(input, &layers, &options.visibility, lanes, remainders) {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::debug!(lanes, %error, "no layout");
                failure = Some(error);
                continue;
            }
        };
        laid_out = true;
        for k in options.min_k..=options.max_k.min(MOST_K) {
            let Some((knobs, shape)) = narrowest(&candidate, &layers, options, k, lanes, remainders) else {
                continue;
            };
            let score = score(&knobs, &shape);
            tracing::debug!(?knobs, score, "candidate");
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, knobs));
            }
        }
    }
    match (best, failure) {
        (Some((_, knobs)), _) => realise(graph, options.visibility, knobs),
        (None, Some(error)) if !laid_out => Err(error),
        (None, _) => Err(too_large(options.max_k)),
    }
}

/// The plan that given knobs stand for.
pub(crate) fn realise(graph: &Graph<Fixed>, visibility: Visibility, knobs: Knobs) -> Result<Plan, PlanError> {
    let known = LANES.contains(&knobs.lanes)
        && (1..=MOST_WEIGHT_LANES).contains(&knobs.weight_lanes)
        && (1..=MOST_TABLE_COLUMNS).contains(&knobs.table_columns)
        && knobs.k <= MOST_K;
    if !known {
        return Err(PlanError::Format(format!("{knobs:?} are outside what the search tries")));
    }
    let (input, layers) = chain(graph)?;
    let candidate = Candidate::build(input, &layers, &visibility, knobs.lanes, knobs.remainders)?;
    let (facts, passes) = candidate.facts(knobs.lanes, knobs.weight_lanes);
    let tables = tables(&candidate, &layers, &visibility);
    let shape = CircuitShape::count(&knobs, &visibility, &candidate.homes, &facts, &passes, tables.entries());
    if shape.needed_rows(knobs.table_columns) >= shape.usable_rows() {
        return Err(too_large(knobs.k));
    }
    let (quotient_offset, value_offset) = tables.offsets();
    Ok(Plan {
        format: PLAN_FORMAT,
        model: structure_hash(graph)?,
        visibility,
        knobs,
        weight_bits: weight_bits(&layers),
        quotient_offset,
        value_offset,
        tables: tables.0,
        passes,
        homes: candidate.homes,
        facts,
        output_scale: layers.last().map_or(0, |layer| layer.scale()),
        input_shape: input.shape,
        input_range: input.range,
        input_scale: input.scale,
        shape,
    })
}

/// The narrowest weight tape and fewest table columns that fit `2^k` rows.
fn narrowest(
    candidate: &Candidate<'_>,
    layers: &[&FixedLayer],
    options: &PlanOptions,
    k: u32,
    lanes: usize,
    remainders: bool,
) -> Option<(Knobs, CircuitShape)> {
    let entries = tables(candidate, layers, &options.visibility).entries();
    let usable = (1usize << k).checked_sub(UNUSABLE_ROWS + 1)?;
    let table_columns = (1..=MOST_TABLE_COLUMNS).find(|columns| entries.div_ceil(*columns) <= usable)?;
    if candidate.homes.iter().map(Home::rows).sum::<usize>() > usable {
        return None;
    }
    (1..=MOST_WEIGHT_LANES).filter(|&weight_lanes| fact_rows(layers, weight_lanes) < usable).find_map(
        |weight_lanes| {
            let knobs = Knobs { k, lanes, weight_lanes, table_columns, remainders };
            let (facts, passes) = candidate.facts(lanes, weight_lanes);
            let shape =
                CircuitShape::count(&knobs, &options.visibility, &candidate.homes, &facts, &passes, entries);
            (shape.needed_rows(table_columns) <= usable).then_some((knobs, shape))
        },
    )
}

/// The candidate's tables and the range of private weights.
fn tables(candidate: &Candidate<'_>, layers: &[&FixedLayer], visibility: &Visibility) -> TableSet {
    let mut tables = candidate.tables.clone();
    if visibility.weights == WeightMode::Private {
        tables.range(1 << weight_bits(layers));
    }
    tables
}

fn too_large(max_k: u32) -> PlanError {
    let reason = "activations, weights or tables need more rows; raise the limit or lower the bits";
    PlanError::TooLarge { max_k, reason: reason.into() }
}

fn weight_bits(layers: &[&FixedLayer]) -> u32 {
    layers.iter().map(|layer| layer.weight_bits).max().unwrap_or(0)
}

/// Rows of the weight tape, without building it.
fn fact_rows(layers: &[&FixedLayer], weight_lanes: usize) -> usize {
    layers
        .iter()
        .map(|layer| {
            let (kh, kw) = layer.linear.kernel_size();
            let outputs = layer.linear.group_outputs();
            let weights = layer.linear.group_inputs() * kh * kw;
            layer.linear.groups * (outputs + outputs.div_ceil(weight_lanes) * weights)
        })
        .sum()
}
