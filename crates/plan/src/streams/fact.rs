//! Linear facts: what the weight tape holds for one layer, row by row.
//!
//! For a block of at most `weight_lanes` outputs, with `C_o` the evaluation of output plane `o`, `A_c` that of
//! input plane `c` and `U_c = sum_taps sigma^(y * pitch + x) sum_o rho^(B-1-o) K[o, c, y, x]`:
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! one per output o            | idle           | s <- rho * s + C_o / factor_o
//! one per output o, in limbs  | idle           | s <- s - ones * offset_o / factor_o
//! one per skip of output o    | idle           | s <- s - factor * sigma^e * A_o
//! taps of input c             | K[o, c, y, x]  | s holds, and after the last tap s <- s - A_c * U_c
//! digits of the bias          | b[o]           | s holds, and after the last digit s <- s - ones * bias
//! ```
//!
//! Blocks of a group follow each other, so that the first block's outputs end with the highest powers of rho;
//! after the last block of a group `s` must be 0. The ragged block comes first: its idle lanes carry powers of rho
//! that no output of the group has, so that whatever they hold must cancel by itself.

use serde::{Deserialize, Serialize};
use zklayout_model::PerChannel;

use crate::streams::home::{Home, Read};
use crate::streams::limbs::Scale;
use crate::streams::pass::{WeightStep, add};

/// The linear fact of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearFact {
    /// Place of the layer in the quantised graph.
    pub layer: usize,
    /// Home that the linear operator reads.
    pub input: usize,
    /// Row of a plane of that home after which the evaluation is taken.
    pub read_row: usize,
    /// Home that it writes.
    pub output: usize,
    /// By output channel, how accumulators are scaled before they are cut into limbs; empty if they are not.
    pub scales: Vec<Scale>,
    /// Skip connections.
    pub skips: Vec<Skip>,
    /// Channel groups.
    pub groups: usize,
    /// Output channels of a group.
    pub group_outputs: usize,
    /// Input channels of a group.
    pub group_inputs: usize,
    /// Kernel rows and columns.
    pub kernel: (usize, usize),
    /// Pitch of the planes as the layer reads them.
    pub pitch: usize,
    /// Digits of a bias.
    pub bias_digits: usize,
    /// Tape row at which the all-ones evaluation is taken.
    pub bias_row: usize,
    /// Lanes of the weight tape.
    pub weight_lanes: usize,
    /// First row on the weight tape.
    pub row: usize,
}

/// A tensor that is added to a layer's accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Home of the tensor.
    pub home: usize,
    /// Row of a plane after which its evaluation is taken.
    pub read_row: usize,
    /// Power of sigma that brings the evaluation to the output's place.
    pub exponent: usize,
    /// Integer factor, by output channel.
    pub factor: PerChannel<i64>,
    /// By output channel, the channel that is added to it, if any; channel by channel if not given.
    pub channels: Option<Vec<Option<usize>>>,
}

impl Skip {
    /// The channel that is added to an output channel.
    pub fn channel(&self, output: usize) -> Option<usize> {
        match &self.channels {
            None => Some(output),
            Some(channels) => channels.get(output).copied().flatten(),
        }
    }

    /// Number of output channels that a channel is added to.
    fn added_channels(&self, outputs: usize) -> usize {
        self.channels.as_ref().map_or(outputs, |channels| channels.iter().flatten().count())
    }
}

/// Outputs that share a row of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Channel group.
    pub group: usize,
    /// First output channel.
    pub first: usize,
    /// Number of output channels.
    pub outputs: usize,
}

/// What the lanes of a weight row hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightCells {
    /// A kernel tap of input channel `input` of the group, for every output of the block.
    Kernel {
        /// Input channel within the group.
        input: usize,
        /// Kernel row.
        y: usize,
        /// Kernel column.
        x: usize,
    },
    /// A digit of the bias, 0 the least significant.
    Bias {
        /// Which digit.
        digit: usize,
    },
}

/// What happens to the scalar sum after a weight row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Nothing.
    Hold,
    /// It is multiplied by rho and the producer's evaluation at this tape row, divided by the factor, is added.
    Output {
        /// Row of the activation tape.
        row: usize,
        /// What accumulators are multiplied by.
        factor: i64,
    },
    /// The all-ones evaluation at this tape row, times the scale's offset and divided by its factor, is subtracted.
    Offset {
        /// Row of the activation tape.
        row: usize,
        /// What becomes of accumulators.
        scale: Scale,
    },
    /// The consumer's evaluation at this tape row, raised and scaled, is subtracted.
    Skip {
        /// Row of the activation tape.
        row: usize,
        /// Power of sigma.
        exponent: usize,
        /// Integer factor.
        factor: i64,
    },
    /// The weights' evaluation times the consumer's evaluation at this tape row is subtracted.
    Product {
        /// Row of the activation tape.
        row: usize,
    },
}

/// One row of the weight tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRow {
    /// Block of outputs.
    pub block: Block,
    /// What the lanes hold; `None` on rows that only add an output.
    pub cells: Option<WeightCells>,
    /// Factor on the previous row's evaluation; `None` where it starts anew.
    pub step: Option<WeightStep>,
    /// Effect on the scalar sum.
    pub scalar: Scalar,
    /// Whether the scalar sum must be 0 after this row.
    pub closes: bool,
}

