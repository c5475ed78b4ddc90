//! The counts of a layout of the family `streams`, in closed form.

use zklayout_model::Planes;

use crate::error::PlanError;
use crate::shape::{CircuitShape, usable_rows};
use crate::streams::fact::LinearFact;
use crate::streams::home::{Content, Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};
use crate::streams::operations::Gates;
use crate::streams::pass::Passes;
use crate::table::TableSet;
use crate::visibility::{Visibility, WeightMode};

/// Evaluation columns: producer, consumer, weights, scalar operand, scalar sum.
const EVALUATIONS: usize = 5;

/// Sets of rows that columns are read at: this row, with the next, with the previous.
const ROTATION_SETS: usize = 3;
/// Sets of rows that several product columns add: the last usable row with this one and the next.
const LINKED_PRODUCTS: usize = 1;

/// Columns that copies connect: producer, consumer, scalar operand.
const COPIED_COLUMNS: usize = 3;

/// Counts a layout.
pub(crate) fn count(
    knobs: &StreamKnobs,
    visibility: &Visibility,
    homes: &[Home],
    facts: &[LinearFact],
    passes: &Passes,
    tables: &TableSet,
) -> CircuitShape {
    let table_entries = tables.entries();
    let offset = tables.offsets().1 != 0;
    let private = visibility.weights == WeightMode::Private;
    let weights = if private { knobs.weight_lanes } else { 0 };
    let cells = 2 + knobs.remainders();
    let looked_up = knobs.lanes * (cells - 1) + if private { knobs.weight_lookups() } else { 0 };
    let degree = knobs.lookups.degree();
    let (native_lookups, lookups, sums, multiplicities) = match knobs.lookups {
        LookupArgument::Native => (looked_up, 0, 0, 0),
        LookupArgument::Sums { chunk } => {
            let fractions = looked_up + knobs.table_columns;
            (0, fractions, fractions.div_ceil(chunk), knobs.table_columns)
        }
    };
    let small_advice = knobs.lanes * cells + weights + multiplicities;
    let wide_advice = EVALUATIONS + sums;
    let products = COPIED_COLUMNS.div_ceil(degree - 2);
    let fixed = fixed_columns(knobs, homes, passes) + knobs.weight_lanes - weights;
    let instance = if visibility.public_input { knobs.lanes } else { 1 };
    let public_values = if is_public(homes, Public::Values) { instance } else { 0 };
    let public_accumulators = is_public(homes, Public::Accumulators);
    let advice_queries = small_advice + wide_advice + (EVALUATIONS - 1) + sums;
    let instance_queries = public_values.max(usize::from(public_accumulators));
    // Tables and tags are read by the proof system's own lookups then, not by gates.
    let unread = if native_lookups > 0 { 3 * knobs.table_columns + 1 } else { 0 };
    let queries = advice_queries + fixed + instance_queries - unread;
    let gates = Gates { knobs, passes, private, offset, queries, public_values, public_accumulators };
    let activation_rows: usize = homes.iter().map(Home::rows).sum();
    let weight_rows = facts.iter().map(LinearFact::len).sum::<usize>() + 1;
    let copies = facts.iter().map(|fact| fact.copies(homes)).sum();
    // Weights and running sums fill their columns; so do the producer's evaluations of offset quotients.
    let full = usable_rows(knobs.k);
    let written = if knobs.remainders() > 0 { activation_rows } else { full };
    CircuitShape {
        k: knobs.k,
        small_advice,
        wide_advice,
        fixed,
        instance,
        permuted: COPIED_COLUMNS,
        products,
        native_lookups,
        lookups,
        copies,
        degree,
        activation_rows,
        weight_rows,
        table_entries,
        advice_queries,
        fixed_queries: fixed,
        instance_queries,
        rotation_sets: ROTATION_SETS + if products > 1 { LINKED_PRODUCTS } else { 0 },
        assigned_small_cells: knobs.lanes * cells * activation_rows + weights * full + table_entries,
        assigned_wide_cells: activation_rows + written + 2 * weight_rows + copies + sums * full,
        gate_operations: gates.operations(),
        lookup_operations: gates.native_operations(),
        proof_bytes: 0,
    }
    .with_proof_bytes()
}

/// Rows of the instance columns: those of public homes, and as many as hold the public input values that the model does
/// not read.
pub(crate) fn public_rows(homes: &[Home], visibility: &Visibility, input: Planes, lanes: usize) -> usize {
    let public = homes.iter().filter(|home| home.public != Public::No).map(Home::rows).sum::<usize>();
    let read = homes.iter().find(|home| home.content == Content::Input).map_or(0, |home| home.shape.len());
    let unread = if visibility.public_input { input.len().saturating_sub(read) } else { 0 };
    public + unread.div_ceil(lanes)
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

fn is_public(homes: &[Home], kind: Public) -> bool {
    homes.iter().any(|home| home.public == kind)
}

/// Row switch, first and last row, closing rows, output rows, product rows, masks, tags and divisors, the limbs' tags and
/// the outputs' scales, passes, tables, public rows.
fn fixed_columns(knobs: &StreamKnobs, homes: &[Home], passes: &Passes) -> usize {
    let passes = passes.write_tiles.len()
        + passes.write_steps.len()
        + passes.read_sums.len()
        + passes.read_steps.len()
        + passes.weight_steps.len()
        + passes.skips.len();
    let public = [Public::Values, Public::Accumulators].iter().filter(|kind| is_public(homes, **kind)).count();
    let divisors = usize::from(knobs.remainders() > 0) + if knobs.limbs.is_some() { 2 } else { 0 };
    5 + knobs.lanes + 1 + divisors + passes + 3 * knobs.table_columns + public
}
