//! A bound input: the fact that ties its home to numbers that were committed to outside of the circuit.
//!
//! A channel is a lane, a position a row, in the order of the tensor. The rows of values end with the fourth last usable row,
//! so that where they are depends on the number of rows and on the tensor's shape alone: one commitment serves every model that
//! reads such a tensor.
//!
//! ```text
//! rows of the weight tape          | folded input       |
//! ... the model's facts            | not read           |
//! one per channel and phase        | not read           | s <- rho * s + X_channel
//! one per position, in order       | x[.., position]    | not read where the model does not read the position
//! one, where exponent 0 is padding | not read           |
//! ```
//!
//! It knows nothing of commitments, and of a record only its shape.

use serde::{Deserialize, Serialize};
use zklayout_model::{FixedInput, PerChannel, Planes, Stored};

use crate::encoder::Encoder;
use crate::error::PlanError;
use crate::hash::PlanHash;
use crate::shape::usable_rows;
use crate::streams::fact::ConstantFact;
use crate::streams::home::Home;
use crate::streams::linear_fact::LinearFact;
use crate::streams::network::unsupported;

/// Rows at the end that are no values: one for exponent 0, one that reads the last scalar sum, and the last usable one.
const AFTER: usize = 3;

/// Channels of a committed input: each is a point for whoever verifies.
const MOST_LANES: usize = 4096;

/// What a commitment to an input depends on beside its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTape {
    /// Logarithm of the number of rows of the column.
    pub k: u32,
    /// Shape of the tensor.
    pub shape: Planes,
    /// Hash of the real number that each channel's 1 stands for.
    pub units: PlanHash,
}

impl InputTape {
    /// The tape of an input of a shape, whose channels have scales or which is stored in bytes.
    pub(crate) fn new(k: u32, shape: Planes, scale: &PerChannel<i32>, stored: Option<Stored>) -> Self {
        let mut encoder = Encoder::default();
        (0..shape.channels).for_each(|channel| encoder.scale(&scale.of(channel)));
        encoder.option(stored.as_ref(), Encoder::stored);
        Self { k, shape, units: PlanHash::of("units of an input", &encoder.finish()) }
    }

    /// Lanes: channels.
    pub fn lanes(&self) -> usize {
        self.shape.channels
    }

    /// Rows of values: positions.
    pub fn rows(&self) -> usize {
        self.shape.plane()
    }

    /// The first row of values.
    pub fn first_row(&self) -> usize {
        first_row(usable_rows(self.k), self.shape)
    }
}

/// The fact of a bound input of a shape, of which its home holds what the model reads, on a grid of so many usable rows.
pub(crate) fn bound_fact(shape: Planes, (output, home): (usize, &Home), one: usize, usable: usize) -> LinearFact {
    let constant = ConstantFact { tensor: Some((shape.height, shape.width)), ..ConstantFact::raster(home, one) };
    LinearFact {
        layer: 0,
        output,
        terms: vec![constant.into()],
        scales: Vec::new(),
        phases: home.phases(),
        groups: 1,
        group_outputs: shape.channels,
        pitch: home.pitch,
        bias_digits: 0,
        bias_row: 0,
        weight_lanes: shape.channels,
        row: first_row(usable, shape).saturating_sub(shape.channels * home.phases()),
    }
}

/// Refuses an input that no commitment holds.
pub(crate) fn check_bound(input: &FixedInput) -> Result<(), PlanError> {
    let refuse = |reason: String| Err(unsupported("input", &reason));
    let (range, lanes) = (input.range, input.shape.channels);
    if i16::try_from(range.lo).is_err() || i16::try_from(range.hi).is_err() {
        let found = format!("its integers lie between {} and {}", range.lo, range.hi);
        return refuse(format!(
            "{found}, and a commitment holds 16 bits with their sign; choose fewer --input-bits"
        ));
    }
    if lanes > MOST_LANES {
        return refuse(format!("it has {lanes} channels, and a commitment holds at most {MOST_LANES}"));
    }
    Ok(())
}

/// Rows that a bound input takes at most, stored in so many phases.
pub(crate) fn bound_rows(shape: Planes, phases: usize) -> usize {
    shape.channels * phases + shape.plane() + AFTER
}

fn first_row(usable: usize, shape: Planes) -> usize {
    usable.saturating_sub(AFTER + shape.plane())
}
