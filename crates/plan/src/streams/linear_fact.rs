//! Linear facts: what the weight tape holds for one layer, row by row.
//!
//! A layer is a sum of terms, and so is its fact. For a block of at most `weight_lanes` outputs, with `C_o` the evaluation of
//! output plane `o`:
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! one per output o            | idle           | s <- rho * s + C_o / factor_o
//! one per other phase of o    | idle           | s <- s + sigma^exponent * C_(o, phase) / factor_o
//! one per output o, in limbs  | idle           | s <- s - ones * offset_o / factor_o
//! terms that read per output  | idle           | see each kind of term
//! terms with weights          | weights        | see each kind of term
//! digits of the bias          | b[o]           | s holds, and after the last digit s <- s - ones * bias
//! terms with rows per group   | idle           | see each kind of term
//! ```
//!
//! Blocks of a group follow each other, so that the first block's outputs end with the highest powers of rho;
//! after the last block of a group `s` must be 0. The ragged block comes first: its idle lanes carry powers of rho
//! that no output of the group has, so that whatever they hold must cancel by itself.
//!
//! What each kind of term adds is its own file's business, in `fact`.

use serde::{Deserialize, Serialize};
use zklayout_model::{FixedLayer, Planes};

use crate::streams::fact::{
    Block, FactRules, FactTerm, KernelFact, Scalar, TermRow, WeightCells, WeightRow, digits, placement, unplaced,
};
use crate::streams::home::Home;
use crate::streams::limbs::Scale;
use crate::streams::pass::{WeightStep, add};
use crate::streams::record::{Record, join, split};

/// The linear fact of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct LinearFact {
    /// Place of the layer in the quantised graph.
    pub layer: usize,
    /// Home that it writes.
    pub output: usize,
    /// Phases that its planes are stored in.
    pub phases: usize,
    /// The layer's terms, in its order.
    pub terms: Vec<FactTerm>,
    /// By output channel, how accumulators are scaled before they are cut into limbs; empty if they are not.
    pub scales: Vec<Scale>,
    /// Channel groups.
    pub groups: usize,
    /// Output channels of a group.
    pub group_outputs: usize,
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

/// Digits that hold every bias of a layer, its rounding term included; none where biases are known.
pub(crate) fn bias_digits(layer: &FixedLayer) -> usize {
    if layer.has_known_bias() {
        return 0;
    }
    digits(&layer.rounded_bias(), layer.finish.weight_bits)
}

impl LinearFact {
    /// The fact of a layer on tapes that are not arranged: of the right number of rows.
    pub(crate) fn unplaced(layer: &FixedLayer, sources: &[Planes]) -> Self {
        let bits = layer.finish.weight_bits;
        let groups = layer.terms.iter().map(|term| placement(term).groups()).max().unwrap_or(1);
        let turned = layer.terms.iter().any(|term| placement(term).turns());
        Self {
            layer: 0,
            output: 0,
            phases: 1,
            terms: layer.reads(sources).map(|(term, sources)| unplaced(term, sources, bits)).collect(),
            scales: Vec::new(),
            groups,
            group_outputs: layer.output.channels / groups,
            pitch: 0,
            bias_digits: if turned { 0 } else { bias_digits(layer) },
            bias_row: 0,
            weight_lanes: 1,
            row: 0,
        }
    }

    /// Rows of weights and bias that each block has.
    pub(crate) fn rows_of_block(&self) -> usize {
        self.rules().map(FactRules::block_rows).sum::<usize>() + self.bias_digits
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        let blocks = self.groups * self.blocks_of_group() * self.rows_of_block();
        let groups: usize = self.rules().map(|term| self.groups * term.group_rows()).sum();
        groups + if self.turns() { 0 } else { blocks + self.output_rows() }
    }

    /// Whether the fact has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of copies between the tapes.
    pub fn copies(&self, homes: &[Home]) -> usize {
        let terms: usize = self.rules().map(|term| term.block_copies(homes)).sum();
        let blocks = self.groups * self.blocks_of_group() * (terms + usize::from(self.bias_digits > 0));
        let groups: usize = self.rules().map(|term| self.groups * term.group_copies()).sum();
        groups + if self.turns() { 0 } else { blocks + self.output_rows() }
    }

    /// Whether the output's planes are joined at the challenge of positions; all rows are then those of the one term.
    pub fn turns(&self) -> bool {
        self.rules().any(FactRules::turns)
    }

