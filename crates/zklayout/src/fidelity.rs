//! How far integers are from the float model on given samples: output by output, and layer by layer.
//!
//! Knows numbers, not the models that gave them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The share of the allowed error by which a float model's two largest outputs must differ for their order to matter: 2 % of
/// the reach at the default of 5 %.
const MARGIN: f64 = 0.4;

/// How far a quantised model is from its float model on some samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Samples that were compared.
    pub samples: usize,
    /// Samples that leave the ranges of the quantisation; they have no output to compare.
    pub refused: usize,
    /// Largest difference of an output.
    pub largest_difference: f64,
    /// How far the float outputs go: the larger of their span and their largest magnitude, over all samples.
    pub reach: f64,
    /// Samples on which both models have the same largest output.
    pub agreeing: usize,
    /// By sample with another largest output, how far apart the float model's two largest are.
    pub overturned: Vec<f64>,
}

/// How far one layer's values are from the float model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerError {
    /// The layer.
    pub name: String,
    /// Largest difference of a value.
    pub largest: f64,
    /// Root of the mean squared difference.
    pub rms: f64,
    /// Root of the mean squared value of the float model.
    pub magnitude: f64,
    /// The channel with the largest mean squared difference.
    pub channel: usize,
}

impl Fidelity {
    /// The largest difference as a share of the reach; a reach of 0 asks for zeros.
    pub fn error(&self) -> f64 {
        if self.largest_difference == 0.0 { 0.0 } else { self.largest_difference / self.reach }
    }

    /// Whether every sample has an output within a share of the reach, and no largest output changed that stood out by two
    /// fifths of that share.
    pub fn keeps(&self, allowed: f64) -> bool {
        let margin = MARGIN * allowed * self.reach;
        self.refused == 0 && self.error() <= allowed && self.overturned.iter().all(|apart| *apart <= margin)
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = 100.0 * self.error();
        write!(f, "error {error:.2} % of the outputs' reach, ")?;
        write!(f, "same largest output on {} of {} samples", self.agreeing, self.samples)?;
        if self.refused > 0 {
            write!(f, ", {} out of range", self.refused)?;
        }
        Ok(())
    }
}

/// Compares float outputs with the integers', where there are any.
#[cfg(feature = "onnx")]
pub(crate) fn compare(outputs: &[(Vec<f64>, Option<Vec<f64>>)]) -> Fidelity {
    let floats = || outputs.iter().flat_map(|(float, _)| float.iter().copied());
    let (least, most) = (floats().fold(f64::INFINITY, f64::min), floats().fold(f64::NEG_INFINITY, f64::max));
    let reach = (most - least).max(most.abs()).max(least.abs());
    let mut fidelity = Fidelity {
        samples: outputs.len(),
        refused: 0,
        largest_difference: 0.0,
        reach,
        agreeing: 0,
        overturned: Vec::new(),
    };
    for (float, integers) in outputs {
        let Some(integers) = integers else {
            fidelity.refused += 1;
            continue;
        };
        let differences = float.iter().zip(integers).map(|(a, b)| (a - b).abs());
        fidelity.largest_difference = differences.fold(fidelity.largest_difference, f64::max);
        if largest(float) == largest(integers) {
            fidelity.agreeing += 1;
        } else {
            fidelity.overturned.push(lead(float));
        }
    }
    fidelity
}

/// Place of the largest value, the first of equal ones.
#[cfg(feature = "onnx")]
fn largest(values: &[f64]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a)))
}

/// How far the largest value is above the second largest.
#[cfg(feature = "onnx")]
fn lead(values: &[f64]) -> f64 {
    let best = largest(values);
    let rest = (0..values.len()).filter(|place| Some(*place) != best).map(|place| values[place]);
    let second = rest.fold(f64::NEG_INFINITY, f64::max);
    best.map_or(0.0, |best| values[best] - second)
}

#[cfg(test)]
#[cfg(feature = "onnx")]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shares_of_the_reach_and_ties_are_free() {
        let cases = [
            // Floats, integers, error, agreeing, kept at 5 %.
            (vec![10.0, 0.0], vec![9.6, 0.0], 0.04, 1, true),
            (vec![10.0, 0.0], vec![9.0, 0.0], 0.1, 1, false),
            (vec![-8.0, -10.0], vec![-8.3, -10.0], 0.03, 1, true),
            // The order of two outputs 1 % apart may change, of two 3 % apart may not.
            (vec![10.0, 9.9, 0.0], vec![9.8, 9.9, 0.0], 0.02, 0, true),
            (vec![10.0, 9.7, 0.0], vec![9.7, 9.8, 0.0], 0.03, 0, false),
            (vec![0.0, 0.0], vec![0.0, 0.0], 0.0, 1, true),
            (vec![0.0, 0.0], vec![0.1, 0.0], f64::INFINITY, 1, false),
        ];
        for (float, integers, error, agreeing, kept) in cases {
            let fidelity = compare(&[(float.clone(), Some(integers))]);
            let close = (fidelity.error() - error).abs() < 1e-9 || fidelity.error() == error;
            assert!(close && fidelity.agreeing == agreeing, "{float:?}: {fidelity:?}");
            assert_eq!(fidelity.keeps(0.05), kept, "{float:?}: {fidelity:?}");
        }
        let refused = compare(&[(vec![1.0], None), (vec![1.0], Some(vec![1.0]))]);
        assert!(refused.refused == 1 && !refused.keeps(1.0));
    }
}
