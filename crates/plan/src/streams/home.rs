//! Homes: where a tensor's cells live on the activation tape, and in which order.
//!
//! A plane of a tensor is a polynomial: position `i` of a plane of `M` positions carries exponent `M - 1 - i`.
//! Rows of a plane follow each other with a pitch; positions that hold no value are padding. A tape row holds
//! one tile of positions, right-aligned, so that the last lane of the last tile carries exponent 0.
//!
//! ```text
//! tile 1 x w (raster)                    tile 2 x 2 (windows of a pooling consumer), w = 4
//! row 0 |  0  1  2  3 |                  row 0 | (0,0) (0,1) (1,0) (1,1) |
//! row 1 |  4  5  6  7 |                  row 1 | (0,2) (0,3) (1,2) (1,3) |
//! ```
//!
//! Where layers read every `stride`-th position, a plane is stored phase by phase: positions at one place of blocks of
//! `stride x stride`, in tiles of a part of a phase's row or of several rows. Exponents stay those of the whole plane.
//!
//! ```text
//! phases of blocks of 2, w = 2, a plane of 4 x 4
//! row 0 | (0,0) (0,2) |   row 2 | (0,1) (0,3) |   row 4 | (1,0) (1,2) |   row 6 | (1,1) (1,3) |
//! row 1 | (2,0) (2,2) |   row 3 | (2,1) (2,3) |   row 5 | (3,0) (3,2) |   row 7 | (3,1) (3,3) |
//! ```
//!
//! A home knows positions and exponents, not what a field element is.

use serde::{Deserialize, Serialize};
use zklayout_model::{PerChannel, Planes};

/// Positions that one tape row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// Rows of the plane.
    pub rows: usize,
    /// Columns of the plane.
    pub columns: usize,
}

impl Tile {
    /// Number of lanes the tile uses.
    pub fn lanes(&self) -> usize {
        self.rows * self.columns
    }
}

/// What a home holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// The constant 1 in every live cell: what biases are multiplied by.
    Ones,
    /// The model's input.
    Input,
    /// The result of the layer at this place of the quantised graph.
    Layer(usize),
}

/// How the consumer evaluates a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// Nobody does.
    Nothing,
    /// One polynomial per plane, position by position.
    Raster,
    /// One polynomial per plane whose coefficients are the sums of `factor x factor` windows.
    Sums {
        /// Side of a window.
        factor: usize,
    },
    /// One number per plane: the sum of all its values.
    Total,
    /// One number per plane: the sum of the squares of all its values.
    Squares,
    /// Each tape row by itself: the sum of its cells is one input of a fully connected layer.
    Scalars {
        /// Side of the window in a row.
        factor: usize,
    },
    /// One polynomial per phase of a plane, block by block.
    Phases {
        /// Side of a block.
        stride: usize,
        /// Row and column of value (0, 0) in its block.
        corner: (usize, usize),
    },
}

impl Read {
    /// Positions of the plane between neighbouring positions of what is evaluated: the side of the windows whose cells are
    /// summed, or of blocks.
    pub fn factor(&self) -> usize {
        match self {
            Self::Nothing | Self::Raster | Self::Total | Self::Squares => 1,
            Self::Sums { factor } | Self::Scalars { factor } => *factor,
            Self::Phases { stride, .. } => *stride,
        }
    }

    /// Whether rows of the evaluation may lie further apart than those of the plane.
    pub(crate) fn sets_apart(&self) -> bool {
        matches!(self, Self::Sums { .. } | Self::Phases { .. })
    }

    /// Side of the blocks that phases are of; 1 where the plane is one phase.
    pub fn block(&self) -> usize {
        match self {
            Self::Phases { stride, .. } => *stride,
            _ => 1,
        }
    }

    /// Phases of a plane.
    pub fn phases(&self) -> usize {
        self.block() * self.block()
    }

    /// Row and column of value (0, 0) in its block.
    pub fn corner(&self) -> (usize, usize) {
        match self {
            Self::Phases { corner, .. } => *corner,
            _ => (0, 0),
        }
    }
}

