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

use crate::algebra::{Algebra, Constraint};
use crate::direct::gates::formulas::DirectGates;
use crate::direct::knobs::DotVariant;

pub(super) fn constraints<A: Algebra>(gates: &DirectGates, a: &mut A) -> Vec<Constraint<A::Value>> {
    let dot = a.fixed(gates.columns.dot);
    let cells = gates.cells(a);
    let last = cells.len() - 1;
    let start = match gates.knobs.dot {
        DotVariant::Plain => a.constant(0),
        DotVariant::Running => cells[last - 1].clone(),
    };
    let pairs = cells[..last].chunks_exact(2).take(gates.knobs.pairs());
    let sum = pairs.fold(start, |sum, pair| sum + pair[0].clone() * pair[1].clone());
    vec![("the last cell is the sum of products", dot * (sum - cells[last].clone()))]
}
