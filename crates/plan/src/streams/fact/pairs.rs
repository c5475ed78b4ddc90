//! Rows that multiply evaluations: what several kinds of terms are made of.
//!
//! ```text
//! rows of a pair              | weights        | weights' evaluation ws
//! the first factor a          | idle           | ws <- step * ws
//! the second factor b         | idle           | ws <- ws + a * b
//! ```
//!
//! The step is 0 at the first pair of a sum. It knows no kind of term.

use super::row::{Evaluation, Scalar};
use super::rules::TermRow;
use crate::streams::pass::WeightStep;

/// The sum so far goes on as it is.
pub(super) const SAME: WeightStep = WeightStep::Position(0);
/// From one plane to the next, where planes are joined at the challenge of positions.
pub(super) const NEXT: WeightStep = WeightStep::Position(1);

/// An evaluation and the row of the activation tape where it is taken.
pub(super) type Factor = (Evaluation, usize);

/// The sum of products, the steps between them being `step`.
pub(super) fn pairs(factors: impl IntoIterator<Item = (Factor, Factor)>, step: WeightStep) -> Vec<TermRow> {
    let pair = |(place, (first, second)): (usize, (Factor, Factor))| {
        let load = Scalar::Load { evaluation: first.0, row: first.1 };
        let multiply = Scalar::Multiply { evaluation: second.0, row: second.1 };
        [
            TermRow { weight: None, step: (place > 0).then_some(step), scalar: load },
            TermRow { weight: None, step: Some(SAME), scalar: multiply },
        ]
    };
    factors.into_iter().enumerate().flat_map(pair).collect()
}

/// The weights' evaluation so far, times a consumer's evaluation and a factor, is subtracted from the scalar sum.
pub(super) fn take(row: usize, factor: i64) -> TermRow {
    TermRow { weight: None, step: Some(SAME), scalar: Scalar::Product { row, factor } }
}
