//! Which cell holds which value: found from the cells' exponents, and, for public tensors, from where the verifier looks.
//!
//! Values of a plane lie on falling powers of sigma in the tensor's own order. That is a choice of names for cells whose
//! values are secret; that the names are right shows in the identities, which are held to the executor's definition.

use zklayout_plan::{Home, Streams};

use crate::activation_tape::{ActivationTape, TapeCell};
use crate::numbers;
use crate::objection::{Objection, expect, hold};

const NONE: u32 = u32::MAX;

/// Names of the tape's live cells.
pub(crate) struct Tensors<'a> {
    layout: &'a Streams,
    /// By row, the place of its home.
    homes: Vec<u32>,
    /// By row and lane, the place of the cell's value in its plane.
    values: Vec<u32>,
}

/// A plane of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlanePlace {
    pub(crate) home: usize,
    pub(crate) channel: usize,
}

impl<'a> Tensors<'a> {
    /// No cell has a name yet.
    pub(crate) fn new(layout: &'a Streams, rows: usize) -> Result<Self, Objection> {
        let mut homes = vec![NONE; rows];
        for (place, home) in layout.homes.iter().enumerate() {
            for row in home.row..home.row + home.shape.channels * numbers::plane_rows(home) {
                let owner = expect(homes.get_mut(row), || format!("home {place} lies beyond the grid"))?;
                hold(*owner == NONE, || format!("row {row} has two homes"))?;
                *owner = place as u32;
            }
        }
        Ok(Self { layout, homes, values: vec![NONE; rows * layout.knobs.lanes] })
    }

    pub(crate) fn home(&self, place: PlanePlace) -> &'a Home {
        &self.layout.homes[place.home]
    }

    /// The plane that a row belongs to.
    pub(crate) fn plane(&self, row: usize) -> Result<PlanePlace, Objection> {
        let home = self.homes.get(row).copied().filter(|home| *home != NONE);
        let home = expect(home, || format!("row {row} has no home"))? as usize;
        let own = &self.layout.homes[home];
        Ok(PlanePlace { home, channel: (row - own.row) / numbers::plane_rows(own) })
    }

    /// Rows of a plane.
    pub(crate) fn row_range(&self, place: PlanePlace) -> std::ops::Range<usize> {
        let home = self.home(place);
        let first = home.row + place.channel * numbers::plane_rows(home);
        first..first + numbers::plane_rows(home)
    }

    /// Live cells of a plane.
    pub(crate) fn live(&self, tape: &ActivationTape, place: PlanePlace) -> Vec<TapeCell> {
        let lanes = 0..self.layout.knobs.lanes;
        let cells = self.row_range(place).flat_map(|row| lanes.clone().map(move |lane| TapeCell { row, lane }));
        cells.filter(|cell| tape.is_live(*cell)).collect()
    }

    /// The place of a cell's value in its plane, in the order of the home's shape.
    pub(crate) fn place_of(&self, cell: TapeCell) -> Result<usize, Objection> {
        let value =
            self.values.get(cell.row * self.layout.knobs.lanes + cell.lane).filter(|value| **value != NONE);
        expect(value.map(|value| *value as usize), || format!("{cell:?} holds a value that no tensor has"))
    }

    /// Names the cells of a plane, one for each value in order.
    pub(crate) fn assign(&mut self, place: PlanePlace, cells: &[TapeCell]) -> Result<(), Objection> {
        let home = self.home(place);
        hold(cells.len() == home.shape.plane(), || {
            format!("{} cells for {} values of {:?}", cells.len(), home.shape.plane(), home.content)
        })?;
        for (value, cell) in cells.iter().enumerate() {
            hold(self.plane(cell.row)? == place, || format!("{cell:?} belongs to another plane"))?;
            let name = &mut self.values[cell.row * self.layout.knobs.lanes + cell.lane];
            hold(*name == NONE, || format!("{cell:?} holds two values"))?;
            *name = value as u32;
        }
        Ok(())
    }

    /// The cells of an input plane in the order of its values, by how the consumer's evaluation takes them: a window's
    /// cells, which are one sum, in any order.
    pub(crate) fn input_order(
        &self,
        tape: &ActivationTape,
        place: PlanePlace,
    ) -> Result<Vec<TapeCell>, Objection> {
        let mut windows: Vec<Vec<TapeCell>> = Vec::new();
        // An evaluation that starts anew on each row has one window there.
        let mut pass: Vec<(usize, TapeCell)> = Vec::new();
        let mut close = |pass: &mut Vec<(usize, TapeCell)>| {
            pass.sort_by_key(|(exponent, cell)| (std::cmp::Reverse(*exponent), *cell));
            for same in pass.chunk_by(|a, b| a.0 == b.0) {
                windows.push(same.iter().map(|(_, cell)| *cell).collect());
            }
            pass.clear();
        };
        for row in self.row_range(place) {
            match tape.read_join(row)? {
                None => close(&mut pass),
                Some(step) => pass.iter_mut().for_each(|(exponent, _)| *exponent += step),
            }
            pass.extend(tape.read_row(row)?.into_iter().map(|(cell, exponent)| (exponent, cell)));
        }
        close(&mut pass);
        let (side, corner) = numbers::blocks(self.home(place));
        if side > 1 { self.by_phase(place, windows, (side, corner)) } else { self.raster(place, &windows) }
    }

    /// Cells of phases, each in raster order, one phase after the other, as cells of values in raster order.
    fn by_phase(
        &self,
        place: PlanePlace,
        windows: Vec<Vec<TapeCell>>,
        (side, corner): (usize, (usize, usize)),
    ) -> Result<Vec<TapeCell>, Objection> {
        let shape = self.home(place).shape;
        let values = || (0..shape.plane()).map(|value| (value / shape.width, value % shape.width));
        let phase = |(y, x): (usize, usize)| ((y + corner.0) % side, (x + corner.1) % side);
        let single = windows.len() == shape.plane() && windows.iter().all(|window| window.len() == 1);
        hold(single, || format!("the input is not read position by position: {} of {shape}", windows.len()))?;
        let mut order: Vec<usize> = (0..shape.plane()).collect();
        let phases: Vec<(usize, usize)> = values().map(phase).collect();
        order.sort_by_key(|value| phases[*value]);
        let mut cells = vec![TapeCell { row: 0, lane: 0 }; shape.plane()];
        for (value, window) in order.into_iter().zip(windows) {
            cells[value] = window[0];
        }
        Ok(cells)
    }

    /// Cells of windows, side by side in raster order, as cells of values in raster order.
    fn raster(&self, place: PlanePlace, windows: &[Vec<TapeCell>]) -> Result<Vec<TapeCell>, Objection> {
        let shape = self.home(place).shape;
        let side = windows.first().map_or(1, |window| window.len().isqrt());
        let whole = windows.iter().all(|window| window.len() == side * side) && shape.width.is_multiple_of(side);
        hold(whole && windows.len() * side * side == shape.plane(), || {
            format!("the input is not read in whole windows: {} of side {side} for {shape}", windows.len())
        })?;
        let per_row = shape.width / side;
        let cell = |value: usize| {
            let (y, x) = (value / shape.width, value % shape.width);
            windows[y / side * per_row + x / side][y % side * side + x % side]
        };
        Ok((0..shape.plane()).map(cell).collect())
    }
}
