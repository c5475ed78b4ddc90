//! What an audit's cells hold.

use ff::{BatchInvert, Field};

use crate::audit::shape::{AuditShape, CHUNK};
use crate::error::CircuitError;
use crate::field::{Scalar, scalar};
use crate::streams::{WeightTape, fold};

/// The cells of some lanes.
#[derive(Clone, Debug)]
pub struct AuditWitness {
    tape: WeightTape,
    /// Weights by lane, then multiplicities by table: the columns of the first phase.
    small: Vec<Vec<i64>>,
}

impl AuditWitness {
    /// Places the lanes of a tape.
    ///
    /// # Errors
    /// A tape of another number of lanes, one that has more rows than the circuit, or a weight beyond its bits.
    pub fn of(shape: &AuditShape, tape: WeightTape) -> Result<Self, CircuitError> {
        let (rows, half) = (shape.active_rows(), shape.half());
        if tape.lanes() != shape.lanes || tape.len() > rows {
            return Err(CircuitError::Mismatch("the audited lanes are not those of the circuit".into()));
        }
        let mut counts = vec![vec![0i64; rows]; shape.tables()];
        let mut small = Vec::with_capacity(shape.lanes + counts.len());
        for lane in 0..shape.lanes {
            let mut column: Vec<i64> = tape.lane(lane).map(|weight| weight + half).collect();
            column.resize(rows, half);
            for &stored in &column {
                let place = usize::try_from(stored).ok().filter(|_| stored < 2 * half);
                let beyond = CircuitError::WeightRange { layer: 0, value: stored - half, bits: shape.bits };
                let place = place.ok_or(beyond)?;
                counts[place / rows][place % rows] += 1;
            }
            // The last usable row holds nothing.
            column.push(0);
            small.push(column);
        }
        small.extend(counts.into_iter().map(|mut counts| {
            counts.push(0);
            counts
        }));
        Ok(Self { tape, small })
    }

    /// The first phase, by column and usable row.
    pub fn small(&self) -> Vec<&[i64]> {
        self.small.iter().map(Vec::as_slice).collect()
    }

    /// The second phase, from the challenges: the folded column, then the running sums.
    pub fn wide(&self, shape: &AuditShape, challenges: &[Scalar]) -> Vec<Vec<Scalar>> {
        let [rho, beta] = *challenges else { return Vec::new() };
        let rows = shape.active_rows();
        let mut folded = fold(&self.tape, rho);
        folded.resize(rows + 1, Scalar::ZERO);
        // One over the denominator of every stored weight; a table's rows beyond the largest have no multiplicity.
        let mut inverses: Vec<Scalar> = (0..1i64 << shape.bits).map(|stored| beta + scalar(stored)).collect();
        inverses.iter_mut().batch_invert();
        let fraction = |slot: usize, row: usize| -> Scalar {
            let cell = self.small[slot][row];
            if slot < shape.lanes {
                return inverses[cell as usize];
            }
            match cell {
                0 => Scalar::ZERO,
                count => -scalar(count) * inverses[shape.entry(slot - shape.lanes, row) as usize],
            }
        };
        let slots: Vec<usize> = (0..self.small.len()).collect();
        let sums = slots.chunks(CHUNK).map(|chunk| {
            let mut sum = Scalar::ZERO;
            let mut column = vec![sum];
            for row in 0..rows {
                sum += chunk.iter().map(|&slot| fraction(slot, row)).sum::<Scalar>();
                column.push(sum);
            }
            column
        });
        std::iter::once(folded).chain(sums).collect()
    }
}
