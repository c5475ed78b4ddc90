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

use crate::algebra::{Algebra, Constraint};
use crate::direct::gates::formulas::DirectGates;

pub(super) fn constraints<A: Algebra>(gates: &DirectGates, a: &mut A) -> Vec<Constraint<A::Value>> {
    let Some(switch) = gates.columns.sum.map(|column| a.fixed(column)) else { return Vec::new() };
    let cells = gates.cells(a);
    let last = cells.len() - 1;
    let sum = cells[..last].iter().fold(a.constant(0), |sum, cell| sum + cell.clone());
    vec![("the last cell is the sum of the others", switch * (sum - cells[last].clone()))]
}
