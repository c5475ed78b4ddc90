//! The choices of the family `direct`, and how many rows each operation takes under them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::direct::gadget::SLOT_CELLS;
use crate::limits::MOST_K;

/// Numbers of advice columns that are tried.
pub(crate) const COLUMNS: [usize; 15] = [4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 30, 40, 50];
/// The most advice columns that a layout may have.
const MOST_COLUMNS: usize = 50;
/// Numbers of slots that are tried.
pub(crate) const SLOTS: [usize; 4] = [1, 2, 3, 4];

/// The global choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DirectKnobs {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Advice columns.
    pub columns: usize,
    /// How dot products longer than a row are put together.
    pub dot: DotVariant,
    /// How activations are proven.
    pub relu: ReluVariant,
    /// Requantisations that share a row; each takes two lookups.
    pub slots: usize,
}

/// How dot products longer than a row are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DotVariant {
    /// Each row gives a partial sum; sum rows add them up.
    Plain,
    /// Each row takes the previous partial sum as one more operand.
    Running,
}

/// How activations are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReluVariant {
    /// A table of quotients and values.
    Lookup,
    /// The accumulator's binary digits, where the activation is ReLU or nothing; other activations stay lookups. Digits
    /// reach over a power of two, so that a quotient's range of another size takes its digits once or twice more.
    Bits,
}

impl fmt::Display for DirectKnobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = match self.dot {
            DotVariant::Plain => "plain",
            DotVariant::Running => "running",
        };
        let activations = match self.relu {
            ReluVariant::Lookup => "table",
            ReluVariant::Bits => "digits",
        };
        let Self { k, columns, slots, .. } = self;
        write!(f, "direct 2^{k}: {columns} columns; {sums} sums; activations by {activations}; {slots} slots")
    }
}

/// Rows of one dot product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DotRows {
    pub(crate) dots: usize,
    pub(crate) sums: usize,
}

impl DotVariant {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Running];
}

impl ReluVariant {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::Lookup, Self::Bits];
}

impl DirectKnobs {
    /// Products in one dot row. The last column is the result; the one before it may be the previous partial sum.
    pub fn pairs(&self) -> usize {
        match self.dot {
            DotVariant::Plain => (self.columns - 1) / 2,
            DotVariant::Running => (self.columns - 2) / 2,
        }
    }

    /// Binary digits in one row, between the number before and the number after them.
    pub fn bits(&self) -> usize {
        self.columns - 2
    }

    /// Whether rows have room for the slots, and for one product.
    pub(crate) fn is_possible(&self) -> bool {
        self.columns >= SLOT_CELLS && (1..=self.columns / SLOT_CELLS).contains(&self.slots)
    }

    /// Whether the search may try them.
    pub(crate) fn is_known(&self) -> bool {
        self.is_possible() && self.columns <= MOST_COLUMNS && self.k <= MOST_K
    }

    /// Rows of a dot product of `depth` products, with or without a number to start from.
    pub(crate) fn dot_rows(&self, depth: usize, starts: bool) -> DotRows {
        let dots = depth.div_ceil(self.pairs());
        let sums = match self.dot {
            DotVariant::Plain => self.sum_rows(dots + usize::from(starts)),
            DotVariant::Running => 0,
        };
        DotRows { dots, sums }
    }

    /// Rows of a sum: each but the first takes the previous row's result.
    pub(crate) fn sum_rows(&self, terms: usize) -> usize {
        terms.saturating_sub(1).div_ceil(self.columns - 2)
    }
}
