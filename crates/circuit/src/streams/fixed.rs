//! The fixed grid: every fixed cell and every copy constraint of a plan.
//!
//! It is built once and used three times: to assign the circuit, to count it, and to drive the evaluations.

use ff::BatchInvert;
use zklayout_plan::{
    Evaluation, FixedColumns, Home, Public, Read, ReadSum, Scalar, Streams, Strips, Table, WriteTile,
};

use crate::error::CircuitError;
use crate::field::scalar;
use crate::streams::weights::WeightTape;

/// A copy constraint: the scalar operand at `operand_row` equals an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Row of the weight tape.
    pub operand_row: usize,
    /// Which evaluation.
    pub source: Evaluation,
    /// Row of the activation tape.
    pub source_row: usize,
}

/// A fixed cell that holds a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Place of the column.
    pub column: usize,
    /// Row of the weight tape.
    pub row: usize,
    /// Numerator.
    pub numerator: i64,
    /// Denominator, above 0.
    pub denominator: i64,
}

/// Every fixed cell and copy of a plan.
#[derive(Clone, Debug)]
pub struct FixedGrid {
    /// Places of the columns.
    pub columns: FixedColumns,
    /// Cells by column and row; rows beyond the usable ones are absent.
    pub cells: Vec<Vec<i64>>,
    /// Cells that hold fractions; among the cells are their numerators.
    pub ratios: Vec<Ratio>,
    /// Copy constraints, by operand row.
    pub copies: Vec<Copy>,
    /// Rows that the activation tape took.
    pub activation_rows: usize,
    /// Rows that the weight tape took.
    pub weight_rows: usize,
    /// Table entries that were placed.
    pub table_entries: usize,
}

impl FixedGrid {
    /// Lays out a plan. Fixed weights are taken from `weights`.
    ///
    /// # Errors
    /// A plan whose parts do not fit its own number of rows.
    pub fn of(plan: &Streams, weights: &WeightTape) -> Result<Self, CircuitError> {
        let columns = Strips::of(plan).fixed;
        let usable = plan.usable_rows();
        let cells = vec![vec![0; usable]; columns.count];
        let mut grid = Self {
            columns,
            cells,
            ratios: Vec::new(),
            copies: Vec::new(),
            activation_rows: 0,
            weight_rows: 0,
            table_entries: 0,
        };
        grid.check_room(plan, usable)?;
        grid.place_switches(usable);
        for home in &plan.homes {
            check_values(plan, home)?;
            grid.place_home(plan, home)?;
        }
        grid.place_facts(plan)?;
        grid.place_tables(plan, usable);
        grid.place_weights(weights);
        Ok(grid)
    }

    /// A cell.
    pub fn get(&self, column: usize, row: usize) -> bool {
        self.cells[column][row] != 0
    }

    /// Fractions as field elements, by column and row.
    pub(crate) fn fractions(&self) -> Vec<((usize, usize), crate::field::Scalar)> {
        let mut denominators: Vec<_> = self.ratios.iter().map(|ratio| scalar(ratio.denominator)).collect();
        denominators.iter_mut().batch_invert();
        let inverses = self.ratios.iter().zip(denominators);
        inverses.map(|(ratio, inverse)| ((ratio.column, ratio.row), scalar(ratio.numerator) * inverse)).collect()
    }

    /// Whether `weights` are those that the grid fixes; private weights are fixed nowhere.
    pub(crate) fn fixes_weights(&self, weights: &WeightTape) -> bool {
        self.columns
            .weights
            .iter()
            .enumerate()
            .all(|(lane, &column)| weights.lane(lane).eq(self.cells[column].iter().copied().take(weights.len())))
    }

    fn check_room(&self, plan: &Streams, usable: usize) -> Result<(), CircuitError> {
        let rows: usize = plan.homes.iter().map(|home| home.row + home.rows()).max().unwrap_or(0);
        let weights = plan.all_facts().map(|fact| fact.row + fact.len()).max().unwrap_or(0);
        let tables = plan.tables.iter().map(Table::len).sum::<usize>().div_ceil(plan.knobs.table_columns.max(1));
        for (what, realised) in [("activation rows", rows), ("weight rows", weights + 1), ("table rows", tables)] {
            if realised + 1 > usable {
                return Err(CircuitError::Shape { what, planned: usable.saturating_sub(1), realised });
            }
        }
        Ok(())
    }

    fn place_switches(&mut self, usable: usize) {
        let (active, edge) = (self.columns.active, self.columns.edge);
        self.cells[active][..usable - 1].fill(1);
        self.cells[edge][0] = 1;
        self.cells[edge][usable - 1] = 1;
    }

