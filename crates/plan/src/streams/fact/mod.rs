//! Linear facts: what the weight tape holds for one layer, row by row.
//!
//! A layer is a sum of terms, and so is its fact. For a block of at most `weight_lanes` outputs, with `C_o` the evaluation of
//! output plane `o`:
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! one per output o            | idle           | s <- rho * s + C_o / factor_o
//! one per output o, in limbs  | idle           | s <- s - ones * offset_o / factor_o
//! terms that read per output  | idle           | see each kind of term
//! terms with weights          | weights        | see each kind of term
//! digits of the bias          | b[o]           | s holds, and after the last digit s <- s - ones * bias
//! ```
//!
//! Blocks of a group follow each other, so that the first block's outputs end with the highest powers of rho;
//! after the last block of a group `s` must be 0. The ragged block comes first: its idle lanes carry powers of rho
//! that no output of the group has, so that whatever they hold must cancel by itself.
//!
//! Each kind of term is one file here, and one line of the registry below.

mod constant;
mod kernel;
mod moved;
mod record;

use serde::{Deserialize, Serialize};
use zklayout_model::{FixedLayer, Planes, Term};

use crate::encoder::Encoder;
use crate::streams::geometry::Demand;
use crate::streams::home::{Home, Read};
use crate::streams::limbs::Scale;
use crate::streams::pass::{WeightStep, add};
use record::Record;

pub use constant::ConstantFact;
pub use kernel::KernelFact;
pub use moved::MoveFact;

/// Declares [`FactTerm`] and how its kinds are found.
macro_rules! terms {
    ($($kind:ident($fact:ident)),* $(,)?) => {
        /// What a term of a layer is on the tapes.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum FactTerm {
            $(#[doc = concat!("See [`", stringify!($fact), "`].")] $kind($fact),)*
        }

        $(impl From<$fact> for FactTerm {
            fn from(term: $fact) -> Self {
                Self::$kind(term)
            }
        })*

        impl FactTerm {
            pub(crate) fn rules(&self) -> &dyn FactRules {
                match self { $(Self::$kind(term) => term,)* }
            }
        }

        /// How a model's term is laid out.
        pub(crate) fn placement(term: &Term<i64>) -> &dyn Placement {
            match term { $(Term::$kind(term) => term,)* }
        }
    };
}

terms! {
    Kernel(KernelFact),
    Move(MoveFact),
    Constant(ConstantFact),
}

/// A tensor that a term reads: its planes, positions between neighbouring values, and how it is evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) planes: Planes,
    pub(crate) stride: usize,
    pub(crate) read: Read,
}

/// Where a home stands among all of a plan.
pub(crate) struct Placed<'a> {
    pub(crate) home: &'a Home,
    pub(crate) index: usize,
}

/// Rows after which a source is read, each with an output's home.
pub(crate) type Outputs = Box<dyn Iterator<Item = (usize, Home)>>;

/// What a term's fact is made of: the homes of what it reads, by slot, and what the arrangement found for the layer.
pub(crate) struct Arranged<'a> {
    pub(crate) sources: Vec<Placed<'a>>,
    /// The home that the layer writes.
    pub(crate) output: &'a Home,
    /// Home of the single constant 1.
    pub(crate) one: usize,
    /// Bits of a weight, and of a digit.
    pub(crate) weight_bits: u32,
    /// Row of a plane of the anchor's source after which it is evaluated.
    pub(crate) read_row: usize,
    /// Power of sigma that brings the term's evaluations to the output's place.
    pub(crate) exponent: usize,
}

/// What every kind of term answers before it has rows: how it reads its sources and where that leaves the output.
///
/// With `E_out` the exponent of the output's value (0, 0).
pub(crate) trait Placement {
    /// Writes everything but its weights' values, after a byte of its own. Of weights in digits, it writes how many
    /// digits of so many bits they take.
    fn encode(&self, encoder: &mut Encoder, weight_bits: u32);

    /// Channel groups that it keeps apart.
    fn groups(&self) -> usize {
        1
    }

