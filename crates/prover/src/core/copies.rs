//! Which cells are copies of each other, as a permutation whose cycles they are: that of halo2's key generation, cell by cell.
//!
//! Of two cycles that meet, the shorter becomes part of the longer, and the successors of the two cells change places.

use halo2_proofs::plonk::{Any, Column};

/// Cells of all permuted columns: column by column, row by row.
pub(super) struct Copies {
    columns: Vec<Column<Any>>,
    rows: usize,
    /// By cell, the next one of its cycle.
    next: Vec<u32>,
    /// By cell, a cell that stands for its cycle.
    cycle: Vec<u32>,
    /// By such a cell, the length of its cycle.
    length: Vec<u32>,
}

impl Copies {
    /// Cells that are copies of nothing.
    pub(super) fn new(columns: Vec<Column<Any>>, rows: usize) -> Self {
        let cells = (columns.len() * rows) as u32;
        let all: Vec<u32> = (0..cells).collect();
        Self { columns, rows, next: all.clone(), cycle: all, length: vec![1; cells as usize] }
    }

    /// The cell at a row of a column; none if that is not permuted.
    pub(super) fn cell(&self, column: Column<Any>, row: usize) -> Option<u32> {
        let place = self.columns.iter().position(|own| *own == column)?;
        (row < self.rows).then_some((place * self.rows + row) as u32)
    }

    /// Makes two cells copies of each other.
    pub(super) fn join(&mut self, left: u32, right: u32) {
        let [mut long, mut short] = [left, right].map(|cell| self.cycle[cell as usize]);
        if long == short {
            return;
        }
        if self.length[long as usize] < self.length[short as usize] {
            std::mem::swap(&mut long, &mut short);
        }
        self.length[long as usize] += self.length[short as usize];
        let mut cell = short;
        loop {
            self.cycle[cell as usize] = long;
            cell = self.next[cell as usize];
            if cell == short {
                break;
            }
        }
        self.next.swap(left as usize, right as usize);
    }

    /// By column and row, the column and row of the next cell.
    pub(super) fn next(&self) -> impl Iterator<Item = impl Iterator<Item = (usize, usize)>> {
        let place = |cell: &u32| (*cell as usize / self.rows, *cell as usize % self.rows);
        self.next.chunks(self.rows).map(move |column| column.iter().map(place))
    }
}
