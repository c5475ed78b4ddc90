//! Which samples chose a model's scales, as a record: their ranges are in the key, and whoever relies on the key may ask.
//!
//! Knows nothing of how scales are chosen.

use std::fmt;

use serde::{Deserialize, Serialize};
use zklayout_plan::PlanHash;

/// Where calibration samples came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A program's own.
    Given,
    /// A file that was named; its name without its folder.
    File(String),
    /// The file that lies beside the model; its name.
    BesideModel(String),
    /// Drawn uniformly from a range.
    Range {
        /// Smallest value.
        lo: f64,
        /// Largest value.
        hi: f64,
    },
    /// The public input itself.
    PublicInput,
}

/// The samples that chose a model's scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Where they came from.
    pub origin: Origin,
    /// How many there were.
    pub samples: usize,
    /// Hash of their values: whoever has the same samples can tell.
    pub hash: String,
}

impl Calibration {
    /// The record of some samples.
    pub fn of(origin: Origin, samples: &[Vec<f64>]) -> Self {
        let values = samples.iter().flatten().flat_map(|value| value.to_le_bytes());
        let hash = PlanHash::of("calibration samples", &values.collect::<Vec<u8>>()).to_string();
        Self { origin, samples: samples.len(), hash }
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Given => f.write_str("samples that a program gave")?,
            // Names come from files of others: escaped.
            Origin::File(name) | Origin::BesideModel(name) => write!(f, "{name:?}")?,
            Origin::Range { lo, hi } => write!(f, "samples drawn from {lo}..{hi}")?,
            Origin::PublicInput => f.write_str("the public input")?,
        }
        let plural = if self.samples == 1 { "" } else { "s" };
        write!(f, ", {} sample{plural}, hash {}", self.samples, self.hash.escape_debug())
    }
}
