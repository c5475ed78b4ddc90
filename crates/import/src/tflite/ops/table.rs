//! LOGISTIC, TANH and HARD_SWISH: functions of one byte, as tables of 256.
//!
//! The kernels tabulate the first two as well, by 32-bit floats and whatever exponential the machine's library has. A table
//! is taken only where libraries that are off by the last bit or two agree on every byte.

use zklayout_model::{FixedActivation, Move, Stored, ValueTable};

use super::super::builder::{Builder, Place, Sum};
use super::super::operator::Operator;
use super::super::tensor::BYTE;
use super::hard_swish::HardSwish;
use crate::error::ImportError;

/// The scale that the kernel of LOGISTIC demands of its result.
const LOGISTIC_UNIT: f32 = 1.0 / 256.0;
/// Magnitude that no sensible result reaches, so that its conversion to 32 bits is the same everywhere.
const LARGEST: f32 = (1 << 30) as f32;

pub(super) fn logistic(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let unit = operator.output.stored()?.unit;
    if unit != LOGISTIC_UNIT {
        return Err(operator.unsupported(format!("its result has the scale {unit}; expected 1/256")));
    }
    float_table(operator, builder, |x| {
        let power = (-f64::from(x)).exp() as f32;
        [power.next_down(), power, power.next_up()].map(|power| 1.0 / (1.0 + power)).to_vec()
    })
}

pub(super) fn tanh(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    float_table(operator, builder, |x| {
        let nearest = f64::from(x).tanh() as f32;
        let (down, up) = (nearest.next_down(), nearest.next_up());
        let all = [down.next_down(), down, nearest, up, up.next_up()];
        // 0 is exact, and no library leaves [-1, 1].
        if x == 0.0 { vec![0.0] } else { all.map(|one| one.clamp(-1.0, 1.0)).to_vec() }
    })
}

pub(super) fn hard_swish(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let (input, output) = (operator.input(0)?.stored()?, operator.output.stored()?);
    let kernel = HardSwish::of(input.unit, output.unit);
    let kernel = kernel.ok_or_else(|| operator.unsupported("its scales are too far apart for 16 bits"))?;
    import(operator, builder, |value| kernel.apply(value)?.checked_add(output.zero_point))
}

/// A table of what a function of floats can be, if that is one byte each time.
fn float_table(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    function: impl Fn(f32) -> Vec<f32>,
) -> Result<Place, ImportError> {
    let (input, output) = (operator.input(0)?.stored()?, operator.output.stored()?);
    import(operator, builder, |value| {
        let results = function(input.unit * value as f32).into_iter().map(|result| byte(result, &output));
        let results: Vec<i64> = results.collect::<Option<_>>()?;
        results.iter().all(|one| Some(one) == results.first()).then(|| results.first().copied()).flatten()
    })
}

/// The byte that stands for a number, in the kernel's floats.
fn byte(real: f32, stored: &Stored) -> Option<i64> {
    let scaled = (real * (1.0 / stored.unit)).round();
    (scaled.abs() < LARGEST).then(|| ((scaled + stored.zero_point as f32) as i64).clamp(BYTE.0, BYTE.1))
}

/// A layer that looks each value up; `stored` is the stored result of a value, before it is clamped to a byte.
fn import(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    stored: impl Fn(i64) -> Option<i64>,
) -> Result<Place, ImportError> {
    let (source, shape) = builder.source(operator, 0)?;
    let (range, zero_point) = (operator.input(0)?.range()?, operator.output.stored()?.zero_point);
    let value = |value: i64| {
        let stored = stored(value).ok_or_else(|| {
            operator.unsupported(format!(
                "what it makes of the value {value} depends on the machine's library of functions"
            ))
        })?;
        Ok(stored.clamp(BYTE.0, BYTE.1) - zero_point)
    };
    let values = (range.lo..=range.hi).map(value).collect::<Result<_, ImportError>>()?;
    let activation = FixedActivation::Table(ValueTable { lo: range.lo, values, scale: 0 });
    let terms = vec![(source, Move::plain(1))];
    builder.finish_sum(operator, Sum { terms, shape, activation, range })
}
