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
}

impl Read {
    /// Side of the windows whose cells are summed.
    pub fn factor(&self) -> usize {
        match self {
            Self::Nothing | Self::Raster | Self::Total | Self::Squares => 1,
            Self::Sums { factor } | Self::Scalars { factor } => *factor,
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
    /// First stored tile of the plane, counted from position 0.
    pub first_tile: usize,
    /// Stored tiles of a plane that carry the producer's product.
    pub tiles: usize,
    /// Zero rows appended to a plane for its consumer.
    pub tail: usize,
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

impl Home {
    /// Whether a linear fact produces its accumulators.
    pub fn has_producer(&self) -> bool {
        matches!(self.content, Content::Layer(_)) || self.bound
    }

    /// Tape rows of one plane.
    pub fn plane_rows(&self) -> usize {
        self.tiles + self.tail
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

    /// Tape row at which the producer's evaluation of a plane is complete.
    pub fn write_end(&self, channel: usize) -> usize {
        self.plane_row(channel) + self.tiles - 1
    }

    /// Tape row of one input of a fully connected layer: value `(channel, y, x)` after window sums.
    pub fn scalar_row(&self, channel: usize, y: usize, x: usize) -> usize {
        let factor = self.read.factor();
        let position = self.origin + y * factor * self.pitch + x * factor;
        self.plane_row(channel) + self.tile_of(position) - self.first_tile
    }

    /// Tiles from one row of tiles to the next; only tiles of several rows have such.
    pub fn tiles_per_row(&self) -> usize {
        self.pitch / self.tile.columns
    }

    /// The tile that holds a position.
    pub fn tile_of(&self, position: usize) -> usize {
        if self.tile.rows == 1 {
            return position / self.tile.columns;
        }
        let (y, x) = (position / self.pitch, position % self.pitch);
        y / self.tile.rows * self.tiles_per_row() + x / self.tile.columns
    }

    /// The position in `lane` of a stored row of a plane; `None` for lanes outside the tile.
    pub fn position(&self, plane_row: usize, lane: usize, lanes: usize) -> Option<usize> {
        let cell = (lane + self.tile.lanes()).checked_sub(lanes)?;
        let tile = self.first_tile + plane_row;
        if self.tile.rows == 1 {
            return Some(tile * self.tile.columns + cell);
        }
        let (tile_y, tile_x) = (tile / self.tiles_per_row(), tile % self.tiles_per_row());
        let (y, x) = (cell / self.tile.columns, cell % self.tile.columns);
        Some((tile_y * self.tile.rows + y) * self.pitch + tile_x * self.tile.columns + x)
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
        if plane_row >= self.tiles {
            return None;
        }
        self.value_at(self.position(plane_row, lane, lanes)?)
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
        let last = self.first_tile + self.tiles - 1;
        if self.tile.rows == 1 {
            return last * self.tile.columns + self.tile.columns - 1;
        }
        let (tile_y, tile_x) = (last / self.tiles_per_row(), last % self.tiles_per_row());
        (tile_y * self.tile.rows + self.tile.rows - 1) * self.pitch
            + tile_x * self.tile.columns
            + self.tile.columns
            - 1
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

    /// Exponents by which the producer's evaluation is raised before a stored row of a plane is added; `None` at
    /// the plane's start.
    pub fn write_step(&self, plane_row: usize) -> Option<usize> {
        if plane_row == 0 || plane_row >= self.tiles || self.turned {
            return None;
        }
        let row_start = self.tile.rows > 1 && (self.first_tile + plane_row).is_multiple_of(self.tiles_per_row());
        let skipped = if row_start { (self.tile.rows - 1) * self.pitch } else { 0 };
        Some(skipped + self.tile.columns)
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
        match self.read {
            _ if plane_row == 0 => None,
            Read::Nothing | Read::Scalars { .. } => None,
            Read::Raster => Some(self.tile.columns),
            Read::Sums { factor } => {
                let row_start = (self.first_tile + plane_row).is_multiple_of(self.tiles_per_row());
                let gap = if row_start { self.read_pitch.saturating_sub(self.pitch / factor) } else { 0 };
                Some(self.tile.columns / factor + gap)
            }
            Read::Total | Read::Squares => Some(0),
        }
    }
}
