//! Tapes of integers: kernels and bias digits in row order, and an input.

use ndarray::Array3;
use zklayout_model::{Fixed, FixedLayer, Graph};
use zklayout_plan::{LinearFact, Streams, WeightCells, WeightRow};

use crate::error::CircuitError;

/// Integers by row and lane, of at most 16 bits, without offset: the weights of a model as a plan lays them out, or an input. Idle lanes
/// hold 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeightTape {
    lanes: usize,
    /// By row, then lane.
    cells: Vec<i16>,
}

impl WeightTape {
    /// Lays out the weights of `graph`.
    ///
    /// # Errors
    /// A weight that does not fit the plan's bits, or a plan of another graph.
    pub fn of(plan: &Streams, graph: &Graph<Fixed>) -> Result<Self, CircuitError> {
        let lanes = plan.knobs.weight_lanes;
        let rows: usize = plan.facts.iter().map(LinearFact::len).sum();
        let mut cells = Vec::with_capacity(rows * lanes);
        for fact in &plan.facts {
            let (layer, _) = layer(graph, fact.layer)?;
            let bias = layer.rounded_bias();
            for row in fact.rows(&plan.homes, plan.weight_bits) {
                place(plan, fact, (layer, &bias), &row, &mut cells)?;
            }
        }
        Ok(Self { lanes, cells })
    }

    /// Lays out an input that is bound to a commitment, a channel for each lane and a position for each row.
    ///
    /// # Errors
    /// A value of more than 16 bits.
    pub fn of_input(input: &Array3<i64>) -> Result<Self, CircuitError> {
        let (channels, height, width) = input.dim();
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let values = positions.flat_map(|(y, x)| (0..channels).map(move |channel| input[[channel, y, x]]));
        let cell = |value| i16::try_from(value).map_err(|_| CircuitError::InputRange { value });
        Ok(Self { lanes: channels, cells: values.map(cell).collect::<Result<_, _>>()? })
    }

    /// A tape of at least one lane, of cells by row, then lane. Cells that fill no row are left out.
    pub fn from_cells(lanes: usize, mut cells: Vec<i16>) -> Self {
        let lanes = lanes.max(1);
        cells.truncate(cells.len() / lanes * lanes);
        Self { lanes, cells }
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.cells.len() / self.lanes.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Every cell, by row, then lane.
    pub fn cells(&self) -> &[i16] {
        &self.cells
    }

    /// A lane from the first row on.
    pub fn lane(&self, lane: usize) -> impl Iterator<Item = i64> + '_ {
        self.cells.chunks(self.lanes.max(1)).map(move |row| row[lane].into())
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

/// Appends a row.
fn place(
    plan: &Streams,
    fact: &LinearFact,
    (layer, bias): (&FixedLayer, &[i64]),
    row: &WeightRow,
    tape: &mut Vec<i16>,
) -> Result<(), CircuitError> {
    let first = tape.len();
    tape.resize(first + fact.weight_lanes, 0);
    let Some(cells) = row.cells else { return Ok(()) };
    let idle = fact.weight_lanes - row.block.outputs;
    for (lane, output) in tape[first + idle..].iter_mut().zip(row.block.first..) {
        let (value, digit) = match cells {
            WeightCells::Weight { term, place, digit } => {
                (layer.terms.get(term).and_then(|term| term.weight(output, place)), digit)
            }
            WeightCells::Bias { digit } => (bias.get(output).copied(), Some(digit)),
        };
        let value = value
            .ok_or_else(|| CircuitError::Mismatch(format!("layer {} has no weight for {cells:?}", fact.layer)))?;
        let value = digit.map_or(value, |digit| bias_digit(value, digit, plan.weight_bits));
        *lane = cell(value, plan.weight_bits).ok_or(CircuitError::WeightRange {
            layer: fact.layer,
            value,
            bits: plan.weight_bits,
        })?;
    }
    Ok(())
}

/// A weight of so many bits.
fn cell(value: i64, bits: u32) -> Option<i16> {
    let half = 1i64 << (bits - 1);
    i16::try_from(value).ok().filter(|_| (-half..half).contains(&value))
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
