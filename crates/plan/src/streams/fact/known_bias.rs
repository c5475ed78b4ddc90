//! A known bias on the weight tape: as many ones as biases are multiplied by, times a number of the key; no weight takes part.
//!
//! ```text
//! rows                              | weights        | scalar sum s
//! one per output o whose is not 0   | idle           | s <- s - number_o * ones(sigma)
//! ```
//!
//! A layer that has it has no rows of biases: nothing in its identity is a prover's choice but what its other terms read.

use serde::{Deserialize, Serialize};
use zklayout_model::{KnownBias, PerChannel, Planes};

use super::row::Scalar;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source};
use crate::encoder::Encoder;
use crate::limits::MOST_VALUE;
use crate::streams::home::{Content, Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBiasFact {
    /// Home of ones.
    pub ones: usize,
    /// Row of it after which as many ones were summed as biases are multiplied by.
    pub read_row: usize,
    /// By output channel.
    pub numbers: PerChannel<i64>,
}

impl Placement for KnownBias<i64> {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        let Self { numbers } = self;
        encoder.choice(7);
        encoder.list(numbers.values(), Encoder::integer);
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

impl Laid for KnownBias<i64> {
    type Fact = KnownBiasFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let (ones, read_row) = arranged.bias;
        KnownBiasFact { ones, read_row, numbers: self.numbers.clone() }
    }

    fn unplaced(&self, _: &[Planes], _: u32) -> Self::Fact {
        KnownBiasFact { ones: 0, read_row: 0, numbers: self.numbers.clone() }
    }
}

impl FactRules for KnownBiasFact {
    fn output_rows(&self, outputs: usize) -> usize {
        (0..outputs).filter(|output| self.numbers.of(*output) != 0).count()
    }

    fn output_effect(&self, output: usize, homes: &[Home]) -> Option<Scalar> {
        let factor = Some(self.numbers.of(output)).filter(|number| *number != 0)?;
        Some(Scalar::Skip { row: homes[self.ones].row + self.read_row, exponent: 0, factor })
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        Vec::new()
    }

    fn raised(&self) -> Option<usize> {
        self.numbers.values().iter().any(|number| *number != 0).then_some(0)
    }

    fn bound(&self, _: &[Home], _: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        let magnitudes = self.numbers.values().iter().map(|number| number.unsigned_abs() as f64);
        magnitudes.fold(0.0, f64::max)
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        0.0
    }

    fn factors(&self) -> Factors {
        Factors { products: 0, rows: 1 }
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let ones = |home: &Home| home.content == Content::Ones && self.read_row < home.plane_rows();
        let numbers = self.numbers.values().iter().all(|number| (-MOST_VALUE..=MOST_VALUE).contains(number));
        homes.get(self.ones).is_some_and(ones) && numbers && self.numbers.fits(outputs)
    }
}
