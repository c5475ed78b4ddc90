//! What a proof shows, and how weights are held.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Outside of the circuit: the model's owner commits to them once, and each proof is tied to that commitment.
    Committed,
}

impl WeightMode {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Private, Self::Fixed, Self::Committed];

    /// The widest weight tape that is tried. A lane costs the prover a column unless the lanes are committed to outside of the
    /// circuit; then it costs the verifier a point.
    pub(crate) fn most_lanes(self) -> usize {
        match self {
            Self::Private | Self::Fixed => 160,
            Self::Committed => 4096,
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = if self.public_input { "public input" } else { "private input" };
        write!(f, "{input}, {}, public output", self.weights)
    }
}

impl fmt::Display for WeightMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "private weights",
            Self::Fixed => "fixed weights",
            Self::Committed => "committed weights",
        })
    }
}
