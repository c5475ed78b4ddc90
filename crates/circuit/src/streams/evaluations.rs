//! The witness after the challenges: evaluations, scalar sums and running sums, row by row from the gates' formulas.

use std::collections::HashMap;

use ff::{BatchInvert, Field, PrimeField};
use zklayout_plan::{Streams, WeightStep};

use crate::field::{Scalar, scalar};
use crate::streams::fixed::{FixedGrid, Source};
use crate::streams::witness::{Witness, stored_entries};

/// The challenges' values.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeValues {
    /// Position in a plane.
    pub sigma: Scalar,
    /// Output channel.
    pub rho: Scalar,
    /// Lookup denominator.
    pub beta: Scalar,
    /// Lookup compression.
    pub gamma: Scalar,
}

impl ChallengeValues {
    /// The challenges in the order in which the circuit draws them; none if there is another number of them.
    pub fn of(values: &[Scalar]) -> Option<Self> {
        let [sigma, rho, beta, gamma] = *values else { return None };
        Some(Self { sigma, rho, beta, gamma })
    }
}

/// Every cell that is committed after the challenges, by row; the last usable row is included.
#[derive(Clone, Debug)]
pub struct Evaluations {
    /// The consumer's evaluation.
    pub read: Vec<Scalar>,
    /// The producer's evaluation.
    pub write: Vec<Scalar>,
    /// The weights' evaluation.
    pub weight_sum: Vec<Scalar>,
    /// The scalar operand.
    pub operand: Vec<Scalar>,
    /// The scalar sum.
    pub scalar: Vec<Scalar>,
    /// Running sums, by column.
    pub sums: Vec<Vec<Scalar>>,
}

impl Evaluations {
    /// Evaluates a witness at the challenges.
    pub fn of(plan: &Streams, grid: &FixedGrid, witness: &Witness, challenges: &ChallengeValues) -> Self {
        let evaluator = Evaluator { plan, grid, witness, challenges, rows: plan.usable_rows() - 1 };
        let (read, write) = (evaluator.read(), evaluator.write());
        let weight_sum = evaluator.weight_sum();
        let operand = evaluator.operand(&read, &write);
        let scalar = evaluator.scalar(&operand, &weight_sum);
        let sums = evaluator.sums();
        Self { read, write, weight_sum, operand, scalar, sums }
    }

    /// The columns in the circuit's order.
    pub fn into_columns(self) -> Vec<Vec<Scalar>> {
        let Self { read, write, weight_sum, operand, scalar, sums } = self;
        [read, write, weight_sum, operand, scalar].into_iter().chain(sums).collect()
    }
}

struct Evaluator<'a> {
    plan: &'a Streams,
    grid: &'a FixedGrid,
    witness: &'a Witness,
    challenges: &'a ChallengeValues,
    /// Number of active rows.
    rows: usize,
}

