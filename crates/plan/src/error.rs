//! Why no plan could be made, or why a plan does not fit.

use crate::cost::Bytes;

/// Why layers that are rescaled to stored bytes are refused.
pub(crate) const NO_MULTIPLIERS: &str = "fixed-point multipliers are laid out by the family `streams` alone";

/// A planning error.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The graph has a form that no layout covers.
    #[error("layer {layer:?}: {reason}")]
    Unsupported {
        /// The layer's name.
        layer: String,
        /// What was found and what is expected.
        reason: String,
    },
    /// Every candidate needs more rows than allowed.
    #[error("no layout fits 2^{max_k} rows: {reason}")]
    TooLarge {
        /// The largest allowed logarithm of the number of rows.
        max_k: u32,
        /// What the closest candidate needs.
        reason: String,
    },
    /// No candidate keeps the limits.
    #[error("{refused} layouts fit, but none within the limits on memory and columns; {}", advice(*.least))]
    Limits {
        /// Candidates that break a limit.
        refused: usize,
        /// The smallest limit on memory, in bytes, that a layout keeps which keeps the other limits.
        least: Option<u64>,
    },
    /// No candidate can be priced.
    #[error(transparent)]
    Cost(#[from] crate::cost::CostError),
    /// A saved plan was made for a different quantised model.
    #[error("this plan was made for another model: its structure hash is {plan}, the model's is {model}")]
    OtherModel {
        /// Hash in the plan.
        plan: String,
        /// Hash of the model at hand.
        model: String,
    },
    /// A saved plan is not what its knobs give.
    #[error(
        "this plan was edited by hand or made by another version: its knobs do not give this layout; plan again"
    )]
    Edited,
    /// No candidate lays weights out as a tape that is kept.
    #[error("no layout keeps the weight tape of the model commitment: {0}; commit anew for another layout")]
    OtherTape(String),
    /// A saved plan cannot be read.
    #[error("not a readable plan: {0}")]
    Format(String),
}

/// What to do where no layout keeps the limits.
fn advice(least: Option<u64>) -> String {
    least.map_or_else(
        || "raise them".to_owned(),
        |least| format!("the one that takes the least memory needs a limit of {least} bytes ({})", Bytes(least)),
    )
}
