//! The counts of a layout of the family `streams`, in closed form.

use crate::plan::{Visibility, WeightMode};
use crate::shape::CircuitShape;
use crate::streams::fact::LinearFact;
use crate::streams::home::{Home, Public, Read};
use crate::streams::layout::{LookupArgument, StreamKnobs};
use crate::streams::pass::Passes;

/// Evaluation columns: producer, consumer, weights, scalar operand, scalar sum.
const EVALUATIONS: usize = 5;

/// Columns that copies connect: producer, consumer, scalar operand.
const COPIED_COLUMNS: usize = 3;

/// Counts a layout.
pub(crate) fn count(
    knobs: &StreamKnobs,
    visibility: &Visibility,
    homes: &[Home],
    facts: &[LinearFact],
    passes: &Passes,
    table_entries: usize,
) -> CircuitShape {
    let private = visibility.weights == WeightMode::Private;
    let weight_lookups = if private { knobs.weight_lanes } else { 0 };
    let cells = 2 + usize::from(knobs.remainders());
    let looked_up = knobs.lanes * (cells - 1) + weight_lookups;
    let degree = knobs.lookups.degree();
    let (native_lookups, lookups, sums, multiplicities) = match knobs.lookups {
        LookupArgument::Native => (looked_up, 0, 0, 0),
        LookupArgument::Sums { chunk } => {
            let fractions = looked_up + knobs.table_columns;
            (0, fractions, fractions.div_ceil(chunk), knobs.table_columns)
        }
    };
    let small_advice = knobs.lanes * cells + weight_lookups + multiplicities;
    let wide_advice = EVALUATIONS + sums;
    let fixed = fixed_columns(knobs, homes, passes) + knobs.weight_lanes - weight_lookups;
    CircuitShape {
        k: knobs.k,
        small_advice,
        wide_advice,
        fixed,
        instance: if visibility.public_input { knobs.lanes } else { 1 },
        permuted: COPIED_COLUMNS,
        products: COPIED_COLUMNS.div_ceil(degree - 2),
        native_lookups,
        lookups,
        copies: facts.iter().map(|fact| fact.copies(is_full(fact, homes))).sum(),
        degree,
        activation_rows: homes.iter().map(Home::rows).sum(),
        weight_rows: facts.iter().map(LinearFact::len).sum::<usize>() + 1,
        table_entries,
        advice_queries: small_advice + wide_advice + (EVALUATIONS - 1) + sums,
        fixed_queries: fixed,
        gate_operations: 0,
        lookup_operations: 0,
        proof_bytes: 0,
    }
    .with_proof_bytes()
}

fn is_full(fact: &LinearFact, homes: &[Home]) -> bool {
    matches!(homes[fact.input].read, Read::Scalars { .. })
}

/// Row switch, first and last row, closing rows, output rows, product rows, masks, tags and divisors, passes,
/// tables, public rows.
fn fixed_columns(knobs: &StreamKnobs, homes: &[Home], passes: &Passes) -> usize {
    let passes = passes.write_tiles.len()
        + passes.write_steps.len()
        + passes.read_sums.len()
        + passes.read_steps.len()
        + passes.weight_steps.len()
        + passes.skips.len();
    let public = [Public::Values, Public::Accumulators]
        .iter()
        .filter(|kind| homes.iter().any(|home| home.public == **kind))
        .count();
    5 + knobs.lanes + 1 + usize::from(knobs.remainders()) + passes + 3 * knobs.table_columns + public
}
