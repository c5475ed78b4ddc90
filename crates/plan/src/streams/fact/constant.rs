//! Constants of positions on the weight tape: for a block of `B` outputs, each digit of the constants is a polynomial
//! `V_d = sum_positions sigma^exponent sum_o rho^(B-1-o) digit_d(v[o, y, x])` in the output's own exponents.
//!
//! ```text
//! rows                            | weights            | scalar sum s
//! one per output value, for a d   | digit_d(v[o,y,x])  | s holds
//! one down to exponent 0          | idle               | s holds
//! the last of these               |                    | s <- s - 2^(bits * d) * 1 * V_d
//! ```
//!
//! Values follow each other from (0, 0), which has the highest exponent. The row of idle lanes is there where the last value
//! lies above exponent 0. What a prover puts into those lanes is a coefficient at exponent 0, where no value is: it is met
//! by the quotient and remainder of a padding position, which are free, and by no value.

use serde::{Deserialize, Serialize};
use zklayout_model::{Constant, Planes};

use super::row::{Block, Scalar};
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source, TermRow, digits};
use crate::encoder::Encoder;
use crate::limits::MOST_POSITIONS;
use crate::streams::home::{Home, Read};
use crate::streams::pass::{WeightStep, add};

/// Bits below which the factor of every digit must be.
const MOST_FACTOR_BITS: usize = 62;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstantFact {
    /// Home of the single constant 1.
    pub one: usize,
    /// Digits of a constant.
    pub digits: usize,
    /// Rows and columns of the output.
    pub size: (usize, usize),
    /// Positions between neighbouring values of the output, in both directions.
    pub stride: usize,
    /// Exponent of the output's last value.
    pub exponent: usize,
    /// Rows and columns of a larger tensor that the constants are the first rows and columns of: its other positions have rows too,
    /// which nothing is read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<(usize, usize)>,
}

/// Positions from value (0, 0) to the last value.
fn span((height, width): (usize, usize), pitch: usize, stride: usize) -> usize {
    ((height - 1).saturating_mul(pitch).saturating_add(width - 1)).saturating_mul(stride)
}

impl Placement for Constant<i64> {
    fn encode(&self, encoder: &mut Encoder, weight_bits: u32) {
        let Self { values } = self;
        encoder.choice(2);
        encoder.list(values.shape(), Encoder::extent);
        encoder.count(digits(values, weight_bits));
    }

    fn read(&self, _: usize, _: usize) -> Read {
        Read::Nothing
    }

    fn check(&self, _: Source) -> Result<(), &'static str> {
        Ok(())
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

    fn exponent(&self, _: usize, _: &Home, _: &Home) -> Option<usize> {
        Some(0)
    }
}

impl Laid for Constant<i64> {
    type Fact = ConstantFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let digits = digits(&self.values, arranged.weight_bits);
        ConstantFact { digits, ..ConstantFact::raster(arranged.output, arranged.one) }
    }

    fn unplaced(&self, _: &[Planes], weight_bits: u32) -> Self::Fact {
        let (_, height, width) = self.values.dim();
        let digits = digits(&self.values, weight_bits);
        ConstantFact { one: 0, digits, size: (height, width), stride: 1, exponent: 1, tensor: None }
    }
}

impl ConstantFact {
    /// Constants of one digit, one for each value of a home.
    pub(crate) fn raster(output: &Home, one: usize) -> Self {
        let (size, stride) = ((output.shape.height, output.shape.width), output.stride);
        let exponent = output.origin_exponent().saturating_sub(span(size, output.pitch, stride));
        Self { one, digits: 1, size, stride, exponent, tensor: None }
    }

    /// Positions that have rows.
    fn positions(&self) -> usize {
        let (height, width) = self.tensor.unwrap_or(self.size);
        height * width
    }

    /// Whether a position has a constant.
    fn holds(&self, place: usize) -> bool {
        let width = self.tensor.unwrap_or(self.size).1;
        place / width < self.size.0 && place % width < self.size.1
    }

    /// From the constant before to this one.
    fn step(&self, place: usize, pitch: usize) -> Option<WeightStep> {
        let width = self.tensor.unwrap_or(self.size).1;
        let distance = match place.is_multiple_of(width) {
            _ if !self.holds(place) => 0,
            true => pitch + 1 - self.size.1,
            false => 1,
        };
        (place > 0).then_some(WeightStep::Position(distance * self.stride))
    }

    /// From the last value to exponent 0.
    fn last_step(&self) -> Option<WeightStep> {
        (self.exponent > 0).then_some(WeightStep::Position(self.exponent))
    }
}

impl FactRules for ConstantFact {
    fn block_rows(&self) -> usize {
        self.digits * (self.positions() + usize::from(self.exponent > 0))
    }

    fn block_copies(&self, _: &[Home]) -> usize {
        self.digits
    }

    fn weight_rows(&self, pitch: usize, _: Block, homes: &[Home], weight_bits: u32) -> Vec<TermRow> {
        let mut rows = Vec::with_capacity(self.block_rows());
        for digit in 0..self.digits {
            rows.extend((0..self.positions()).map(|place| TermRow {
                weight: self.holds(place).then_some((place, Some(digit))),
                step: self.step(place, pitch),
                scalar: Scalar::Hold,
            }));
            let idle = |step| TermRow { weight: None, step: Some(step), scalar: Scalar::Hold };
            rows.extend(self.last_step().map(idle));
            if let Some(last) = rows.last_mut() {
                let factor = 1 << (weight_bits as usize * digit);
                last.scalar = Scalar::Product { row: homes[self.one].row, factor };
            }
        }
        rows
    }

    fn steps(&self, pitch: usize, _: &[Home]) -> Vec<WeightStep> {
        let mut steps = Vec::new();
        let each = (0..self.positions()).filter_map(|place| self.step(place, pitch));
        each.chain(self.last_step()).for_each(|step| add(&mut steps, step));
        steps
    }

    /// All numbers of so many digits.
    fn bound(&self, _: &[Home], _: &dyn Fn(&Home) -> f64, weight: f64) -> f64 {
        weight.powf(self.digits as f64)
    }

    /// The exponent of value (0, 0).
    fn sigma_degree(&self, pitch: usize) -> f64 {
        (self.exponent + span(self.size, pitch, self.stride)) as f64
    }

    fn factors(&self) -> Factors {
        Factors { products: self.digits, rows: 0 }
    }

    fn is_known(&self, homes: &[Home], _: usize, weight_bits: u32) -> bool {
        let (height, width) = self.tensor.unwrap_or(self.size);
        let within = (1..=height).contains(&self.size.0) && (1..=width).contains(&self.size.1);
        let values = within && height.checked_mul(width).is_some_and(|values| values <= MOST_POSITIONS);
        let above = self.digits.checked_sub(1).and_then(|above| above.checked_mul(weight_bits.max(1) as usize));
        let positions = self.stride <= MOST_POSITIONS && self.exponent <= MOST_POSITIONS;
        values && positions && self.one < homes.len() && above.is_some_and(|bits| bits <= MOST_FACTOR_BITS)
    }
}