/// Which cells of a home are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Public {
    /// None.
    No,
    /// The values after the activation.
    Values,
    /// The accumulators themselves.
    Accumulators,
}

/// A row range of the activation tape that holds one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// What it holds.
    pub content: Content,
    /// Shape of the tensor.
    pub shape: Planes,
    /// Positions between neighbouring values, in both directions: the stride of the producing convolution.
    pub stride: usize,
    /// Positions of one tape row.
    pub tile: Tile,
    /// Positions from one row of a plane to the next.
    pub pitch: usize,
    /// The same in the consumer's evaluation, after window sums.
    pub read_pitch: usize,
    /// Position of value (0, 0).
    pub origin: usize,
    /// First stored tile of each phase of the plane, counted from position 0.
    pub first_tile: usize,
    /// Stored tiles of each phase that carry the producer's product.
    pub tiles: usize,
    /// Zero rows appended to each phase for its consumer.
    pub tail: usize,
    /// Exponents by which the last of these rows raises the consumer's evaluation; those of its positions if 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lift: usize,
    /// First row on the tape.
    pub row: usize,
    /// How the consumer evaluates it.
    pub read: Read,
    /// Whether a consumer evaluates its planes at the challenge of planes as well, position by position.
    #[serde(default, skip_serializing_if = "is_false")]
    pub second: bool,
    /// Whether its producer evaluates its planes at the challenge of planes, and joins them at that of positions.
    #[serde(default, skip_serializing_if = "is_false")]
    pub turned: bool,
    /// Logarithm of what each channel's quotients are multiplied by.
    pub shift: PerChannel<u32>,
    /// Bits of a remainder in each channel, or of each of its limbs.
    pub limb_bits: PerChannel<u32>,
    /// The tables that values are looked up in: none, one, or one per channel.
    pub tables: Vec<usize>,
    /// What is public.
    pub public: Public,
    /// Whether its values are those of a commitment that was made outside of the circuit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bound: bool,
}

/// Whether a field is left out of saved plans.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