    fn place_home(&mut self, plan: &Streams, home: &Home) -> Result<(), CircuitError> {
        for channel in 0..home.shape.channels {
            for plane_row in 0..home.plane_rows() {
                let row = home.plane_row(channel) + plane_row;
                self.place_lanes(plan, home, channel, plane_row);
                self.place_passes(plan, home, plane_row, row)?;
                self.activation_rows = self.activation_rows.max(row + 1);
            }
        }
        Ok(())
    }

    fn place_lanes(&mut self, plan: &Streams, home: &Home, channel: usize, plane_row: usize) {
        if !home.is_stored(plane_row) {
            return;
        }
        let row = home.plane_row(channel) + plane_row;
        if let Some(divisor) = self.columns.divisor {
            self.cells[divisor][row] = 1 << home.shift.of(channel);
        }
        if let Some(limb) = self.columns.limb {
            self.cells[limb][row] = 1 << home.limb_bits.of(channel);
        }
        let live: Vec<bool> =
            (0..plan.knobs.lanes).map(|lane| home.value(plane_row, lane, plan.knobs.lanes).is_some()).collect();
        if let Some(table) = home.table(channel) {
            self.cells[self.columns.tag][row] = plan.tables[table].tag as i64;
            for (lane, _) in live.iter().enumerate().filter(|(_, live)| **live) {
                self.cells[self.columns.masks[lane]][row] = 1;
            }
        }
        let public = match home.public {
            Public::No => None,
            Public::Values => self.columns.public_values,
            Public::Accumulators => self.columns.public_accumulators,
        };
        let shown = channel < plan.shown_channels(home) && live.contains(&true);
        if let Some(public) = public.filter(|_| shown) {
            self.cells[public][row] = 1;
        }
    }

    fn place_passes(
        &mut self,
        plan: &Streams,
        home: &Home,
        plane_row: usize,
        row: usize,
    ) -> Result<(), CircuitError> {
        let (columns, passes) = (&self.columns, &plan.passes);
        let produced = home.has_producer() && home.is_stored(plane_row);
        let tile = WriteTile::of(home, plan.knobs.lanes).filter(|_| produced);
        let step = home.write_step(plane_row).filter(|_| produced);
        let marks = [
            mark(&columns.write_tiles, &passes.write_tiles, tile)?,
            mark(&columns.write_steps, &passes.write_steps, step)?,
            mark(&columns.read_sums, &passes.read_sums, ReadSum::of(home))?,
            mark(&columns.read_steps, &passes.read_steps, home.read_step(plane_row))?,
        ];
        let squares = columns.squares.filter(|_| home.read == Read::Squares);
        let second = columns.second_step.filter(|_| home.second_step(plane_row));
        let [turned, goes_on] = columns.turned.map_or([None; 2], |columns| columns.map(Some));
        let turned = turned.filter(|_| home.is_turned(plan.knobs.lanes) && produced);
        let goes_on = goes_on.filter(|_| home.turned_step(plane_row) && produced);
        for column in marks.into_iter().chain([squares, second, turned, goes_on]).flatten() {
            self.cells[column][row] = 1;
        }
        Ok(())
    }

    fn place_facts(&mut self, plan: &Streams) -> Result<(), CircuitError> {
        self.weight_rows = 1;
        for fact in plan.all_facts() {
            self.weight_rows += fact.len();
            for (offset, weight_row) in fact.rows(&plan.homes, plan.weight_bits).into_iter().enumerate() {
                let row = fact.row + offset;
                if let Some(column) = mark(&self.columns.weight_steps, &plan.passes.weight_steps, weight_row.step)?
                {
                    self.cells[column][row] = 1;
                }
                let holds = if plan.bound.as_ref() == Some(fact) { self.columns.bound } else { self.columns.live };
                if let Some(holds) = holds.filter(|_| weight_row.cells.is_some()) {
                    self.cells[holds][row] = 1;
                }
                if weight_row.closes {
                    self.cells[self.columns.closes][row + 1] = 1;
                }
                self.place_scalar(plan, row, weight_row.scalar)?;
            }
        }
        Ok(())
    }

