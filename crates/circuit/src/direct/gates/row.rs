//! The cells of one row, which every gate is over.

use halo2_proofs::plonk::VirtualCells;
use halo2_proofs::poly::Rotation;

use crate::direct::columns::Columns;
use crate::field::Scalar;
use crate::streams::Expr;

pub(super) fn fixed(meta: &mut VirtualCells<'_, Scalar>, columns: &Columns, place: usize) -> Expr {
    meta.query_fixed(columns.fixed[place], Rotation::cur())
}

/// The row's cells.
pub(super) fn cells(meta: &mut VirtualCells<'_, Scalar>, columns: &Columns) -> Vec<Expr> {
    columns.advice.iter().map(|&column| meta.query_advice(column, Rotation::cur())).collect()
}
