//! What the gates' formulas are made from: columns, tiles and integers of a layout.

use crate::algebra::Exponents;
use crate::streams::home::Home;
use crate::streams::knobs::StreamKnobs;
use crate::streams::layout::Streams;
use crate::streams::pass::Passes;
use crate::streams::strips::Strips;
use crate::table::TableSet;
use crate::visibility::Visibility;

/// What the gates of a layout are made from.
#[derive(Clone, Debug)]
pub struct StreamGates<'a> {
    /// The columns.
    pub strips: Strips,
    pub(crate) knobs: &'a StreamKnobs,
    pub(super) passes: &'a Passes,
    pub(super) numbers: Numbers,
    /// Lane exponents of a row of consecutive positions.
    pub(super) raster: Exponents,
    /// Lane exponents of the consumer's window sums, and of the producer's tiles.
    pub(super) read_tiles: Vec<Exponents>,
    pub(super) write_tiles: Vec<Exponents>,
    /// Exponents of the weights of a row.
    pub(super) weight_exponents: Exponents,
    /// What the limbs of a remainder are multiplied by.
    pub(super) factors: Vec<i64>,
}

/// Integers in the gates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) weight_bits: u32,
    pub(crate) quotient_offset: i64,
    pub(crate) value_offset: i64,
}

impl Numbers {
    pub(crate) fn of(weight_bits: u32, tables: &TableSet) -> Self {
        let (quotient_offset, value_offset) = tables.offsets();
        Self { weight_bits, quotient_offset, value_offset }
    }
}

impl<'a> StreamGates<'a> {
    /// The gates of a plan.
    pub fn of(plan: &'a Streams) -> Self {
        let numbers = Numbers {
            weight_bits: plan.weight_bits,
            quotient_offset: plan.quotient_offset,
            value_offset: plan.value_offset,
        };
        Self::new(&plan.knobs, &plan.visibility, &plan.homes, &plan.passes, numbers)
    }

    pub(crate) fn new(
        knobs: &'a StreamKnobs,
        visibility: &Visibility,
        homes: &[Home],
        passes: &'a Passes,
        numbers: Numbers,
    ) -> Self {
        let lanes = knobs.lanes;
        let descending = |lanes: usize| (0..lanes).rev().map(Some).collect();
        let tile = |exponent: &dyn Fn(usize) -> Option<usize>| (0..lanes).map(exponent).collect();
        Self {
            strips: Strips::new(knobs, visibility, homes, passes, numbers.weight_bits),
            knobs,
            passes,
            numbers,
            raster: descending(lanes),
            read_tiles: passes.read_sums.iter().map(|sum| tile(&|lane| sum.exponent(lane, lanes))).collect(),
            write_tiles: passes.write_tiles.iter().map(|one| tile(&|lane| one.exponent(lane, lanes))).collect(),
            weight_exponents: descending(knobs.weight_lanes),
            factors: knobs.remainder_factors(),
        }
    }
}
