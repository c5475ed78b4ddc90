//! Activations: clamps, which tensors of any scale share, and functions, which become tables of values.

use serde::{Deserialize, Serialize};

/// `min(max(x, lo), hi)`; a missing bound is infinite. ReLU is `lo = 0`, ReLU6 adds `hi = 6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clamp<T> {
    /// Lower bound.
    pub lo: Option<T>,
    /// Upper bound.
    pub hi: Option<T>,
}

impl<T> Clamp<T> {
    /// The identity.
    pub fn none() -> Self {
        Self { lo: None, hi: None }
    }

    /// Whether nothing is clamped.
    pub fn is_identity(&self) -> bool {
        self.lo.is_none() && self.hi.is_none()
    }
}

impl<T: Copy + PartialOrd> Clamp<T> {
    /// The clamped value.
    pub fn apply(&self, x: T) -> T {
        let raised = match self.lo {
            Some(lo) if x < lo => lo,
            _ => x,
        };
        match self.hi {
            Some(hi) if raised > hi => hi,
            _ => raised,
        }
    }

    /// `next` after `self`, as one clamp.
    pub fn then(&self, next: &Self) -> Self {
        Self { lo: self.lo.map(|lo| next.apply(lo)).or(next.lo), hi: self.hi.map(|hi| next.apply(hi)).or(next.hi) }
    }
}

/// A function of one real number that is no clamp.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `min(max(alpha * x + beta, 0), 1)`.
    HardSigmoid {
        /// Slope.
        alpha: f64,
        /// Value at 0.
        beta: f64,
    },
    /// `x * min(max(x / 6 + 1 / 2, 0), 1)`.
    HardSwish,
    /// `x` where it is positive, `slope * x` elsewhere.
    LeakyRelu {
        /// Slope of the negative half.
        slope: f64,
    },
    /// `x` where it is positive, `alpha * (exp(x) - 1)` elsewhere.
    Elu {
        /// Limit of the negative half.
        alpha: f64,
    },
    /// `ln(1 + exp(x))`.
    Softplus,
    /// The magnitude.
    Abs,
    /// `x * x / 4`: products are differences of two of these, `a b = ((a + b)^2 - (a - b)^2) / 4`.
    QuarterSquare,
    /// `exp(x)`.
    Exp,
    /// The natural logarithm of numbers above 1, and 0 elsewhere.
    LogAboveOne,
    /// `1 / sqrt(factor * x + summand)`; of sums that are not positive, as of the smallest number.
    InverseRoot {
        /// What `x` is multiplied by.
        factor: f64,
        /// What is added, above 0.
        summand: f64,
    },
}

impl Function {
    /// The scale at which integers of a given scale have integer values, if there is one.
    pub(crate) fn exact_scale(&self, scale: i32) -> Option<i32> {
        match self {
            Self::Abs => Some(scale),
            Self::QuarterSquare => Some(2 * scale + 2),
            _ => None,
        }
    }

    /// The function's value.
    pub fn apply(&self, x: f64) -> f64 {
        match *self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::LeakyRelu { slope } => x.max(0.0) + slope * x.min(0.0),
            Self::Elu { alpha } => x.max(0.0) + alpha * x.min(0.0).exp_m1(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Abs => x.abs(),
            Self::QuarterSquare => x * x / 4.0,
            Self::Exp => x.exp(),
            Self::LogAboveOne => x.max(1.0).ln(),
            Self::InverseRoot { factor, summand } => (factor * x + summand).max(f64::MIN_POSITIVE).sqrt().recip(),
        }
    }
}

/// An activation of real numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// A clamp.
    Clamp(Clamp<f64>),
    /// Any other function.
    Function(Function),
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
        }
    }

    /// `next` after `self` as one activation, if there is one.
    pub fn then(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Clamp(first), Self::Clamp(second)) => Some(Self::Clamp(first.then(second))),
            _ if self.is_identity() => Some(*next),
            _ if next.is_identity() => Some(*self),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn composition_equals_applying_in_turn(
            a in proptest::option::of(-9i64..9), b in proptest::option::of(-9i64..9),
            c in proptest::option::of(-9i64..9), d in proptest::option::of(-9i64..9), x in -20i64..20,
        ) {
            let order = |lo: Option<i64>, hi: Option<i64>| match (lo, hi) {
                (Some(l), Some(h)) if l > h => Clamp { lo: Some(h), hi: Some(l) },
                _ => Clamp { lo, hi },
            };
            let (first, second) = (order(a, b), order(c, d));
            prop_assert_eq!(first.then(&second).apply(x), second.apply(first.apply(x)));
        }
    }
}
