//! Passes: the Horner evaluations that run down a tape, and the distinct steps they take.
//!
//! Each distinct step or tile costs one fixed column that marks its rows; a pass collects them.

use serde::{Deserialize, Serialize};

use crate::streams::home::{Home, Read, Tile, is_false, is_zero};

/// Lane exponents of a producer's evaluation, other than one full row of consecutive positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteTile {
    /// Positions of a tape row.
    pub tile: Tile,
    /// Pitch of the plane; 0 for a tile of one row, which does not depend on it.
    pub pitch: usize,
    /// Positions between neighbours of the tile, in both directions: those of a phase lie apart.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: usize,
}

pub(super) fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn is_one(value: &usize) -> bool {
    *value == 1
}

impl WriteTile {
    /// Exponent of `lane`; `None` for lanes outside the tile.
    pub fn exponent(&self, lane: usize, lanes: usize) -> Option<usize> {
        let cell = (lane + self.tile.lanes()).checked_sub(lanes)?;
        let (y, x) = (cell / self.tile.columns, cell % self.tile.columns);
        Some(((self.tile.rows - 1 - y) * self.pitch + self.tile.columns - 1 - x) * self.stride)
    }
}

/// Lane exponents of a consumer's evaluation that sums windows, or sets rows of a phase apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSum {
    /// Side of a window.
    pub factor: usize,
    /// Positions of a tape row.
    pub tile: Tile,
    /// From one row of the tile to the next; 0 where they are summed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pitch: usize,
}

impl ReadSum {
    /// Exponent of `lane`; `None` for lanes outside the tile.
    pub fn exponent(&self, lane: usize, lanes: usize) -> Option<usize> {
        let cell = (lane + self.tile.lanes()).checked_sub(lanes)?;
        let (y, windows) = (cell / self.tile.columns, self.tile.columns / self.factor);
        Some((self.tile.rows - 1 - y) * self.pitch + windows - 1 - cell % self.tile.columns / self.factor)
    }
}

/// What a weight row's evaluation is multiplied by before the row is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WeightStep {
    /// A power of the position challenge: from one kernel tap to the next.
    Position(usize),
    /// The base of a bias's digits, `2^bits`.
    Digit(u32),
}

/// Every distinct step and tile of a plan; an index into these lists names a fixed column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passes {
    /// Producer's lane exponents.
    pub write_tiles: Vec<WriteTile>,
    /// Producer's row steps.
    pub write_steps: Vec<usize>,
    /// Consumer's window sums.
    pub read_sums: Vec<ReadSum>,
    /// Consumer's row steps.
    pub read_steps: Vec<usize>,
    /// Weight tape's row steps.
    pub weight_steps: Vec<WeightStep>,
    /// Powers of sigma that skipped evaluations, and those of phases, are raised by.
    pub skips: Vec<usize>,
    /// Whether evaluations are multiplied with each other, some of them taken at the challenge of planes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub products: bool,
    /// Whether sums of squares are read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub squares: bool,
    /// Whether tensors are written turned.
    #[serde(default, skip_serializing_if = "is_false")]
    pub turned: bool,
}

impl Passes {
    /// Adds what `home` needs.
    pub(crate) fn collect(&mut self, home: &Home, lanes: usize) {
        if let Some(tile) = WriteTile::of(home, lanes) {
            add(&mut self.write_tiles, tile);
        }
        for row in 0..home.plane_rows() {
            if let Some(step) = home.write_step(row).filter(|_| home.has_producer()) {
                add(&mut self.write_steps, step);
            }
            if let Some(step) = home.read_step(row) {
                add(&mut self.read_steps, step);
            }
        }
        self.products |= home.second;
        self.squares |= home.read == Read::Squares;
        self.turned |= home.turned;
        if let Some(sum) = ReadSum::of(home) {
            add(&mut self.read_sums, sum);
        }
    }
}

impl WriteTile {
    /// The tile that a home's producer writes; `None` for full rows of consecutive positions.
    pub fn of(home: &Home, lanes: usize) -> Option<Self> {
        let stride = home.read.block();
        let raster = home.tile == Tile { rows: 1, columns: lanes } && stride == 1;
        let pitch = if home.tile.rows > 1 { home.pitch } else { 0 };
        (!raster && home.has_producer()).then_some(Self { tile: home.tile, pitch, stride })
    }
}

impl ReadSum {
    /// The windows that a home's consumer sums, or the rows that it sets apart; `None` if it takes position by position.
    pub fn of(home: &Home) -> Option<Self> {
        let tile = home.tile;
        match home.read {
            Read::Sums { factor } | Read::Scalars { factor } if factor > 1 => {
                Some(Self { factor, tile, pitch: 0 })
            }
            Read::Total => Some(Self { factor: tile.columns, tile, pitch: 0 }),
            Read::Phases { stride, .. } if tile.rows > 1 && home.read_pitch != home.pitch / stride => {
                Some(Self { factor: 1, tile, pitch: home.read_pitch })
            }
            _ => None,
        }
    }
}

pub(crate) fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
