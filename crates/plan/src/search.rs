//! The search: every candidate of every family, scored; the cheapest wins.

use zklayout_model::{Fixed, Graph};

use crate::error::PlanError;
use crate::layout::{Candidate, FAMILIES, Family};
use crate::plan::{Plan, Visibility, WeightMode};
use crate::score::score;
use crate::streams::{LookupArgument, Requantise};

/// The largest logarithm of the number of rows that is ever tried.
pub(crate) const MOST_K: u32 = 26;

/// What the search may choose from.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What the verifier learns.
    pub visibility: Visibility,
    /// Smallest logarithm of the number of rows.
    pub min_k: u32,
    /// Largest logarithm of the number of rows: that of the powers of tau at hand.
    pub max_k: u32,
    /// The only family to try.
    pub family: Option<Family>,
    /// The only width of the activation tape to try.
    pub lanes: Option<usize>,
    /// The only requantisation to try, for all layers alike.
    pub requantise: Option<Requantise>,
    /// The only lookup argument to try.
    pub lookups: Option<LookupArgument>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let visibility = Visibility { public_input: false, weights: WeightMode::Private };
        Self { visibility, min_k: 8, max_k: 20, family: None, lanes: None, requantise: None, lookups: None }
    }
}

/// Chooses the cheapest layout of `graph`. Equal arguments give equal plans.
///
/// # Errors
/// A graph with a form that no layout covers, or one that needs more than `max_k` allows.
pub fn plan(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
    let candidates = candidates(graph, options)?;
    match candidates.iter().min_by_key(|candidate| score(candidate)) {
        Some(best) => Plan::realise(graph, options.visibility, &best.knobs),
        None => Err(PlanError::TooLarge {
            max_k: options.max_k,
            reason: "activations, weights or tables need more rows; raise the limit or lower the bits".into(),
        }),
    }
}

/// Every candidate of every family within the options' limits.
///
/// # Errors
/// A graph with a form that no family covers.
pub fn candidates(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Vec<Candidate>, PlanError> {
    let mut found = Vec::new();
    let mut failure = None;
    for family in FAMILIES.iter().filter(|family| options.family.is_none_or(|only| only == **family)) {
        match family.candidates(graph, options) {
            Ok(candidates) => found.extend(candidates),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}
