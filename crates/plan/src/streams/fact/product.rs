//! A product of two tensors on the weight tape: `sum_o rho^(O-1-o) C_o(sigma) = factor * sum_c L_c(sigma) R_c(rho)`.
//!
//! ```text
//! rows of a group             | weights        | weights' evaluation ws, scalar sum s
//! one for each c              | idle           | ws holds; the operand is L_c(sigma)
//! one for each c              | idle           | ws <- ws + L_c(sigma) * R_c(rho)
//! the last                    | idle           | s <- s - factor * 1 * ws
//! ```
//!
//! Every operand is a copy, also those of the first rows, which nothing else reads: the row after multiplies them. Lanes are
//! idle on rows of products and do not count there. With both factors at one challenge, products of different positions
//! would fall on one power, and a prover could trade them; a left factor is read at sigma alone, a right one at rho.

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Product};

use super::pairs::{SAME, pairs, take};
use super::row::Evaluation;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source, TermRow};
use crate::encoder::Encoder;
use crate::limits::{MOST_POSITIONS, MOST_VALUE};
use crate::streams::geometry::{last_value_row, read_exponent, second_exponent};
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFact {
    /// Home of the left tensor.
    pub left: usize,
    /// Home of the right tensor.
    pub right: usize,
    /// Home of the single constant 1.
    pub one: usize,
    /// Planes that each group's product is summed over.
    pub depth: usize,
    /// Groups of the left tensor.
    pub groups: usize,
    /// Groups of the right tensor.
    pub right_groups: usize,
    /// What every product is multiplied by.
    pub factor: i64,
}

impl Placement for Product<i64> {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        let Self { groups, right_groups, factor } = self;
        encoder.choice(3);
        encoder.count(*groups);
        encoder.count(*right_groups);
        encoder.integer(factor);
    }

    fn groups(&self) -> usize {
        self.groups
    }

    fn read(&self, slot: usize, stride: usize) -> Read {
        match (slot, stride) {
            (0, 1) => Read::Raster,
            (0, factor) => Read::Sums { factor },
            _ => Read::Nothing,
        }
    }

    fn second(&self, slot: usize) -> bool {
        slot == 1
    }

    fn joins(&self) -> bool {
        true
    }

    fn check(&self, source: Source) -> Result<(), &'static str> {
        let straight = match source.slot {
            0 => source.read == self.read(0, source.stride),
            _ => source.stride == 1,
        };
        if straight { Ok(()) } else { Err("it multiplies a tensor that others evaluate in windows") }
    }

    fn shares_pitch(&self, source: Source) -> bool {
        source.slot == 0
    }

    fn least_pitch(&self, source: Source, output: Planes) -> usize {
        if source.slot == 0 { output.width } else { 1 }
    }

    fn reach(&self, _: Source, _: usize) -> usize {
        0
    }

    fn least_origin(&self, _: &Home, _: usize) -> usize {
        0
    }

    /// The left tensor lies where the output does, the right one ends at exponent 0.
    fn exponent(&self, slot: usize, source: &Home, output: &Home) -> Option<usize> {
        let (found, wanted) = match slot {
            0 => (read_exponent(source, last_value_row(source)), output.origin_exponent()),
            _ => (second_exponent(source), source.shape.width - 1),
        };
        let rows = slot != 0 || source.shape.height == 1 || source.read_pitch == output.pitch;
        (found == wanted && rows).then_some(0)
    }
}

impl Laid for Product<i64> {
    type Fact = ProductFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let Self { groups, right_groups, factor } = *self;
        let home = |slot: usize| arranged.sources.get(slot).map_or(0, |source| source.index);
        let depth = arranged.sources.first().map_or(0, |source| source.home.shape.channels / groups.max(1));
        ProductFact { left: home(0), right: home(1), one: arranged.one, depth, groups, right_groups, factor }
    }

    fn unplaced(&self, sources: &[Planes], _: u32) -> Self::Fact {
        let Self { groups, right_groups, factor } = *self;
        let depth = sources.first().map_or(0, |left| left.channels / groups.max(1));
        ProductFact { left: 0, right: 0, one: 0, depth, groups, right_groups, factor }
    }
}

impl FactRules for ProductFact {
    fn group_rows(&self) -> usize {
        2 * self.depth + 1
    }

    fn group_copies(&self) -> usize {
        2 * self.depth + 1
    }

    fn rows_of_group(&self, group: usize, homes: &[Home]) -> Vec<TermRow> {
        let (left, right) = (&homes[self.left], &homes[self.right]);
        let right_group = group * self.right_groups / self.groups.max(1);
        let factors = (0..self.depth).map(|c| {
            let first = left.plane_row(group * self.depth + c) + last_value_row(left);
            let second = right.plane_row(right_group * self.depth + c) + last_value_row(right);
            ((Evaluation::Read, first), (Evaluation::Second, second))
        });
        let mut rows = pairs(factors, SAME);
        rows.push(take(homes[self.one].row, self.factor));
        rows
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        vec![SAME]
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        let most = |home: usize| homes.get(home).map_or(f64::INFINITY, values);
        self.factor.unsigned_abs() as f64 * self.depth as f64 * most(self.left) * most(self.right)
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        0.0
    }

    fn factors(&self) -> Factors {
        Factors { products: self.depth, rows: 0 }
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let (Some(left), Some(right)) = (homes.get(self.left), homes.get(self.right)) else { return false };
        let shared = self.right_groups >= 1 && self.groups.is_multiple_of(self.right_groups);
        let planes = |groups: usize| groups.checked_mul(self.depth);
        let whole = planes(self.groups) == Some(left.shape.channels)
            && planes(self.right_groups) == Some(right.shape.channels)
            && self.groups.checked_mul(right.shape.width) == Some(outputs);
        let sizes = self.depth <= MOST_POSITIONS && (-MOST_VALUE..=MOST_VALUE).contains(&self.factor);
        let ways = left.is_read_by_value() && right.second;
        shared && whole && sizes && ways && self.one < homes.len()
    }
}
