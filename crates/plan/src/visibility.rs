//! What a proof shows, and how inputs and weights are held. It does not know where their cells are.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// In advice columns, which are tied to a commitment that its holder made once, outside of the circuit.
    Committed,
}

/// How a visibility is saved.
#[derive(Serialize, Deserialize)]
struct Record {
    public_input: bool,
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
        let (public_input, committed_input) = (input == InputMode::Public, input == InputMode::Committed);
        Self { public_input, committed_input, weights }
    }
}

impl TryFrom<Record> for Visibility {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let input = match (record.public_input, record.committed_input) {
            (false, false) => InputMode::Private,
            (true, false) => InputMode::Public,
            (false, true) => InputMode::Committed,
            (true, true) => return Err("an input is either public or committed"),
        };
        Ok(Self { input, weights: record.weights })
    }
}

impl InputMode {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Private, Self::Public, Self::Committed];

    /// A public input, or a private one.
    pub fn public_if(public: bool) -> Self {
        if public { Self::Public } else { Self::Private }
    }
}

impl Visibility {
    /// Whether every proof names the input.
    pub fn shows_input(&self) -> bool {
        self.input == InputMode::Public
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
        f.write_str(match self {
            Self::Private => "private input",
            Self::Public => "public input",
            Self::Committed => "committed input",
        })
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
