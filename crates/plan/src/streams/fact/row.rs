//! Rows of the weight tape: what their lanes hold and what becomes of the scalar sum.

use crate::streams::limbs::Scale;
use crate::streams::pass::WeightStep;

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

/// An evaluation of a plane, taken at a row of the activation tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// The producer's.
    Write,
    /// The consumer's.
    Read,
    /// The consumer's at the challenge of planes.
    Second,
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
    /// The producer's evaluation of a phase at this tape row, raised and divided by the factor, is added.
    Phase {
        /// Row of the activation tape.
        row: usize,
        /// Power of sigma.
        exponent: usize,
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
    /// It is multiplied by rho and the consumer's evaluation at this tape row, times the factor, is added.
    Raise {
        /// Row of the activation tape.
        row: usize,
        /// Integer factor.
        factor: i64,
    },
    /// Nothing; the row after multiplies this evaluation.
    Load {
        /// Which evaluation.
        evaluation: Evaluation,
        /// Row of the activation tape.
        row: usize,
    },
    /// Nothing, but the weights' evaluation takes the product of this evaluation and that of the row before.
    Multiply {
        /// Which evaluation.
        evaluation: Evaluation,
        /// Row of the activation tape.
        row: usize,
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