impl LinearFact {
    /// Number of rows.
    pub fn len(&self) -> usize {
        let blocks = self.group_outputs.div_ceil(self.weight_lanes);
        let weights = self.group_inputs * self.kernel.0 * self.kernel.1 + self.bias_digits;
        self.groups * (self.group_outputs + blocks * weights) + self.scales.len() + self.skipped()
    }

    /// Whether the fact has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of copies between the tapes.
    pub fn copies(&self, full: bool) -> usize {
        let blocks = self.group_outputs.div_ceil(self.weight_lanes);
        let taps = if full { self.kernel.0 * self.kernel.1 } else { 1 };
        let rows = self.groups * (self.group_outputs + blocks * (self.group_inputs * taps + 1));
        rows + self.scales.len() + self.skipped()
    }

    /// Number of planes that skip connections add.
    fn skipped(&self) -> usize {
        let outputs = self.groups * self.group_outputs;
        self.skips.iter().map(|skip| skip.added_channels(outputs)).sum()
    }

    /// The outputs of a group in blocks, the ragged one first.
    pub fn blocks(&self, group: usize) -> Vec<Block> {
        let start = group * self.group_outputs;
        let ragged = self.group_outputs % self.weight_lanes;
        let mut first = start;
        let mut blocks = Vec::new();
        while first < start + self.group_outputs {
            let outputs = if first == start && ragged > 0 { ragged } else { self.weight_lanes };
            blocks.push(Block { group, first, outputs });
            first += outputs;
        }
        blocks
    }

    /// The distinct steps of the fact's rows; one group and one block have them all.
    pub(crate) fn steps(&self, full: bool, weight_bits: u32) -> Vec<WeightStep> {
        let (kh, kw) = self.kernel;
        let taps = (0..kh).rev().flat_map(|y| (0..kw).rev().map(move |x| (y, x)));
        let mut steps = Vec::new();
        for step in taps.filter(|_| !full).filter_map(|(y, x)| self.tap_step(y, x)) {
            add(&mut steps, step);
        }
        if self.bias_digits > 1 {
            add(&mut steps, WeightStep::Digit(weight_bits));
        }
        steps
    }

    /// Every row of the fact, given all homes of the plan and its bits of a weight, which are those of a bias's digit too.
    pub fn rows(&self, homes: &[Home], weight_bits: u32) -> Vec<WeightRow> {
        let mut rows = Vec::with_capacity(self.len());
        for group in 0..self.groups {
            for block in self.blocks(group) {
                self.output_rows(homes, block, &mut rows);
                self.kernel_rows(&homes[self.input], block, &mut rows);
                self.bias_rows(block, weight_bits, &mut rows);
            }
            if let Some(last) = rows.last_mut() {
                last.closes = true;
            }
        }
        rows
    }

    fn output_rows(&self, homes: &[Home], block: Block, rows: &mut Vec<WeightRow>) {
        let idle = |scalar| WeightRow { block, cells: None, step: None, scalar, closes: false };
        for o in block.first..block.first + block.outputs {
            let (row, scale) = (homes[self.output].write_end(o), self.scales.get(o));
            rows.push(idle(Scalar::Output { row, factor: scale.map_or(1, |scale| scale.factor) }));
            rows.extend(scale.map(|scale| idle(Scalar::Offset { row: self.bias_row, scale: *scale })));
            for skip in &self.skips {
                let Some(channel) = skip.channel(o) else { continue };
                let row = homes[skip.home].plane_row(channel) + skip.read_row;
                rows.push(idle(Scalar::Skip { row, exponent: skip.exponent, factor: skip.factor.of(o) }));
            }
        }
    }

    fn kernel_rows(&self, input: &Home, block: Block, rows: &mut Vec<WeightRow>) {
        let (kh, kw) = self.kernel;
        let full = matches!(input.read, Read::Scalars { .. });
        for channel in 0..self.group_inputs {
            let plane = block.group * self.group_inputs + channel;
            for (y, x) in (0..kh).rev().flat_map(|y| (0..kw).rev().map(move |x| (y, x))) {
                let scalar = if full {
                    Scalar::Product { row: input.scalar_row(plane, y, x) }
                } else if (y, x) == (0, 0) {
                    Scalar::Product { row: input.plane_row(plane) + self.read_row }
                } else {
                    Scalar::Hold
                };
                let step = if full { None } else { self.tap_step(y, x) };
                let cells = Some(WeightCells::Kernel { input: channel, y, x });
                rows.push(WeightRow { block, cells, step, scalar, closes: false });
            }
        }
    }

    fn tap_step(&self, y: usize, x: usize) -> Option<WeightStep> {
        let (kh, kw) = self.kernel;
        if (y, x) == (kh - 1, kw - 1) {
            return None;
        }
        let distance = if x == kw - 1 { self.pitch + 1 - kw } else { 1 };
        Some(WeightStep::Position(distance))
    }

    fn bias_rows(&self, block: Block, weight_bits: u32, rows: &mut Vec<WeightRow>) {
        for digit in (0..self.bias_digits).rev() {
            let first = digit + 1 == self.bias_digits;
            let step = (!first).then_some(WeightStep::Digit(weight_bits));
            let scalar = if digit == 0 { Scalar::Product { row: self.bias_row } } else { Scalar::Hold };
            let cells = Some(WeightCells::Bias { digit });
            rows.push(WeightRow { block, cells, step, scalar, closes: false });
        }
    }
}
