//! What whoever made a setup says of it: which samples chose the scales, how far the integers are from the float model. It
//! lies beside every proof, for people to read, and no proof shows any of it.
//!
//! Everything in it is public: no hash of weights, and no number with more digits than a report has.

use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zklayout_prover::VerifyingKey;

use crate::calibration::Calibration;
use crate::error::Error;
use crate::fidelity::Fidelity;

/// Format of records; one of another format is refused.
pub const RECORD_FORMAT: u32 = 1;
/// Bytes of a record that are read.
const MOST_BYTES: u64 = 1 << 16;

/// A setup's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupRecord {
    /// Format of this value.
    pub format: u32,
    /// Hash of the verifying key that it is about.
    pub verifying_key: String,
    /// The samples that chose the scales; none if the model's file had integers.
    pub calibration: Option<Calibration>,
    /// How far the integers are from the float model on these samples.
    pub fidelity: RecordedFidelity,
    /// What the model's file makes of token ids before the input, if it takes those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<RecordedEmbedding>,
    /// What the output has the places of, if it is places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<RecordedPlaces>,
}

/// An output of places: by row, where the largest of its values is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPlaces {
    /// Rows, each of which has a place.
    pub rows: usize,
    /// Values of a row: of a language model, the vocabulary.
    pub values: usize,
}

/// An embedding that was cut off a model: its ids are not proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEmbedding {
    /// The file's input of ids.
    pub input: String,
    /// Tokens of an input.
    pub tokens: usize,
    /// Ids there are.
    pub vocabulary: usize,
}

/// How far integers are from a float model, as a record has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedFidelity {
    /// The integers are those of the model's own file.
    ExactByConstruction,
    /// Measured when the scales were chosen.
    Measured {
        /// Largest difference of an output, in percent of how far the float outputs go, rounded to hundredths.
        error_percent: f64,
        /// Samples on which both models have the same largest output.
        agreeing: usize,
        /// Samples that were compared.
        samples: usize,
    },
}

/// The format alone, which every record has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl RecordedFidelity {
    /// What a record has of a model's fidelity, which it has none of if its file had integers.
    pub fn of(fidelity: Option<&Fidelity>) -> Self {
        let Some(fidelity) = fidelity else { return Self::ExactByConstruction };
        let error_percent = (1e4 * fidelity.error()).round() / 100.0;
        Self::Measured { error_percent, agreeing: fidelity.agreeing, samples: fidelity.samples }
    }
}

impl SetupRecord {
    /// The record of how a model came to its integers, under a key.
    pub fn of(calibration: Option<&Calibration>, fidelity: Option<&Fidelity>, key: &VerifyingKey) -> Self {
        let (calibration, fidelity) = (calibration.cloned(), RecordedFidelity::of(fidelity));
        let verifying_key = key.hash().to_string();
        Self { format: RECORD_FORMAT, verifying_key, calibration, fidelity, embedding: None, places: None }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A file that cannot be read, is too long, is no record, or one of another format.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Record { path: path.to_owned(), reason };
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        Self::from_json(&text).map_err(wrong)
    }

    /// Reads a record's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(text: &str) -> Result<Self, String> {
        if text.len() as u64 > MOST_BYTES {
            return Err(format!("is longer than {MOST_BYTES} bytes"));
        }
        let unreadable = |error: serde_json::Error| format!("is no record of a setup: {error}");
        let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
        if format != RECORD_FORMAT {
            return Err(format!("has format {format}, this version reads {RECORD_FORMAT}; make the setup again"));
        }
        serde_json::from_str(text).map_err(unreadable)
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// A record with a number that JSON has no word for.
    pub fn to_json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| error.to_string())
    }
}

impl fmt::Display for RecordedFidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExactByConstruction => {
                f.write_str("exact by construction, the integers are the model file's own")
            }
            Self::Measured { error_percent, agreeing, samples } => {
                write!(f, "error {error_percent:.2} % of the outputs' reach, ")?;
                write!(f, "same largest output on {agreeing} of {samples} samples")
            }
        }
    }
}

impl RecordedEmbedding {
    /// What a proof says of its input; `public` is whether that is shown.
    pub fn statement(&self, public: bool) -> String {
        let Self { tokens, vocabulary, .. } = self;
        if public {
            format!(
                "{tokens} vectors, public; that they are rows of {vocabulary} is for whoever has the embedding to check"
            )
        } else {
            format!("some sequence of {tokens} vectors, never some text: the look-up of ids is not proven")
        }
    }
}

impl RecordedPlaces {
    /// What a proof says of its output.
    pub fn statement(&self) -> String {
        let Self { rows, values } = self;
        format!(
            "{rows} places, each of a largest of {values} values as their table rounds them; the values are not shown"
        )
    }
}

impl fmt::Display for SetupRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fidelity.fmt(f)?;
        self.calibration.as_ref().map_or(Ok(()), |calibration| write!(f, "; scales from {calibration}"))
    }
}
