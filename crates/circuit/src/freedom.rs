//! Cells that no constraint binds: what a prover may put there changes no public value.
//!
//! A layout lists them itself, so that a test can hold everything else to be bound.

use std::collections::BTreeSet;

use zklayout_plan::{Cell, Direct, Fill, Home, Layout, Plan, Streams, WeightMode};

/// Free cells of the columns that are committed before any challenge.
///
/// In `streams`, a cell that no producer writes and no table checks is free by itself. Beyond that, quotient and
/// remainder of a padding position may trade, since only their accumulator is bound; that is no freedom of one cell.
pub fn free_cells(plan: &Plan) -> BTreeSet<Cell> {
    match &plan.layout {
        Layout::Streams(layout) => streams(layout),
        Layout::Direct(layout) => direct(layout),
    }
}

fn streams(layout: &Streams) -> BTreeSet<Cell> {
    let knobs = &layout.knobs;
    let remainders = knobs.remainders() * knobs.lanes;
    let accumulators = knobs.lanes + remainders;
    let weights = if layout.visibility.weights == WeightMode::Private { knobs.weight_lanes } else { 0 };
    let multiplicities = layout.lookup_chunk().map_or(0, |_| knobs.table_columns);
    let last = layout.usable_rows() - 1;
    let columns = accumulators + knobs.lanes + weights + multiplicities;
    let mut free: BTreeSet<Cell> = (0..columns).map(|column| Cell { column, row: last }).collect();
    for row in 0..last {
        let home = layout.homes.iter().find(|home| (home.row..home.row + home.rows()).contains(&row));
        let unbound = (0..accumulators).filter(|column| !binds(home, knobs.lanes, row, column % knobs.lanes));
        free.extend(unbound.map(|column| Cell { column, row }));
    }
    free
}

/// Whether a producer or a table binds the accumulator of a lane.
fn binds(home: Option<&Home>, lanes: usize, row: usize, lane: usize) -> bool {
    let Some(home) = home else { return false };
    let plane_row = (row - home.row) % home.plane_rows();
    let stored = home.is_stored(plane_row) && home.position(plane_row, lane, lanes).is_some();
    stored && (home.has_producer() || home.value(plane_row, lane, lanes).is_some())
}

fn direct(layout: &Direct) -> BTreeSet<Cell> {
    let columns = layout.knobs.columns;
    let unused = layout.rows..layout.usable_rows();
    let mut free: BTreeSet<Cell> =
        unused.flat_map(|row| (0..columns).map(move |column| Cell { column, row })).collect();
    layout.walk(&mut |row, _, fills| {
        let open = (0..fills.len()).filter(|&column| fills[column] == Fill::Free);
        free.extend(open.map(|column| Cell { column, row }));
    });
    free
}
