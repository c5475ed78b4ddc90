//! MEAN: the mean of whole planes, whose sums are multiplied by a fixed-point number that has their count in it.

use zklayout_model::{Multiplier, Rescale, Scaling};

use super::super::builder::{Builder, Place};
use super::super::operator::Operator;
use super::super::scaling::multipliers;
use super::super::tensor::BYTE;
use super::average_pool::sums;
use crate::error::ImportError;

/// Axes of a plane.
const PLANE: [i64; 2] = [1, 2];

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_reducer_options())?;
    let (source, input) = builder.source(operator, 0)?;
    check_axes(operator)?;
    let dims = if options.keep_dims() { vec![1, 1, 1, input.channels] } else { vec![1, input.channels] };
    if operator.output.dims != dims {
        let found = &operator.output.dims;
        return Err(operator.unsupported(format!("its result is declared {found:?}, it should be {dims:?}")));
    }
    let multiplier = multipliers(operator, &[1.0], 1)?.first().and_then(|one| by_count(one, input.plane()));
    let multiplier = multiplier.ok_or_else(|| operator.unsupported("its planes have too many values"))?;
    let scaling = Scaling::Multipliers(vec![multiplier; input.channels]);
    let (stored, (lo, hi)) = (operator.output.stored()?, BYTE);
    let rescale = Rescale { scaling, stored, lo, hi, reach: Vec::new() };
    let sums = sums(input, (input.height, input.width), 1);
    builder.push_rescaled(operator, source, (sums, vec![0; input.channels]), rescale)
}

/// Refuses all axes but those of planes.
fn check_axes(operator: &Operator<'_>) -> Result<(), ImportError> {
    let (rank, axes) = (operator.input(0)?.dims.len(), operator.input(1)?.words()?);
    let mut found: Vec<i64> = axes.iter().map(|axis| if *axis < 0 { axis + rank as i64 } else { *axis }).collect();
    found.sort_unstable();
    found.dedup();
    if rank == 4 && found == PLANE {
        return Ok(());
    }
    Err(operator.unsupported(format!("axes {axes:?} of {rank}; expected those of planes, 1 and 2 of 4")))
}

/// The multiplier divided by a count, as the kernel does it: with as many bits more as the count has, cut off.
fn by_count(multiplier: &Multiplier, count: usize) -> Option<Multiplier> {
    let bits = i32::try_from(count.checked_ilog2()?).ok()?;
    let bits = bits.min(31 + multiplier.shift).max(0);
    let value = (i64::from(multiplier.value) << bits) / i64::try_from(count).ok()?;
    Some(Multiplier { value: i32::try_from(value).ok()?, shift: multiplier.shift - bits })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_divided_by_with_more_bits() {
        let one = Multiplier::of(1.0).unwrap();
        assert_eq!(by_count(&one, 1), Some(one));
        assert_eq!(by_count(&one, 4), Some(Multiplier { value: 1 << 30, shift: -1 }));
        assert_eq!(by_count(&one, 49), Some(Multiplier { value: ((1i64 << 35) / 49) as i32, shift: -4 }));
        assert_eq!(by_count(&one, 0), None);
    }
}
