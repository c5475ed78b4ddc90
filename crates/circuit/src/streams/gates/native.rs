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

use halo2_proofs::plonk::ConstraintSystem;
use zklayout_plan::Streams;

use crate::field::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{constant, fixed};
use crate::streams::gates::lookup::lookups;

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    let Some(&places) = columns.places.tables.first() else { return };
    let slots = columns.values.len() + columns.remainders.len() + plan.private_weight_lookups();
    for slot in 0..slots {
        cs.lookup_any("lookup", |meta| {
            let table = places.map(|place| fixed(meta, &columns.fixed, place));
            let active = fixed(meta, &columns.fixed, columns.places.active);
            let lookup = lookups(meta, plan, columns).swap_remove(slot);
            let mask = lookup.mask.unwrap_or(active);
            let y = lookup.y.map_or(constant(0), |y| mask.clone() * y);
            [mask.clone() * lookup.tag, mask * lookup.x, y].into_iter().zip(table).collect()
        });
    }
}
