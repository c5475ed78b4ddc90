//! The witness after the challenges: evaluations, scalar sums and running sums, row by row from the gates themselves.

use ff::{BatchInvert, Field};
use zklayout_plan::{Evaluation, StreamGates, Streams};

use crate::field::{Scalar, scalar};
use crate::streams::fixed::FixedGrid;
use crate::streams::fold::fold;
use crate::streams::rows::{NOTHING, Rows};
use crate::streams::witness::Witness;

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
    /// The consumer's evaluation at the challenge of planes; empty if no evaluations are multiplied.
    pub second: Vec<Scalar>,
    /// Committed weights, each row's folded into one number; none if weights are held otherwise.
    pub folded: Option<Vec<Scalar>>,
    /// A bound input, each row's channels folded into one number; none if the input is held otherwise.
    pub folded_input: Option<Vec<Scalar>>,
    /// Running sums, by column.
    pub sums: Vec<Vec<Scalar>>,
}

impl Evaluations {
    /// Evaluates a witness at the challenges.
    pub fn of(plan: &Streams, grid: &FixedGrid, witness: &Witness, challenges: &ChallengeValues) -> Self {
        let gates = StreamGates::of(plan);
        let ChallengeValues { sigma, rho, beta, gamma } = *challenges;
        let strips = &gates.strips;
        let determined = strips.sums.first - strips.read.first;
        let mut rows = Rows::new(grid, witness, [sigma, rho, beta, gamma], determined);
        let sums = Sums::of(plan, &gates, witness, &mut rows).columns();
        rows.solve(strips.read.first, 0, |rows| gates.read(rows));
        rows.solve(strips.write.first, 0, |rows| gates.write(rows));
        if strips.second.count > 0 {
            rows.solve(strips.second.first, 0, |rows| gates.second(rows).unwrap_or(NOTHING));
        }
        let input_row = plan.bound.as_ref().map_or(0, |fact| fact.row + fact.outputs() * fact.phases);
        for (tape, strip, row) in
            [(&witness.tape, strips.folded, 0), (&witness.input, strips.folded_input, input_row)]
        {
            let folded = tape.as_ref().map_or(Vec::new(), |tape| fold(tape, rho));
            if !folded.is_empty() {
                let place = rows.place(strip.first);
                rows.wide[place][row..row + folded.len()].copy_from_slice(&folded);
            }
        }
        let [read, write, operand, second] =
            [strips.read, strips.write, strips.operand, strips.second].map(|strip| rows.place(strip.first));
        for copy in &grid.copies {
            let source = match copy.source {
                Evaluation::Read => read,
                Evaluation::Write => write,
                Evaluation::Second => second,
            };
            rows.wide[operand][copy.operand_row] = rows.wide[source][copy.source_row];
        }
        // Weights' evaluations may take products of operands.
        rows.solve(strips.weight_sum.first, 0, |rows| gates.weights(rows));
        rows.solve(strips.scalar.first, 1, |rows| gates.scalar_sum(rows));
        let mut columns = rows.wide.into_iter();
        let mut next = || columns.next().unwrap_or_default();
        Self {
            read: next(),
            write: next(),
            weight_sum: next(),
            operand: next(),
            scalar: next(),
            second: if strips.second.count > 0 { next() } else { Vec::new() },
            folded: (strips.folded.count > 0).then(&mut next),
            folded_input: (strips.folded_input.count > 0).then(&mut next),
            sums,
        }
    }

    /// The columns in the circuit's order.
    pub fn into_columns(self) -> Vec<Vec<Scalar>> {
        let Self { read, write, weight_sum, operand, scalar, second, folded, folded_input, sums } = self;
        let second = Some(second).filter(|second| !second.is_empty());
        let several = second.into_iter().chain(folded).chain(folded_input).chain(sums);
        [read, write, weight_sum, operand, scalar].into_iter().chain(several).collect()
    }
}

/// The running sums of the lookups. A fraction of every row would take a division; those of table rows are divided at once, and
/// looked-up rows have the same.
struct Sums<'a> {
    witness: &'a Witness,
    /// Fractions that share a column; none without running sums.
    chunk: Option<usize>,
    /// One over the denominator of every table row, by set and row.
    inverses: Vec<Scalar>,
    /// Number of active rows.
    rows: usize,
}

impl<'a> Sums<'a> {
    fn of(plan: &Streams, gates: &StreamGates<'_>, witness: &'a Witness, at: &mut Rows<'_>) -> Self {
        let (chunk, rows) = (plan.lookup_chunk(), plan.usable_rows() - 1);
        let sets = 0..witness.multiplicities.len();
        let mut inverses: Vec<Scalar> = sets
            .flat_map(|set| (0..rows).map(move |row| (set, row)))
            .map(|(set, row)| {
                at.row = row;
                gates.table_denominator(set, at).element()
            })
            .collect();
        inverses.iter_mut().batch_invert();
        Self { witness, chunk, inverses, rows }
    }

    fn columns(&self) -> Vec<Vec<Scalar>> {
        let Some(chunk) = self.chunk else { return Vec::new() };
        let slots = self.witness.hits.len() + self.witness.multiplicities.len();
        let slots: Vec<usize> = (0..slots).collect();
        slots.chunks(chunk).map(|chunk| self.running_sum(chunk)).collect()
    }

    fn running_sum(&self, slots: &[usize]) -> Vec<Scalar> {
        let mut column = Vec::with_capacity(self.rows + 1);
        let mut sum = Scalar::ZERO;
        column.push(sum);
        for row in 0..self.rows {
            for &slot in slots {
                sum += self.fraction(slot, row);
            }
            column.push(sum);
        }
        column
    }

    fn fraction(&self, slot: usize, row: usize) -> Scalar {
        let lookups = self.witness.hits.len();
        if slot < lookups {
            return self.witness.hit(slot, row).map_or(Scalar::ZERO, |entry| self.inverses[entry]);
        }
        match self.witness.multiplicities[slot - lookups][row] {
            0 => Scalar::ZERO,
            count => -scalar(count) * self.inverses[(slot - lookups) * self.rows + row],
        }
    }
}
