//! The plan: every choice that changes a constraint, saved as one value.

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph, PerChannel, Planes, Stored, ValueRange};

use crate::ends::{input, output};
use crate::error::PlanError;
use crate::hash::PlanHash;
use crate::layout::{Knobs, Layout};
use crate::named_input::NamedInput;
use crate::shape::CircuitShape;
use crate::streams::{InputTape, Streams};
use crate::structure::structure_hash;
use crate::visibility::Visibility;

/// Format of saved plans; a plan of another format is refused.
pub(crate) const PLAN_FORMAT: u32 = 7;

/// A complete, deterministic description of one circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of this value.
    pub format: u32,
    /// Hash of the quantised model's canonical structure ([`structure`](crate::structure())).
    pub model: PlanHash,
    /// Name of the profile that the layout was chosen by.
    pub profile: Option<String>,
    /// The inputs by name, where some are public and others private; else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<NamedInput>,
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
    /// How the public output's values are stored, by channel, if the model's file says so; the scale is 0 then.
    #[serde(with = "one_or_each")]
    pub output_stored: Option<PerChannel<Stored>>,
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
        serde_json::to_string(self).map_err(|e| PlanError::Format(e.to_string()))
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// Text that is no plan, a plan of another format, or one with numbers that no search gives.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let unreadable = |error: serde_json::Error| PlanError::Format(error.to_string());
        let read: Result<Self, _> = serde_json::from_str(text);
        // A plan of another format may have other fields.
        let format = match &read {
            Ok(plan) => plan.format,
            Err(_) => serde_json::from_str::<Format>(text).map_err(unreadable)?.format,
        };
        if format != PLAN_FORMAT {
            return Err(PlanError::Format(format!("format {format}, expected {PLAN_FORMAT}; make it again")));
        }
        let mut plan = read.map_err(unreadable)?;
        plan.check_bounds()?;
        plan.check_soundness()?;
        plan.shape.occupancy = plan.layout.as_streams().map(Streams::occupancy).unwrap_or_default();
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
        if *self != (Self { profile: self.profile.clone(), inputs: self.inputs.clone(), ..realised }) {
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
        let (input, output) = (input(graph)?, output(graph)?);
        let plan = Self {
            format: PLAN_FORMAT,
            model: structure_hash(graph),
            profile: None,
            inputs: Vec::new(),
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

    /// The same plan with its inputs' names.
    ///
    /// # Errors
    /// Names that are not of inputs as this plan shows them.
    pub fn with_inputs(self, inputs: &[NamedInput]) -> Result<Self, PlanError> {
        let plan = Self { inputs: inputs.to_vec(), ..self };
        plan.check_bounds()?;
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

    /// What a commitment to an input of this plan depends on; every plan with as many rows whose input has this shape and these units
    /// has the same.
    pub fn input_tape(&self) -> InputTape {
        InputTape::new(self.k(), self.input_shape, &self.input_scale, self.input_stored)
    }

    /// The real numbers that an input's integers stand for.
    pub fn input_values(&self, integers: &[i64]) -> Vec<f64> {
        let stored = self.input_stored.map(PerChannel::uniform);
        dequantise(integers, self.input_shape, &self.input_scale, stored.as_ref())
    }

    /// The real numbers that an output's integers stand for.
    pub fn output_values(&self, integers: &[i64]) -> Vec<f64> {
        dequantise(integers, self.output_shape, &self.output_scale, self.output_stored.as_ref())
    }

    /// An output's integers as the model's file stores them, with their zero points, if it does.
    pub fn output_bytes(&self, integers: &[i64]) -> Option<Vec<i64>> {
        let stored = self.output_stored.as_ref()?;
        let zero_point = |place: usize| stored.of(channel(self.output_shape, place)).zero_point;
        Some(integers.iter().enumerate().map(|(place, integer)| integer + zero_point(place)).collect())
    }
}

fn dequantise(
    integers: &[i64],
    shape: Planes,
    scale: &PerChannel<i32>,
    stored: Option<&PerChannel<Stored>>,
) -> Vec<f64> {
    let unit = |channel: usize| match stored {
        Some(stored) => stored.of(channel).unit.into(),
        None => f64::powi(2.0, -scale.of(channel)),
    };
    integers.iter().enumerate().map(|(place, &integer)| integer as f64 * unit(channel(shape, place))).collect()
}

/// The last plane for whatever lies beyond the shape, which no proof of the plan has.
fn channel(shape: Planes, place: usize) -> usize {
    (place / shape.plane().max(1)).min(shape.channels.saturating_sub(1))
}

/// How values are stored: the one way of all channels by itself, or a list of each channel's.
mod one_or_each {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zklayout_model::{PerChannel, Stored};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(Stored),
        Each(PerChannel<Stored>),
    }

    pub(super) fn serialize<S: Serializer>(
        stored: &Option<PerChannel<Stored>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let form = stored.as_ref().map(|stored| match stored.values() {
            [one] => Form::One(*one),
            _ => Form::Each(stored.clone()),
        });
        form.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PerChannel<Stored>>, D::Error> {
        let form = Option::<Form>::deserialize(deserializer)?;
        Ok(form.map(|form| match form {
            Form::One(one) => PerChannel::uniform(one),
            Form::Each(each) => each,
        }))
    }
}
