//! What a row is: its gadget, and what each of its cells holds.
//!
//! ```text
//! dot   | w_0 x_0 | w_1 x_1 | ... | t | s        s = t + sum w_i x_i; without t where partial sums are added up
//! sum   | a_0  a_1  a_2  ...          | s        s = sum a_i
//! look  | acc q r p | acc q r p | ...            acc = divisor * q + r, (q, p) in a table, r in a table
//! bits  | before | b_0 b_1 ...        | after    after = multiplier * before + sum 2^i b_i + offset
//! ```
//!
//! A look row with divisor 0 checks ranges: `q` and `r` are the numbers, `acc` repeats `r`, `p` is 0.

use serde::{Deserialize, Serialize};
use zklayout_model::Clamp;

/// Cells of a slot of a look row: accumulator, quotient, remainder, value.
pub const SLOT_CELLS: usize = 4;

/// An advice cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Advice column.
    pub column: usize,
    /// Row.
    pub row: usize,
}

/// A cell that others are copies of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An advice cell.
    Advice(Cell),
    /// A fixed cell: a place among the layout's constants, and then among the fixed weights.
    Constant(usize),
}

/// A row's gadget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gadget {
    /// A dot product.
    Dot,
    /// A sum.
    Sum,
    /// Requantisation, or a range check.
    Look {
        /// What the quotient is multiplied by; 0 on range checks.
        divisor: i64,
        /// Tag of the table of quotients and values.
        values: u64,
        /// Tag of the remainders' table.
        remainders: u64,
    },
    /// Binary digits.
    Bits {
        /// What the number before is multiplied by.
        multiplier: i64,
        /// What is added.
        offset: i64,
    },
}

/// A number that the layout does not compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datum {
    /// An input value, by place.
    Input(usize),
    /// A weight of a graph's node, by place in its kernel.
    Weight {
        /// Place of the layer in the graph.
        node: usize,
        /// Place in the kernel.
        index: usize,
    },
    /// A digit of a bias, least significant first.
    Digit {
        /// Place of the layer in the graph.
        node: usize,
        /// Output channel.
        output: usize,
        /// Which digit.
        digit: usize,
    },
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// 0 for honest provers, but no constraint reads it.
    Free,
    /// 0, because the row's table has nothing else.
    Zero,
    /// A copy of an earlier cell.
    Copy(Source),
    /// A range-checked number.
    Datum(Datum),
    /// What the gadget's polynomial gives.
    Result,
    /// The slot's accumulator without its lowest bits.
    Quotient(u32),
    /// The lowest bits of the slot's accumulator.
    Remainder(u32),
    /// The activation of the slot's quotient.
    Activation(u32, Clamp<i64>),
    /// A binary digit of `source + lift`.
    Bit {
        /// The number.
        source: Source,
        /// What makes it non-negative.
        lift: i64,
        /// Which digit.
        position: u32,
    },
}
