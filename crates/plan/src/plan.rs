//! The plan: every choice that changes a constraint, saved as one value.

use std::fmt;

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, FixedInput, Graph, PerChannel, Planes, Stored, ValueRange};

use crate::error::PlanError;
use crate::layout::{Knobs, Layout};
use crate::shape::CircuitShape;
use crate::structure::structure_hash;

/// Format of saved plans; a plan of another format is refused.
pub(crate) const PLAN_FORMAT: u32 = 7;

/// What the verifier learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility {
    /// Whether the input is public.
    pub public_input: bool,
    /// How weights are held.
    pub weights: WeightMode,
}

/// How weights are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WeightMode {
    /// In advice columns, range-checked: each proof commits to them anew.
    Private,
    /// In fixed columns: the verifying key commits to them.
    Fixed,
}

/// A complete, deterministic description of one circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of this value.
    pub format: u32,
    /// Hash of the quantised model's canonical structure ([`structure`](crate::structure())).
    pub model: PlanHash,
    /// Name of the profile that the layout was chosen by.
    pub profile: Option<String>,
    /// Shape of the whole input; its home holds what the model reads.
    pub input_shape: Planes,
    /// Integers that an input value may hold.
    pub input_range: ValueRange,
    /// Power-of-two scale of each channel of the input.
    pub input_scale: PerChannel<i32>,
    /// Shape of the public output.
    pub output_shape: Planes,
    /// Power-of-two scale of each channel of the public output.
    pub output_scale: PerChannel<i32>,
    /// How the input's values are stored, if the model's file says so; the scale is 0 then.
    pub input_stored: Option<Stored>,
    /// How the public output's values are stored, if the model's file says so; the scale is 0 then.
    pub output_stored: Option<Stored>,
    /// The circuit's counts.
    pub shape: CircuitShape,
    /// Where everything is.
    pub layout: Layout,
}

/// What every plan says, whatever its format.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A 256-bit hash, printed in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanHash(pub [u8; 32]);

impl PlanHash {
    /// Hashes bytes under a purpose.
    pub fn of(purpose: &str, bytes: &[u8]) -> Self {
        let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
        state.update(&(purpose.len() as u64).to_le_bytes()).update(purpose.as_bytes()).update(bytes);
        let mut hash = [0; 32];
        hash.copy_from_slice(state.finalize().as_bytes());
        Self(hash)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Plan {
    /// Hash of the whole plan; artefacts made under it carry this hash.
    ///
    /// # Errors
    /// If the plan cannot be serialised.
    pub fn hash(&self) -> Result<PlanHash, PlanError> {
        Ok(PlanHash::of("plan", self.to_json()?.as_bytes()))
    }

    /// The plan as JSON; equal plans give equal text.
    ///
    /// # Errors
    /// If the plan cannot be serialised.
    pub fn to_json(&self) -> Result<String, PlanError> {
        serde_json::to_string_pretty(self).map_err(|e| PlanError::Format(e.to_string()))
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// Text that is no plan, a plan of another format, or one with numbers that no search gives.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let unreadable = |error: serde_json::Error| PlanError::Format(error.to_string());
        // A plan of another format may have other fields.
        let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
        if format != PLAN_FORMAT {
            return Err(PlanError::Format(format!("format {format}, expected {PLAN_FORMAT}; make it again")));
        }
        let plan: Self = serde_json::from_str(text).map_err(unreadable)?;
        plan.check_bounds()?;
        plan.check_soundness()?;
        Ok(plan)
    }

    /// Refuses a plan that is not what its knobs and visibility give for this model: one made for another model, or one
    /// that was edited.
    ///
    /// # Errors
    /// [`PlanError::OtherModel`], [`PlanError::Edited`].
    pub fn check_model(&self, graph: &Graph<Fixed>) -> Result<(), PlanError> {
        self.check_structure(graph)?;
        let realised = Self::realise(graph, self.visibility(), &self.layout.knobs())?;
        if *self != (Self { profile: self.profile.clone(), ..realised }) {
            return Err(PlanError::Edited);
        }
        Ok(())
    }

    /// Refuses a plan made for a quantised model of another structure.
    ///
    /// # Errors
    /// [`PlanError::OtherModel`].
    pub fn check_structure(&self, graph: &Graph<Fixed>) -> Result<(), PlanError> {
        let model = structure_hash(graph);
        if model != self.model {
            return Err(PlanError::OtherModel { plan: self.model.to_string(), model: model.to_string() });
        }
        Ok(())
    }

    /// The plan that given knobs stand for.
    ///
    /// # Errors
    /// Knobs that do not fit the graph.
    pub fn realise(graph: &Graph<Fixed>, visibility: Visibility, knobs: &Knobs) -> Result<Self, PlanError> {
        let (layout, shape) = knobs.realise(graph, visibility)?;
        let input = graph_input(graph)?;
        let output = graph.nodes().next_back().map(|(_, node)| node).ok_or_else(no_input)?;
        let plan = Self {
            format: PLAN_FORMAT,
            model: structure_hash(graph),
            profile: None,
            input_shape: input.shape,
            input_range: input.range,
            input_scale: input.scale.clone(),
            output_shape: output.shape(),
            output_scale: output.scale(),
            input_stored: input.stored,
            output_stored: output.stored(),
            shape,
            layout,
        };
        plan.check_bounds()?;
        plan.check_soundness()?;
        Ok(plan)
    }

    /// Logarithm of the number of rows.
    pub fn k(&self) -> u32 {
        self.shape.k
    }

    /// What the verifier learns.
    pub fn visibility(&self) -> Visibility {
        self.layout.visibility()
    }

    /// The real numbers that an input's integers stand for.
    pub fn input_values(&self, integers: &[i64]) -> Vec<f64> {
        dequantise(integers, self.input_shape, &self.input_scale, self.input_stored)
    }

    /// The real numbers that an output's integers stand for.
    pub fn output_values(&self, integers: &[i64]) -> Vec<f64> {
        dequantise(integers, self.output_shape, &self.output_scale, self.output_stored)
    }
}

fn dequantise(integers: &[i64], shape: Planes, scale: &PerChannel<i32>, stored: Option<Stored>) -> Vec<f64> {
    let unit = |channel: usize| match stored {
        Some(stored) => stored.unit.into(),
        None => f64::powi(2.0, -scale.of(channel)),
    };
    // The last plane's unit for whatever lies beyond the shape, which no proof of this plan has.
    let last = shape.channels.saturating_sub(1);
    let channel = |place: usize| (place / shape.plane().max(1)).min(last);
    integers.iter().enumerate().map(|(place, &integer)| integer as f64 * unit(channel(place))).collect()
}

/// The graph's input.
pub(crate) fn graph_input(graph: &Graph<Fixed>) -> Result<&FixedInput, PlanError> {
    match graph.nodes().next() {
        Some((_, Fixed::Input(input))) => Ok(input),
        _ => Err(no_input()),
    }
}

fn no_input() -> PlanError {
    PlanError::Unsupported { layer: "input".into(), reason: "the graph does not start with an input".into() }
}
