//! The one region of a layout of the family `direct`, and its copies.

use halo2_proofs::circuit::{Cell, Layouter, Region, Value};
use halo2_proofs::plonk::Error;
use zklayout_plan::{Direct, Source};

use crate::direct::columns::Columns;
use crate::direct::fixed::FixedGrid;
use crate::direct::witness::Witness;
use crate::field::{Scalar, scalar};

/// Everything that is assigned.
pub(crate) struct Assignment<'a> {
    pub(crate) direct: &'a Direct,
    pub(crate) grid: &'a FixedGrid,
    pub(crate) witness: Option<&'a Witness>,
}

impl Assignment<'_> {
    /// Assigns every cell and copy.
    pub(crate) fn synthesize(&self, columns: &Columns, layouter: &mut impl Layouter<Scalar>) -> Result<(), Error> {
        layouter.assign_region(
            || "grid",
            |mut region| {
                self.assign_fixed(&mut region, columns);
                self.assign_advice(&mut region, columns);
                for copy in &self.grid.copies {
                    let to = self.cell(columns, Source::Advice(copy.to));
                    region.constrain_equal(self.cell(columns, copy.from), to);
                }
                Ok(())
            },
        )?;
        for (row, &source) in self.grid.public.iter().enumerate() {
            layouter.constrain_instance(self.cell(columns, source), columns.instance, row);
        }
        Ok(())
    }

    fn assign_fixed(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        for (place, (&column, cells)) in columns.fixed.iter().zip(&self.grid.cells).enumerate() {
            // Cells that are copied are assigned even if they are 0: the mock prover tells 0 from nothing.
            let copied = columns.places.constants.contains(&place);
            for (row, &value) in cells.iter().enumerate().filter(|(_, value)| copied || **value != 0) {
                region.assign_fixed(column, row, scalar(value));
            }
        }
    }

    fn assign_advice(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        let Some(witness) = self.witness else { return };
        for (&column, cells) in columns.advice.iter().zip(&witness.cells) {
            for (row, &value) in cells.iter().enumerate() {
                region.assign_advice(column, row, Value::known(scalar(value)));
            }
        }
    }

    /// The cell of a source. The region starts at row 0, so that its rows are the grid's.
    fn cell(&self, columns: &Columns, source: Source) -> Cell {
        match source {
            Source::Advice(cell) => Cell { row_offset: cell.row, column: columns.advice[cell.column].into() },
            Source::Constant(place) => {
                let usable = self.direct.usable_rows();
                let column = columns.fixed[columns.places.constants[place / usable]];
                Cell { row_offset: place % usable, column: column.into() }
            }
        }
    }
}
