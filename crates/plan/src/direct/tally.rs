//! Rows and copies of operations, in closed form.
//!
//! Each method counts what the method of the same name of the walk emits.

use zklayout_model::Planes;

use crate::direct::digits::DigitRange;
use crate::direct::geometry::Geometry;
use crate::direct::knobs::{DirectKnobs, DotVariant};
use crate::direct::layout::{Finish, channel_runs};

/// A running count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    knobs: DirectKnobs,
    pub(crate) rows: usize,
    pub(crate) copies: usize,
    /// Rows that are sums.
    pub(crate) sums: usize,
}

impl Tally {
    pub(crate) fn new(knobs: DirectKnobs) -> Self {
        Self { knobs, rows: 0, copies: 0, sums: 0 }
    }

    /// Range checks.
    pub(crate) fn ranges(&mut self, numbers: usize) {
        let per_row = 2 * self.knobs.slots;
        let rows = numbers.div_ceil(per_row);
        self.rows += rows;
        self.copies += rows * per_row - numbers;
    }

    /// `times` dot products.
    pub(crate) fn dot(&mut self, depth: usize, starts: bool, times: usize) {
        let rows = self.knobs.dot_rows(depth, starts);
        let previous = usize::from(self.knobs.dot == DotVariant::Running);
        self.rows += times * rows.dots;
        self.copies += times * rows.dots * (2 * self.knobs.pairs() + previous);
        self.sum_rows(times * rows.sums);
    }

    /// `times` sums.
    pub(crate) fn sum(&mut self, terms: usize, times: usize) {
        self.sum_rows(times * self.knobs.sum_rows(terms));
    }

    /// The window sums that a layer reads.
    pub(crate) fn pool(&mut self, geometry: &Geometry) {
        if geometry.window > 1 {
            self.sum(geometry.window * geometry.window, geometry.pooled().len());
        }
    }

    /// What becomes of a tensor of accumulators.
    pub(crate) fn finish(&mut self, finish: &Finish, output: Planes) {
        match finish {
            Finish::Raw => {}
            Finish::Lookup { shift, .. } => {
                for (_, _, count) in channel_runs(shift, output) {
                    let rows = count.div_ceil(self.knobs.slots);
                    self.rows += rows;
                    self.copies += rows * self.knobs.slots;
                }
            }
            Finish::Bits { shift, lo, hi, rectify } => {
                for (_, shift, count) in channel_runs(shift, output) {
                    self.bits(shift, (*lo, *hi), *rectify, count);
                }
            }
        }
    }

    /// `count` accumulators in binary digits.
    fn bits(&mut self, shift: u32, (lo, hi): (i64, i64), rectify: bool, count: usize) {
        let width = self.knobs.bits();
        let (first, others) = DigitRange::of(lo, hi, rectify);
        let ranges = [vec![first], others].concat();
        let (mut rows, mut digits) = (0, 0);
        for part in ranges.iter().map(|range| range.count as usize).chain([shift as usize]) {
            (rows, digits) = (rows + part.div_ceil(width), digits + part);
        }
        self.rows += count * rows;
        // The number before, the idle digits, and the accumulator or the quotient itself at the end of each range.
        self.copies += count * (rows + rows * width - digits + ranges.len());
        if rectify {
            self.dot(1, false, count);
        }
    }

    fn sum_rows(&mut self, rows: usize) {
        self.rows += rows;
        self.sums += rows;
        self.copies += rows * (self.knobs.columns - 1);
    }
}
