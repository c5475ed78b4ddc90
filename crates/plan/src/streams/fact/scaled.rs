//! Scaled planes on the weight tape: `sum_f rho^(F-1-f) C_f(sigma) = sum_t sigma^(T-1-t) number_t * X_t(rho)`.
//!
//! ```text
//! rows                        | weights        | weights' evaluation ws, scalar sum s
//! one for each t              | idle           | ws <- sigma * ws; the operand is number_t
//! one for each t              | idle           | ws <- ws + number_t * X_t(rho)
//! the last                    | idle           | s <- s - 1 * ws
//! ```

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Scaled};

use super::pairs::{NEXT, SAME, pairs, take};
use super::row::Evaluation;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source, TermRow};
use crate::encoder::Encoder;
use crate::limits::MOST_POSITIONS;
use crate::streams::geometry::{last_value_row, read_exponent, second_exponent};
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaledFact {
    /// Home of the numbers.
    pub numbers: usize,
    /// Home of the tensor.
    pub tensor: usize,
    /// Home of the single constant 1.
    pub one: usize,
    /// Planes of the tensor.
    pub planes: usize,
}

impl Placement for Scaled {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        encoder.choice(6);
    }

    fn read(&self, slot: usize, _: usize) -> Read {
        if slot == 0 { Read::Raster } else { Read::Nothing }
    }

    fn second(&self, slot: usize) -> bool {
        slot == 1
    }

    fn joins(&self) -> bool {
        true
    }

    fn check(&self, source: Source) -> Result<(), &'static str> {
        let straight = source.stride == 1 && (source.slot == 1 || source.read == Read::Raster);
        if straight { Ok(()) } else { Err("it scales a tensor that others evaluate in windows") }
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

    /// Numbers and planes end at exponent 0, and so does the output.
    fn exponent(&self, slot: usize, source: &Home, output: &Home) -> Option<usize> {
        let aligned = match slot {
            0 => read_exponent(source, last_value_row(source)) == 0,
            _ => second_exponent(source) == source.shape.width - 1,
        };
        (aligned && output.origin_exponent() == output.shape.width - 1).then_some(0)
    }
}

impl Laid for Scaled {
    type Fact = ScaledFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let home = |slot: usize| arranged.sources.get(slot).map_or(0, |source| source.index);
        let planes = arranged.sources.first().map_or(0, |source| source.home.shape.channels);
        ScaledFact { numbers: home(0), tensor: home(1), one: arranged.one, planes }
    }

    fn unplaced(&self, sources: &[Planes], _: u32) -> Self::Fact {
        let planes = sources.first().map_or(0, |numbers| numbers.channels);
        ScaledFact { numbers: 0, tensor: 0, one: 0, planes }
    }
}

impl FactRules for ScaledFact {
    fn group_rows(&self) -> usize {
        2 * self.planes + 1
    }

    fn group_copies(&self) -> usize {
        2 * self.planes + 1
    }

    fn rows_of_group(&self, _: usize, homes: &[Home]) -> Vec<TermRow> {
        let (numbers, tensor) = (&homes[self.numbers], &homes[self.tensor]);
        let factors = (0..self.planes).map(|plane| {
            let number = numbers.plane_row(plane) + last_value_row(numbers);
            let values = tensor.plane_row(plane) + last_value_row(tensor);
            ((Evaluation::Read, number), (Evaluation::Second, values))
        });
        let mut rows = pairs(factors, NEXT);
        rows.push(take(homes[self.one].row, 1));
        rows
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        vec![SAME, NEXT]
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        let most = |home: usize| homes.get(home).map_or(f64::INFINITY, values);
        most(self.numbers) * most(self.tensor)
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        self.planes as f64
    }

    fn factors(&self) -> Factors {
        Factors { products: self.planes, rows: 0 }
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let (Some(numbers), Some(tensor)) = (homes.get(self.numbers), homes.get(self.tensor)) else {
            return false;
        };
        let planes = [numbers, tensor].iter().all(|home| home.shape.channels == self.planes);
        let single = numbers.shape.plane() == 1 && tensor.shape.width == outputs;
        let ways = numbers.read == Read::Raster && tensor.second;
        planes && single && ways && self.planes <= MOST_POSITIONS && self.one < homes.len()
    }
}
