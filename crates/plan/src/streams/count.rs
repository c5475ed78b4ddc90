//! The counts of a layout of the family `streams`, in closed form.

use std::collections::BTreeMap;

use zklayout_model::Planes;

use crate::error::PlanError;
use crate::shape::{CircuitShape, usable_rows};
use crate::streams::gates::StreamGates;
use crate::streams::home::{Content, Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};
use crate::streams::linear_fact::LinearFact;
use crate::streams::occupancy::occupancy;
use crate::table::TableSet;
use crate::visibility::Visibility;

/// Evaluation columns beside the running sums: all but the scalar operand are read on two rows.
const EVALUATIONS: usize = 5;

/// Sets of rows that columns are read at: this row, with the next, with the previous.
const ROTATION_SETS: usize = 3;
/// Sets of rows that several product columns add: the last usable row with this one and the next.
const LINKED_PRODUCTS: usize = 1;

/// Columns that copies connect: producer, consumer, scalar operand; the second evaluation comes with products.
const COPIED_COLUMNS: usize = 3;
/// Rows that products read beside their own: the second evaluation's and the operand's row before.
const PRODUCT_QUERIES: usize = 2;

/// Counts a layout.
pub(crate) fn count(
    gates: &StreamGates<'_>,
    homes: &[Home],
    facts: (&[LinearFact], Option<&LinearFact>),
    tables: &TableSet,
) -> CircuitShape {
    let (gate_operations, lookup_operations) = gates.operations();
    CircuitShape { gate_operations, lookup_operations, ..count_columns(gates, homes, facts, tables) }
}

/// Counts layouts of one width with equal homes, or with none: those that differ in their number of rows alone share their
/// gates.
#[derive(Debug, Default)]
pub(crate) struct Counter(BTreeMap<StreamKnobs, (usize, usize)>);

impl Counter {
    /// What [`count`] gives; `columns` is what [`count_columns`] gave.
    pub(crate) fn count(&mut self, gates: &StreamGates<'_>, columns: CircuitShape) -> CircuitShape {
        let knobs = StreamKnobs { k: 0, ..gates.knobs.clone() };
        let (gate_operations, lookup_operations) = *self.0.entry(knobs).or_insert_with(|| gates.operations());
        CircuitShape { gate_operations, lookup_operations, ..columns }
    }
}

/// The counts with a bound on the gates' operations, which take longest to count: at least one loads each cell.
pub(crate) fn count_columns(
    gates: &StreamGates<'_>,
    homes: &[Home],
    (facts, bound): (&[LinearFact], Option<&LinearFact>),
    tables: &TableSet,
) -> CircuitShape {
    let (knobs, strips) = (gates.knobs, &gates.strips);
    let looked_up = strips.lookup_count();
    let (native_lookups, lookups) = match knobs.lookups {
        LookupArgument::Native => (looked_up, 0),
        LookupArgument::Sums { .. } => (0, looked_up + strips.multiplicities.count),
    };
    let (small_advice, wide_advice, sums) = (strips.small_columns(), strips.wide_columns(), strips.sums.count);
    let seconds = strips.second.count;
    let advice_queries = small_advice + wide_advice + (EVALUATIONS - 1) + sums + PRODUCT_QUERIES * seconds;
    let (degree, permuted) = (knobs.lookups.degree(), COPIED_COLUMNS + seconds);
    let products = permuted.div_ceil(degree - 2);
    let activation_rows: usize = homes.iter().map(Home::rows).sum();
    let weight_rows = facts.iter().chain(bound).map(LinearFact::len).sum::<usize>() + 1;
    let copies = facts.iter().chain(bound).map(|fact| fact.copies(homes)).sum();
    // Weights and running sums fill their columns; so do the producer's evaluations of offset quotients.
    let full = usable_rows(knobs.k);
    let written = if knobs.remainders() > 0 { activation_rows } else { full };
    let (folded, bound_rows) = (strips.folded.count, bound.map_or(0, LinearFact::len));
    let tape = strips.quotients.count + strips.remainders.count + strips.values.count;
    CircuitShape {
        k: knobs.k,
        small_advice,
        wide_advice,
        fixed: strips.fixed.count,
        instance: strips.instance,
        permuted,
        products,
        native_lookups,
        lookups,
        copies,
        degree,
        activation_rows,
        weight_rows,
        table_entries: tables.entries(),
        advice_queries,
        fixed_queries: strips.fixed.count,
        instance_queries: strips.public_columns(),
        rotation_sets: ROTATION_SETS + if products > 1 { LINKED_PRODUCTS } else { 0 },
        assigned_small_cells: tape * activation_rows + strips.weights.count * full + tables.entries(),
        assigned_wide_cells: (1 + seconds) * activation_rows
            + written
            + (2 + folded) * weight_rows
            + bound_rows
            + copies
            + sums * full,
        committed_lanes: folded * knobs.weight_lanes,
        bound_lanes: bound.map_or(0, |fact| fact.weight_lanes),
        gate_operations: advice_queries,
        occupancy: occupancy(knobs, strips.weights.count, homes, weight_rows),
        ..CircuitShape::default()
    }
    .with_proof_bytes()
}

/// Rows of the instance columns: those of public homes, and as many as hold the public input values that the model does
/// not read.
pub(crate) fn public_rows(homes: &[Home], visibility: &Visibility, input: Planes, lanes: usize) -> usize {
    let public = homes.iter().filter(|home| home.public != Public::No).map(Home::rows).sum::<usize>();
    let home = homes.iter().find(|home| home.content == Content::Input);
    let read = home.map_or(0, |home| visibility.shown(home.shape).len());
    let unread = visibility.shown(input).len().saturating_sub(read);
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
