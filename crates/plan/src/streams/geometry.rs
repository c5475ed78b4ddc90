//! Geometry: pitches, origins and tiles such that every layer's identity holds with no shift between its sides.
//!
//! With `E` the exponent of value (0, 0), a convolution with padding (t, l) needs
//! `E_out = E_in + t * pitch + l`, and its product reaches `(kh - 1 - t) * pitch + kw - 1 - l` exponents above
//! `E_out`. `E_in` grows by a row's positions for each further row after which the input is read, which is the
//! freedom used to align tiles of several rows.

use zklayout_model::{PerChannel, Planes};

use crate::streams::home::{Content, Home, Public, Read, Tile};

/// What a layer asks of the home it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) content: Content,
    pub(crate) shape: Planes,
    pub(crate) stride: usize,
    pub(crate) pitch: usize,
    /// Exponent of value (0, 0).
    pub(crate) origin_exponent: usize,
    /// Largest exponent of the product.
    pub(crate) top_exponent: usize,
    pub(crate) read: Read,
    /// Whether it is evaluated at the challenge of planes as well.
    pub(crate) second: bool,
    /// Whether it is written so.
    pub(crate) turned: bool,
    pub(crate) lanes: usize,
}

impl Demand {
    /// Positions from value (0, 0) to the last value.
    pub(crate) fn last_value(&self) -> usize {
        ((self.shape.height - 1) * self.pitch + self.shape.width - 1) * self.stride
    }

    /// Whether value (0, 0) may lie at a row and column of a row of tiles. A window must hold the values of one window and no
    /// others: those are `stride` apart, so that it may start up to that many positions before them. A block has one place
    /// for it.
    fn holds_origin_at(&self, row: usize, column: usize) -> bool {
        match self.read {
            Read::Phases { stride, corner } => (row % stride, column % stride) == corner,
            read => row < self.stride && column % read.factor() < self.stride,
        }
    }
}

/// Positions of a tape row of a home, or `None` if no tile fits.
pub(crate) fn tile_for(read: Read, pitch: usize, lanes: usize) -> Option<Tile> {
    match read {
        Read::Nothing | Read::Scalars { factor: 1 } => Some(Tile { rows: 1, columns: 1 }),
        Read::Raster | Read::Total | Read::Squares => Some(Tile { rows: 1, columns: lanes }),
        Read::Scalars { factor } => (factor * factor <= lanes && pitch.is_multiple_of(factor))
            .then_some(Tile { rows: factor, columns: factor }),
        Read::Sums { factor } => (1..=lanes / (factor * factor))
            .rev()
            .map(|windows| Tile { rows: factor, columns: factor * windows })
            .find(|tile| pitch.is_multiple_of(tile.columns)),
        Read::Phases { stride, .. } => pitch.is_multiple_of(stride).then(|| phase_tile(pitch / stride, lanes)),
    }
}

/// Positions of a tape row of a phase: as many whole rows as lanes have room for, or a part of a row that divides it.
fn phase_tile(pitch: usize, lanes: usize) -> Tile {
    let rows = (lanes / pitch.max(1)).max(1);
    let columns = (1..=lanes.min(pitch)).rev().find(|columns| pitch.is_multiple_of(*columns));
    Tile { rows, columns: columns.unwrap_or(1) }
}

/// Number of positions that the all-ones plane must cover for a bias: 1, or whole raster rows.
pub(crate) fn bias_positions(origin_exponent: usize, lanes: usize) -> usize {
    if origin_exponent == 0 { 1 } else { (origin_exponent + 1).next_multiple_of(lanes) }
}

/// Places a plane so that value (0, 0) has the demanded exponent; `None` if the tile cannot be aligned.
pub(crate) fn place(demand: &Demand) -> Option<Home> {
    let tile = tile_for(demand.read, demand.pitch, demand.lanes)?;
    if (demand.shape.width - 1) * demand.stride >= demand.pitch {
        // A row of values would run into the next one.
        return None;
    }
    let top = demand.top_exponent.max(bias_positions(demand.origin_exponent, demand.lanes) - 1);
    let mut home = Home {
        content: demand.content,
        shape: demand.shape,
        stride: demand.stride,
        tile,
        pitch: demand.pitch,
        read_pitch: demand.pitch / demand.read.factor(),
        origin: 0,
        first_tile: 0,
        tiles: 0,
        tail: 0,
        lift: 0,
        row: 0,
        read: demand.read,
        second: demand.second,
        turned: demand.turned,
        shift: PerChannel::uniform(0),
        limb_bits: PerChannel::uniform(0),
        tables: Vec::new(),
        public: Public::No,
        bound: false,
    };
    if tile.rows == 1 && demand.read.block() == 1 {
        place_raster(&mut home, demand, top)
    } else {
        place_tiled(&mut home, demand, top)?
    };
    Some(home)
}

