//! Rows of facts whose output is written turned: what several kinds of terms end with.
//!
//! ```text
//! rows                        | weights        | weights' evaluation ws, scalar sum s
//! two                         | idle           | ws <- 1 * ones_n(rho)
//! one                         | idle           | ws holds, s <- s + half * ones_T(sigma) * ws
//! two for each plane C        | idle           | ws <- sigma * ws + 1 * C(rho), from 0 on
//! the last                    | idle           | s <- s - 1 * ws
//! ```
//!
//! It knows no kind of term.

use super::pairs::{NEXT, SAME, pairs, take};
use super::row::Evaluation;
use super::rules::TermRow;
use crate::streams::geometry::last_value_row;
use crate::streams::home::{Content, Home};

/// Row at which a home's first plane is evaluated.
pub(super) fn end(home: &Home) -> usize {
    home.row + last_value_row(home)
}

/// The weights' evaluation becomes that of a plane of ones.
pub(super) fn ones(one: &Home, plane_ones: &Home) -> Vec<TermRow> {
    pairs([((Evaluation::Read, one.row), (Evaluation::Second, end(plane_ones)))], SAME)
}

/// As much as rounds is added at every position and plane; the weights' evaluation is that of the ones of planes.
pub(super) fn round(position_ones: &Home, rounding: i64) -> TermRow {
    take(end(position_ones), -rounding)
}

/// Some planes of the output are subtracted, the first at the highest power of sigma.
pub(super) fn written(one: &Home, output: &Home, planes: impl Iterator<Item = usize>) -> Vec<TermRow> {
    let one = (Evaluation::Read, one.row);
    let mut rows = pairs(planes.map(|plane| (one, (Evaluation::Write, output.write_end(plane)))), NEXT);
    rows.push(take(one.1, 1));
    rows
}

/// Whether a home is of exactly so many ones, in powers of either challenge.
pub(super) fn are_ones(home: Option<&Home>, positions: usize) -> bool {
    home.is_some_and(|home| home.content == Content::Ones && home.second && home.shape.width == positions)
}
