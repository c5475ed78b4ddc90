//! The search: every candidate of every family, priced; the cheapest wins.

use zklayout_model::{Fixed, Graph};

use crate::cost::{CostError, CostModel, Profile};
use crate::error::PlanError;
use crate::layout::{Candidate, FAMILIES, Family};
use crate::plan::{Plan, Visibility, WeightMode};
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
    /// The machine that layouts are priced for; the shipped profile if not given.
    pub profile: Option<Profile>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let visibility = Visibility { public_input: false, weights: WeightMode::Private };
        Self {
            visibility,
            min_k: 8,
            max_k: 20,
            family: None,
            lanes: None,
            requantise: None,
            lookups: None,
            profile: None,
        }
    }
}

/// Chooses the layout of `graph` that is proven fastest. Equal arguments give equal plans.
///
/// Candidates with more rows than the profile was measured for are left out, as long as others remain.
///
/// # Errors
/// A graph with a form that no layout covers, one that needs more than `max_k` allows, or one whose layouts all have a
/// number of rows that the profile was not measured for.
pub fn plan(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
    let candidates = candidates(graph, options)?;
    if candidates.is_empty() {
        return Err(PlanError::TooLarge {
            max_k: options.max_k,
            reason: "activations, weights or tables need more rows; raise the limit or lower the bits".into(),
        });
    }
    let best = cheapest(&candidates, options)?;
    Plan::realise(graph, options.visibility, &best.knobs)
}

/// The candidate that is proven fastest; among equals the first.
fn cheapest<'a>(candidates: &'a [Candidate], options: &PlanOptions) -> Result<&'a Candidate, CostError> {
    let shipped;
    let profile = match &options.profile {
        Some(profile) => profile,
        None => {
            shipped = Profile::two_cores()?;
            &shipped
        }
    };
    let model = CostModel::new(profile);
    let mut best: Option<(f64, &Candidate)> = None;
    let mut refusal = None;
    for candidate in candidates {
        match model.price(&candidate.shape) {
            Ok(cost) if best.is_none_or(|(seconds, _)| cost.prove_seconds < seconds) => {
                best = Some((cost.prove_seconds, candidate));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(k = candidate.shape.k, %error, "no price");
                refusal = refusal.or(Some(error));
            }
        }
    }
    let missing = || CostError::Incomplete { profile: profile.name.clone(), missing: "candidates".into() };
    best.map(|(_, candidate)| candidate).ok_or_else(|| refusal.unwrap_or_else(missing))
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
