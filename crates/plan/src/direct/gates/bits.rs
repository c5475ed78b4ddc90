//! Binary digits: a number in two's complement, most significant digits first, a row after the other.
//!
//! ```text
//! before | ... b_2 b_1 b_0 | after
//! ```
//!
//! The quotient's rows start at 0 and end with an offset; where it is `-2^(bits - 1)`, the first digit is 1 exactly if the
//! quotient is not negative. The remainder's rows start at the quotient and end at the accumulator. Digits reach over a power
//! of two: where the quotient's range is smaller, further rows end with other offsets at the same quotient, and only numbers in
//! the range have digits in all of them (`crates/plan/src/direct/digits.rs`). ReLU is the dot product of the first digit and
//! the quotient.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 3 | bits * b_i * (b_i - 1) = 0 |
//! | 3 | bits * (multiplier * before + sum 2^i b_i + offset - after) = 0 |
//!
//! A cheating prover would use a digit other than 0 and 1 (it is constrained), more digits than the range has (idle
//! digits are copies of the constant 0, so that the decomposition has exactly the planned digits and is unique: all of
//! them stay far below the field's characteristic), digits of another number (the last number is a copy of the
//! accumulator or the quotient, every row's first number one of the previous row's last), or a quotient that the executor
//! refuses (it has no digits in one of its ranges).

use crate::algebra::{Algebra, Constraint};
use crate::direct::gates::formulas::DirectGates;

pub(super) fn constraints<A: Algebra>(gates: &DirectGates, a: &mut A) -> Vec<Constraint<A::Value>> {
    let columns = gates.columns.bits.map(|columns| columns.map(|column| a.fixed(column)));
    let Some([switch, offset]) = columns else { return Vec::new() };
    let multiplier = a.fixed(gates.columns.factor);
    let cells = gates.cells(a);
    let last = cells.len() - 1;
    let digits = &cells[1..last];
    let (one, two) = (a.constant(1), a.constant(2));
    let number = digits.iter().fold(a.constant(0), |sum, digit| sum * two.clone() + digit.clone());
    let after = multiplier * cells[0].clone() + number + offset;
    let digit =
        |digit: &A::Value| ("a digit is 0 or 1", switch.clone() * (digit.clone() * (digit.clone() - one.clone())));
    let mut constraints: Vec<Constraint<A::Value>> = digits.iter().map(digit).collect();
    constraints
        .push(("the last cell is the number with the row's digits", switch * (after - cells[last].clone())));
    constraints
}
