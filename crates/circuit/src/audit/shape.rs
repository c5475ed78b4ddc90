//! What an audit's circuit is configured from, and the numbers that follow.

use std::sync::Arc;

use zklayout_plan::usable_rows;

/// Fractions that share a running sum.
pub(super) const CHUNK: usize = 3;

/// What an audit's circuit is configured from. The default configures nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditShape {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Lanes that are audited together.
    pub lanes: usize,
    /// Bits of a weight.
    pub bits: u32,
    /// By row of the tape, whether it holds weights.
    pub used: Arc<Vec<bool>>,
}

impl AuditShape {
    /// What is added to a stored weight.
    pub fn half(&self) -> i64 {
        1 << (self.bits - 1)
    }

    /// Rows that constraints hold on.
    pub(super) fn active_rows(&self) -> usize {
        usable_rows(self.k).saturating_sub(1)
    }

    /// Columns that hold the table of all stored weights.
    pub(super) fn tables(&self) -> usize {
        (1usize << self.bits).div_ceil(self.active_rows().max(1))
    }

    /// Running sums.
    pub(super) fn sums(&self) -> usize {
        (self.lanes + self.tables()).div_ceil(CHUNK)
    }

    /// Place of the folded column among the advice columns, and of rho among the challenges.
    pub fn folded(&self) -> (usize, usize) {
        (self.lanes + self.tables(), 0)
    }

    /// The stored weight that a row of a table column holds; the rest repeats the largest.
    pub(super) fn entry(&self, table: usize, row: usize) -> i64 {
        let last = (1i64 << self.bits) - 1;
        last.min((table * self.active_rows() + row) as i64)
    }
}
