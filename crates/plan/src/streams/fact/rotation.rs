//! A rotation on the weight tape, whose output is written turned: for each feature `j`, with planes `X_jt` of heads and the partner `k`,
//!
//! ```text
//! sum_h sigma^(H-1-h) C_hj(rho) = sum_t rho^(T-1-t) (own_jt * X_jt(sigma) + other_jt * X_kt(sigma)) + half * ones_H(sigma) ones_T(rho)
//!
//! rows of a feature           | weights        | weights' evaluation ws, scalar sum s
//! the first for each t        | idle           | s <- rho * s + own_jt * X_jt(sigma)
//! the second for each t       | idle           | s <- s + other_jt * X_kt(sigma)
//! three, if half is not 0     | idle           | ws <- 1 * ones_T(rho), s <- s + half * ones_H(sigma) * ws
//! two for each h              | idle           | ws <- sigma * ws + 1 * C_hj(rho), from 0 on
//! the last                    | idle           | s <- s - 1 * ws
//! ```
//!
//! Its numbers are fixed cells, and no weight takes part: nothing in the identity is a prover's choice but what it reads and writes.
//! Features of one head have rows of their own, since an evaluation that sums over positions has lost what each must be
//! multiplied by.

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Rotation};

use super::pairs::{NEXT, SAME};
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
pub struct RotationFact {
    /// Home of the tensor.
    pub input: usize,
    /// Home that is written.
    pub output: usize,
    /// Home of the single constant 1.
    pub one: usize,
    /// Home of as many ones as there are heads.
    pub head_ones: usize,
    /// Home of as many ones as the output has positions.
    pub position_ones: usize,
    /// Heads.
    pub heads: usize,
    /// Positions of the output.
    pub positions: usize,
    /// By feature of a head, the one that is added to it.
    pub partners: Vec<usize>,
    /// What features are multiplied by, position by position and feature by feature.
    pub own: Vec<i64>,
    /// What their partners are multiplied by.
    pub other: Vec<i64>,
    /// What is added to every accumulator before bits are dropped.
    pub rounding: i64,
}

impl Placement for Rotation<i64> {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        let Self { own, other, partners } = self;
        encoder.choice(8);
        encoder.list(partners, Encoder::extent);
        for numbers in [own, other] {
            encoder.list(&numbers.iter().copied().collect::<Vec<i64>>(), Encoder::integer);
        }
    }

    fn groups(&self) -> usize {
        self.features()
    }

    fn read(&self, _: usize, _: usize) -> Read {
        Read::Raster
    }

    fn turns(&self) -> bool {
        true
    }

    fn check(&self, source: Source) -> Result<(), &'static str> {
        let straight = source.stride == 1 && source.read == Read::Raster;
        if straight { Ok(()) } else { Err("it rotates a tensor that others evaluate in windows") }
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
        let aligned = read_exponent(source, last_value_row(source)) == source.shape.width - 1;
        (aligned && output.origin_exponent() == output.shape.width - 1).then_some(0)
    }
}

impl Laid for Rotation<i64> {
    type Fact = RotationFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let source = arranged.sources.first();
        let heads = source.map_or(1, |source| source.home.shape.width);
        let ones = |positions: usize| {
            arranged.ones.iter().find(|(extent, _)| *extent == positions).map_or(0, |(_, home)| *home)
        };
        RotationFact {
            input: source.map_or(0, |source| source.index),
            output: arranged.output_index,
            one: arranged.one,
            head_ones: ones(heads),
            position_ones: ones(self.positions()),
            rounding: arranged.rounding,
            ..of_heads(self, heads)
        }
    }

    /// Of the rows that a rounded tensor has.
    fn unplaced(&self, sources: &[Planes], _: u32) -> Self::Fact {
        of_heads(self, sources.first().map_or(1, |source| source.width))
    }
}

