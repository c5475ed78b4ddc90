//! The search: every candidate of every family, priced, unless a lower bound on its price already loses.
//!
//! A family offers candidates in batches. Before it lays something out it asks whether a circuit with no more than
//! given counts could still matter; prices grow with every count, so that the price of those counts is a bound. Batches
//! and questions are the same on every number of threads, and so is the outcome.

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph};

use crate::cost::{Cost, CostError, CostModel, Profile, peak_memory, with_margin};
use crate::error::PlanError;
use crate::families::{FAMILIES, LayoutFamily};
use crate::layout::{Candidate, Family};
use crate::objective::{Limits, dominates};
use crate::options::{Buyer, PlanOptions};
use crate::plan::Plan;
use crate::shape::CircuitShape;

/// A candidate and its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Priced {
    /// The candidate.
    pub candidate: Candidate,
    /// Its price.
    pub cost: Cost,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// Every candidate was priced or ruled out by a bound.
    Exhausted,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// The best candidate.
    pub best: Priced,
    /// The second best.
    pub runner_up: Option<Priced>,
    /// Candidates that no other one beats in time, memory, proof size and verification, by increasing time.
    pub front: Vec<Priced>,
    /// Candidates that were priced.
    pub priced: usize,
    /// Candidates that do not keep the limits.
    pub refused: usize,
    /// Candidates with a number of rows that the profile was not measured for.
    pub unpriced: usize,
    /// Groups of candidates that a bound ruled out.
    pub pruned: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Name of the profile that prices are from.
    pub profile: String,
}

/// Chooses the best layout of `graph`. Equal arguments give equal plans.
///
/// # Errors
/// See [`search`].
pub fn plan(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
    let report = search(graph, options)?;
    let plan = Plan::realise(graph, options.visibility, &report.best.candidate.knobs)?;
    Plan { profile: Some(report.profile), ..plan }.with_inputs(&options.inputs)
}

/// Prices the layouts of `graph`.
///
/// Candidates with more rows than the profile was measured for are left out, as long as others remain.
///
/// # Errors
/// A graph with a form that no layout covers, one that needs more rows or memory than allowed, or one whose layouts all
/// have a number of rows that the profile was not measured for.
pub fn search(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<SearchReport, PlanError> {
    search_among(graph, options, &families(options))
}

/// The same among given families; [`PlanOptions::family`] chooses none of them.
///
/// # Errors
/// See [`search`].
pub fn search_among(
    graph: &Graph<Fixed>,
    options: &PlanOptions,
    families: &[&dyn LayoutFamily],
) -> Result<SearchReport, PlanError> {
    let shipped;
    let profile = match &options.profile {
        Some(profile) => profile,
        None => {
            shipped = Profile::two_cores()?;
            &shipped
        }
    };
    let mut market = Market::new(profile, options);
    let failure = enumerate(graph, options, families, &mut market)?;
    if let (true, Some(tape)) = (market.is_empty() && market.pruned == 0, options.tape) {
        return Err(PlanError::OtherTape(tape.to_string()));
    }
    match failure {
        // A family that fails says more than one that has nothing to offer.
        Some(error) if market.is_empty() => Err(error),
        _ => match market.report() {
            Err(PlanError::Limits { refused, .. }) => {
                Err(PlanError::Limits { refused, least: least_memory(graph, options, profile, families)? })
            }
            outcome => outcome,
        },
    }
}

/// Every candidate of every family within the options' limits on rows, priced or not.
///
/// # Errors
/// A graph with a form that no family covers.
pub fn candidates(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Vec<Candidate>, PlanError> {
    let mut all = Collection::default();
    enumerate(graph, options, &families(options), &mut all)?;
    Ok(all.0)
}

/// The smallest limit on memory that some layout within the other limits keeps, if there is one and memory is limited.
fn least_memory(
    graph: &Graph<Fixed>,
    options: &PlanOptions,
    profile: &Profile,
    families: &[&dyn LayoutFamily],
) -> Result<Option<u64>, PlanError> {
    // Where next to nothing is allowed, nothing is kept.
    let model = CostModel::new(profile).within(Some(0));
    let mut frugal = Frugal { model, limits: &options.limits, least: None };
    if options.limits.memory.is_some() {
        enumerate(graph, options, families, &mut frugal)?;
    }
    Ok(frugal.least.map(with_margin))
}

/// The families that the options leave.
fn families(options: &PlanOptions) -> Vec<&'static dyn LayoutFamily> {
    // One that is asked for says itself what it does not do.
    let wanted = |family: &&Family| match options.family {
        Some(only) => only == **family,
        None => family.holds(options.visibility),
    };
    let left = FAMILIES.iter().filter(wanted);
    left.map(|family| family as &dyn LayoutFamily).collect()
}

/// Has every family offer its candidates; returns the first failure if others were covered.
fn enumerate(
    graph: &Graph<Fixed>,
    options: &PlanOptions,
    families: &[&dyn LayoutFamily],
    buyer: &mut dyn Buyer,
) -> Result<Option<PlanError>, PlanError> {
    let mut failure = None;
    let mut covered = false;
    for family in families {
        match family.offer(graph, options, buyer) {
            Ok(()) => covered = true,
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if !covered => Err(error),
        failure => Ok(failure),
    }
}

/// Takes everything.
#[derive(Default)]
struct Collection(Vec<Candidate>);

impl Buyer for Collection {
    fn wants(&self, _: &CircuitShape) -> bool {
        true
    }

    fn take(&mut self, candidates: Vec<Candidate>, _: usize) {
        self.0.extend(candidates);
    }
}

/// Looks for the least peak of memory.
struct Frugal<'a> {
    model: CostModel<'a>,
    limits: &'a Limits,
    least: Option<u64>,
}

impl Frugal<'_> {
    fn peak(&self, shape: &CircuitShape) -> Option<u64> {
        let cost = self.model.price(shape).ok()?;
        self.limits.allow_columns(shape).then_some(cost.peak_memory)
    }
}

