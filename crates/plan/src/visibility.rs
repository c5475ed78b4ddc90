//! What a proof shows, and how inputs and weights are held. It does not know where their cells are.

use std::fmt;

use serde::{Deserialize, Serialize};
use zklayout_model::Planes;

/// What the verifier learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Visibility {
    /// How the input is held.
    pub input: InputMode,
    /// How weights are held.
    pub weights: WeightMode,
}

/// How the input is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputMode {
    /// In advice columns: each proof commits to it anew.
    Private,
    /// In instance columns: every proof names it.
    Public,
    /// The first so many planes in instance columns, the others in advice columns: of several inputs, those that are public come
    /// first.
    First(usize),
    /// In advice columns, which are tied to a commitment that its holder made once, outside of the circuit.
    Committed,
}

/// How a visibility is saved.
#[derive(Serialize, Deserialize)]
struct Record {
    public_input: bool,
    /// Planes that are public, if not all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_planes: Option<usize>,
    #[serde(default, skip_serializing_if = "is_false")]
    committed_input: bool,
    weights: WeightMode,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl From<Visibility> for Record {
    fn from(Visibility { input, weights }: Visibility) -> Self {
        let public_planes = match input {
            InputMode::First(planes) => Some(planes),
            _ => None,
        };
        let public_input = input == InputMode::Public || public_planes.is_some();
        Self { public_input, public_planes, committed_input: input == InputMode::Committed, weights }
    }
}

impl TryFrom<Record> for Visibility {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let input = match (record.public_input, record.public_planes, record.committed_input) {
            (false, None, false) => InputMode::Private,
            (true, None, false) => InputMode::Public,
            (true, Some(planes), false) => InputMode::First(planes),
            (false, None, true) => InputMode::Committed,
            (true, _, true) => return Err("an input is either public or committed"),
            (false, Some(_), _) => return Err("planes of an input are public that is not"),
        };
        Ok(Self { input, weights: record.weights })
    }
}

impl InputMode {
    /// Every way for an input as a whole.
    pub const ALL: [Self; 3] = [Self::Private, Self::Public, Self::Committed];

    /// A public input, or a private one.
    pub fn public_if(public: bool) -> Self {
        if public { Self::Public } else { Self::Private }
    }
}

impl Visibility {
    /// Whether every proof names the input, or some of several.
    pub fn shows_input(&self) -> bool {
        matches!(self.input, InputMode::Public | InputMode::First(_))
    }

    /// The planes that every proof names, of an input of given planes: the first ones.
    pub fn shown(&self, input: Planes) -> Planes {
        let channels = match self.input {
            InputMode::Public => input.channels,
            InputMode::First(planes) => planes.min(input.channels),
            InputMode::Private | InputMode::Committed => 0,
        };
        Planes { channels, ..input }
    }

    /// Whether proofs are tied to a commitment to the input.
    pub fn binds_input(&self) -> bool {
        self.input == InputMode::Committed
    }
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
        write!(f, "{}, {}, public output", self.input, self.weights)
    }
}

impl fmt::Display for InputMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private input"),
            Self::Public => f.write_str("public input"),
            Self::First(planes) => write!(f, "input public in its first {planes} planes and else private"),
            Self::Committed => f.write_str("committed input"),
        }
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
