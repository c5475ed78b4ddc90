//! RESHAPE: only to a feature vector, or to the same shape. Planes stay planes; whoever reads them as features knows.

use super::super::builder::{Builder, Place};
use super::super::operator::Operator;
use crate::error::ImportError;

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let (source, input) = builder.source(operator, 0)?;
    let (from, to) = (&operator.input(0)?.dims, &operator.output.dims);
    let flat = matches!(to[..], [1, features] if features == input.len());
    if !(flat || from == to) {
        return Err(operator.unsupported(format!("from {from:?} to {to:?}; only to [1, features]")));
    }
    operator.same_stored()?;
    Ok(Place { node: source, is_end: false })
}
