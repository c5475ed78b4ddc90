//! Both ends of a quantised graph: what a plan states of its input and its output.

use zklayout_model::{Fixed, FixedInput, Graph};

use crate::error::PlanError;

/// The graph's input.
pub(crate) fn input(graph: &Graph<Fixed>) -> Result<&FixedInput, PlanError> {
    match graph.nodes().next() {
        Some((_, Fixed::Input(input))) => Ok(input),
        _ => Err(no_input()),
    }
}

/// The node that the graph ends in.
pub(crate) fn output(graph: &Graph<Fixed>) -> Result<&Fixed, PlanError> {
    graph.nodes().next_back().map(|(_, node)| node).ok_or_else(no_input)
}

fn no_input() -> PlanError {
    PlanError::Unsupported { layer: "input".into(), reason: "the graph does not start with an input".into() }
}
