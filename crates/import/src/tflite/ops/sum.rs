//! ADD and SUB: each tensor is multiplied to a common unit, a power of two finer than the coarser one's; their sum or
//! difference is rescaled.
//!
//! Bytes have so few pairs that all are tried: where one sum of multiples, shifted to the right, gives what the kernel does for
//! each of them, that is the layer. Otherwise it is three.

use std::ops::RangeInclusive;

use tract_tflite::tflite::ActivationFunctionType;
use zklayout_model::{
    FixedActivation, Move, Multiplier, NodeId, OutputKind, PerChannel, Planes, Rescale, Scaling, ValueRange,
    ValueTable,
};

use super::super::activation::stored_bounds;
use super::super::builder::{Accumulators, Builder, Place};
use super::super::operator::Operator;
use crate::error::ImportError;

/// Bits that values are shifted to the left by before they are multiplied.
const LEFT_SHIFT: u32 = 20;
/// Bits that a sum of multiples is shifted to the right by: the fewest that are tried, and the most.
const SHIFTS: RangeInclusive<u32> = 14..=30;
/// What is wrong with scales that no bytes need.
const OVERFLOW: &str = "its values overflow 32 bits";

/// `a + b`.
pub(super) fn add(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_add_options())?;
    import(operator, builder, (1, options.fused_activation_function()))
}

/// `a - b`.
pub(super) fn subtract(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_sub_options())?;
    import(operator, builder, (-1, options.fused_activation_function()))
}

fn import(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    (sign, activation): (i64, ActivationFunctionType),
) -> Result<Place, ImportError> {
    let ((first, shape), (second, other)) = (builder.source(operator, 0)?, builder.source(operator, 1)?);
    if shape != other {
        return Err(operator.unsupported(format!("it adds {other} to {shape}; expected equal shapes")));
    }
    let multipliers = Multipliers::of(operator, sign)?;
    let rescale = rescale(operator, activation, multipliers.output)?;
    let ranges = [operator.input(0)?.range()?, operator.input(1)?.range()?];
    if let Some(sum) = Sum::of(&multipliers, &rescale, ranges) {
        let (accumulators, kind) = sum.layer(shape, rescale, ranges);
        return builder.finish_layer(operator, accumulators, kind, &[first, second]);
    }
    let first = push_term(operator, builder, (0, first), multipliers.inputs[0])?;
    let second = push_term(operator, builder, (1, second), multipliers.inputs[1])?;
    let reach = multipliers.bounds(ranges).ok_or_else(|| operator.unsupported(OVERFLOW))?;
    let scaling = Scaling::Multipliers(vec![multipliers.output; shape.channels]);
    let kind = OutputKind::Rescale(Rescale { scaling, reach: vec![reach; shape.channels], ..rescale });
    let moves = [1, sign].map(Move::plain);
    builder.finish_layer(operator, Accumulators::of_moves(shape, moves), kind, &[first, second])
}

/// The result of one channel.
fn rescale(
    operator: &Operator<'_>,
    activation: ActivationFunctionType,
    multiplier: Multiplier,
) -> Result<Rescale, ImportError> {
    let stored = operator.output.stored()?;
    let (lo, hi) = stored_bounds(operator, activation, &stored)?;
    Ok(Rescale { scaling: Scaling::Multipliers(vec![multiplier]), stored, lo, hi, reach: Vec::new() })
}

/// A layer that brings the tensor at an input to the common unit.
fn push_term(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    (slot, source): (usize, NodeId),
    multiplier: Multiplier,
) -> Result<NodeId, ImportError> {
    let kind = scaled(multiplier, operator.input(slot)?.range()?);
    let kind = kind.ok_or_else(|| operator.unsupported(OVERFLOW))?;
    let (_, shape) = builder.source(operator, slot)?;
    let name = format!("{}, input {slot}", operator.name());
    builder.push_layer(name, Accumulators::of_moves(shape, [Move::plain(1)]), kind, &[source])
}

/// By value: what it is in the common unit.
fn scaled(multiplier: Multiplier, range: ValueRange) -> Option<OutputKind> {
    let values =
        (range.lo..=range.hi).map(|value| multiplier.apply(value << LEFT_SHIFT)).collect::<Option<_>>()?;
    let activation = FixedActivation::Table(ValueTable { lo: range.lo, values, scale: 0 });
    Some(OutputKind::Requantise { shift: PerChannel::uniform(0), activation, range })
}

struct Multipliers {
    inputs: [Multiplier; 2],
    output: Multiplier,
    /// Of the second tensor: 1 or -1.
    sign: i64,
}

impl Multipliers {
    /// As the kernel's preparation finds them, in its floats.
    fn of(operator: &Operator<'_>, sign: i64) -> Result<Self, ImportError> {
        let [first, second] = [operator.input(0)?.stored()?.unit, operator.input(1)?.stored()?.unit];
        let twice = f64::from(2.0 * first.max(second));
        let unit = (1 << LEFT_SHIFT) as f32 * operator.output.stored()?.unit;
        let inputs = [f64::from(first) / twice, f64::from(second) / twice];
        let inputs = [below_one(operator, inputs[0])?, below_one(operator, inputs[1])?];
        Ok(Self { inputs, output: below_one(operator, twice / f64::from(unit))?, sign })
    }

    /// What the sum of the multiplied values is; `None` means overflow.
    fn sum(&self, first: i64, second: i64) -> Option<i64> {
        let [first, second] = [first, second].map(|value| value << LEFT_SHIFT);
        Some(self.inputs[0].apply(first)? + self.sign * self.inputs[1].apply(second)?)
    }

