//! Identity: the output is the input.

use super::Node;
use crate::error::ImportError;
use crate::float::FloatOp;
use crate::shape::Shape;

pub(super) fn import(_: &Node<'_>) -> Result<Option<(FloatOp, Shape)>, ImportError> {
    Ok(None)
}
