//! What a search is asked for, and who it offers its candidates to.

use serde::{Deserialize, Serialize};

use crate::cost::Profile;
use crate::layout::{Candidate, Family};
use crate::named_input::NamedInput;
use crate::objective::{Limits, Objective};
use crate::shape::CircuitShape;
use crate::streams::{LookupArgument, Requantise, TapeId};
use crate::visibility::{InputMode, Visibility, WeightMode};

/// What the search may choose from, and what it aims at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanOptions {
    /// What the verifier learns.
    pub visibility: Visibility,
    /// The inputs by name, where some are public and others private; else none.
    pub inputs: Vec<NamedInput>,
    /// Smallest logarithm of the number of rows.
    pub min_k: u32,
    /// Largest logarithm of the number of rows: that of the powers of tau at hand.
    pub max_k: u32,
    /// What is made small.
    pub objective: Objective,
    /// What must be kept.
    pub limits: Limits,
    /// The machine that layouts are priced for; the shipped profile if not given.
    pub profile: Option<Profile>,
    /// The only family to try.
    pub family: Option<Family>,
    /// The only width of the activation tape to try.
    pub lanes: Option<usize>,
    /// The only requantisation to try, for all layers alike.
    pub requantise: Option<Requantise>,
    /// The only lookup argument to try.
    pub lookups: Option<LookupArgument>,
    /// Most lanes of the weight tape: of a model commitment, each costs the verifier a point.
    pub max_weight_lanes: Option<usize>,
    /// The weight tape of a model commitment that is to stay valid: all else is left to the search.
    pub tape: Option<TapeId>,
    /// Store no tensor in phases.
    pub whole_grids: bool,
    /// Price everything, even what a bound rules out.
    pub exhaustive: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            visibility: Visibility { input: InputMode::Private, weights: WeightMode::Private },
            inputs: Vec::new(),
            min_k: 8,
            max_k: 20,
            objective: Objective::default(),
            limits: Limits::default(),
            profile: None,
            family: None,
            lanes: None,
            requantise: None,
            lookups: None,
            max_weight_lanes: None,
            tape: None,
            whole_grids: false,
            exhaustive: false,
        }
    }
}

impl PlanOptions {
    /// The limit on memory that decides what a prover keeps of a key from proof to proof: nothing where memory is to be small.
    pub fn keeping_within(&self) -> Option<u64> {
        if self.objective == Objective::PeakMemory { Some(0) } else { self.limits.memory }
    }
}

/// Who a family offers its candidates to.
pub trait Buyer: Sync {
    /// Whether a circuit that takes at least these counts could still matter.
    fn wants(&self, least: &CircuitShape) -> bool;
    /// Takes candidates; `pruned` groups of others were not wanted.
    fn take(&mut self, candidates: Vec<Candidate>, pruned: usize);
}
