//! Sums: of partial dot products and a bias, or of a window.
//!
//! ```text
//! a_0  a_1  a_2  ... | s
//! ```
//!
//! | degree | constraint |
//! |--------|------------|
//! | 2 | sum * (a_0 + a_1 + ... - s) = 0 |
//!
//! A cheating prover would put a number into an idle operand; those are copies of the constant 0.

use halo2_proofs::plonk::ConstraintSystem;

use crate::direct::columns::Columns;
use crate::direct::gates::row::{cells, fixed};
use crate::field::Scalar;
use crate::streams::constant;

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, columns: &Columns, place: usize) {
    cs.create_gate("sum", |meta| {
        let switch = fixed(meta, columns, place);
        let cells = cells(meta, columns);
        let last = cells.len() - 1;
        let sum = cells[..last].iter().fold(constant(0), |sum, cell| sum + cell.clone());
        vec![switch * (sum - cells[last].clone())]
    });
}
