//! Activations: clamps, which tensors of any scale share, and functions, which become tables of values.

use serde::{Deserialize, Serialize};

use crate::clamp::Clamp;
use crate::function::Function;
use crate::pointwise::Pointwise;

/// An activation of real numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// A clamp.
    Clamp(Clamp<f64>),
    /// Any other function.
    Function(Function),
    /// A function that is put together from others.
    Composed(Pointwise),
}

impl Activation {
    /// The identity.
    pub fn none() -> Self {
        Self::Clamp(Clamp::none())
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        matches!(self, Self::Clamp(clamp) if clamp.is_identity())
    }

    /// The activation's value.
    pub fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Clamp(clamp) => clamp.apply(x),
            Self::Function(function) => function.apply(x),
            Self::Composed(pointwise) => pointwise.apply(x),
        }
    }

    /// The scale at which integers of a given scale have integer values, if there is one.
    pub(crate) fn exact_scale(&self, scale: i32) -> Option<i32> {
        match self {
            Self::Clamp(_) => None,
            Self::Function(function) => function.exact_scale(scale),
            Self::Composed(pointwise) => pointwise.exact_scale(scale),
        }
    }

    /// Whether its value jumps somewhere.
    pub(crate) fn jumps(&self) -> bool {
        match self {
            Self::Clamp(_) => false,
            Self::Function(function) => function.jumps(),
            Self::Composed(pointwise) => pointwise.jumps(),
        }
    }

    /// Whether 0 counts, if it tells numbers above 0 from those below: what they are counted in does not matter.
    pub(crate) fn decides(&self) -> Option<bool> {
        match self {
            Self::Function(Function::Positive { or_zero }) => Some(*or_zero),
            _ => None,
        }
    }

    /// Whether it is known to be finite, and of moderate size, wherever its argument is.
    pub(crate) fn is_finite_everywhere(&self) -> bool {
        match self {
            Self::Clamp(_) => true,
            Self::Function(function) => function.is_finite_everywhere(),
            Self::Composed(_) => false,
        }
    }

    /// `next` after `self` as one activation, if there is one.
    pub fn then(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Clamp(first), Self::Clamp(second)) => Some(Self::Clamp(first.then(second))),
            _ if self.is_identity() => Some(next.clone()),
            _ if next.is_identity() => Some(self.clone()),
            _ => None,
        }
    }
}

/// A function of integers, value by value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueTable {
    /// The first integer that it is known for.
    pub lo: i64,
    /// Its values from there on.
    pub values: Vec<i64>,
    /// Power-of-two scale of the values.
    pub scale: i32,
}

/// An activation of integers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FixedActivation {
    /// A clamp; the scale stays.
    Clamp(Clamp<i64>),
    /// Anything else.
    Table(ValueTable),
}

impl FixedActivation {
    /// The identity.
    pub fn none() -> Self {
        Self::Clamp(Clamp::none())
    }

    /// The clamp, if it is one.
    pub fn as_clamp(&self) -> Option<&Clamp<i64>> {
        if let Self::Clamp(clamp) = self { Some(clamp) } else { None }
    }

    /// The activation's value; beyond a table's ends, that of the end.
    pub fn apply(&self, x: i64) -> i64 {
        match self {
            Self::Clamp(clamp) => clamp.apply(x),
            Self::Table(table) => {
                let last = table.values.len().saturating_sub(1);
                let place = usize::try_from(x.saturating_sub(table.lo)).unwrap_or(0).min(last);
                table.values.get(place).copied().unwrap_or(0)
            }
        }
    }

    /// Smallest and largest value on the integers from `lo` to `hi`.
    pub fn extremes(&self, lo: i64, hi: i64) -> (i64, i64) {
        match self {
            // Clamps are monotone, so that the ends have the extremes.
            Self::Clamp(clamp) => (clamp.apply(lo), clamp.apply(hi)),
            Self::Table(table) => {
                let ends = [self.apply(lo), self.apply(hi)];
                let inside = table.values.iter().copied().zip(table.lo..).filter(|(_, x)| (lo..=hi).contains(x));
                let all = inside.map(|(value, _)| value).chain(ends);
                all.fold((ends[0], ends[0]), |(least, most), value| (least.min(value), most.max(value)))
            }
        }
    }
}
