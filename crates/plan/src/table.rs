//! Lookup tables: ranges for remainders and weights, one by one or in pairs, activations for quotients.
//!
//! All tables share the table columns of the grid; a tag keeps them apart.

use serde::{Deserialize, Serialize};
use zklayout_model::FixedActivation;

/// Tags of tables of pairs start here, above every range's size.
const FIRST_PAIRS_TAG: u64 = 1 << 31;
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
    /// `(x, y)` for `x` and `y` in `[0, 2^bits)`: two range checks in one lookup.
    Pairs {
        /// Bits of each.
        bits: u32,
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
    /// Parts of steps and the value that their step is clamped to.
    Steps {
        /// The steps.
        steps: Steps,
        /// The clamp.
        activation: FixedActivation,
    },
}

/// Steps cut into `2^parts` parts: that of value `y` starts at part `2^parts * y`, those of values of `pivot` and less
/// `nudge` parts later. An entry is as wide as half a step, or as a whole one where steps have one part; it stands at the start of
/// each step and half a step before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Logarithm of the parts of a step.
    pub parts: u32,
    /// The last value whose step starts later.
    pub pivot: i64,
    /// Parts that it starts later.
    pub nudge: i64,
    /// Value of the first step.
    pub lo: i64,
    /// Value of the last step.
    pub hi: i64,
    /// The first and the last value whose steps may be in the table: with others, accumulators would find a value that
    /// their rounding does not give, or is not defined for.
    pub room: (i64, i64),
}

impl Steps {
    /// The part that the step of a value starts with.
    pub fn start(&self, value: i64) -> i64 {
        (value << self.parts) + if value <= self.pivot { self.nudge } else { 0 }
    }

    /// One table of both, if their steps start at the same parts and each has room for the other's.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        let alike = (self.parts, self.pivot, self.nudge) == (other.parts, other.pivot, other.nudge);
        let (lo, hi) = (self.lo.min(other.lo), self.hi.max(other.hi));
        let room = (self.room.0.max(other.room.0), self.room.1.min(other.room.1));
        (alike && room.0 <= lo && hi <= room.1).then_some(Self { lo, hi, room, ..*self })
    }

    /// The value whose step a part belongs to.
    pub fn value(&self, part: i64) -> i64 {
        let value = part >> self.parts;
        if part < self.start(value) { value - 1 } else { value }
    }

    /// The last entry at or before a part that the part lies in.
    pub fn entry(&self, part: i64) -> i64 {
        let value = self.value(part);
        let second = self.second(value);
        if part < second { self.start(value) } else { second }
    }

    /// Parts of an entry.
    fn width(&self) -> i64 {
        if self.parts == 0 { 1 } else { 1 << (self.parts - 1) }
    }

    /// The entry that ends with a value's step.
    fn second(&self, value: i64) -> i64 {
        self.start(value + 1) - self.width()
    }

    /// Entries of a step.
    fn each(&self) -> usize {
        if self.parts == 0 { 1 } else { 2 }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.hi - self.lo + 1).unwrap_or(0) * self.each()
    }

    /// The entries and the values of their steps, in order.
    pub fn entries(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        (self.lo..=self.hi).flat_map(|value| {
            [(self.start(value), value), (self.second(value), value)].into_iter().take(self.each())
        })
    }

    /// Place of an entry.
    fn index_of(&self, entry: i64) -> Option<usize> {
        let value = self.value(entry);
        let second = match entry {
            _ if entry == self.start(value) => 0,
            _ if entry == self.second(value) => 1,
            _ => return None,
        };
        usize::try_from(value - self.lo).ok().map(|place| place * self.each() + second)
    }
}

impl Table {
    /// The integers in `[0, size)`.
    pub fn range(size: u64) -> Self {
        Self { tag: size, kind: TableKind::Range { size } }
    }

