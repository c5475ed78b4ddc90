//! ADD: each tensor is multiplied to a common unit, a power of two finer than the coarser one's; their sum is rescaled.

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place};
use super::super::operator::Operator;
use crate::activation::{FixedActivation, ValueTable};
use crate::error::ImportError;
use crate::fixed::{OutputKind, ValueRange};
use crate::graph::NodeId;
use crate::linear::Linear;
use crate::multiplier::Multiplier;
use crate::rescale::{Rescale, Scaling};
use crate::skip::Skip;

/// Bits that values are shifted to the left by before they are multiplied.
const LEFT_SHIFT: u32 = 20;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let ((first, shape), (second, other)) = (builder.source(operator, 0)?, builder.source(operator, 1)?);
    if shape != other {
        return Err(operator.unsupported(format!("it adds {other} to {shape}; expected equal shapes")));
    }
    let multipliers = Multipliers::of(operator)?;
    let first = push_term(operator, builder, (0, first), multipliers.inputs[0])?;
    let second = push_term(operator, builder, (1, second), multipliers.inputs[1])?;
    let scaling = Scaling::Multipliers(vec![multipliers.output; shape.channels]);
    let options = operator.options(operator.table.builtin_options_as_add_options())?;
    let stored = operator.output.stored()?;
    let (lo, hi) = stored_bounds(operator, options.fused_activation_function(), &stored)?;
    let kind = OutputKind::Rescale(Rescale { scaling, stored, lo, hi });
    let skips = vec![Skip::plain(1), Skip::plain(1)];
    builder.finish_layer(operator, Linear::nothing(shape, shape, 1), skips, kind, &[first, first, second])
}

/// A layer that brings the tensor at an input to the common unit.
fn push_term(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    (slot, source): (usize, NodeId),
    multiplier: Multiplier,
) -> Result<NodeId, ImportError> {
    let kind = scaled(multiplier, operator.input(slot)?.range()?);
    let kind = kind.ok_or_else(|| operator.unsupported("its values overflow 32 bits"))?;
    let (_, shape) = builder.source(operator, slot)?;
    let name = format!("{}, input {slot}", operator.name());
    builder.push_layer(name, Linear::nothing(shape, shape, 1), vec![Skip::plain(1)], kind, &[source, source])
}

/// By value: what it is in the common unit.
fn scaled(multiplier: Multiplier, range: ValueRange) -> Option<OutputKind> {
    let values =
        (range.lo..=range.hi).map(|value| multiplier.apply(value << LEFT_SHIFT)).collect::<Option<_>>()?;
    let activation = FixedActivation::Table(ValueTable { lo: range.lo, values, scale: 0 });
    Some(OutputKind::Requantise { shift: 0, activation, range })
}

struct Multipliers {
    inputs: [Multiplier; 2],
    output: Multiplier,
}

impl Multipliers {
    /// As the kernel's preparation finds them, in its floats.
    fn of(operator: &Operator<'_>) -> Result<Self, ImportError> {
        let [first, second] = [operator.input(0)?.stored()?.unit, operator.input(1)?.stored()?.unit];
        let twice = f64::from(2.0 * first.max(second));
        let unit = (1 << LEFT_SHIFT) as f32 * operator.output.stored()?.unit;
        let inputs = [f64::from(first) / twice, f64::from(second) / twice];
        let inputs = [below_one(operator, inputs[0])?, below_one(operator, inputs[1])?];
        Ok(Self { inputs, output: below_one(operator, twice / f64::from(unit))? })
    }
}

fn below_one(operator: &Operator<'_>, factor: f64) -> Result<Multiplier, ImportError> {
    let multiplier = Multiplier::of(factor).filter(|multiplier| factor > 0.0 && multiplier.shift <= 0);
    multiplier
        .ok_or_else(|| operator.unsupported(format!("its values are multiplied by {factor}; expected 0 to 1")))
}
