//! What every kind of term answers to be laid out. It knows no kind.

use zklayout_model::Planes;

use super::row::{Block, Scalar};
use crate::encoder::Encoder;
use crate::streams::geometry::Demand;
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// A tensor that a term reads: its planes, positions between neighbouring values, and how it is evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    /// Which of the tensors that the term reads.
    pub(crate) slot: usize,
    pub(crate) planes: Planes,
    pub(crate) stride: usize,
    pub(crate) read: Read,
}

/// Where a home stands among all of a plan.
pub(crate) struct Placed<'a> {
    pub(crate) home: &'a Home,
    pub(crate) index: usize,
}

/// Where a source's evaluation is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// After this row of each phase of a plane.
    pub(crate) row: usize,
    /// Exponents that the row adds, if it is one that lifts; otherwise 0.
    pub(crate) lift: usize,
}

/// Where a source is read, each with an output's home.
pub(crate) type Outputs = Box<dyn Iterator<Item = (Taken, Home)>>;

/// What a term's fact is made of: the homes of what it reads, by slot, and what the arrangement found for the layer.
pub(crate) struct Arranged<'a> {
    pub(crate) sources: Vec<Placed<'a>>,
    /// The home that the layer writes.
    pub(crate) output: &'a Home,
    /// Where that stands among all homes.
    pub(crate) output_index: usize,
    /// Home of the single constant 1.
    pub(crate) one: usize,
    /// Homes of as many ones as some planes have positions, each with their number.
    pub(crate) ones: &'a [(usize, usize)],
    /// Home of the ones that biases are multiplied by, and the row of it after which there are as many as the output needs.
    pub(crate) bias: (usize, usize),
    /// What is added to every accumulator before bits are dropped.
    pub(crate) rounding: i64,
    /// Bits of a weight, and of a digit.
    pub(crate) weight_bits: u32,
    /// Row of a phase of the anchor's source after which it is evaluated.
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

    /// How it evaluates the source at a slot, whose neighbouring values are `stride` positions apart.
    fn read(&self, slot: usize, stride: usize) -> Read;

    /// Whether it evaluates the source at a slot at the challenge of planes.
    fn second(&self, _slot: usize) -> bool {
        false
    }

    /// Whether what it adds is evaluated at the challenge of planes, its planes being joined at that of positions.
    fn turns(&self) -> bool {
        false
    }

    /// Why it cannot read a tensor that is evaluated in a way.
    fn check(&self, source: Source) -> Result<(), &'static str>;

    /// Whether a source's evaluation has the pitch that the output is written with.
    fn shares_pitch(&self, source: Source) -> bool;

    /// The narrowest pitch at which no row of a source runs into another row of the output.
    fn least_pitch(&self, source: Source, output: Planes) -> usize;

    /// How far above `E_out` its exponents reach, given the output's pitch.
    fn reach(&self, source: Source, pitch: usize) -> usize;

    /// Whether the output lies on what it reads: at most one term of a layer may.
    fn anchors(&self) -> bool {
        false
    }

    /// Whether it sums products over the planes of each group: at most one term of a layer may.
    fn joins(&self) -> bool {
        self.anchors()
    }

    /// Every place that an anchor leaves to the output, with where its source is read.
    fn outputs(&self, _source: &Home, _demand: &Demand, _reach: usize) -> Outputs {
        Box::new(std::iter::empty())
    }

    /// Whether what it reads is moved.
    fn moves(&self) -> bool {
        false
    }

    /// The least `E_out` at which its source lies at or above exponent 0.
    fn least_origin(&self, source: &Home, pitch: usize) -> usize;

    /// Power of sigma that brings its evaluation of the source at a slot to the output's place; `None` if there is none.
    fn exponent(&self, slot: usize, source: &Home, output: &Home) -> Option<usize>;
}

/// A kind of term that has rows.
pub(crate) trait Laid: Placement {
    /// What it is on the tapes.
    type Fact;

    /// The term on the tapes.
    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact;

    /// The term on tapes that are not arranged: of the most rows that it can have, reading tensors of these planes and with
    /// digits of so many bits.
    fn unplaced(&self, sources: &[Planes], weight_bits: u32) -> Self::Fact;
}

/// What every kind of term answers of its rows.
pub(crate) trait FactRules {
    /// Rows that it has for the outputs of all blocks together.
    fn output_rows(&self, _outputs: usize) -> usize {
        0
    }

    /// Rows that it has for each group of outputs, after all others.
    fn group_rows(&self) -> usize {
        0
    }

    /// Copies that the rows of a group take.
    fn group_copies(&self) -> usize {
        0
    }

    /// The rows of a group of outputs.
    fn rows_of_group(&self, _group: usize, _homes: &[Home]) -> Vec<TermRow> {
        Vec::new()
    }

    /// Rows of weights that it has in each block.
    fn block_rows(&self) -> usize {
        0
    }

    /// Copies that the rows of a block take.
    fn block_copies(&self, _homes: &[Home]) -> usize {
        0
    }

    /// The effect of its row for an output, if it has one.
    fn output_effect(&self, _output: usize, _homes: &[Home]) -> Option<Scalar> {
        None
    }

    /// Its rows of weights in a block, given the pitch of its layer's planes and the plan's bits of a weight.
    fn weight_rows(&self, _pitch: usize, _block: Block, _homes: &[Home], _weight_bits: u32) -> Vec<TermRow> {
        Vec::new()
    }

    /// The distinct steps of its rows of weights.
    fn steps(&self, pitch: usize, homes: &[Home]) -> Vec<WeightStep>;

    /// The power of sigma that its rows per output raise evaluations by.
    fn raised(&self) -> Option<usize> {
        None
    }

    /// Largest magnitude that it adds to a position of an accumulator: `values` gives that of a home's values, `weight` is
    /// that of a weight.
    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, weight: f64) -> f64;

    /// Degree in sigma of its weights' evaluation.
    fn sigma_degree(&self, pitch: usize) -> f64;

    /// Degree in rho that it adds to each output's: its products, and rows per output.
    fn factors(&self) -> Factors;

    /// Whether it is the whole of its layer, whose planes it joins at the challenge of positions.
    fn turns(&self) -> bool {
        false
    }

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
