//! A moved tensor on the weight tape: its evaluations are raised to the output's place and added, no weight takes part.
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! one per output o            | idle           | s <- s - factor_o * sigma^exponent * A_channel(o)
//! ```

use serde::{Deserialize, Serialize};
use zklayout_model::{Move, PerChannel, Planes};

use super::row::Scalar;
use super::rules::{Arranged, FactRules, Factors, Laid, Placement, Source};
use crate::encoder::Encoder;
use crate::limits::{MOST_POSITIONS, MOST_VALUE};
use crate::streams::geometry::{last_value_row, read_exponent};
use crate::streams::home::{Home, Read};
use crate::streams::pass::WeightStep;

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveFact {
    /// Home of the tensor.
    pub home: usize,
    /// Row of a plane after which its evaluation is taken.
    pub read_row: usize,
    /// Power of sigma that brings the evaluation to the output's place.
    pub exponent: usize,
    /// Integer factor, by output channel.
    pub factor: PerChannel<i64>,
    /// By output channel, the channel that is added to it, if any; channel by channel if not given.
    pub channels: Option<Vec<Option<usize>>>,
}

/// Positions that a tensor is moved by.
fn moved(moved: &Move<i64>, pitch: usize) -> i64 {
    moved.offset.0 * pitch as i64 + moved.offset.1
}

impl Placement for Move<i64> {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        encoder.choice(1);
        encoder.moved(self);
        encoder.count(self.stride);
    }

    fn read(&self, _: usize, stride: usize) -> Read {
        match stride {
            1 => Read::Raster,
            factor => Read::Sums { factor },
        }
    }

    fn check(&self, _: Source) -> Result<(), &'static str> {
        Ok(())
    }

    /// A plane of one value lies anywhere.
    fn shares_pitch(&self, source: Source) -> bool {
        source.planes.plane() > 1
    }

    fn least_pitch(&self, source: Source, output: Planes) -> usize {
        let (output, moved) = (((output.width - 1) * self.stride + 1) as i64, self.offset.1);
        usize::try_from((output + moved).max(source.planes.width as i64 - moved)).unwrap_or(1)
    }

    /// What the tensor holds before the output's first value.
    fn reach(&self, _: Source, pitch: usize) -> usize {
        usize::try_from(moved(self, pitch)).unwrap_or(0)
    }

    fn moves(&self) -> bool {
        self.offset != (0, 0)
    }

    fn least_origin(&self, source: &Home, pitch: usize) -> usize {
        let origin = read_exponent(source, last_value_row(source)) as i64 - moved(self, pitch);
        usize::try_from(origin).unwrap_or(0)
    }

    fn exponent(&self, _: usize, source: &Home, output: &Home) -> Option<usize> {
        let pitches = source.read_pitch == output.pitch || source.shape.plane() == 1;
        let own = Source { slot: 0, planes: source.shape, stride: source.stride, read: source.read };
        let apart = output.pitch >= self.least_pitch(own, output.shape);
        let exponent = i64::try_from(read_exponent(source, last_value_row(source))).ok()?;
        let origin = i64::try_from(output.origin_exponent()).ok()?;
        usize::try_from(origin - exponent + moved(self, output.pitch)).ok().filter(|_| pitches && apart)
    }
}

impl Laid for Move<i64> {
    type Fact = MoveFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let source = arranged.sources.first();
        let (home, read_row) = source.map_or((0, 0), |source| (source.index, last_value_row(source.home)));
        let (factor, channels) = (self.factor.clone(), self.channels.clone());
        MoveFact { home, read_row, exponent: arranged.exponent, factor, channels }
    }

    fn unplaced(&self, _: &[Planes], _: u32) -> Self::Fact {
        let (factor, channels) = (self.factor.clone(), self.channels.clone());
        MoveFact { home: 0, read_row: 0, exponent: 0, factor, channels }
    }
}

impl MoveFact {
    /// The channel that is added to an output channel.
    pub fn channel(&self, output: usize) -> Option<usize> {
        match &self.channels {
            None => Some(output),
            Some(channels) => channels.get(output).copied().flatten(),
        }
    }
}

impl FactRules for MoveFact {
    fn output_rows(&self, outputs: usize) -> usize {
        self.channels.as_ref().map_or(outputs, |channels| channels.iter().flatten().count())
    }

    fn output_effect(&self, output: usize, homes: &[Home]) -> Option<Scalar> {
        let row = homes[self.home].plane_row(self.channel(output)?) + self.read_row;
        Some(Scalar::Skip { row, exponent: self.exponent, factor: self.factor.of(output) })
    }

    fn steps(&self, _: usize, _: &[Home]) -> Vec<WeightStep> {
        Vec::new()
    }

    fn raised(&self) -> Option<usize> {
        Some(self.exponent)
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, _: f64) -> f64 {
        let factors = self.factor.values().iter().map(|factor| factor.unsigned_abs() as f64);
        factors.fold(0.0, f64::max) * homes.get(self.home).map_or(f64::INFINITY, values)
    }

    fn sigma_degree(&self, _: usize) -> f64 {
        0.0
    }

    fn factors(&self) -> Factors {
        Factors { products: 0, rows: 1 }
    }

    fn is_known(&self, homes: &[Home], outputs: usize, _: u32) -> bool {
        let Some(home) = homes.get(self.home) else { return false };
        let channels = self.channels.iter().flatten();
        let known = channels.flatten().all(|channel| *channel < home.shape.channels)
            && self.channels.as_ref().is_none_or(|channels| channels.len() == outputs)
            && (self.channels.is_some() || outputs <= home.shape.channels);
        let place = self.exponent <= MOST_POSITIONS && self.read_row < home.plane_rows();
        let factors = self.factor.values().iter().all(|factor| (-MOST_VALUE..=MOST_VALUE).contains(factor));
        known && place && factors && self.factor.fits(outputs)
    }
}
