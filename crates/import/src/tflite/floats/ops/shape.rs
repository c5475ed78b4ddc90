//! Operators that move values.

use super::super::translation::{Translation, integer, list};
use crate::error::ImportError;
use crate::tflite::operator::Operator;
use tract_tflite::tflite::BuiltinOperator;

/// The same values in the extents that the result is declared to have.
pub(super) fn reshaped(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let value = to.input(operator, 0)?;
    let result = to.reshaped(&value, &operator.output.dims);
    to.end(operator, &result)
}

pub(super) fn transposed(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let (order, value) = (operator.input(1)?.words()?, to.input(operator, 0)?);
    let result = to.add("Transpose", &[&value], vec![list("perm", &order)]);
    to.end(operator, &result)
}

pub(super) fn concatenated(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_concatenation_options())?;
    let inputs = (0..operator.inputs.len()).map(|slot| to.input(operator, slot));
    let inputs = inputs.collect::<Result<Vec<String>, _>>()?;
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let result = to.add("Concat", &inputs, vec![integer("axis", options.axis().into())]);
    to.end_activated(operator, &result, options.fused_activation_function())
}

/// Padding is before and after each axis; what is padded with is an input, or 0.
pub(super) fn padded(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let words = operator.input(1)?.words()?;
    let (before, after): (Vec<i64>, Vec<i64>) = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
    let pads = to.integers(&[before, after].concat());
    let value = to.input(operator, 0)?;
    let result = if operator.code == BuiltinOperator::PADV2 {
        let fill = to.input(operator, 2)?;
        let fill = to.reshaped(&fill, &[]);
        to.add("Pad", &[&value, &pads, &fill], Vec::new())
    } else {
        to.add("Pad", &[&value, &pads], Vec::new())
    };
    to.end(operator, &result)
}

/// From a first place on, as many as are asked for; -1 is all.
pub(super) fn sliced(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let (first, size) = (operator.input(1)?.words()?, operator.input(2)?.words()?);
    let end = |(first, size): (&i64, &i64)| match size {
        -1 => i64::MAX,
        size => first.saturating_add(*size),
    };
    let ends = to.integers(&first.iter().zip(&size).map(end).collect::<Vec<_>>());
    let starts = to.integers(&first);
    let value = to.input(operator, 0)?;
    let result = to.add("Slice", &[&value, &starts, &ends], Vec::new());
    to.end(operator, &result)
}

/// Equal parts along an axis.
pub(super) fn split(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let axes = operator.input(0)?.words()?;
    let (&[axis], Some(rank)) = (&axes[..], i64::try_from(operator.input(1)?.dims.len()).ok()) else {
        return Err(operator.unsupported(format!("axes {axes:?}; expected one")));
    };
    let axis = if axis < 0 { axis + rank } else { axis };
    let value = to.input(operator, 1)?;
    let axes = to.integers(&[axis]);
    let mut first = 0i64;
    for part in &operator.outputs {
        let size = usize::try_from(axis).ok().and_then(|axis| part.dims.get(axis).copied()).unwrap_or(0) as i64;
        let (start, end) = (to.integers(&[first]), to.integers(&[first + size]));
        first += size;
        let result = to.add("Slice", &[&value, &start, &end, &axes], Vec::new());
        to.end_as(part, &result)?;
    }
    Ok(())
}

pub(super) fn gathered(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_gather_options())?;
    if options.batch_dims() != 0 {
        return Err(operator.unsupported("places for each of a batch"));
    }
    let (value, places) = (to.input(operator, 0)?, to.input(operator, 1)?);
    let result = to.add("Gather", &[&value, &places], vec![integer("axis", options.axis().into())]);
    to.end(operator, &result)
}