    /// How it evaluates a source whose neighbouring values are `stride` positions apart.
    fn read(&self, stride: usize) -> Read;

    /// Why it cannot read a tensor that is evaluated in a way.
    fn check(&self, source: Source) -> Result<(), &'static str>;

    /// Whether a source's evaluation has the pitch that the output is written with.
    fn shares_pitch(&self, source: Source) -> bool;

    /// The narrowest pitch at which no row of a source runs into another row of the output.
    fn least_pitch(&self, source: Source, output: Planes) -> usize;

    /// How far above `E_out` its exponents reach.
    fn reach(&self, pitch: usize) -> usize;

    /// Whether the output lies on what it reads: at most one term of a layer may.
    fn anchors(&self) -> bool {
        false
    }

    /// Every place that an anchor leaves to the output, with the row of a plane after which its source is read.
    fn outputs(&self, _source: &Home, _demand: &Demand, _reach: usize) -> Outputs {
        Box::new(std::iter::empty())
    }

    /// Whether what it reads is moved.
    fn moves(&self) -> bool {
        false
    }

    /// The least `E_out` at which its source lies at or above exponent 0.
    fn least_origin(&self, source: &Home, pitch: usize) -> usize;

    /// Power of sigma that brings its evaluation to the output's place; `None` if there is none.
    fn exponent(&self, source: &Home, output: &Home) -> Option<usize>;

    /// The term on the tapes.
    fn fact(&self, arranged: &Arranged<'_>) -> FactTerm;

    /// The term on tapes that are not arranged: of the most rows that it can have, with digits of so many bits.
    fn unplaced(&self, weight_bits: u32) -> FactTerm;
}

/// What every kind of term answers of its rows.
pub(crate) trait FactRules {
    /// Rows that it has for the outputs of all blocks together.
    fn output_rows(&self, outputs: usize) -> usize;

    /// Rows of weights that it has in each block.
    fn block_rows(&self) -> usize;

    /// Copies that the rows of a block take.
    fn block_copies(&self, homes: &[Home]) -> usize;

    /// The effect of its row for an output, if it has one.
    fn output_effect(&self, output: usize, homes: &[Home]) -> Option<Scalar>;

    /// Its rows of weights in a block, given the plan's bits of a weight.
    fn weight_rows(&self, fact: &LinearFact, block: Block, homes: &[Home], weight_bits: u32) -> Vec<TermRow>;

    /// The distinct steps of its rows of weights.
    fn steps(&self, fact: &LinearFact, homes: &[Home]) -> Vec<WeightStep>;

    /// The power of sigma that its rows per output raise evaluations by.
    fn raised(&self) -> Option<usize>;

    /// Largest magnitude that it adds to a position of an accumulator: `values` gives that of a home's values, `weight` is
    /// that of a weight.
    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, weight: f64) -> f64;

    /// Degree in sigma of its weights' evaluation.
    fn sigma_degree(&self, pitch: usize) -> f64;

    /// Degree in rho that it adds to each output's: its products, and rows per output.
    fn factors(&self) -> Factors;

    /// Whether its places and sizes are ones that a plan can have, given its bits of a weight.
    fn is_known(&self, homes: &[Home], outputs: usize, weight_bits: u32) -> bool;
}

/// Degrees that a term adds to an identity.
#[derive(Clone, Copy, Default)]
pub(crate) struct Factors {
    /// Products of each group.
    pub(crate) products: usize,
    /// Rows of each output.
    pub(crate) rows: usize,
}

/// A row of a term's weights.
pub(crate) struct TermRow {
    /// Place among the weights of an output, and which digit of that weight, if weights have digits; `None` if the row
    /// is there for its step alone.
    pub(crate) weight: Option<(usize, Option<usize>)>,
    /// Factor on the previous row's evaluation; `None` where it starts anew.
    pub(crate) step: Option<WeightStep>,
    /// Effect on the scalar sum.
    pub(crate) scalar: Scalar,
}

/// The linear fact of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct LinearFact {
    /// Place of the layer in the quantised graph.
    pub layer: usize,
    /// Home that it writes.
    pub output: usize,
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