    /// Number of output channels.
    pub fn outputs(&self) -> usize {
        self.groups * self.group_outputs
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &dyn FactRules> {
        self.terms.iter().map(FactTerm::rules)
    }

    fn blocks_of_group(&self) -> usize {
        self.group_outputs.div_ceil(self.weight_lanes)
    }

    /// Rows that outputs have: their own, those of their offsets, and those of terms.
    fn output_rows(&self) -> usize {
        let terms: usize = self.rules().map(|term| term.output_rows(self.outputs())).sum();
        self.outputs() * self.phases + self.scales.len() + terms
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

    /// The distinct steps of the fact's rows.
    pub(crate) fn steps(&self, homes: &[Home], weight_bits: u32) -> Vec<WeightStep> {
        let mut steps = Vec::new();
        for step in self.rules().flat_map(|term| term.steps(self.pitch, homes)) {
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
            let blocks = if self.turns() { Vec::new() } else { self.blocks(group) };
            for block in blocks {
                self.rows_of_outputs(homes, block, &mut rows);
                self.rows_of_weights(homes, block, weight_bits, &mut rows);
                self.rows_of_biases(block, weight_bits, &mut rows);
            }
            let block = Block { group, first: group * self.group_outputs, outputs: 0 };
            for TermRow { step, scalar, .. } in self.rules().flat_map(|term| term.rows_of_group(group, homes)) {
                rows.push(WeightRow { block, cells: None, step, scalar, closes: false });
            }
            if let Some(last) = rows.last_mut() {
                last.closes = true;
            }
        }
        rows
    }

    fn rows_of_outputs(&self, homes: &[Home], block: Block, rows: &mut Vec<WeightRow>) {
        let idle = |scalar| WeightRow { block, cells: None, step: None, scalar, closes: false };
        for o in block.first..block.first + block.outputs {
            let (home, scale) = (&homes[self.output], self.scales.get(o));
            let factor = scale.map_or(1, |scale| scale.factor);
            rows.push(idle(Scalar::Output { row: home.write_end(o), factor }));
            rows.extend(
                home.raised_phases()
                    .map(|(row, exponent)| idle(Scalar::Phase { row: home.plane_row(o) + row, exponent, factor })),
            );
            rows.extend(scale.map(|scale| idle(Scalar::Offset { row: self.bias_row, scale: *scale })));
            rows.extend(self.rules().filter_map(|term| term.output_effect(o, homes)).map(idle));
        }
    }

    fn rows_of_weights(&self, homes: &[Home], block: Block, weight_bits: u32, rows: &mut Vec<WeightRow>) {
        for (term, rules) in self.rules().enumerate() {
            rows.extend(rules.weight_rows(self.pitch, block, homes, weight_bits).into_iter().map(|row| {
                let TermRow { weight, step, scalar } = row;
                let cells = weight.map(|(place, digit)| WeightCells::Weight { term, place, digit });
                WeightRow { block, cells, step, scalar, closes: false }
            }));
        }
    }

    fn rows_of_biases(&self, block: Block, weight_bits: u32, rows: &mut Vec<WeightRow>) {
        for digit in (0..self.bias_digits).rev() {
            let first = digit + 1 == self.bias_digits;
            let step = (!first).then_some(WeightStep::Digit(weight_bits));
            let scalar = if digit == 0 { Scalar::Product { row: self.bias_row, factor: 1 } } else { Scalar::Hold };
            let cells = Some(WeightCells::Bias { digit });
            rows.push(WeightRow { block, cells, step, scalar, closes: false });
        }
    }
}

impl From<LinearFact> for Record {
    fn from(fact: LinearFact) -> Self {
        let (KernelFact { input, read_row, group_inputs, size, first }, skips, terms) = split(fact.terms);
        Self {
            layer: fact.layer,
            input,
            read_row,
            output: fact.output,
            scales: fact.scales,
            skips,
            groups: fact.groups,
            group_outputs: fact.group_outputs,
            group_inputs,
            kernel: size,
            pitch: fact.pitch,
            bias_digits: fact.bias_digits,
            bias_row: fact.bias_row,
            weight_lanes: fact.weight_lanes,
            row: fact.row,
            terms,
            first,
            phases: fact.phases,
        }
    }
}

impl From<Record> for LinearFact {
    fn from(record: Record) -> Self {
        let Record { input, read_row, group_inputs, kernel: size, first, .. } = record;
        let kernel = KernelFact { input, read_row, group_inputs, size, first };
        Self {
            layer: record.layer,
            output: record.output,
            phases: record.phases,
            terms: join(kernel, record.skips, record.terms),
            scales: record.scales,
            groups: record.groups,
            group_outputs: record.group_outputs,
            pitch: record.pitch,
            bias_digits: record.bias_digits,
            bias_row: record.bias_row,
            weight_lanes: record.weight_lanes,
            row: record.row,
        }
    }
}
