//! What a commitment to the weights of a model depends on beside the weights: which of them each cell of the weight tape holds.
//! Activations, tables and lookups may change under it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoder::Encoder;
use crate::hash::PlanHash;
use crate::streams::fact::{WeightCells, WeightRow};
use crate::streams::home::Home;
use crate::streams::knobs::StreamKnobs;
use crate::streams::layout::Streams;
use crate::streams::linear_fact::LinearFact;

/// Identifies a weight tape, whatever its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapeId {
    /// Logarithm of the number of rows of its columns.
    pub k: u32,
    /// Lanes.
    pub lanes: usize,
    /// Rows that facts take.
    pub rows: usize,
    /// Hash of what each cell holds.
    pub hash: PlanHash,
}

impl Streams {
    /// The weight tape of the layout.
    pub fn tape_id(&self) -> TapeId {
        TapeId::of(&self.knobs, &self.facts, &self.homes, self.weight_bits)
    }
}

impl fmt::Display for TapeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lanes, {} of 2^{} rows, layout {}", self.lanes, self.rows, self.k, self.hash)
    }
}

impl TapeId {
    pub(crate) fn of(knobs: &StreamKnobs, facts: &[LinearFact], homes: &[Home], weight_bits: u32) -> Self {
        let mut encoder = Encoder::default();
        encoder.bits(&weight_bits);
        encoder.list(facts, |encoder, fact| {
            encoder.extent(&fact.layer);
            encoder.list(&fact.rows(homes, weight_bits), row);
        });
        Self {
            k: knobs.k,
            lanes: knobs.weight_lanes,
            rows: facts.iter().map(LinearFact::len).sum(),
            hash: PlanHash::of("weight tape", &encoder.finish()),
        }
    }
}

/// The outputs that share a row, and which weight of each its lanes hold.
fn row(encoder: &mut Encoder, row: &WeightRow) {
    encoder.extent(&row.block.first);
    encoder.extent(&row.block.outputs);
    match row.cells {
        None => encoder.choice(0),
        Some(WeightCells::Weight { term, place, digit }) => {
            encoder.choice(1);
            encoder.extent(&term);
            encoder.extent(&place);
            encoder.option(digit.as_ref(), Encoder::extent);
        }
        Some(WeightCells::Bias { digit }) => {
            encoder.choice(2);
            encoder.extent(&digit);
        }
    }
}
