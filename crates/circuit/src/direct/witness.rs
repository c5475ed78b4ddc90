//! The witness: every advice cell, row by row from the gadgets' polynomials.

use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::{Datum, Direct, Fill, Gadget, Homes, SLOT_CELLS, Source};

use crate::direct::numbers::Numbers;
use crate::error::CircuitError;

/// Every advice cell, by column and row.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Cells by column and row.
    pub cells: Vec<Vec<i64>>,
}

impl Witness {
    /// Places an execution.
    ///
    /// # Errors
    /// An execution of another model, or one that the grid does not repeat.
    pub fn of(plan: &Direct, graph: &Graph<Fixed>, trace: &Trace) -> Result<Self, CircuitError> {
        let numbers = Numbers::of(plan, graph)?;
        let input = trace.values.first().map(|values| values.iter().copied().collect()).unwrap_or_default();
        let cells = vec![vec![0; plan.rows]; plan.knobs.columns];
        let mut placing = Placing { numbers: &numbers, input, pairs: plan.knobs.pairs(), cells };
        let mut lost = None;
        let homes = plan.walk(&mut |row, gadget, cells| {
            if lost.is_none() && placing.place_row(row, gadget, cells).is_none() {
                lost = Some(row);
            }
        });
        if let Some(row) = lost {
            return Err(CircuitError::Mismatch(format!("row {row} has no place in the grid, or overflows")));
        }
        placing.compare(&homes, trace)?;
        Ok(Self { cells: placing.cells })
    }
}

struct Placing<'a> {
    numbers: &'a Numbers,
    input: Vec<i64>,
    /// Products of a dot row.
    pairs: usize,
    cells: Vec<Vec<i64>>,
}

impl Placing<'_> {
    /// `None` if a number does not exist or overflows.
    fn place_row(&mut self, row: usize, gadget: &Gadget, fills: &[Fill]) -> Option<()> {
        for (column, fill) in fills.iter().enumerate() {
            let value = match *fill {
                // The results follow once their operands are there.
                Fill::Free | Fill::Zero | Fill::Result => continue,
                Fill::Copy(source) => self.get(source)?,
                Fill::Datum(Datum::Input(place)) => *self.input.get(place)?,
                Fill::Datum(datum) => self.numbers.get(datum)?,
                Fill::Quotient(shift) => self.accumulator(column, row) >> shift,
                Fill::Remainder(shift) => self.accumulator(column, row) & ((1 << shift) - 1),
                Fill::Activation(shift, clamp) => clamp.apply(self.accumulator(column, row) >> shift),
                Fill::Bit { source, lift, position } => (self.get(source)?.checked_add(lift)? >> position) & 1,
            };
            *self.cells[column].get_mut(row)? = value;
        }
        for column in (0..fills.len()).filter(|&column| fills[column] == Fill::Result) {
            let value = self.result(row, gadget, column)?;
            *self.cells[column].get_mut(row)? = value;
        }
        Some(())
    }

    /// The accumulator of the slot that a column belongs to.
    fn accumulator(&self, column: usize, row: usize) -> i64 {
        self.cells[column / SLOT_CELLS * SLOT_CELLS][row]
    }

    fn result(&self, row: usize, gadget: &Gadget, column: usize) -> Option<i64> {
        let cells: Vec<i64> = self.cells.iter().map(|cells| cells[row]).collect();
        let last = cells.len() - 1;
        match *gadget {
            Gadget::Dot => {
                // What is beside the pairs: the sum so far, a cell that nothing reads and that is 0, or none.
                let pairs = cells[..2 * self.pairs].chunks_exact(2);
                let start = cells[2 * self.pairs..last].iter().sum();
                pairs
                    .map(|pair| pair[0].checked_mul(pair[1]))
                    .try_fold(start, |sum: i64, term| sum.checked_add(term?))
            }
            Gadget::Sum => cells[..last].iter().try_fold(0i64, |sum, &cell| sum.checked_add(cell)),
            // Only range checks leave the accumulator open.
            Gadget::Look { .. } => Some(cells[column + 2]),
            Gadget::Bits { multiplier, offset } => {
                let number = cells[1..last].iter().fold(0, |number, digit| 2 * number + digit);
                multiplier.checked_mul(cells[0])?.checked_add(number)?.checked_add(offset)
            }
        }
    }

    fn get(&self, source: Source) -> Option<i64> {
        match source {
            Source::Constant(place) => self.numbers.constants.get(place).copied(),
            Source::Advice(cell) => self.cells.get(cell.column)?.get(cell.row).copied(),
        }
    }

    /// The cells of every tensor hold what the executor computed.
    fn compare(&self, homes: &Homes, trace: &Trace) -> Result<(), CircuitError> {
        for (node, home) in homes.values.iter().enumerate() {
            let values = trace.values.get(node).into_iter().flatten().copied().map(Some);
            if !home.iter().map(|&source| self.get(source)).eq(values) {
                let reason = format!("the grid and the execution disagree on the values of node {node}");
                return Err(CircuitError::Mismatch(reason));
            }
        }
        Ok(())
    }
}
