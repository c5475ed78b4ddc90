//! Bit widths by an error budget: the cheapest layout among the quantisations that keep it.
//!
//! Knows nothing of how scales are chosen or layouts are priced.

use rayon::prelude::*;
use zklayout_model::QuantiseOptions;
use zklayout_plan::PlanOptions;

use crate::closeness::MaxError;
use crate::error::Error;
use crate::model::Model;
use crate::quantised::QuantisedModel;
use crate::samples::Samples;

/// Bits of a weight that are tried, the fewest first.
const WEIGHT_BITS: [u32; 8] = [4, 5, 6, 7, 8, 9, 10, 12];
/// Logarithms of the largest activation table that are tried.
const TABLE_BITS: [u32; 7] = [8, 9, 10, 11, 12, 13, 14];
/// Most samples that are compared; they are spread over those given.
const MOST_COMPARED: usize = 32;

impl Model {
    /// Quantises with the bit widths whose best layout is the cheapest, among those that are as close to the float model on the
    /// samples as `max_error` asks for. `base` gives the bits of an input and the margin.
    ///
    /// # Errors
    /// An error budget that no width keeps, or whatever quantising and searching report.
    pub fn quantise_within(
        &self,
        samples: &Samples,
        base: &QuantiseOptions,
        max_error: MaxError,
        plan: &PlanOptions,
    ) -> Result<QuantisedModel, Error> {
        if matches!(max_error, MaxError::Perplexity(_)) && samples.labels.is_none() {
            return Err(Error::NoLabels);
        }
        let (compared, samples) = (spread(samples), &samples.inputs[..]);
        let narrowest = |table_bits: u32| {
            let mut tried = Tried::default();
            for weight_bits in WEIGHT_BITS {
                let options = QuantiseOptions { weight_bits, table_bits, ..base.clone() };
                let tried_one = self.quantise_unchecked(samples, &options).and_then(|quantised| {
                    let closeness = self.closeness(&quantised, &compared)?;
                    Ok((quantised, closeness))
                });
                match tried_one {
                    Ok((quantised, closeness)) => {
                        let distance = max_error.distance(&closeness);
                        tried.closest = tried.closest.min(distance);
                        if max_error.allows(distance) {
                            tried.kept.push(quantised);
                            break;
                        }
                    }
                    Err(error) => tried.failure = Some(error),
                }
            }
            tried
        };
        let tried = TABLE_BITS.into_par_iter().map(narrowest).collect::<Vec<_>>();
        let tried = tried.into_iter().fold(Tried::default(), Tried::and);
        match (cheapest(tried.kept, plan)?, tried.failure) {
            (Some(quantised), _) => self.checked(quantised, samples, base.allow_error),
            (None, Some(failure)) if tried.closest.is_infinite() => Err(failure),
            (None, _) => Err(Error::Accuracy { max_error, closest: tried.closest }),
        }
    }
}

/// What several widths came to.
struct Tried {
    closest: f64,
    kept: Vec<QuantisedModel>,
    failure: Option<Error>,
}

impl Default for Tried {
    fn default() -> Self {
        Self { closest: f64::INFINITY, kept: Vec::new(), failure: None }
    }
}

impl Tried {
    fn and(mut self, other: Self) -> Self {
        self.kept.extend(other.kept);
        let failure = self.failure.or(other.failure);
        Self { closest: self.closest.min(other.closest), kept: self.kept, failure }
    }
}

/// The model whose best layout scores best; `None` if there is none.
fn cheapest(models: Vec<QuantisedModel>, plan: &PlanOptions) -> Result<Option<QuantisedModel>, Error> {
    let mut best: Option<(f64, QuantisedModel)> = None;
    let mut failure = None;
    for model in models {
        match model.search(plan) {
            Ok(report) => {
                let score = plan.objective.score(&report.best.cost);
                if best.as_ref().is_none_or(|(least, _)| score < *least) {
                    best = Some((score, model));
                }
            }
            Err(error) => failure = Some(error),
        }
    }
    match (best, failure) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best.map(|(_, model)| model)),
    }
}

fn spread(samples: &Samples) -> Samples {
    let step = samples.inputs.len().div_ceil(MOST_COMPARED).max(1);
    let rows = samples.labels.as_ref().map_or(0, |labels| labels.len() / samples.inputs.len().max(1));
    let labels = samples
        .labels
        .as_ref()
        .map(|labels| labels.chunks(rows.max(1)).step_by(step).flatten().copied().collect());
    Samples { inputs: samples.inputs.iter().step_by(step).cloned().collect(), labels }
}
