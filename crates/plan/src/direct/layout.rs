//! The layout of the family `direct`.

use serde::{Deserialize, Serialize};
use zklayout_model::{Clamp, PerChannel, Planes};

use crate::direct::geometry::Geometry;
use crate::direct::knobs::DirectKnobs;
use crate::shape::CircuitShape;
use crate::table::Table;
use crate::visibility::{Visibility, WeightMode};

/// A complete layout: what every row is for. [`Direct::walk`] gives the rows themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// The choices.
    pub knobs: DirectKnobs,
    /// What the verifier learns.
    pub visibility: Visibility,
    /// Lookup tables.
    pub tables: Vec<Table>,
    /// Shape of the input, whose range checks are the first rows.
    pub input: Planes,
    /// Tag of the input's range.
    pub input_table: u64,
    /// Constants that rows copy; the first is 0.
    pub constants: Vec<i64>,
    /// Weights and biases after the constants, if they are fixed.
    pub fixed_weights: usize,
    /// Gadgets that not every layout has.
    pub gadgets: Gadgets,
    /// Layers, in row order.
    pub layers: Vec<DirectLayer>,
    /// Rows in use.
    pub rows: usize,
}

/// Gadgets that not every layout has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gadgets {
    /// Sum rows.
    pub sum: bool,
    /// Rows of binary digits.
    pub bits: bool,
}

/// One layer's rows: range checks of weights, biases, window sums, dot products, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectLayer {
    /// Place in the quantised graph.
    pub node: usize,
    /// Place of the node that it reads.
    pub source: usize,
    /// Tensors that are added to the accumulators.
    pub skips: Vec<DirectSkip>,
    /// First row.
    pub row: usize,
    /// Shapes of the linear operator.
    pub geometry: Geometry,
    /// Where weights come from.
    pub weights: Weights,
    /// What becomes of the accumulators.
    pub finish: Finish,
}

/// A tensor that is added to a layer's accumulators: one more product of every output, with a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectSkip {
    /// Place of the node.
    pub source: usize,
    /// Its shape; outputs may be cropped.
    pub shape: Planes,
    /// By output channel, place of the factor among the constants.
    pub constant: PerChannel<usize>,
}

/// Where a layer's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weights {
    /// Advice cells, range-checked once and copied from there.
    Private {
        /// Tag of their range.
        table: u64,
        /// Bits of a weight, and of a bias's digit.
        bits: u32,
        /// Digits of a bias.
        digits: usize,
    },
    /// Fixed cells.
    Fixed {
        /// Place of the first weight among the fixed cells; biases follow.
        first: usize,
    },
}

/// What becomes of a layer's accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// They are the output.
    Raw,
    /// Quotients and remainders, both looked up.
    Lookup {
        /// Bits dropped in each channel.
        shift: PerChannel<u32>,
        /// The activation.
        clamp: Clamp<i64>,
        /// Tag of the activation's table.
        values: u64,
    },
    /// Binary digits.
    Bits {
        /// Bits dropped in each channel.
        shift: PerChannel<u32>,
        /// Smallest quotient.
        lo: i64,
        /// Largest quotient.
        hi: i64,
        /// Whether negative quotients become 0.
        rectify: bool,
    },
}

impl Direct {
    /// Rows that constraints may use.
    pub fn usable_rows(&self) -> usize {
        crate::shape::usable_rows(self.knobs.k)
    }

    /// Whether rows, tables and public values have room. One row of the table stays zero: it is what idle rows look up.
    pub(crate) fn fits(&self, shape: &CircuitShape) -> bool {
        let usable = self.usable_rows();
        self.rows <= usable && shape.table_entries < usable && self.public_values() <= usable
    }

    /// Fixed columns of constants and fixed weights.
    pub fn constant_columns(&self) -> usize {
        (self.constants.len() + self.fixed_weights).div_ceil(self.usable_rows().max(1))
    }

    /// Place of a digit's base among the constants; a bias of one digit has none.
    pub(crate) fn base(&self, bits: u32, digit: usize) -> Option<usize> {
        let bits = u32::try_from(digit).ok()?.checked_mul(bits).filter(|bits| *bits < i64::BITS - 1)?;
        self.constants.iter().position(|constant| *constant == 1 << bits)
    }

    /// Shape of the output.
    pub fn output(&self) -> Planes {
        self.layers.last().map_or(self.input, |layer| layer.geometry.output)
    }

    /// Public values: outputs, then inputs that are public.
    pub fn public_values(&self) -> usize {
        self.output().len() + self.visibility.shown(self.input).len()
    }

    /// Whether weights are fixed.
    pub fn has_fixed_weights(&self) -> bool {
        self.visibility.weights == WeightMode::Fixed
    }
}

/// A tensor's values in runs that drop equally many bits: the first value, the bits, and the number of values.
pub(crate) fn channel_runs(shift: &PerChannel<u32>, output: Planes) -> Vec<(usize, u32, usize)> {
    let plane = output.plane();
    let mut runs: Vec<(usize, u32, usize)> = Vec::new();
    for channel in 0..output.channels {
        let bits = shift.of(channel);
        match runs.last_mut().filter(|(_, before, _)| *before == bits) {
            Some((.., count)) => *count += plane,
            None => runs.push((channel * plane, bits, plane)),
        }
    }
    runs
}