    fn place_scalar(&mut self, plan: &Streams, operand_row: usize, effect: Scalar) -> Result<(), CircuitError> {
        let columns = self.columns.clone();
        let copy = |source: Evaluation, source_row: usize| Copy { operand_row, source, source_row };
        let (column, factor, source, source_row) = match effect {
            Scalar::Hold => return Ok(()),
            Scalar::Output { row, factor } => {
                self.place_ratio(operand_row, 1, factor);
                (columns.output, 1, Evaluation::Write, row)
            }
            Scalar::Phase { row, exponent, factor } => {
                let column = mark(&columns.skips, &plan.passes.skips, Some(exponent))?.ok_or_else(unmarked)?;
                // The sum takes away what a skip is multiplied with.
                if columns.scale.is_some() {
                    self.place_fraction(Ratio { column, row: operand_row, numerator: -1, denominator: factor });
                }
                (column, -1, Evaluation::Write, row)
            }
            Scalar::Offset { row, scale } => {
                self.place_ratio(operand_row, -scale.offset, scale.factor);
                self.copies.push(copy(Evaluation::Read, row));
                return Ok(());
            }
            Scalar::Load { evaluation, row } => {
                self.copies.push(copy(evaluation, row));
                return Ok(());
            }
            Scalar::Multiply { evaluation, row } => (columns.multiply.ok_or_else(unmarked)?, 1, evaluation, row),
            Scalar::Raise { row, factor } => {
                self.place_ratio(operand_row, 1, 1);
                // The sum takes the operand once by itself.
                let column = mark(&columns.skips, &plan.passes.skips, Some(0))?.ok_or_else(unmarked)?;
                self.cells[column][operand_row] = 1 - factor;
                (columns.output, 1, Evaluation::Read, row)
            }
            Scalar::Product { row, factor } => (columns.product, factor, Evaluation::Read, row),
            Scalar::Skip { row, exponent, factor } => {
                let column = mark(&columns.skips, &plan.passes.skips, Some(exponent))?.ok_or_else(unmarked)?;
                (column, factor, Evaluation::Read, row)
            }
        };
        self.cells[column][operand_row] = factor;
        self.copies.push(copy(source, source_row));
        Ok(())
    }

    fn place_ratio(&mut self, row: usize, numerator: i64, denominator: i64) {
        if let Some(column) = self.columns.scale {
            self.place_fraction(Ratio { column, row, numerator, denominator });
        }
    }

    fn place_fraction(&mut self, ratio: Ratio) {
        self.cells[ratio.column][ratio.row] = ratio.numerator;
        self.ratios.push(ratio);
    }

    fn place_tables(&mut self, plan: &Streams, usable: usize) {
        let mut place = 0;
        for table in &plan.tables {
            let (x_offset, y_offset) = table_offsets(plan, table);
            for (x, y) in table.entries() {
                let [tag, xs, ys] = self.columns.tables[place / (usable - 1)];
                let row = place % (usable - 1);
                self.cells[tag][row] = table.tag as i64;
                self.cells[xs][row] = x + x_offset;
                self.cells[ys][row] = y + y_offset;
                place += 1;
            }
        }
        self.table_entries = place;
    }

    fn place_weights(&mut self, weights: &WeightTape) {
        for (lane, &column) in self.columns.weights.iter().enumerate() {
            for (row, value) in weights.lane(lane).enumerate() {
                self.cells[column][row] = value;
            }
        }
    }
}

/// The fixed column that marks a step or tile, if a row has one.
fn mark<T: PartialEq>(columns: &[usize], passes: &[T], wanted: Option<T>) -> Result<Option<usize>, CircuitError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let place = passes.iter().position(|pass| *pass == wanted);
    Ok(Some(columns[place.ok_or_else(unmarked)?]))
}

fn unmarked() -> CircuitError {
    CircuitError::Mismatch("a row takes a step or a tile that the plan's passes lack".into())
}

/// Every value must have exactly one cell, and if it is public, one beside which there is a public column.
fn check_values(plan: &Streams, home: &Home) -> Result<(), CircuitError> {
    let lanes = plan.knobs.lanes;
    let shown = match home.public {
        Public::No => 0,
        Public::Values => lanes - plan.instance_columns(),
        Public::Accumulators => lanes - 1,
    };
    let mut values = home.stored_rows().flat_map(|row| (0..shown).map(move |lane| (row, lane)));
    if let Some((row, lane)) = values.find(|(row, lane)| home.value(*row, *lane, lanes).is_some()) {
        let reason =
            format!("a value of {:?} in row {row}, lane {lane} is public, and no column shows it", home.content);
        return Err(CircuitError::Mismatch(reason));
    }
    let mut cells = vec![0u32; home.shape.plane()];
    let rows = home.stored_rows();
    for (y, x) in rows.flat_map(|row| (0..lanes).filter_map(move |lane| home.value(row, lane, lanes))) {
        cells[y * home.shape.width + x] += 1;
    }
    match cells.iter().position(|count| *count != 1) {
        None => Ok(()),
        Some(place) => Err(CircuitError::Mismatch(format!(
            "value {place} of a plane of {:?} has {} cells",
            home.content, cells[place]
        ))),
    }
}

/// What is added to stored `x` and `y` of a table.
pub(crate) fn table_offsets(plan: &Streams, table: &Table) -> (i64, i64) {
    match table.kind {
        zklayout_plan::TableKind::Range { .. } | zklayout_plan::TableKind::Pairs { .. } => (0, 0),
        zklayout_plan::TableKind::Activation { .. } | zklayout_plan::TableKind::Steps { .. } => {
            (plan.quotient_offset, plan.value_offset)
        }
    }
}
