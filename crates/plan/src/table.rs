//! Lookup tables: ranges for remainders and weights, activations for quotients.
//!
//! All tables share the table columns of the grid; a tag keeps them apart.

use serde::{Deserialize, Serialize};
use zklayout_model::FixedActivation;

/// Tags of activation tables start here, above every range's size.
const FIRST_ACTIVATION_TAG: u64 = 1 << 32;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// First entry of every row.
    pub tag: u64,
    /// What it relates.
    pub kind: TableKind,
}

/// What a table relates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableKind {
    /// `(x, 0)` for `x` in `[0, size)`; the tag is the size.
    Range {
        /// Number of entries.
        size: u64,
    },
    /// `(x, activation(x >> shift))` for `x` in `[lo, hi]`.
    Activation {
        /// Bits dropped inside the table.
        shift: u32,
        /// The activation.
        activation: FixedActivation,
        /// Smallest `x`.
        lo: i64,
        /// Largest `x`.
        hi: i64,
    },
}

impl Table {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match &self.kind {
            TableKind::Range { size } => *size as usize,
            TableKind::Activation { lo, hi, .. } => usize::try_from(hi - lo + 1).unwrap_or(0),
        }
    }

    /// Whether the table has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries `(x, y)`, in order.
    pub fn entries(&self) -> Box<dyn Iterator<Item = (i64, i64)> + '_> {
        match &self.kind {
            TableKind::Range { size } => Box::new((0..*size as i64).map(|x| (x, 0))),
            TableKind::Activation { shift, activation, lo, hi } => {
                Box::new((*lo..=*hi).map(move |x| (x, activation.apply(x >> shift))))
            }
        }
    }

    /// Place of `x` among the entries.
    pub fn index_of(&self, x: i64) -> Option<usize> {
        let lo = match &self.kind {
            TableKind::Range { .. } => 0,
            TableKind::Activation { lo, .. } => *lo,
        };
        usize::try_from(x - lo).ok().filter(|&index| index < self.len())
    }
}

/// Tables under construction: equal relations are merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSet(pub(crate) Vec<Table>);

impl TableSet {
    pub(crate) fn range(&mut self, size: u64) {
        let kind = TableKind::Range { size };
        if !self.0.iter().any(|table| table.kind == kind) {
            self.0.push(Table { tag: size, kind });
        }
    }

    /// Adds an activation unless an equal one is there; returns its place. Relations that differ in range alone stay
    /// apart, so that the circuit accepts exactly what the executor does.
    pub(crate) fn activation(&mut self, shift: u32, activation: FixedActivation, lo: i64, hi: i64) -> usize {
        let kind = TableKind::Activation { shift, activation, lo, hi };
        if let Some(index) = self.0.iter().position(|table| table.kind == kind) {
            return index;
        }
        self.0.push(Table { tag: FIRST_ACTIVATION_TAG + self.0.len() as u64, kind });
        self.0.len() - 1
    }

    pub(crate) fn entries(&self) -> usize {
        self.0.iter().map(Table::len).sum()
    }

    /// Offsets that make every stored `x` and `y` of the activation tables non-negative.
    pub(crate) fn offsets(&self) -> (i64, i64) {
        let mut offsets = (0, 0);
        for table in &self.0 {
            if let TableKind::Activation { shift, activation, lo, hi } = &table.kind {
                let (least, _) = activation.extremes(lo >> shift, hi >> shift);
                offsets = (offsets.0.max(-lo), offsets.1.max(-least));
            }
        }
        offsets
    }
}