/// A rotation of so many heads that lies nowhere.
fn of_heads(rotation: &Rotation<i64>, heads: usize) -> RotationFact {
    RotationFact {
        input: 0,
        output: 0,
        one: 0,
        head_ones: 0,
        position_ones: 0,
        heads,
        positions: rotation.positions(),
        partners: rotation.partners.clone(),
        own: rotation.own.iter().copied().collect(),
        other: rotation.other.iter().copied().collect(),
        rounding: 1,
    }
}

impl RotationFact {
    /// Features of a head.
    pub fn features(&self) -> usize {
        self.partners.len()
    }

    /// What a feature and its partner are multiplied by at a position; a plan that lacks them is refused elsewhere.
    fn numbers(&self, feature: usize, t: usize) -> (i64, i64) {
        let at = |numbers: &[i64]| numbers.get(feature * self.positions + t).copied().unwrap_or(0);
        (at(&self.own), at(&self.other))
    }
}

impl FactRules for RotationFact {
    fn group_rows(&self) -> usize {
        2 * self.positions + if self.rounding != 0 { 3 } else { 0 } + 2 * self.heads + 1
    }

    fn group_copies(&self) -> usize {
        self.group_rows()
    }

    fn rows_of_group(&self, feature: usize, homes: &[Home]) -> Vec<TermRow> {
        let (input, output, one) = (&homes[self.input], &homes[self.output], &homes[self.one]);
        let read =
            |feature: usize, t: usize| input.plane_row(feature * self.positions + t) + last_value_row(input);
        let idle = |scalar| TermRow { weight: None, step: None, scalar };
        let position = |t: usize| {
            let (own, other) = self.numbers(feature, t);
            let partner = read(self.partners[feature], t);
            let own = Scalar::Raise { row: read(feature, t), factor: own };
            [idle(own), idle(Scalar::Skip { row: partner, exponent: 0, factor: -other })]
        };
        let mut rows: Vec<TermRow> = (0..self.positions).flat_map(position).collect();
        if self.rounding != 0 {
            rows.extend(ones(one, &homes[self.position_ones]));
            rows.push(round(&homes[self.head_ones], self.rounding));
        }
        let features = self.features();
        rows.extend(written(one, output, (0..self.heads).map(|head| head * features + feature)));
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
        let magnitude = |numbers: &[i64]| numbers.iter().map(|number| number.unsigned_abs()).max().unwrap_or(0);
        (magnitude(&self.own) as f64 + magnitude(&self.other) as f64) * most + self.rounding.unsigned_abs() as f64
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        self.heads as f64
    }

    fn factors(&self) -> Factors {
        Factors { products: 2 * self.positions + self.heads, rows: 0 }
    }

    fn turns(&self) -> bool {
        true
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let (Some(input), Some(output)) = (homes.get(self.input), homes.get(self.output)) else { return false };
        let (features, read) = (self.features(), self.features().checked_mul(self.positions));
        let whole = read == Some(input.shape.channels)
            && (input.shape.height, input.shape.width) == (1, self.heads)
            && features.checked_mul(self.heads) == Some(outputs)
            && output.shape == Planes::new(outputs, 1, self.positions);
        let known = self.partners.iter().all(|partner| *partner < features);
        let numbers = [&self.own, &self.other].iter().all(|numbers| {
            let small = numbers.iter().all(|number| (-MOST_VALUE..=MOST_VALUE).contains(number));
            Some(numbers.len()) == read && small
        });
        let ones = are_ones(homes.get(self.head_ones), self.heads)
            && are_ones(homes.get(self.position_ones), self.positions);
        let sizes = [self.heads, self.positions].iter().all(|size| (1..=MOST_POSITIONS).contains(size));
        let ways = input.read == Read::Raster && output.turned;
        let rounding = (0..=MOST_VALUE).contains(&self.rounding);
        whole && known && numbers && ones && sizes && ways && rounding && self.one < homes.len()
    }
}
