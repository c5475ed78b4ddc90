//! A transposed tensor on the weight tape, whose output is written turned: with `n` planes `X_c` of `T` positions in a group,
//!
//! ```text
//! sum_t sigma^(T-1-t) C_t(rho) = factor * sum_c rho^(n-1-c) X_c(sigma) - ones_n(rho) * sum_c X_c(sigma) + half * ones_T(sigma) ones_n(rho)
//!
//! rows of a group             | weights        | weights' evaluation ws, scalar sum s
//! one for each c              | idle           | s <- rho * s + factor * X_c(sigma)
//! two                         | idle           | ws <- 1 * ones_n(rho)
//! one for each c, if centred  | idle           | ws holds, s <- s - X_c(sigma) * ws
//! one, if half is not 0       | idle           | ws holds, s <- s + half * ones_T(sigma) * ws
//! two for each t              | idle           | ws <- sigma * ws + 1 * C_t(rho), from 0 on
//! the last                    | idle           | s <- s - 1 * ws
//! ```
//!
//! The factor is `n` if the tensor is centred, and 1 otherwise; `half` rounds. Both planes of ones have exactly as many live
//! positions as the axis that they stand for: in a turned output planes are powers of sigma, and no padding absorbs more.

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Transpose};

use super::pairs::{NEXT, SAME, take};
use super::row::Scalar;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source, TermRow};
use super::turned::{are_ones, ones, round, written};
use crate::encoder::Encoder;
use crate::limits::{MOST_POSITIONS, MOST_VALUE};
use crate::streams::geometry::{last_value_row, read_exponent};
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransposeFact {
    /// Home of the tensor.
    pub input: usize,
    /// Home that is written.
    pub output: usize,
    /// Home of the single constant 1.
    pub one: usize,
    /// Home of as many ones as the tensor has positions.
    pub position_ones: usize,
    /// Home of as many ones as a group has planes.
    pub plane_ones: usize,
    /// Planes of a group.
    pub planes: usize,
    /// Positions of the tensor.
    pub positions: usize,
    /// Whether the sum of a group's planes is subtracted from as many times each plane.
    pub centred: bool,
    /// What is added to every accumulator before bits are dropped.
    pub rounding: i64,
}

impl Placement for Transpose {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        let Self { groups, centred } = self;
        encoder.choice(4);
        encoder.count(*groups);
        encoder.count(usize::from(*centred));
    }

    fn groups(&self) -> usize {
        self.groups
    }

    fn read(&self, _: usize, _: usize) -> Read {
        Read::Raster
    }

    fn turns(&self) -> bool {
        true
    }

    fn check(&self, source: Source) -> Result<(), &'static str> {
        let straight = source.stride == 1 && source.read == Read::Raster;
        if straight { Ok(()) } else { Err("it transposes a tensor that others evaluate in windows") }
    }

    fn shares_pitch(&self, _: Source) -> bool {
        false
    }

    fn least_pitch(&self, _: Source, _: Planes) -> usize {
        1
    }

    fn reach(&self, _: Source, _: usize) -> usize {
        0
    }

    fn least_origin(&self, _: &Home, _: usize) -> usize {
        0
    }

    fn exponent(&self, _: usize, source: &Home, output: &Home) -> Option<usize> {
        let contiguous = source.shape.height == 1 || source.read_pitch == source.shape.width;
        let aligned = read_exponent(source, last_value_row(source)) == source.shape.plane() - 1;
        (contiguous && aligned && output.origin_exponent() == output.shape.width - 1).then_some(0)
    }
}

