//! What an operator gives: values for its outputs, or an error that names its node. It knows no operator.

use super::node::Node;
use super::value::Value;
use crate::error::ImportError;

/// Values for a node's outputs; those that are left out are not supported.
pub(super) type Results = Result<Vec<Value>, ImportError>;

/// Says which node an error is of.
pub(super) trait AtNode<T> {
    /// The same, as an error of the node.
    fn at(self, node: &Node<'_>) -> Result<T, ImportError>;
}

impl<T> AtNode<T> for Result<T, String> {
    fn at(self, node: &Node<'_>) -> Result<T, ImportError> {
        self.map_err(|reason| node.unsupported(reason))
    }
}