    /// All pairs of integers in `[0, 2^bits)`.
    pub fn pairs(bits: u32) -> Self {
        Self { tag: FIRST_PAIRS_TAG + u64::from(bits), kind: TableKind::Pairs { bits } }
    }

    /// What weights of so many bits are looked up in: one by one, or two at a time.
    pub fn of_weights(bits: u32, pairs: bool) -> Self {
        if pairs { Self::pairs(bits) } else { Self::range(1 << bits) }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        match &self.kind {
            TableKind::Range { size } => *size as usize,
            TableKind::Pairs { bits } => 1 << (2 * bits),
            TableKind::Activation { lo, hi, .. } => usize::try_from(hi - lo + 1).unwrap_or(0),
            TableKind::Steps { steps, .. } => steps.len(),
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
            TableKind::Pairs { bits } => {
                let (bits, count) = (*bits, 1i64 << bits);
                Box::new((0..count * count).map(move |pair| (pair >> bits, pair & (count - 1))))
            }
            TableKind::Activation { shift, activation, lo, hi } => {
                Box::new((*lo..=*hi).map(move |x| (x, activation.apply(x >> shift))))
            }
            TableKind::Steps { steps, activation } => {
                Box::new(steps.entries().map(|(x, value)| (x, activation.apply(value))))
            }
        }
    }

    /// The entry that a quotient stands for: itself, but where entries are wider than one.
    pub fn entry(&self, quotient: i64) -> i64 {
        match &self.kind {
            TableKind::Steps { steps, .. } => steps.entry(quotient),
            TableKind::Range { .. } | TableKind::Pairs { .. } | TableKind::Activation { .. } => quotient,
        }
    }

    /// Place of the first entry with `x` among the entries.
    pub fn index_of(&self, x: i64) -> Option<usize> {
        let index = match &self.kind {
            TableKind::Range { .. } => usize::try_from(x).ok(),
            TableKind::Pairs { bits } => usize::try_from(x).ok().map(|x| x << bits),
            TableKind::Activation { lo, .. } => usize::try_from(x - lo).ok(),
            TableKind::Steps { steps, .. } => steps.index_of(x),
        };
        index.filter(|&index| index < self.len())
    }
}

/// Tables under construction: equal relations are merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSet(pub(crate) Vec<Table>);

impl TableSet {
    /// Adds a table that knows its own tag, unless it is there.
    pub(crate) fn insert(&mut self, table: Table) {
        if !self.0.contains(&table) {
            self.0.push(table);
        }
    }

    /// Adds an activation unless an equal one is there; returns its place. Relations that differ in range alone stay
    /// apart, so that the circuit accepts exactly what the executor does.
    pub(crate) fn activation(&mut self, shift: u32, activation: FixedActivation, lo: i64, hi: i64) -> usize {
        self.add(TableKind::Activation { shift, activation, lo, hi })
    }

    /// Adds steps, to those of the same pattern that have room for them; returns their place.
    pub(crate) fn steps(&mut self, steps: Steps, activation: FixedActivation) -> usize {
        for (place, table) in self.0.iter_mut().enumerate() {
            if let TableKind::Steps { steps: other, activation: same } = &mut table.kind
                && *same == activation
                && let Some(joined) = other.joined(&steps)
            {
                *other = joined;
                return place;
            }
        }
        self.add(TableKind::Steps { steps, activation })
    }

    fn add(&mut self, kind: TableKind) -> usize {
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
            let (x, y) = match &table.kind {
                TableKind::Range { .. } | TableKind::Pairs { .. } => continue,
                TableKind::Activation { shift, activation, lo, hi } => {
                    (*lo, activation.extremes(lo >> shift, hi >> shift).0)
                }
                TableKind::Steps { steps, activation } => {
                    (steps.start(steps.lo), activation.extremes(steps.lo, steps.hi).0)
                }
            };
            offsets = (offsets.0.max(-x), offsets.1.max(-y));
        }
        offsets
    }
}
