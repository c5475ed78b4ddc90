//! Lookups by the proof system's own argument (Gabizon and Williamson, "plookup", 2020, as halo2 has it).
//!
//! ```text
//! (mask * tag, mask * x, mask * y)  in  (tag_T, x_T, y_T)
//! ```
//!
//! | degree | constraint |
//! |--------|------------|
//! | 5 | halo2's permutation of the compressed inputs (degree 2) and tables |
//!
//! Rows that are masked out look up the zero entry, which unused table rows hold. It belongs to no table, since tags are
//! not zero, and a masked row's own cells play no part in it.

use crate::algebra::Algebra;
use crate::operations::{COMPRESSED, Operations};
use crate::streams::gates::formulas::StreamGates;
use crate::streams::gates::lookup::{self, Entry};
use crate::streams::strips::Lookup;

/// What is looked up beside the columns of the table. There is one set of them.
pub(super) fn entry<A: Algebra>(
    gates: &StreamGates<'_>,
    looked_up: &Lookup,
    a: &mut A,
) -> Vec<(A::Value, A::Value)> {
    let table: Vec<A::Value> = gates.strips.fixed.tables.iter().flatten().map(|column| a.fixed(*column)).collect();
    let Entry { mask, tag, x, y } = lookup::entry(looked_up, a);
    let mask = mask.unwrap_or_else(|| a.fixed(gates.strips.fixed.active));
    let y = match y {
        Some(y) => mask.clone() * y,
        None => a.constant(0),
    };
    [mask.clone() * tag, mask * x, y].into_iter().zip(table).collect()
}

/// Each lookup is evaluated by itself.
pub(super) fn operations(gates: &StreamGates<'_>, lookup: &Lookup) -> usize {
    let operations = Operations::default();
    entry(gates, lookup, &mut &operations);
    operations.total() + COMPRESSED
}
