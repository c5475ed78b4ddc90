//! The gates, one file each. Each is switched by a fixed column, so that none holds on blinding rows.

mod bits;
mod dot;
mod look;
mod row;
mod sum;

use halo2_proofs::plonk::ConstraintSystem;
use zklayout_plan::Direct;

use crate::direct::columns::Columns;
use crate::field::Scalar;

/// Creates every gate of a plan.
pub(crate) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Direct, columns: &Columns) {
    dot::create(cs, plan, columns);
    look::create(cs, plan, columns);
    if let Some(place) = columns.places.sum {
        sum::create(cs, columns, place);
    }
    if let Some(places) = columns.places.bits {
        bits::create(cs, columns, places);
    }
}
