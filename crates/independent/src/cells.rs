//! The fixed cells of a grid as field elements, and which constraint each row is under.

use std::collections::HashMap;

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_circuit::streams::FixedGrid;

use crate::objection::Objection;
use crate::polynomial::Polynomial;

/// An integer as a field element.
pub(crate) fn field(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// The fixed cells that halo2 gets.
pub(crate) struct FixedCells<'a> {
    pub(crate) grid: &'a FixedGrid,
    /// Cells that hold fractions, by column and row.
    fractions: HashMap<usize, HashMap<usize, (i64, i64)>>,
}

impl<'a> FixedCells<'a> {
    pub(crate) fn of(grid: &'a FixedGrid) -> Self {
        let mut fractions: HashMap<usize, HashMap<usize, (i64, i64)>> = HashMap::new();
        for ratio in &grid.ratios {
            let column = fractions.entry(ratio.column).or_default();
            column.insert(ratio.row, (ratio.numerator, ratio.denominator));
        }
        Self { grid, fractions }
    }

    /// Rows that constraints may use.
    pub(crate) fn row_count(&self) -> usize {
        self.grid.cells.first().map_or(0, Vec::len)
    }

    /// A cell as a fraction.
    fn fraction(&self, place: usize, row: usize) -> (i64, i64) {
        let whole = || (self.grid.cells.get(place).and_then(|column| column.get(row)).copied().unwrap_or(0), 1);
        let fraction = self.fractions.get(&place).and_then(|column| column.get(&row));
        fraction.copied().unwrap_or_else(whole)
    }
}

/// What a gate says on each row; equal fixed cells say the same.
pub(crate) struct RowLaws<L> {
    name: &'static str,
    laws: Vec<Result<L, Objection>>,
    /// By row, the place of its law.
    places: Vec<u32>,
}

impl<L> RowLaws<L> {
    /// Reads a gate's polynomials under the fixed cells of every row; the columns of `kept` stay variables.
    pub(crate) fn of(
        name: &'static str,
        polynomials: &[Polynomial],
        cells: &FixedCells<'_>,
        kept: &[usize],
        read: impl Fn(&[Polynomial]) -> Result<L, Objection>,
    ) -> Self {
        let mut columns: Vec<usize> = polynomials.iter().flat_map(Polynomial::fixed_columns).collect();
        columns.retain(|column| !kept.contains(column));
        columns.sort_unstable();
        columns.dedup();
        let mut known: HashMap<Vec<(i64, i64)>, u32> = HashMap::new();
        let mut rows = Self { name, laws: Vec::new(), places: Vec::with_capacity(cells.row_count()) };
        for row in 0..cells.row_count() {
            let key: Vec<(i64, i64)> = columns.iter().map(|&column| cells.fraction(column, row)).collect();
            let laws = &mut rows.laws;
            let place = *known.entry(key).or_insert_with_key(|key| {
                let values: HashMap<usize, Scalar> = columns.iter().copied().zip(key.iter().map(value)).collect();
                let on_row = |polynomial: &Polynomial| polynomial.at(&|column| values.get(&column).copied());
                laws.push(read(&polynomials.iter().map(on_row).collect::<Vec<_>>()));
                laws.len() as u32 - 1
            });
            rows.places.push(place);
        }
        rows
    }

    /// What the gate says on a row.
    pub(crate) fn at(&self, row: usize) -> Result<&L, Objection> {
        let law = self.places.get(row).and_then(|place| self.laws.get(*place as usize));
        let law = law.ok_or_else(|| Objection(format!("{}: row {row} is none", self.name)))?;
        law.as_ref().map_err(|objection| Objection(format!("{}, row {row}: {objection}", self.name)))
    }
}

fn value((numerator, denominator): &(i64, i64)) -> Scalar {
    let inverse: Option<Scalar> = field(*denominator).invert().into();
    field(*numerator) * inverse.unwrap_or(Scalar::ZERO)
}