/// Whether a number is left out of saved plans.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl Home {
    /// Whether a linear fact produces its accumulators.
    pub fn has_producer(&self) -> bool {
        matches!(self.content, Content::Layer(_)) || self.bound
    }

    /// Phases of a plane.
    pub fn phases(&self) -> usize {
        self.read.phases()
    }

    /// Tape rows of one phase of a plane.
    pub fn phase_rows(&self) -> usize {
        self.tiles + self.tail
    }

    /// Tape rows of one plane.
    pub fn plane_rows(&self) -> usize {
        self.phases() * self.phase_rows()
    }

    /// The phase that a row of a plane is of, and the row's place in it.
    pub fn phase_at(&self, plane_row: usize) -> (usize, usize) {
        (plane_row / self.phase_rows(), plane_row % self.phase_rows())
    }

    /// Whether a row of a plane carries the producer's product.
    pub fn is_stored(&self, plane_row: usize) -> bool {
        plane_row < self.plane_rows() && self.phase_at(plane_row).1 < self.tiles
    }

    /// The rows of a plane that carry the producer's product.
    pub fn stored_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.plane_rows()).filter(|row| self.is_stored(*row))
    }

    /// Tape rows of the tensor.
    pub fn rows(&self) -> usize {
        self.shape.channels * self.plane_rows()
    }

    /// Whether values are looked up.
    pub fn is_looked_up(&self) -> bool {
        !self.tables.is_empty()
    }

    /// The table of a channel's values, if they are looked up.
    pub fn table(&self, channel: usize) -> Option<usize> {
        match self.tables.as_slice() {
            [one] => Some(*one),
            tables => tables.get(channel).copied(),
        }
    }

    /// First tape row of a plane.
    pub fn plane_row(&self, channel: usize) -> usize {
        self.row + channel * self.plane_rows()
    }

    /// First tape row of a phase of a plane.
    pub fn phase_row(&self, channel: usize, phase: usize) -> usize {
        self.plane_row(channel) + phase * self.phase_rows()
    }

    /// Tape row at which the producer's evaluation of a plane is complete; of one in phases, that of the last phase.
    pub fn write_end(&self, channel: usize) -> usize {
        self.phase_row(channel, self.phases() - 1) + self.tiles - 1
    }

    /// Of every phase of a plane but the last: the row of the plane at which the producer's evaluation of it is complete, and
    /// the exponent of its last position.
    pub fn raised_phases(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let block = self.read.block();
        (0..self.phases() - 1).map(move |phase| {
            let (above, left) = (block - 1 - phase / block, block - 1 - phase % block);
            (phase * self.phase_rows() + self.tiles - 1, above * self.pitch + left)
        })
    }

    /// Tape row of one input of a fully connected layer: value `(channel, y, x)` after window sums.
    pub fn scalar_row(&self, channel: usize, y: usize, x: usize) -> usize {
        let factor = self.read.factor();
        let position = self.origin + y * factor * self.pitch + x * factor;
        self.plane_row(channel) + self.tile_of(position) - self.first_tile
    }

    /// Whether positions follow each other from tile to tile, whatever the pitch.
    fn is_consecutive(&self) -> bool {
        self.tile.rows == 1 && self.read.block() == 1
    }

    /// Tiles from one row of tiles to the next; only tiles of several rows and those of phases have such.
    pub fn tiles_per_row(&self) -> usize {
        self.pitch / self.read.block() / self.tile.columns
    }

    /// The tile that holds a position, among those of its phase.
    pub fn tile_of(&self, position: usize) -> usize {
        if self.is_consecutive() {
            return position / self.tile.columns;
        }
        let block = self.read.block();
        let (y, x) = (position / self.pitch / block, position % self.pitch / block);
        y / self.tile.rows * self.tiles_per_row() + x / self.tile.columns
    }

    /// The position in `lane` of a stored row of a plane; `None` for lanes outside the tile.
    pub fn position(&self, plane_row: usize, lane: usize, lanes: usize) -> Option<usize> {
        let cell = (lane + self.tile.lanes()).checked_sub(lanes)?;
        let (phase, row) = self.phase_at(plane_row);
        Some(self.position_in(phase, self.first_tile + row, cell))
    }

    /// The position of a cell of a tile of a phase.
    fn position_in(&self, phase: usize, tile: usize, cell: usize) -> usize {
        if self.is_consecutive() {
            return tile * self.tile.columns + cell;
        }
        let (tile_y, tile_x) = (tile / self.tiles_per_row(), tile % self.tiles_per_row());
        let (y, x) = (cell / self.tile.columns, cell % self.tile.columns);
        let (y, x) = (tile_y * self.tile.rows + y, tile_x * self.tile.columns + x);
        let block = self.read.block();
        (y * block + phase / block) * self.pitch + x * block + phase % block
    }

    /// The value `(y, x)` at a position, if it holds one.
    pub fn value_at(&self, position: usize) -> Option<(usize, usize)> {
        let offset = position.checked_sub(self.origin)?;
        let (y, x) = (offset / self.pitch, offset % self.pitch);
        let on_grid = y.is_multiple_of(self.stride) && x.is_multiple_of(self.stride);
        let (y, x) = (y / self.stride, x / self.stride);
        (on_grid && y < self.shape.height && x < self.shape.width).then_some((y, x))
    }

    /// The value in `lane` of a stored row of a plane.
    pub fn value(&self, plane_row: usize, lane: usize, lanes: usize) -> Option<(usize, usize)> {
        if !self.is_stored(plane_row) {
            return None;
        }
        self.value_at(self.position(plane_row, lane, lanes)?)
    }

    /// Marks lanes at which rows of values begin or have ended; every lane, where values do not follow each other from tile to tile.
    pub(crate) fn mark_edges(&self, lanes: &mut [bool]) {
        let Some(first) = lanes.len().checked_sub(self.tile.lanes()) else { return };
        if !self.is_consecutive() || self.stride > 1 || self.tile.columns == 0 {
            lanes.fill(true);
            return;
        }
        lanes[first] = true;
        let Planes { height, width, .. } = self.shape;
        let rows = if self.pitch == width { 1 } else { height };
        for row in 0..rows {
            let start = self.origin + row * self.pitch;
            for position in [start, start + height / rows * width] {
                lanes[first + position % self.tile.columns] = true;
            }
        }
    }

    /// Exponent of the producer's product at a position.
    pub fn exponent(&self, position: usize) -> usize {
        self.end() - position
    }

    /// Exponent of value (0, 0) in the producer's product.
    pub fn origin_exponent(&self) -> usize {
        self.end() - self.origin
    }

    /// Whether value (0, 0) lies among the stored positions.
    pub(crate) fn holds_origin(&self) -> bool {
        self.origin <= self.end()
    }

    /// The last position of a plane.
    fn end(&self) -> usize {
        self.position_in(self.phases() - 1, self.first_tile + self.tiles - 1, self.tile.lanes() - 1)
    }

    /// Whether the consumer's evaluation has each value at a power of its own: position by position, or in windows of the distance
    /// between values, each of which holds one.
    pub fn is_read_by_value(&self) -> bool {
        match self.read {
            Read::Raster => true,
            Read::Sums { factor } => factor == self.stride,
            _ => false,
        }
    }

    /// Whether a row of a phase starts a row of tiles.
    fn starts_row(&self, row: usize) -> bool {
        !self.is_consecutive() && (self.first_tile + row).is_multiple_of(self.tiles_per_row())
    }

    /// Exponents by which the producer's evaluation is raised before a stored row of a plane is added; `None` at
    /// a phase's start.
    pub fn write_step(&self, plane_row: usize) -> Option<usize> {
        let (row, block) = (self.phase_at(plane_row).1, self.read.block());
        if row == 0 || row >= self.tiles || self.turned {
            return None;
        }
        let skipped = if self.starts_row(row) { (self.tile.rows * block - 1) * self.pitch } else { 0 };
        Some(skipped + self.tile.columns * block)
    }

    /// Whether a stored row of a plane goes on from the row before in the evaluation at the challenge of planes.
    pub fn second_step(&self, plane_row: usize) -> bool {
        self.second && plane_row > 0
    }

    /// Whether its rows are summed in powers of the challenge of planes; a single value has no power.
    pub fn is_turned(&self, lanes: usize) -> bool {
        self.turned && self.tile == Tile { rows: 1, columns: lanes }
    }

    /// Whether a turned producer's evaluation goes on from the row before.
    pub fn turned_step(&self, plane_row: usize) -> bool {
        self.turned && plane_row > 0 && plane_row < self.tiles
    }

    /// Exponents by which the consumer's evaluation is raised before a row of a plane is added; `None` where it
    /// starts anew.
    pub fn read_step(&self, plane_row: usize) -> Option<usize> {
        let row = self.phase_at(plane_row).1;
        match self.read {
            _ if row == 0 => None,
            Read::Nothing | Read::Scalars { .. } => None,
            _ if self.lift > 0 && row + 1 == self.phase_rows() => Some(self.lift),
            Read::Raster => Some(self.tile.columns),
            Read::Sums { factor } => Some(self.tile.columns / factor + self.read_gap(row, 1)),
            Read::Phases { .. } => Some(self.tile.columns + self.read_gap(row, self.tile.rows)),
            Read::Total | Read::Squares => Some(0),
        }
    }

    /// Exponents that a row of tiles, which is read as so many rows, adds to those of a row of the plane.
    fn read_gap(&self, row: usize, rows: usize) -> usize {
        let own = self.pitch / self.read.factor();
        if self.starts_row(row) { (rows * self.read_pitch).saturating_sub(own) } else { 0 }
    }
}