/// Digits that hold every bias of a layer, its rounding term included.
pub(crate) fn bias_digits(layer: &FixedLayer) -> usize {
    digits(&layer.rounded_bias(), layer.finish.weight_bits)
}

/// Digits of so many bits that hold each of some integers; at least one.
pub(crate) fn digits<'a>(integers: impl IntoIterator<Item = &'a i64>, bits: u32) -> usize {
    let ends = |(least, most): (i128, i128), &integer: &i64| (least.min(integer.into()), most.max(integer.into()));
    let (least, most) = integers.into_iter().fold((0, 0), ends);
    let base = 1i128 << bits;
    let (mut digits, mut ones) = (1, 1i128);
    while least < -(base / 2) * ones || most > (base / 2 - 1) * ones {
        digits += 1;
        ones = ones * base + 1;
    }
    digits
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

/// What the lanes of a weight row hold, for every output of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightCells {
    /// A weight of a term, or a digit of one.
    Weight {
        /// Which term of the layer.
        term: usize,
        /// Place among the weights that the term has for an output.
        place: usize,
        /// Which digit, 0 the least significant; `None` if the term's weights have none.
        digit: Option<usize>,
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
    /// The weights' evaluation times the consumer's evaluation at this tape row, times the factor, is subtracted.
    Product {
        /// Row of the activation tape.
        row: usize,
        /// Integer factor.
        factor: i64,
    },
}

/// One row of the weight tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRow {
    /// Block of outputs.
    pub block: Block,
    /// What the lanes hold; `None` on rows whose lanes are idle.
    pub cells: Option<WeightCells>,
    /// Factor on the previous row's evaluation; `None` where it starts anew.
    pub step: Option<WeightStep>,
    /// Effect on the scalar sum.
    pub scalar: Scalar,
    /// Whether the scalar sum must be 0 after this row.
    pub closes: bool,
}

impl LinearFact {
    /// The fact of a layer on tapes that are not arranged: of the right number of rows.
    pub(crate) fn unplaced(layer: &FixedLayer) -> Self {
        let groups = layer.terms.iter().map(|term| placement(term).groups()).max().unwrap_or(1);
        Self {
            layer: 0,
            output: 0,
            terms: layer.terms.iter().map(|term| placement(term).unplaced(layer.finish.weight_bits)).collect(),
            scales: Vec::new(),
            groups,
            group_outputs: layer.output.channels / groups,
            pitch: 0,
            bias_digits: bias_digits(layer),
            bias_row: 0,
            weight_lanes: 1,
            row: 0,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        let weights: usize = self.rules().map(FactRules::block_rows).sum();
        self.groups * self.blocks_of_group() * (weights + self.bias_digits) + self.output_rows()
    }

    /// Whether the fact has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of copies between the tapes.
    pub fn copies(&self, homes: &[Home]) -> usize {
        let terms: usize = self.rules().map(|term| term.block_copies(homes)).sum();
        self.groups * self.blocks_of_group() * (terms + 1) + self.output_rows()
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
        self.outputs() + self.scales.len() + terms
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
        for step in self.rules().flat_map(|term| term.steps(self, homes)) {
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
                self.rows_of_outputs(homes, block, &mut rows);
                self.rows_of_weights(homes, block, weight_bits, &mut rows);
                self.rows_of_biases(block, weight_bits, &mut rows);
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
            let (row, scale) = (homes[self.output].write_end(o), self.scales.get(o));
            rows.push(idle(Scalar::Output { row, factor: scale.map_or(1, |scale| scale.factor) }));
            rows.extend(scale.map(|scale| idle(Scalar::Offset { row: self.bias_row, scale: *scale })));
            rows.extend(self.rules().filter_map(|term| term.output_effect(o, homes)).map(idle));
        }
    }

    fn rows_of_weights(&self, homes: &[Home], block: Block, weight_bits: u32, rows: &mut Vec<WeightRow>) {
        for (term, rules) in self.rules().enumerate() {
            rows.extend(rules.weight_rows(self, block, homes, weight_bits).into_iter().map(|row| {
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
