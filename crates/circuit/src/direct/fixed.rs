//! The fixed grid: every fixed cell and every copy constraint of a plan.

use zklayout_plan::{Cell, Direct, DirectColumns, Fill, Gadget, Source, Table};

use crate::direct::numbers::Numbers;
use crate::error::CircuitError;

/// A copy constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The earlier cell.
    pub from: Source,
    /// The cell that equals it.
    pub to: Cell,
}

/// Every fixed cell and copy of a plan.
#[derive(Clone, Debug)]
pub struct FixedGrid {
    /// DirectColumns of the fixed columns.
    pub places: DirectColumns,
    /// Fixed cells by column and row.
    pub cells: Vec<Vec<i64>>,
    /// Copies, in row order.
    pub copies: Vec<Copy>,
    /// Cells that the public values equal, by row of the instance column.
    pub public: Vec<Source>,
    /// Rows in use.
    pub rows: usize,
    /// Table entries that were placed.
    pub table_entries: usize,
}

impl FixedGrid {
    /// Lays out a plan. Fixed weights are taken from `numbers`.
    ///
    /// # Errors
    /// A plan whose parts do not fit its own number of rows, or whose layers start at other rows than it says.
    pub fn of(plan: &Direct, numbers: &Numbers) -> Result<Self, CircuitError> {
        let usable = plan.usable_rows();
        let places = DirectColumns::of(plan);
        check_room(plan, numbers, usable)?;
        let cells = vec![vec![0; usable]; places.count];
        let mut grid = Self { places, cells, copies: Vec::new(), public: Vec::new(), rows: 0, table_entries: 0 };
        let homes = plan.walk(&mut |row, gadget, cells| {
            if row < usable {
                grid.place_row(row, gadget, cells);
            }
        });
        for (planned, &realised) in plan.layers.iter().map(|layer| layer.row).zip(&homes.layers) {
            same("first row of a layer", planned, realised)?;
        }
        same("activation rows", plan.rows, homes.rows)?;
        grid.rows = homes.rows;
        grid.publish(plan, &homes.values);
        grid.place_tables(plan);
        grid.place_constants(numbers, usable);
        Ok(grid)
    }

    /// Whether `numbers` are those that the grid fixes.
    pub(crate) fn fixes(&self, numbers: &Numbers) -> bool {
        let cells = self.places.constants.iter().flat_map(|&place| &self.cells[place]);
        cells.take(numbers.constants.len()).eq(&numbers.constants)
    }

    fn place_row(&mut self, row: usize, gadget: &Gadget, cells: &[Fill]) {
        let places = &self.places;
        let mut place = |column: usize, value: i64| self.cells[column][row] = value;
        match *gadget {
            Gadget::Dot => place(places.dot, 1),
            Gadget::Sum => places.sum.iter().for_each(|&column| place(column, 1)),
            Gadget::Look { divisor, values, remainders } => {
                place(places.look, 1);
                place(places.factor, divisor);
                place(places.tag_values, values as i64);
                place(places.tag_remainders, remainders as i64);
            }
            Gadget::Bits { multiplier, offset: added } => {
                if let Some([bits, offset]) = places.bits {
                    place(bits, 1);
                    place(offset, added);
                }
                place(places.factor, multiplier);
            }
        }
        for (column, fill) in cells.iter().enumerate() {
            if let Fill::Copy(from) = *fill {
                self.copies.push(Copy { from, to: Cell { column, row } });
            }
        }
    }

    fn publish(&mut self, plan: &Direct, values: &[Vec<Source>]) {
        self.public.extend(values.last().into_iter().flatten());
        let shown = plan.visibility.shown(plan.input).len();
        self.public.extend(values.first().into_iter().flatten().take(shown));
    }

    fn place_tables(&mut self, plan: &Direct) {
        let [tag, xs, ys] = self.places.table;
        for table in &plan.tables {
            for (x, y) in table.entries() {
                let row = self.table_entries;
                self.cells[tag][row] = table.tag as i64;
                self.cells[xs][row] = x;
                self.cells[ys][row] = y;
                self.table_entries += 1;
            }
        }
    }

    fn place_constants(&mut self, numbers: &Numbers, usable: usize) {
        for (values, &place) in numbers.constants.chunks(usable).zip(&self.places.constants) {
            self.cells[place][..values.len()].copy_from_slice(values);
        }
    }
}

fn check_room(plan: &Direct, numbers: &Numbers, usable: usize) -> Result<(), CircuitError> {
    let entries = plan.tables.iter().map(Table::len).sum::<usize>();
    let taken = [
        ("rows", plan.rows),
        ("table entries and a row of zeros", entries + 1),
        ("public values", plan.public_values()),
    ];
    for (what, realised) in taken {
        if realised > usable {
            return Err(CircuitError::Shape { what, planned: usable, realised });
        }
    }
    same("fixed weights and constants", plan.constants.len() + plan.fixed_weights, numbers.constants.len())
}

fn same(what: &'static str, planned: usize, realised: usize) -> Result<(), CircuitError> {
    if planned == realised { Ok(()) } else { Err(CircuitError::Shape { what, planned, realised }) }
}