    /// Bounds of the sums.
    fn bounds(&self, [first, second]: [ValueRange; 2]) -> Option<(i64, i64)> {
        let (least, most) = if self.sign < 0 { (second.hi, second.lo) } else { (second.lo, second.hi) };
        Some((self.sum(first.lo, least)?, self.sum(first.hi, most)?))
    }
}

/// `floor((factors_0 * a + factors_1 * b + offset) / 2^shift)`.
struct Sum {
    factors: [i64; 2],
    offset: i64,
    shift: u32,
}

impl Sum {
    /// The sum that gives the kernel's results for all pairs, by the fewest bits.
    fn of(multipliers: &Multipliers, rescale: &Rescale, ranges: [ValueRange; 2]) -> Option<Self> {
        let results = results(multipliers, rescale, ranges)?;
        let common = multipliers.output.real() * f64::from(1 << LEFT_SHIFT);
        let [first, second] = multipliers.inputs.map(|multiplier| multiplier.real() * common);
        let slopes = [first, multipliers.sign as f64 * second];
        SHIFTS.into_iter().find_map(|shift| {
            let factors = slopes.map(|slope| (slope * f64::powi(2.0, shift as i32)).round() as i64);
            let offset = offset(&results, rescale.extremes(), factors, shift)?;
            Some(Self { factors, offset, shift })
        })
    }

    fn layer(&self, shape: Planes, rescale: Rescale, ranges: [ValueRange; 2]) -> (Accumulators, OutputKind) {
        let mut accumulators = Accumulators::of_moves(shape, self.factors.map(Move::plain));
        accumulators.bias.fill(self.offset);
        let at = |pick: fn(i64, i64) -> i64| {
            let terms = self.factors.iter().zip(&ranges);
            self.offset + terms.map(|(factor, range)| pick(factor * range.lo, factor * range.hi)).sum::<i64>()
        };
        let reach = vec![(at(i64::min), at(i64::max)); shape.channels];
        let kind = OutputKind::Rescale(Rescale { scaling: Scaling::Shift(self.shift), reach, ..rescale });
        (accumulators, kind)
    }
}

/// By pair of values: what the kernel gives.
fn results(
    multipliers: &Multipliers,
    rescale: &Rescale,
    [first, second]: [ValueRange; 2],
) -> Option<Vec<([i64; 2], i64)>> {
    let pairs = (first.lo..=first.hi).flat_map(|a| (second.lo..=second.hi).map(move |b| [a, b]));
    pairs.map(|[a, b]| Some(([a, b], rescale.apply(0, multipliers.sum(a, b)?)?))).collect()
}

/// An offset that makes the shifted sum of every pair its result, clamped ones on their side; the one that is farthest from
/// failing.
fn offset(results: &[([i64; 2], i64)], (lo, hi): (i64, i64), factors: [i64; 2], shift: u32) -> Option<i64> {
    let (mut least, mut most) = (i64::MIN, i64::MAX);
    for ([a, b], result) in results {
        let sum = factors[0] * a + factors[1] * b;
        if *result > lo {
            least = least.max((result << shift) - sum);
        }
        if *result < hi {
            most = most.min(((result + 1) << shift) - 1 - sum);
        }
        if least > most {
            return None;
        }
    }
    (least > i64::MIN && most < i64::MAX).then(|| least + (most - least) / 2)
}

fn below_one(operator: &Operator<'_>, factor: f64) -> Result<Multiplier, ImportError> {
    let multiplier = Multiplier::of(factor).filter(|multiplier| factor > 0.0 && multiplier.shift <= 0);
    multiplier
        .ok_or_else(|| operator.unsupported(format!("its values are multiplied by {factor}; expected 0 to 1")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zklayout_model::{RangeSource, Stored};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn a_shifted_sum_gives_what_the_kernel_does(
            first in 0.05f64..0.5, second in 0.05f64..0.5, output in 1e-6f64..4e-6, zero_point in -128i64..128,
            relu: bool, less: bool,
        ) {
            let inputs = [first, second].map(|real| Multiplier::of(real).unwrap());
            let sign = if less { -1 } else { 1 };
            let multipliers = Multipliers { inputs, output: Multiplier::of(output).unwrap(), sign };
            let (lo, hi) = (if relu { zero_point } else { -128 }, 127);
            let (scaling, stored) = (Scaling::Multipliers(vec![multipliers.output]), Stored { unit: 1.0, zero_point });
            let rescale = Rescale { scaling, stored, lo, hi, reach: Vec::new() };
            let ranges = [(0, 255), (-148, 107)].map(|(lo, hi)| ValueRange { lo, hi, source: RangeSource::WorstCase });
            let Some(sum) = Sum::of(&multipliers, &rescale, ranges) else { return Ok(()) };
            let (_, kind) = sum.layer(Planes::vector(1), rescale.clone(), ranges);
            let OutputKind::Rescale(shifted) = kind else { panic!("{kind:?}") };
            for (a, b) in (0..=255).flat_map(|a| (-148..=107).map(move |b| (a, b))) {
                let acc = sum.offset + sum.factors[0] * a + sum.factors[1] * b;
                prop_assert!((shifted.reach[0].0..=shifted.reach[0].1).contains(&acc));
                prop_assert_eq!(shifted.apply(0, acc), rescale.apply(0, multipliers.sum(a, b).unwrap()));
            }
        }
    }
}
