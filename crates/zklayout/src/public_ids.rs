//! Public ids: whether the public input of a verified proof is what a model's embedding makes of some ids.
//!
//! No proof shows that; whoever has the model can tell. It knows vectors and their integers, no proof.

use zklayout_plan::Plan;

use crate::error::Error;
use crate::model::Model;

impl Model {
    /// Holds a verified proof's public input against token ids: each vector's integers must be those that the ids' rows round to.
    ///
    /// # Errors
    /// A model that takes no ids, ids that it has not, or the first token whose vector is another one's.
    pub fn check_ids(&self, ids: &[f64], plan: &Plan, public_input: &[f64]) -> Result<(), Error> {
        if self.embedding().is_none() {
            return Err(Error::NoIds);
        }
        let rows = self.rows(ids)?;
        let positions = plan.input_shape.plane().max(1);
        let unit = |place: usize| f64::powi(2.0, plan.input_scale.of(place / positions));
        let integers = rows.iter().enumerate().map(|(place, value)| (value * unit(place) + 0.5).floor() as i64);
        let wanted = plan.input_values(&integers.collect::<Vec<i64>>());
        let features = (rows.len() / ids.len().max(1)).max(1);
        let found = public_input.len() == wanted.len();
        match wanted.iter().zip(public_input).position(|(wanted, found)| wanted != found) {
            None if found => Ok(()),
            place => Err(Error::OtherIds { token: place.unwrap_or(0) / features }),
        }
    }
}
