//! Requantisation and range checks, by lookups.
//!
//! ```text
//! acc q r p | acc q r p | ...
//! ```
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | look * (acc - divisor * q - r) = 0 |
//! | 5 | (tag_values, look * q, look * p) is an entry of the tables |
//! | 5 | (tag_remainders, look * r, 0) is an entry of the tables |
//!
//! Both tags are 0 on rows that are no look rows, which look up the tables' all-zero row; no table has the
//! tag 0. On a range check `divisor` is 0 and the table has `(x, 0)` for every `x` in the range: `q` and `r` are in
//! range, `acc` repeats `r`, and `p` is 0.
//!
//! A cheating prover would take a quotient with a remainder beyond the divisor or below 0 (the remainder's range has
//! both bounds), a value that is not the quotient's (they are one entry), an entry of another layer's table or of a range
//! (tags differ), or an accumulator of its own (it is a copy of the dot product's result; slots that a row does not need
//! copy the last accumulator again).

use crate::algebra::{Algebra, Constraint};
use crate::direct::gadget::SLOT_CELLS;
use crate::direct::gates::formulas::{DirectGates, DirectLookup};
use crate::operations::{COMPRESSED, Operations};

pub(super) fn constraints<A: Algebra>(gates: &DirectGates, a: &mut A) -> Vec<Constraint<A::Value>> {
    let [look, divisor] = [gates.columns.look, gates.columns.factor].map(|column| a.fixed(column));
    let cells = gates.cells(a);
    let slots = cells.chunks_exact(SLOT_CELLS).take(gates.knobs.slots);
    slots
        .map(|slot| {
            let [accumulator, quotient, remainder] = [0, 1, 2].map(|place| slot[place].clone());
            let difference = accumulator - divisor.clone() * quotient - remainder;
            ("a slot's accumulator is its quotient and remainder", look.clone() * difference)
        })
        .collect()
}

/// Of each slot the quotient with its value, and the remainder.
pub(super) fn lookups(gates: &DirectGates) -> Vec<DirectLookup> {
    let (values, remainders) = (gates.columns.tag_values, gates.columns.tag_remainders);
    let of_slot = |slot: usize| {
        let first = slot * SLOT_CELLS;
        let value = DirectLookup { tag: values, x: first + 1, y: Some(first + 3) };
        [value, DirectLookup { tag: remainders, x: first + 2, y: None }]
    };
    (0..gates.knobs.slots).flat_map(of_slot).collect()
}

pub(super) fn entry<A: Algebra>(
    gates: &DirectGates,
    lookup: &DirectLookup,
    a: &mut A,
) -> Vec<(A::Value, A::Value)> {
    let look = a.fixed(gates.columns.look);
    let tag = a.fixed(lookup.tag);
    let x = look.clone() * a.advice(lookup.x, 0);
    let y = match lookup.y {
        Some(column) => look * a.advice(column, 0),
        None => a.constant(0),
    };
    let table = gates.columns.table.map(|column| a.fixed(column));
    [tag, x, y].into_iter().zip(table).collect()
}

/// Each lookup is evaluated by itself.
pub(super) fn operations(gates: &DirectGates, lookup: &DirectLookup) -> usize {
    let operations = Operations::default();
    entry(gates, lookup, &mut &operations);
    operations.total() + COMPRESSED
}
