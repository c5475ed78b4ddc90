//! The choices of the family `streams`, and their limits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::MOST_K;
use crate::streams::home::is_false;
use crate::streams::limbs::Limbs;
use crate::streams::requantise::Requantise;
use crate::visibility::WeightMode;

/// Widths of the activation tape that are tried, those that rule out most others first.
pub(crate) const LANES: [usize; 56] = [
    4, 6, 8, 12, 16, 32, 24, 20, 28, 3, 2, 1, 5, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23, 25, 26, 27, 29,
    30, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 50, 52, 54, 56, 58, 60, 62, 64,
];
/// The most sets of table columns that are tried.
pub(crate) const MOST_TABLE_COLUMNS: usize = 3;

/// How lookups are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LookupArgument {
    /// By running sums of fractions, `chunk` fractions to a column.
    Sums {
        /// Fractions that share a column.
        chunk: usize,
    },
    /// By the proof system's own argument: three more columns per lookup.
    Native,
}

impl LookupArgument {
    /// Every argument that is tried, those that rule out most others first.
    pub const ALL: [Self; 4] =
        [Self::Sums { chunk: 3 }, Self::Sums { chunk: 2 }, Self::Sums { chunk: 1 }, Self::Native];

    /// Constraint degree that the argument needs; the scalar sum's gate needs 4.
    pub fn degree(&self) -> usize {
        match self {
            Self::Sums { chunk } => (2 + chunk).max(4),
            Self::Native => 5,
        }
    }
}

/// The choices of a layout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKnobs {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Lanes of the activation tape.
    pub lanes: usize,
    /// Lanes of the weight tape.
    pub weight_lanes: usize,
    /// Sets of table columns.
    pub table_columns: usize,
    /// By layer, how its accumulators become values.
    pub requantise: Vec<Requantise>,
    /// How remainders are cut, if some layer is in limbs.
    pub limbs: Option<Limbs>,
    /// Whether private weights are looked up two at a time.
    pub weight_pairs: bool,
    /// How lookups are proven.
    pub lookups: LookupArgument,
    /// Whether no tensor is stored in phases, though strided layers alone read some.
    #[serde(default, skip_serializing_if = "is_false")]
    pub whole_grids: bool,
}

impl fmt::Display for StreamKnobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let split = self.requantise.iter().filter(|choice| **choice == Requantise::Split).count();
        let requantise = match (self.limbs, split) {
            (Some(limbs), _) => format!("{} limbs of {} bits", limbs.count, limbs.bits),
            (None, 0) => "tables".to_owned(),
            (None, all) if all == self.requantise.len() => "split".to_owned(),
            _ => "mixed".to_owned(),
        };
        let pairs = if self.weight_pairs { "; weights in pairs" } else { "" };
        let grids = if self.whole_grids { "; whole grids" } else { "" };
        let Self { k, lanes, weight_lanes, table_columns, lookups, .. } = self;
        write!(f, "streams 2^{k}: {lanes} + {weight_lanes} lanes; {table_columns} table; ")?;
        write!(f, "{lookups}; {requantise}{pairs}{grids}")
    }
}

impl fmt::Display for LookupArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sums { chunk } => write!(f, "sums of {chunk}"),
            Self::Native => f.write_str("native lookups"),
        }
    }
}

impl StreamKnobs {
    /// Whether the search may try them with weights that are held in a way.
    pub(crate) fn are_known_for(&self, weights: WeightMode) -> bool {
        LANES.contains(&self.lanes)
            && (1..=weights.most_lanes()).contains(&self.weight_lanes)
            && (!self.weight_pairs || weights == WeightMode::Private)
            && (1..=MOST_TABLE_COLUMNS).contains(&self.table_columns)
            && LookupArgument::ALL.contains(&self.lookups)
            && (self.lookups != LookupArgument::Native || self.table_columns == 1)
            && self.k <= MOST_K
            && self.limbs.is_none_or(|limbs| limbs.are_known())
            && self.limbs.is_some() == self.requantise.contains(&Requantise::Limbs)
    }

    /// Private weights that share a lookup.
    pub fn weights_together(&self) -> usize {
        if self.weight_pairs { 2 } else { 1 }
    }

    /// Lookups of private weights on a row.
    pub fn weight_lookups(&self) -> usize {
        self.weight_lanes.div_ceil(self.weights_together())
    }

    /// Remainder columns of a lane: one if some layer is split, as many as there are limbs if some layer is in limbs.
    pub fn remainders(&self) -> usize {
        match self.limbs {
            Some(limbs) => limbs.count,
            None => usize::from(self.requantise.contains(&Requantise::Split)),
        }
    }

    /// What each remainder column of a lane is multiplied by in its accumulator.
    pub fn remainder_factors(&self) -> Vec<i64> {
        let bits = self.limbs.map_or(0, |limbs| limbs.bits);
        (0..self.remainders() as u32).map(|limb| 1 << (limb * bits)).collect()
    }
}