impl Evaluator<'_> {
    fn read(&self) -> Vec<Scalar> {
        let lanes = self.plan.knobs.lanes;
        let offset = self.plan.value_offset;
        let values = |row: usize, lane: usize| {
            let live = self.grid.get(self.grid.columns.masks[lane], row);
            i128::from(self.witness.values[lane][row] - if live { offset } else { 0 })
        };
        let sums = self.plan.passes.read_sums.iter();
        let exponents = sums.map(|sum| (0..lanes).map(|lane| sum.exponent(lane, lanes)).collect()).collect();
        let columns = &self.grid.columns;
        let steps = self.powers(&self.plan.passes.read_steps);
        self.evaluate(values, &columns.read_sums, exponents, &columns.read_steps, &steps)
    }

    fn write(&self) -> Vec<Scalar> {
        let lanes = self.plan.knobs.lanes;
        let factors = self.plan.knobs.remainder_factors();
        let accumulators = |row: usize, lane: usize| {
            let quotient = self.witness.quotients[lane][row] - self.plan.quotient_offset;
            match self.grid.columns.divisor {
                None => quotient.into(),
                Some(divisor) => {
                    let limbs = self.witness.remainders.iter().skip(lane).step_by(lanes);
                    let limbs =
                        limbs.zip(&factors).map(|(column, factor)| i128::from(column[row]) * i128::from(*factor));
                    i128::from(self.grid.cells[divisor][row]) * i128::from(quotient) + limbs.sum::<i128>()
                }
            }
        };
        let tiles = self.plan.passes.write_tiles.iter();
        let exponents = tiles.map(|tile| (0..lanes).map(|lane| tile.exponent(lane, lanes)).collect()).collect();
        let columns = &self.grid.columns;
        let steps = self.powers(&self.plan.passes.write_steps);
        self.evaluate(accumulators, &columns.write_tiles, exponents, &columns.write_steps, &steps)
    }

    fn powers(&self, exponents: &[usize]) -> Vec<Scalar> {
        exponents.iter().map(|&exponent| self.challenges.sigma.pow_vartime([exponent as u64])).collect()
    }

    /// One Horner pass: lane exponents and step are those whose columns mark the row.
    fn evaluate(
        &self,
        lane: impl Fn(usize, usize) -> i128,
        tiles: &[usize],
        exponents: Vec<Vec<Option<usize>>>,
        steps: &[usize],
        factors: &[Scalar],
    ) -> Vec<Scalar> {
        let lanes = self.plan.knobs.lanes;
        let raster: Vec<_> = (0..lanes).rev().map(Some).collect();
        let coefficients = |exponents: &[Option<usize>]| -> Vec<Scalar> {
            let power = |exponent: &Option<usize>| {
                exponent.map_or(Scalar::ZERO, |e| self.challenges.sigma.pow_vartime([e as u64]))
            };
            exponents.iter().map(power).collect()
        };
        let raster = coefficients(&raster);
        let special: Vec<Vec<Scalar>> = exponents.iter().map(|exponents| coefficients(exponents)).collect();
        let mut previous = Scalar::ZERO;
        let mut column = Vec::with_capacity(self.rows + 1);
        for row in 0..self.rows {
            let coefficients = self.marked(tiles, row).map_or(&raster, |index| &special[index]);
            let carried = self.marked(steps, row).map_or(Scalar::ZERO, |index| previous * factors[index]);
            previous = (0..lanes).fold(carried, |sum, index| match lane(row, index) {
                0 => sum,
                value => sum + coefficients[index] * wide(value),
            });
            column.push(previous);
        }
        column.push(Scalar::ZERO);
        column
    }

    /// Which of `columns` marks the row.
    fn marked(&self, columns: &[usize], row: usize) -> Option<usize> {
        columns.iter().position(|&column| self.grid.get(column, row))
    }

    fn weight_sum(&self) -> Vec<Scalar> {
        let factors: Vec<Scalar> = self
            .plan
            .passes
            .weight_steps
            .iter()
            .map(|step| match step {
                WeightStep::Position(exponent) => self.challenges.sigma.pow_vartime([*exponent as u64]),
                WeightStep::Digit(bits) => scalar(1 << bits),
            })
            .collect();
        let mut previous = Scalar::ZERO;
        let mut column = Vec::with_capacity(self.rows + 1);
        for row in 0..self.rows {
            let carried = self
                .marked(&self.grid.columns.weight_steps, row)
                .map_or(Scalar::ZERO, |index| previous * factors[index]);
            let sum = self.weights(row).fold(Scalar::ZERO, |sum, w| sum * self.challenges.rho + scalar(w));
            previous = carried + sum;
            column.push(previous);
        }
        column.push(Scalar::ZERO);
        column
    }

    /// The weights of a row, without offset.
    fn weights(&self, row: usize) -> impl Iterator<Item = i64> + '_ {
        let half = 1i64 << (self.plan.weight_bits - 1);
        let private = self.witness.weights.iter().map(move |lane| lane[row] - half);
        private.chain(self.grid.columns.weights.iter().map(move |&column| self.grid.cells[column][row]))
    }

    fn operand(&self, read: &[Scalar], write: &[Scalar]) -> Vec<Scalar> {
        let mut column = vec![Scalar::ZERO; self.rows + 1];
        for copy in &self.grid.copies {
            let source = if copy.source == Source::Read { read } else { write };
            column[copy.operand_row] = source[copy.source_row];
        }
        column
    }

    fn scalar(&self, operand: &[Scalar], weight_sum: &[Scalar]) -> Vec<Scalar> {
        let columns = &self.grid.columns;
        let raised = self.powers(&self.plan.passes.skips);
        let scales: HashMap<usize, Scalar> = self.grid.scales().into_iter().collect();
        let mut column = vec![Scalar::ZERO; self.rows + 1];
        for row in 0..self.rows {
            let sum = column[row];
            let skip = self.marked(&columns.skips, row);
            column[row + 1] = if let Some(index) = skip {
                sum - scalar(self.grid.cells[columns.skips[index]][row]) * raised[index] * operand[row]
            } else if self.grid.get(columns.output, row) {
                sum * self.challenges.rho + operand[row] * scales.get(&row).copied().unwrap_or(Scalar::ONE)
            } else if let Some(scale) = scales.get(&row) {
                sum + operand[row] * scale
            } else {
                match self.grid.cells[columns.product][row] {
                    0 => sum,
                    1 => sum - operand[row] * weight_sum[row],
                    factor => sum - scalar(factor) * operand[row] * weight_sum[row],
                }
            };
        }
        column
    }

    fn sums(&self) -> Vec<Vec<Scalar>> {
        let Some(chunk) = self.plan.lookup_chunk() else { return Vec::new() };
        let inverses = self.inverses();
        let slots = self.witness.hits.len() + self.witness.multiplicities.len();
        let slots: Vec<usize> = (0..slots).collect();
        slots.chunks(chunk).map(|chunk| self.running_sum(chunk, &inverses)).collect()
    }

    /// `1 / (beta + tag + gamma * x + gamma^2 * y)` of every table row.
    fn inverses(&self) -> Vec<Scalar> {
        let ChallengeValues { beta, gamma, .. } = self.challenges;
        let compress = |(tag, x, y)| *beta + scalar(tag) + *gamma * (scalar(x) + *gamma * scalar(y));
        let mut denominators: Vec<Scalar> = stored_entries(self.plan).map(compress).collect();
        // Unused table rows hold the zero entry.
        denominators.resize(self.rows * self.plan.knobs.table_columns, *beta);
        denominators.iter_mut().batch_invert();
        denominators
    }

    fn running_sum(&self, slots: &[usize], inverses: &[Scalar]) -> Vec<Scalar> {
        let mut column = Vec::with_capacity(self.rows + 1);
        let mut sum = Scalar::ZERO;
        column.push(sum);
        for row in 0..self.rows {
            for &slot in slots {
                sum += self.fraction(slot, row, inverses);
            }
            column.push(sum);
        }
        column
    }

    fn fraction(&self, slot: usize, row: usize, inverses: &[Scalar]) -> Scalar {
        let lookups = self.witness.hits.len();
        if slot < lookups {
            return self.witness.hit(slot, row).map_or(Scalar::ZERO, |entry| inverses[entry]);
        }
        match self.witness.multiplicities[slot - lookups][row] {
            0 => Scalar::ZERO,
            count => -scalar(count) * inverses[(slot - lookups) * self.rows + row],
        }
    }
}

/// A scaled accumulator as a field element; most have 64 bits.
fn wide(value: i128) -> Scalar {
    match i64::try_from(value) {
        Ok(value) => scalar(value),
        Err(_) => {
            let magnitude = Scalar::from_u128(value.unsigned_abs());
            if value < 0 { -magnitude } else { magnitude }
        }
    }
}
