//! What the gates' formulas are made from: the columns and choices of a layout.

use crate::algebra::Algebra;
use crate::direct::columns::DirectColumns;
use crate::direct::knobs::DirectKnobs;
use crate::direct::layout::Direct;

/// What the gates of a layout are made from.
#[derive(Clone, Debug)]
pub struct DirectGates {
    /// Places of the fixed columns.
    pub columns: DirectColumns,
    /// The choices.
    pub knobs: DirectKnobs,
}

/// One of the proof system's own lookups: of `(tag, look * x, look * y)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectLookup {
    /// Fixed column of the tag.
    pub tag: usize,
    /// Advice column of `x`.
    pub x: usize,
    /// Advice column of `y`; 0 if there is none.
    pub y: Option<usize>,
}

impl DirectGates {
    /// The gates of a plan.
    pub fn of(plan: &Direct) -> Self {
        Self { columns: DirectColumns::of(plan), knobs: plan.knobs }
    }

    /// The row's cells.
    pub(super) fn cells<A: Algebra>(&self, a: &mut A) -> Vec<A::Value> {
        (0..self.knobs.columns).map(|column| a.advice(column, 0)).collect()
    }
}
