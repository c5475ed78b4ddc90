//! How close integers are to floats in the terms of language models: the directions of outputs, the next tokens, and what the
//! model makes of the true ones.
//!
//! Knows numbers, not the models that gave them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Outputs of both models on some samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Closeness {
    /// Samples that were compared.
    pub samples: usize,
    /// Samples that leave the ranges of the quantisation; they are left out of everything else.
    pub refused: usize,
    /// The smallest cosine of an output and the float model's.
    pub least_cosine: f64,
    /// Their mean.
    pub mean_cosine: f64,
    /// The largest difference of the cosine of two samples' outputs from the float model's of the same two.
    pub pairwise: f64,
    /// The largest difference of an output.
    pub largest_difference: f64,
    /// What both models make of labels, if there are any.
    pub labelled: Option<Labelled>,
}

/// Rows of an output, each of which has a label: the true next token, or the class of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// Rows that were compared.
    pub rows: usize,
    /// Rows of which both models have the same largest value.
    pub agreeing: usize,
    /// The exponential of the mean of minus the logarithm of what softmax gives to the labels.
    pub float_perplexity: f64,
    /// The same of the integers.
    pub perplexity: f64,
}

/// Float outputs beside the integers', where there are any.
pub(crate) type Outputs = [(Vec<f64>, Option<Vec<f64>>)];

impl Closeness {
    /// Compares outputs; `labels` has as many for each sample as its output has rows.
    pub(crate) fn of(outputs: &Outputs, labels: Option<&[usize]>) -> Self {
        let both: Vec<(usize, &[f64], &[f64])> = outputs
            .iter()
            .enumerate()
            .filter_map(|(sample, (float, integers))| Some((sample, &float[..], integers.as_deref()?)))
            .collect();
        let cosines: Vec<f64> = both.iter().map(|(_, float, integers)| cosine(float, integers)).collect();
        let mut pairwise = 0.0f64;
        for (place, (_, float, integers)) in both.iter().enumerate() {
            for (_, other, others) in &both[..place] {
                pairwise = pairwise.max((cosine(float, other) - cosine(integers, others)).abs());
            }
        }
        let differences = both.iter().flat_map(|(_, float, integers)| float.iter().zip(*integers));
        let labelled = labels.filter(|labels| !outputs.is_empty() && labels.len().is_multiple_of(outputs.len()));
        Self {
            samples: outputs.len(),
            refused: outputs.len() - both.len(),
            least_cosine: cosines.iter().copied().fold(1.0, f64::min),
            mean_cosine: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
            pairwise,
            largest_difference: differences.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max),
            labelled: labelled.and_then(|labels| Labelled::of(&both, labels, labels.len() / outputs.len())),
        }
    }
}

impl Labelled {
    fn of(both: &[(usize, &[f64], &[f64])], labels: &[usize], rows: usize) -> Option<Self> {
        let (mut agreeing, mut count, mut float_loss, mut loss) = (0, 0, 0.0, 0.0);
        for (sample, float, integers) in both {
            let width = float.len() / rows.max(1);
            for (row, (float, integers)) in
                float.chunks(width.max(1)).zip(integers.chunks(width.max(1))).enumerate()
            {
                let label = *labels.get(sample * rows + row)?;
                float_loss += surprise(float, label)?;
                loss += surprise(integers, label)?;
                agreeing += usize::from(largest(float) == largest(integers));
                count += 1;
            }
        }
        let mean = |loss: f64| (loss / f64::from(count.max(1))).exp();
        Some(Self { rows: count as usize, agreeing, float_perplexity: mean(float_loss), perplexity: mean(loss) })
    }

    /// By what share the integers' perplexity is off.
    pub fn off(&self) -> f64 {
        (self.perplexity / self.float_perplexity - 1.0).abs()
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { f64::from(u8::from(a == b)) }
}

/// Minus the logarithm of what softmax gives to a label.
fn surprise(row: &[f64], label: usize) -> Option<f64> {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|value| (value - most).exp()).sum();
    Some(most + sum.ln() - row.get(label)?)
}

fn largest(values: &[f64]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a)))
}

