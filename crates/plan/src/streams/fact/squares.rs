//! A sum of squares on the weight tape: the consumer's evaluation of a plane in squares is added to the output's one value.
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! one per output t            | idle           | s <- s - sum of the squares of plane t
//! ```

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Squares};

use super::row::Scalar;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source};
use crate::encoder::Encoder;
use crate::streams::geometry::last_value_row;
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SquaresFact {
    /// Home of the tensor.
    pub home: usize,
}

impl Placement for Squares {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        encoder.choice(5);
    }

    fn read(&self, _: usize, _: usize) -> Read {
        Read::Squares
    }

    fn check(&self, source: Source) -> Result<(), &'static str> {
        if source.read == Read::Squares && source.stride == 1 { Ok(()) } else { Err("it reads no squares") }
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

    fn exponent(&self, _: usize, _: &Home, output: &Home) -> Option<usize> {
        (output.origin_exponent() == 0).then_some(0)
    }
}

impl Laid for Squares {
    type Fact = SquaresFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        SquaresFact { home: arranged.sources.first().map_or(0, |source| source.index) }
    }

    fn unplaced(&self, _: &[Planes], _: u32) -> Self::Fact {
        SquaresFact { home: 0 }
    }
}

impl FactRules for SquaresFact {
    fn output_rows(&self, outputs: usize) -> usize {
        outputs
    }

    fn output_effect(&self, output: usize, homes: &[Home]) -> Option<Scalar> {
        let home = &homes[self.home];
        Some(Scalar::Skip { row: home.plane_row(output) + last_value_row(home), exponent: 0, factor: 1 })
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        Vec::new()
    }

    fn raised(&self) -> Option<usize> {
        Some(0)
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        homes.get(self.home).map_or(f64::INFINITY, |home| home.shape.plane() as f64 * values(home).powi(2))
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        0.0
    }

    fn factors(&self) -> Factors {
        Factors { products: 0, rows: 1 }
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        homes.get(self.home).is_some_and(|home| home.read == Read::Squares && home.shape.channels == outputs)
    }
}