impl Buyer for Frugal<'_> {
    fn wants(&self, least: &CircuitShape) -> bool {
        self.peak(least).is_some_and(|peak| self.least.is_none_or(|found| peak < found))
    }

    fn take(&mut self, candidates: Vec<Candidate>, _: usize) {
        let peaks = candidates.iter().filter_map(|candidate| self.peak(&candidate.shape));
        self.least = peaks.chain(self.least).min();
    }
}

/// Prices everything and keeps the front.
struct Market<'a> {
    model: CostModel<'a>,
    profile: &'a Profile,
    options: &'a PlanOptions,
    best: Option<Priced>,
    runner_up: Option<Priced>,
    front: Vec<Priced>,
    priced: usize,
    refused: usize,
    unpriced: usize,
    pruned: usize,
    refusal: Option<CostError>,
}

impl Buyer for Market<'_> {
    fn wants(&self, least: &CircuitShape) -> bool {
        if self.options.exhaustive {
            return true;
        }
        let Ok(mut bound) = self.model.price(least) else { return true };
        // A circuit with more of everything may keep nothing of its key, and so take less memory.
        bound.peak_memory = peak_memory(least, self.profile.host.threads, Some(0));
        let beaten = self.runner_up.as_ref().is_some_and(|second| self.score(&second.cost) < self.score(&bound))
            && self.front.iter().any(|other| dominates(&other.cost, &bound));
        !beaten && self.options.limits.allow(least, &bound)
    }

    fn take(&mut self, candidates: Vec<Candidate>, pruned: usize) {
        self.pruned += pruned;
        for candidate in candidates {
            match self.model.price(&candidate.shape) {
                Ok(cost) if self.options.limits.allow(&candidate.shape, &cost) => {
                    self.add(Priced { candidate, cost });
                }
                Ok(_) => self.refused += 1,
                Err(error) => {
                    self.unpriced += 1;
                    self.refusal.get_or_insert(error);
                }
            }
        }
    }
}

impl<'a> Market<'a> {
    fn new(profile: &'a Profile, options: &'a PlanOptions) -> Self {
        Self {
            model: CostModel::new(profile).within(options.keeping_within()),
            profile,
            options,
            best: None,
            runner_up: None,
            front: Vec::new(),
            priced: 0,
            refused: 0,
            unpriced: 0,
            pruned: 0,
            refusal: None,
        }
    }

    /// Whether nothing was offered.
    fn is_empty(&self) -> bool {
        self.priced + self.refused + self.unpriced == 0
    }

    fn score(&self, cost: &Cost) -> f64 {
        self.options.objective.score(cost)
    }

    fn add(&mut self, priced: Priced) {
        self.priced += 1;
        if !self.front.iter().any(|other| dominates(&other.cost, &priced.cost)) {
            self.front.retain(|other| !dominates(&priced.cost, &other.cost));
            self.front.push(priced.clone());
        }
        let beats = |other: &Option<Priced>| {
            other.as_ref().is_none_or(|other| self.score(&priced.cost) < self.score(&other.cost))
        };
        if beats(&self.best) {
            self.runner_up = self.best.replace(priced);
        } else if beats(&self.runner_up) {
            self.runner_up = Some(priced);
        }
    }

    fn report(mut self) -> Result<SearchReport, PlanError> {
        self.front.sort_by(|a, b| a.cost.prove_seconds.total_cmp(&b.cost.prove_seconds));
        let Some(best) = self.best else {
            // Groups that are ruled out before there is a choice are ruled out by the limits.
            return Err(match (self.refused + self.pruned, self.refusal) {
                (0, Some(error)) => error.into(),
                (0, None) => PlanError::TooLarge {
                    max_k: self.options.max_k,
                    reason: "activations, weights or tables need more rows; raise the limit or lower the bits"
                        .into(),
                },
                (refused, _) => PlanError::Limits { refused, least: None },
            });
        };
        Ok(SearchReport {
            best,
            runner_up: self.runner_up,
            front: self.front,
            priced: self.priced,
            refused: self.refused,
            unpriced: self.unpriced,
            pruned: self.pruned,
            stop: StopReason::Exhausted,
            profile: self.profile.name.clone(),
        })
    }
}
