//! Functions of one real number that are no clamps. Integers take them from a table of values.
//!
//! It knows numbers, not where they come from or how they are rounded.

use serde::{Deserialize, Serialize};

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
    /// `gamma * x` where it is positive, `gamma * alpha * (exp(x) - 1)` elsewhere.
    Selu {
        /// Limit of the negative half, before `gamma`.
        alpha: f64,
        /// Slope of the positive half.
        gamma: f64,
    },
    /// `x` where it is positive, `alpha * (exp(x / alpha) - 1)` elsewhere.
    Celu {
        /// Limit of the negative half.
        alpha: f64,
    },
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x * tanh(ln(1 + exp(x)))`.
    Mish,
    /// `x * (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
    /// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`.
    GeluTanh,
    /// `x` above `alpha`, 0 elsewhere.
    ThresholdedRelu {
        /// The threshold.
        alpha: f64,
    },
    /// `x` drawn towards 0 by `bias` where its magnitude is above `lambda`, 0 elsewhere.
    Shrink {
        /// By how much.
        bias: f64,
        /// Above which magnitude.
        lambda: f64,
    },
    /// The magnitude.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// The largest integer that is not above `x`.
    Floor,
    /// The least integer that is not below `x`.
    Ceil,
    /// The nearest integer, the even one of two.
    Round,
    /// The integer next to `x` on the side of 0.
    Truncate,
    /// 1 above 0, and perhaps at 0; 0 elsewhere.
    Positive {
        /// Whether 0 counts.
        or_zero: bool,
    },
    /// 1 at 0; 0 elsewhere.
    Zero,
    /// 0 at 0; 1 elsewhere.
    NonZero,
    /// The error function.
    Erf,
    /// `e^x`.
    Exp,
    /// The natural logarithm, of positive numbers.
    Log,
    /// The natural logarithm of numbers above 1, and 0 elsewhere.
    LogAboveOne,
    /// The square root, of numbers that are not negative.
    Sqrt,
    /// `1 / x`, of all numbers but 0.
    Reciprocal,
    /// `1 / sqrt(factor * x + summand)`; of sums that are not positive, as of the smallest number.
    InverseRoot {
        /// What `x` is multiplied by.
        factor: f64,
        /// What is added, above 0.
        summand: f64,
    },
    /// `x^exponent`.
    Power {
        /// The exponent.
        exponent: f64,
    },
    /// `base^x`.
    Exponential {
        /// The base.
        base: f64,
    },
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// `x * x / 4`: products are differences of two of these, `a b = ((a + b)^2 - (a - b)^2) / 4`.
    QuarterSquare,
}

impl Function {
    /// The scale at which integers of a given scale have integer values, if there is one.
    pub(crate) fn exact_scale(&self, scale: i32) -> Option<i32> {
        match self {
            Self::Abs => Some(scale),
            Self::QuarterSquare => Some(2 * scale + 2),
            truth if truth.is_truth() => Some(0),
            _ => None,
        }
    }

    /// Whether its value says what is so of its argument: -1, 0 or 1.
    pub(crate) fn is_truth(&self) -> bool {
        matches!(self, Self::Sign | Self::Positive { .. } | Self::Zero | Self::NonZero)
    }

    /// Whether its value jumps somewhere, so that it tells numbers apart however close they are.
    pub(crate) fn jumps(&self) -> bool {
        matches!(
            self,
            Self::Sign
                | Self::Floor
                | Self::Ceil
                | Self::Round
                | Self::Truncate
                | Self::Positive { .. }
                | Self::Zero
                | Self::NonZero
                | Self::ThresholdedRelu { .. }
                | Self::Shrink { .. }
        )
    }

    /// Whether it is known to be finite, and of moderate size, wherever its argument is finite.
    pub(crate) fn is_finite_everywhere(&self) -> bool {
        match self {
            Self::Exp
            | Self::Log
            | Self::Sqrt
            | Self::Reciprocal
            | Self::Power { .. }
            | Self::Exponential { .. } => false,
            Self::Celu { alpha } => *alpha != 0.0,
            _ => true,
        }
    }

    /// The function's value; NaN or infinite beyond its domain.
    pub fn apply(&self, x: f64) -> f64 {
        match *self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::LeakyRelu { slope } => x.max(0.0) + slope * x.min(0.0),
            Self::Elu { alpha } => x.max(0.0) + alpha * x.min(0.0).exp_m1(),
            Self::Selu { alpha, gamma } => gamma * (x.max(0.0) + alpha * x.min(0.0).exp_m1()),
            Self::Celu { alpha } => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Gelu => x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)) / 2.0,
            Self::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                x * (1.0 + inner.tanh()) / 2.0
            }
            Self::ThresholdedRelu { alpha } => f64::from(u8::from(x > alpha)) * x,
            Self::Shrink { lambda, .. } if x.abs() <= lambda => 0.0,
            Self::Shrink { bias, .. } => x - bias * x.signum(),
            Self::QuarterSquare => x * x / 4.0,
            ref plain => plain.apply_plain(x),
        }
    }

    /// The value of a function that is an operator of arithmetic or geometry.
    fn apply_plain(&self, x: f64) -> f64 {
        match *self {
            Self::Abs => x.abs(),
            Self::Sign if x == 0.0 => 0.0,
            Self::Sign => x.signum(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Truncate => x.trunc(),
            Self::Positive { or_zero } => f64::from(u8::from(x > 0.0 || or_zero && x == 0.0)),
            Self::Zero => f64::from(u8::from(x == 0.0)),
            Self::NonZero => f64::from(u8::from(x != 0.0)),
            Self::Erf => libm::erf(x),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::LogAboveOne => x.max(1.0).ln(),
            Self::Sqrt => x.sqrt(),
            Self::Reciprocal => x.recip(),
            Self::InverseRoot { factor, summand } => (factor * x + summand).max(f64::MIN_POSITIVE).sqrt().recip(),
            Self::Power { exponent } => x.powf(exponent),
            Self::Exponential { base } => base.powf(x),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            _ => f64::NAN,
        }
    }
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