/// How far integers may be from floats on the samples that choose their bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MaxError {
    /// Every output, by at most so much.
    Difference(f64),
    /// Every sample's output has at least this cosine with the float model's.
    Cosine(f64),
    /// The perplexity of the labels, by at most this share of the float model's.
    Perplexity(f64),
}

impl MaxError {
    /// How far some outputs are from the float model's, in the same terms; infinite if a sample has none.
    pub(crate) fn distance(&self, closeness: &Closeness) -> f64 {
        if closeness.refused > 0 {
            return f64::INFINITY;
        }
        match self {
            Self::Difference(_) => closeness.largest_difference,
            Self::Cosine(_) => 1.0 - closeness.least_cosine,
            Self::Perplexity(_) => closeness.labelled.as_ref().map_or(f64::INFINITY, Labelled::off),
        }
    }

    /// Whether a distance is allowed.
    pub(crate) fn allows(&self, distance: f64) -> bool {
        match self {
            Self::Difference(most) | Self::Perplexity(most) => distance <= *most,
            Self::Cosine(least) => distance <= 1.0 - least,
        }
    }
}

impl FromStr for MaxError {
    type Err = String;

    /// `0.1`, `cosine=0.998` or `perplexity=1%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, most: f64| {
            let number = text.trim().parse::<f64>().ok().filter(|number| *number > 0.0 && *number < most);
            number.ok_or_else(|| format!("{text:?} is no number above 0 and below {most}"))
        };
        match text.split_once('=') {
            None => number(text, f64::MAX).map(Self::Difference),
            Some(("cosine", least)) => number(least, 1.0).map(Self::Cosine),
            Some(("perplexity", share)) => {
                let share =
                    share.strip_suffix('%').ok_or("a share of the perplexity is a percentage, as in 1%")?;
                number(share, 100.0).map(|share| Self::Perplexity(share / 100.0))
            }
            Some((unit, _)) => Err(format!("unknown unit {unit:?}; there are cosine=0.998 and perplexity=1%")),
        }
    }
}

impl fmt::Display for MaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Difference(most) => write!(f, "every output within {most} of the float model's"),
            Self::Cosine(least) => write!(f, "a cosine of {least} with the float model's outputs"),
            Self::Perplexity(share) => write!(f, "the perplexity within {} % of the float model's", 100.0 * share),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared_by_direction_and_by_label() {
        let outputs = [
            (vec![1.0, 0.0, 0.0, 2.0], Some(vec![1.0, 0.0, 0.0, 1.0])),
            (vec![0.0, 1.0, 1.0, 0.0], Some(vec![0.0, 2.0, 2.0, 0.0])),
            (vec![1.0, 1.0, 1.0, 1.0], None),
        ];
        let closeness = Closeness::of(&outputs, Some(&[0, 1, 1, 0, 0, 0]));
        assert!((closeness.least_cosine - 3.0 / 10f64.sqrt()).abs() < 1e-12, "{closeness:?}");
        assert_eq!((closeness.samples, closeness.refused, closeness.pairwise), (3, 1, 0.0));
        let labelled = closeness.labelled.unwrap();
        assert_eq!((labelled.rows, labelled.agreeing), (4, 4));
        let loss = |gap: f64| (-gap).exp().ln_1p();
        let float = ((3.0 * loss(1.0) + loss(2.0)) / 4.0).exp();
        assert!((labelled.float_perplexity - float).abs() < 1e-12, "{labelled:?}");
        assert!(Closeness::of(&outputs, Some(&[9; 6])).labelled.is_none());
    }

    #[test]
    fn errors_have_units() {
        let good = [
            ("0.1", MaxError::Difference(0.1)),
            ("cosine=0.998", MaxError::Cosine(0.998)),
            ("perplexity=1%", MaxError::Perplexity(0.01)),
        ];
        for (text, wanted) in good {
            assert_eq!(text.parse(), Ok(wanted));
            assert!(
                wanted.allows(wanted.distance(&Closeness { least_cosine: 1.0, ..Closeness::default() }))
                    == (text != "perplexity=1%")
            );
        }
        for text in
            ["", "0", "-1", "inf", "cosine=1", "cosine=2", "perplexity=1", "perplexity=0%", "nats=1", "cosine="]
        {
            assert!(text.parse::<MaxError>().is_err(), "{text}");
        }
    }
}
