//! Means, sums and maxima over axes, which are a constant input.

use super::super::translation::{Translation, integer, list};
use crate::error::ImportError;
use crate::tflite::operator::Operator;

pub(super) fn mean(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    reduced(operator, to, "ReduceMean")
}

pub(super) fn maximum(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    reduced(operator, to, "ReduceMax")
}

pub(super) fn sum(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    reduced(operator, to, "ReduceSum")
}

fn reduced(operator: &Operator<'_>, to: &mut Translation, name: &str) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_reducer_options())?;
    let keep = integer("keepdims", i64::from(options.keep_dims()));
    let (axes, value) = (operator.input(1)?.words()?, to.input(operator, 0)?);
    // Axes of a sum are an input since version 13, those of the others are not before 18.
    let result = if name == "ReduceSum" {
        let axes = to.integers(&axes);
        to.add(name, &[&value, &axes], vec![keep])
    } else {
        to.add(name, &[&value], vec![list("axes", &axes), keep])
    };
    to.end(operator, &result)
}

/// The place of the largest along an axis.
pub(super) fn largest(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let axes = operator.input(1)?.words()?;
    let &[axis] = &axes[..] else {
        return Err(operator.unsupported(format!("axes {axes:?}; expected one")));
    };
    let value = to.input(operator, 0)?;
    let result = to.add("ArgMax", &[&value], vec![integer("axis", axis), integer("keepdims", 0)]);
    to.end(operator, &result)
}
