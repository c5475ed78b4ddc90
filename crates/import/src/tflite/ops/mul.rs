//! MUL of two tensors, or of one and a constant for each channel.
//!
//! `a b = floor((a + b)^2 / 4) - floor((a - b)^2 / 4)` of integers, as both squares are odd or neither is. Two tables have
//! the squares; the product is rescaled as a convolution's sum is. A constant is a convolution of the stored bytes, and what
//! their zero point takes away is a skip connection.

use ndarray::Array4;
use zklayout_model::{
    FixedActivation, Kernel, Move, Multiplier, NodeId, OutputKind, Padding, Planes, RangeSource, Rescale, Scaling,
    ValueRange, ValueTable,
};

use super::super::activation::stored_bounds;
use super::super::builder::{Accumulators, Builder, Place, Sum};
use super::super::operator::Operator;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    match (operator.input(0)?.is_constant(), operator.input(1)?.is_constant()) {
        (false, true) => by_constant(operator, builder, (0, 1)),
        (true, false) => by_constant(operator, builder, (1, 0)),
        _ => by_tensor(operator, builder),
    }
}

fn by_tensor(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let ((first, shape), (second, other)) = (builder.source(operator, 0)?, builder.source(operator, 1)?);
    if shape != other {
        return Err(operator.unsupported(format!("it multiplies {shape} by {other}; expected equal shapes")));
    }
    let [a, b] = [operator.input(0)?.range()?, operator.input(1)?.range()?];
    let rescale = rescale(operator, vec![reach(a, (b.lo, b.hi)); shape.channels])?;
    let mut squares = Vec::new();
    for (sign, low, high) in [(1, b.lo, b.hi), (-1, -b.hi, -b.lo)] {
        let range = ValueRange { lo: a.lo + low, hi: a.hi + high, source: RangeSource::WorstCase };
        let terms = vec![(first, Move::plain(1)), (second, Move::plain(sign))];
        squares.push(push_square(operator, builder, (terms, shape), range)?);
    }
    let accumulators = Accumulators::of_moves(shape, [1, -1].map(Move::plain));
    builder.finish_layer(operator, accumulators, OutputKind::Rescale(rescale), &squares)
}

fn by_constant(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    (slot, constant): (usize, usize),
) -> Result<Place, ImportError> {
    let (source, shape) = builder.source(operator, slot)?;
    let factors = channel_factors(operator, constant, shape.channels)?;
    let range = operator.input(slot)?.range()?;
    let rescale = rescale(operator, factors.iter().map(|factor| reach(range, (*factor, *factor))).collect())?;
    let zero_point = operator.input(constant)?.stored()?.zero_point;
    let weights = Array4::from_shape_fn((shape.channels, 1, 1, 1), |(o, ..)| factors[o] + zero_point);
    let (groups, padding) = (shape.channels, Padding::default());
    let kernel = Kernel { input: shape, window: 1, weights, groups, stride: 1, padding };
    let mut accumulators = Accumulators::of_moves(shape, [Move::plain(-zero_point)]);
    accumulators.terms.insert(0, kernel.into());
    builder.finish_layer(operator, accumulators, OutputKind::Rescale(rescale), &[source, source])
}

/// What each channel is multiplied by, from one value for all or one for each.
fn channel_factors(operator: &Operator<'_>, slot: usize, channels: usize) -> Result<Vec<i64>, ImportError> {
    let (constant, rank) = (operator.input(slot)?, operator.output.dims.len());
    let (factors, dims) = (constant.values()?, &constant.dims);
    let along_channels = dims.last().is_none_or(|last| *last == factors.len());
    if (factors.len() == 1 || factors.len() == channels) && along_channels && dims.len() <= rank {
        return Ok(factors.into_iter().cycle().take(channels).collect());
    }
    Err(operator.unsupported(format!("a constant {dims:?} for {channels} channels; expected one value for each")))
}

/// A quarter of the square of a sum, rounded down.
fn push_square(
    operator: &Operator<'_>,
    builder: &mut Builder<'_>,
    (terms, shape): (Vec<(NodeId, Move<i64>)>, Planes),
    range: ValueRange,
) -> Result<NodeId, ImportError> {
    let values = (range.lo..=range.hi).map(|sum| sum * sum / 4).collect();
    let activation = FixedActivation::Table(ValueTable { lo: range.lo, values, scale: 0 });
    builder.push_sum(operator, Sum { terms, shape, activation, range })
}

/// What becomes of products; none may overflow the kernel's 32 bits.
fn rescale(operator: &Operator<'_>, reach: Vec<(i64, i64)>) -> Result<Rescale, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_mul_options())?;
    let stored = operator.output.stored()?;
    let (lo, hi) = stored_bounds(operator, options.fused_activation_function(), &stored)?;
    // In the floats of the kernel's preparation.
    let factor = operator.input(0)?.stored()?.unit * operator.input(1)?.stored()?.unit / stored.unit;
    let refused = || operator.unsupported(format!("its products times {factor} overflow 32 bits"));
    let multiplier = Multiplier::of(factor.into()).ok_or_else(refused)?;
    let scaling = Scaling::Multipliers(vec![multiplier; reach.len()]);
    let rescale = Rescale { scaling, stored, lo, hi, reach };
    // Steps are monotone: what the ends do not overflow, nothing between them does.
    let holds = |(least, most): &(i64, i64)| [least, most].iter().all(|end| rescale.apply(0, **end).is_some());
    if rescale.reach.iter().all(holds) { Ok(rescale) } else { Err(refused()) }
}

/// The least and the greatest product.
fn reach(range: ValueRange, (lo, hi): (i64, i64)) -> (i64, i64) {
    let ends = [range.lo * lo, range.lo * hi, range.hi * lo, range.hi * hi];
    ends.iter().fold((i64::MAX, i64::MIN), |(least, most), product| (least.min(*product), most.max(*product)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn products_are_differences_of_quarter_squares() {
        let quarter = |sum: i64| sum * sum / 4;
        for (a, b) in (-255..=255i64).flat_map(|a| (-255..=255).map(move |b| (a, b))) {
            assert_eq!(quarter(a + b) - quarter(a - b), a * b);
        }
    }
}
