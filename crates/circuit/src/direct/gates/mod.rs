//! The gates, one file each. Each is switched by a fixed column, so that none holds on blinding rows.

mod bits;
mod dot;
mod look;
mod sum;

use halo2_proofs::plonk::{ConstraintSystem, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::Direct;

use crate::Scalar;
use crate::direct::columns::Columns;
use crate::streams::Expr;

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

fn fixed(meta: &mut VirtualCells<'_, Scalar>, columns: &Columns, place: usize) -> Expr {
    meta.query_fixed(columns.fixed[place], Rotation::cur())
}

/// The row's cells.
fn cells(meta: &mut VirtualCells<'_, Scalar>, columns: &Columns) -> Vec<Expr> {
    columns.advice.iter().map(|&column| meta.query_advice(column, Rotation::cur())).collect()
}