fn place_raster(home: &mut Home, demand: &Demand, top: usize) {
    let positions = (top + 1).next_multiple_of(home.tile.columns);
    home.tiles = positions / home.tile.columns;
    home.origin = positions - 1 - demand.origin_exponent;
}

fn place_tiled(home: &mut Home, demand: &Demand, top: usize) -> Option<()> {
    let block = demand.read.block();
    let tile_row = home.tile.rows * block * demand.pitch;
    let place = (tile_row - (demand.origin_exponent + 1) % tile_row) % tile_row;
    let (row, column) = (place / demand.pitch, place % demand.pitch);
    let width = (demand.shape.width - 1) * demand.stride + 1;
    if !demand.holds_origin_at(row, column) || column + width > demand.pitch {
        return None;
    }
    let positions = (top + 1).div_ceil(tile_row) * tile_row;
    home.origin = positions - 1 - demand.origin_exponent;
    // Positions below value (0, 0), but in its row of tiles, may lie in tiles to its left.
    let lowest = demand.origin_exponent.saturating_sub(tile_row);
    let first = (lowest..=top).map(|exponent| home.tile_of(positions - 1 - exponent)).min()?;
    home.first_tile = first;
    home.tiles = positions / (block * block) / home.tile.lanes() - first;
    Some(())
}

/// The stored row of a plane that holds its last value; of a plane in phases, the row of each phase after which there is none.
pub(crate) fn last_value_row(home: &Home) -> usize {
    let (y, x) = ((home.shape.height - 1) * home.stride, (home.shape.width - 1) * home.stride);
    home.tile_of(home.origin + y * home.pitch + x) - home.first_tile
}

/// Exponent of value (0, 0) in the consumer's evaluation taken after `row` of a plane; of a plane in phases, that of its block
/// in each phase.
pub(crate) fn read_exponent(home: &Home, row: usize) -> usize {
    if home.lift > 0 && row + 1 == home.phase_rows() {
        return unlifted_exponent(home, row - 1) + home.lift;
    }
    unlifted_exponent(home, row)
}

fn unlifted_exponent(home: &Home, row: usize) -> usize {
    match home.read {
        Read::Nothing | Read::Total | Read::Squares | Read::Scalars { .. } => 0,
        Read::Raster => (home.first_tile + row + 1) * home.tile.columns - 1 - home.origin,
        Read::Sums { factor } => grid_exponent(home, row, (1, home.tile.columns / factor)),
        Read::Phases { .. } => grid_exponent(home, row, (home.tile.rows, home.tile.columns)),
    }
}

/// The exponent where a tile is so many rows and columns of what is evaluated.
fn grid_exponent(home: &Home, row: usize, (rows, columns): (usize, usize)) -> usize {
    let factor = home.read.factor();
    let (y, x) = (home.origin / home.pitch / factor, home.origin % home.pitch / factor);
    let tile = home.first_tile + row;
    let (tile_y, tile_x) = (tile / home.tiles_per_row(), tile % home.tiles_per_row());
    ((tile_y + 1) * rows - 1) * home.read_pitch + (tile_x + 1) * columns - 1 - (y * home.read_pitch + x)
}

/// Exponent of value (0, 0) in the evaluation at the challenge of planes, after a plane's last value.
pub(crate) fn second_exponent(home: &Home) -> usize {
    (home.first_tile + last_value_row(home) + 1) * home.tile.columns - 1 - home.origin
}

/// Every way to place an output that lies on nothing that its layer reads, from the least exponent of its first value on.
pub(crate) fn free_outputs(demand: Demand, least_origin: usize, reach: usize) -> impl Iterator<Item = Home> {
    let first = least_origin.max(demand.last_value());
    (first..=first + 2 * demand.read.factor() * demand.pitch).filter_map(move |origin_exponent| {
        place(&Demand { origin_exponent, top_exponent: origin_exponent + reach, ..demand })
    })
}