impl Laid for Transpose {
    type Fact = TransposeFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let source = arranged.sources.first();
        let shape = source.map_or(Planes::vector(1), |source| source.home.shape);
        let ones = |positions: usize| {
            arranged.ones.iter().find(|(extent, _)| *extent == positions).map_or(0, |(_, home)| *home)
        };
        let planes = shape.channels / self.groups.max(1);
        TransposeFact {
            input: source.map_or(0, |source| source.index),
            output: arranged.output_index,
            one: arranged.one,
            position_ones: ones(shape.plane()),
            plane_ones: ones(planes),
            planes,
            positions: shape.plane(),
            centred: self.centred,
            rounding: arranged.rounding,
        }
    }

    /// Of the rows that a rounded tensor has.
    fn unplaced(&self, sources: &[Planes], _: u32) -> Self::Fact {
        let shape = sources.first().copied().unwrap_or(Planes::vector(1));
        TransposeFact {
            input: 0,
            output: 0,
            one: 0,
            position_ones: 0,
            plane_ones: 0,
            planes: shape.channels / self.groups.max(1),
            positions: shape.plane(),
            centred: self.centred,
            rounding: 1,
        }
    }
}

impl TransposeFact {
    fn has_ones(&self) -> bool {
        self.centred || self.rounding != 0
    }

    /// What each value is multiplied by.
    pub fn factor(&self) -> i64 {
        if self.centred { self.planes as i64 } else { 1 }
    }

    fn rows_of_ones(&self, homes: &[Home], planes: impl Iterator<Item = usize>) -> Vec<TermRow> {
        if !self.has_ones() {
            return Vec::new();
        }
        let mut rows = ones(&homes[self.one], &homes[self.plane_ones]);
        if self.centred {
            rows.extend(planes.map(|row| take(row, 1)));
        }
        if self.rounding != 0 {
            rows.push(round(&homes[self.position_ones], self.rounding));
        }
        rows
    }
}

impl FactRules for TransposeFact {
    fn group_rows(&self) -> usize {
        let ones = if self.has_ones() { 2 } else { 0 };
        let centred = if self.centred { self.planes } else { 0 };
        self.planes + ones + centred + usize::from(self.rounding != 0) + 2 * self.positions + 1
    }

    fn group_copies(&self) -> usize {
        self.group_rows()
    }

    fn rows_of_group(&self, group: usize, homes: &[Home]) -> Vec<TermRow> {
        let (input, output, factor) = (&homes[self.input], &homes[self.output], self.factor());
        let read = |plane: usize| input.plane_row(group * self.planes + plane) + last_value_row(input);
        let raise = |plane: usize| TermRow {
            weight: None,
            step: None,
            scalar: Scalar::Raise { row: read(plane), factor },
        };
        let mut rows: Vec<TermRow> = (0..self.planes).map(raise).collect();
        rows.extend(self.rows_of_ones(homes, (0..self.planes).map(read)));
        let planes = (0..self.positions).map(|t| group * self.positions + t);
        rows.extend(written(&homes[self.one], output, planes));
        rows
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        vec![SAME, NEXT]
    }

    fn raised(&self) -> Option<usize> {
        Some(0)
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        let most = homes.get(self.input).map_or(f64::INFINITY, values);
        let sum = if self.centred { self.planes as f64 } else { 0.0 };
        (self.factor() as f64 + sum) * most + self.rounding.unsigned_abs() as f64
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        self.positions as f64
    }

    fn factors(&self) -> Factors {
        Factors { products: 2 * self.planes + self.positions, rows: 0 }
    }

    fn turns(&self) -> bool {
        true
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let (Some(input), Some(output)) = (homes.get(self.input), homes.get(self.output)) else { return false };
        let groups = outputs / self.positions.max(1);
        let whole = self.planes.checked_mul(groups) == Some(input.shape.channels)
            && self.positions == input.shape.plane()
            && self.positions.checked_mul(groups) == Some(outputs)
            && output.shape.channels == outputs
            && self.planes == output.shape.width;
        let ones = are_ones(homes.get(self.position_ones), self.positions)
            && are_ones(homes.get(self.plane_ones), self.planes);
        let sizes = [self.planes, self.positions].iter().all(|size| *size <= MOST_POSITIONS);
        let ways = input.read == Read::Raster && output.turned;
        whole && ones && sizes && ways && (0..=MOST_VALUE).contains(&self.rounding) && self.one < homes.len()
    }
}
