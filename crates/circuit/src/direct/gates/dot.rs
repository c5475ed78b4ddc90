//! Dot products.
//!
//! ```text
//! w_0 x_0 | w_1 x_1 | ... | t | s
//! ```
//!
//! `t`, the previous partial sum, is there in the running variant only; in the plain one its cell, if the number of
//! columns leaves one, is read by nothing.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | dot * (t + sum w_i x_i - s) = 0 |
//!
//! A cheating prover would put numbers of its own into operands (every one is a copy: of a range-checked cell, of
//! another row's result, or of a constant), into the idle pairs of a last row (both cells are copies of the constant 0),
//! or make the sum wrap around the field (all factors are range-checked integers, far below its characteristic).

use halo2_proofs::plonk::ConstraintSystem;
use zklayout_plan::{Direct, DotVariant};

use crate::direct::columns::Columns;
use crate::direct::gates::row::{cells, fixed};
use crate::field::Scalar;
use crate::streams::constant;

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Direct, columns: &Columns) {
    cs.create_gate("dot product", |meta| {
        let dot = fixed(meta, columns, columns.places.dot);
        let cells = cells(meta, columns);
        let last = cells.len() - 1;
        let start = match plan.knobs.dot {
            DotVariant::Plain => constant(0),
            DotVariant::Running => cells[last - 1].clone(),
        };
        let pairs = cells[..last].chunks_exact(2).take(plan.knobs.pairs());
        let sum = pairs.fold(start, |sum, pair| sum + pair[0].clone() * pair[1].clone());
        vec![dot * (sum - cells[last].clone())]
    });
}
