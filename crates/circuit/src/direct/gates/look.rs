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

use halo2_proofs::plonk::ConstraintSystem;
use zklayout_plan::{Direct, SLOT_CELLS};

use crate::direct::columns::Columns;
use crate::direct::gates::row::{cells, fixed};
use crate::field::Scalar;
use crate::streams::constant;

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Direct, columns: &Columns) {
    let places = &columns.places;
    cs.create_gate("requantisation", |meta| {
        let look = fixed(meta, columns, places.look);
        let divisor = fixed(meta, columns, places.factor);
        let cells = cells(meta, columns);
        let slots = cells.chunks_exact(SLOT_CELLS).take(plan.knobs.slots);
        slots
            .map(|slot| {
                let [accumulator, quotient, remainder] = [0, 1, 2].map(|place| slot[place].clone());
                look.clone() * (accumulator - divisor.clone() * quotient - remainder)
            })
            .collect::<Vec<_>>()
    });
    for slot in 0..plan.knobs.slots {
        let first = slot * SLOT_CELLS;
        look_up(cs, columns, places.tag_values, [Some(first + 1), Some(first + 3)]);
        look_up(cs, columns, places.tag_remainders, [Some(first + 2), None]);
    }
}

fn look_up(cs: &mut ConstraintSystem<Scalar>, columns: &Columns, tag: usize, entry: [Option<usize>; 2]) {
    cs.lookup_any("tables", |meta| {
        let look = fixed(meta, columns, columns.places.look);
        let cells = cells(meta, columns);
        let number = |column: Option<usize>| match column {
            Some(column) => look.clone() * cells[column].clone(),
            None => constant(0),
        };
        let inputs = [fixed(meta, columns, tag), number(entry[0]), number(entry[1])];
        let table = columns.places.table.map(|place| fixed(meta, columns, place));
        inputs.into_iter().zip(table).collect()
    });
}
