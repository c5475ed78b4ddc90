//! The weight tape's integers: kernels and bias digits in row order.

use zklayout_model::{Fixed, FixedLayer, Graph};
use zklayout_plan::{LinearFact, Streams, WeightCells, WeightRow};

use crate::error::CircuitError;

/// The weights of a model as a plan lays them out, without offset; idle lanes hold 0.
#[derive(Clone, Debug, Default)]
pub struct WeightTape {
    rows: Vec<Vec<i64>>,
}

impl WeightTape {
    /// Lays out the weights of `graph`.
    ///
    /// # Errors
    /// A weight that does not fit the plan's bits, or a plan of another graph.
    pub fn of(plan: &Streams, graph: &Graph<Fixed>) -> Result<Self, CircuitError> {
        let mut rows = Vec::new();
        for fact in &plan.facts {
            let (layer, _) = layer(graph, fact.layer)?;
            let bias = layer.rounded_bias();
            for row in fact.rows(&plan.homes, plan.weight_bits) {
                rows.push(lanes(plan, fact, (layer, &bias), &row)?);
            }
        }
        let tape = Self { rows };
        tape.check(plan)?;
        Ok(tape)
    }

    /// A lane from the first row on.
    pub fn lane(&self, lane: usize) -> impl Iterator<Item = i64> + '_ {
        self.rows.iter().map(move |row| row[lane])
    }

    /// Rows, each with one value per lane.
    pub fn rows(&self) -> &[Vec<i64>] {
        &self.rows
    }

    fn check(&self, plan: &Streams) -> Result<(), CircuitError> {
        let half = 1i64 << (plan.weight_bits - 1);
        for fact in &plan.facts {
            for &value in self.rows[fact.row..fact.row + fact.len()].iter().flatten() {
                if !(-half..half).contains(&value) {
                    return Err(CircuitError::WeightRange { layer: fact.layer, value, bits: plan.weight_bits });
                }
            }
        }
        Ok(())
    }
}

/// The layer at a place of the graph, and the places of the nodes that its terms read.
pub(crate) fn layer(graph: &Graph<Fixed>, place: usize) -> Result<(&FixedLayer, Vec<usize>), CircuitError> {
    match graph.nodes().nth(place) {
        Some((id, Fixed::Layer(layer))) => {
            Ok((layer, graph.inputs(id).iter().map(|source| source.index()).collect()))
        }
        _ => Err(CircuitError::Mismatch(format!("the graph has no layer at place {place}"))),
    }
}

fn lanes(
    plan: &Streams,
    fact: &LinearFact,
    (layer, bias): (&FixedLayer, &[i64]),
    row: &WeightRow,
) -> Result<Vec<i64>, CircuitError> {
    let mut lanes = vec![0; fact.weight_lanes];
    let Some(cells) = row.cells else { return Ok(lanes) };
    let idle = fact.weight_lanes - row.block.outputs;
    for (lane, output) in lanes[idle..].iter_mut().zip(row.block.first..) {
        let (value, digit) = match cells {
            WeightCells::Weight { term, place, digit } => {
                (layer.terms.get(term).and_then(|term| term.weight(output, place)), digit)
            }
            WeightCells::Bias { digit } => (bias.get(output).copied(), Some(digit)),
        };
        let value = value
            .ok_or_else(|| CircuitError::Mismatch(format!("layer {} has no weight for {cells:?}", fact.layer)))?;
        *lane = digit.map_or(value, |digit| bias_digit(value, digit, plan.weight_bits));
    }
    Ok(lanes)
}

/// Digit `digit` of `value` in base `2^bits`, digits in `[-2^(bits-1), 2^(bits-1))`.
pub(crate) fn bias_digit(value: i64, digit: usize, bits: u32) -> i64 {
    let half = 1i128 << (bits - 1);
    let mut rest = i128::from(value);
    for _ in 0..digit {
        rest = (rest + half) >> bits;
    }
    (((rest + half) & ((1 << bits) - 1)) - half) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_add_up(value in -(1i64 << 40)..(1i64 << 40), bits in 2u32..12) {
            let digits = 41usize.div_ceil(bits as usize) + 2;
            let sum: i128 = (0..digits).rev().fold(0, |sum, digit| {
                (sum << bits) + i128::from(bias_digit(value, digit, bits))
            });
            prop_assert_eq!(sum, i128::from(value));
        }
    }
}
