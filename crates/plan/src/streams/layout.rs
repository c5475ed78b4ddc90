//! The layout of the family `streams`.

use serde::{Deserialize, Serialize};

use crate::shape::Occupancy;
use crate::streams::home::{Content, Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};
use crate::streams::linear_fact::LinearFact;
use crate::streams::occupancy::occupancy;
use crate::streams::pass::Passes;
use crate::table::Table;
use crate::visibility::{Visibility, WeightMode};

/// A complete layout: where every tensor, weight and table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// The choices.
    pub knobs: StreamKnobs,
    /// What the verifier learns.
    pub visibility: Visibility,
    /// Bits of a weight and of a bias's digit, in every layer.
    pub weight_bits: u32,
    /// Added to every stored quotient.
    pub quotient_offset: i64,
    /// Added to every stored value.
    pub value_offset: i64,
    /// Lookup tables.
    pub tables: Vec<Table>,
    /// Steps and tiles of the evaluations.
    pub passes: Passes,
    /// Homes, in tape order.
    pub homes: Vec<Home>,
    /// Linear facts, in tape order.
    pub facts: Vec<LinearFact>,
    /// The fact of an input that is bound to a commitment; at the end of the tape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<LinearFact>,
}

impl Streams {
    /// Rows that constraints may use.
    pub fn usable_rows(&self) -> usize {
        crate::shape::usable_rows(self.knobs.k)
    }

    /// Fractions that share a running-sum column; `None` if the proof system's own lookups are used.
    pub fn lookup_chunk(&self) -> Option<usize> {
        match self.knobs.lookups {
            LookupArgument::Sums { chunk } => Some(chunk),
            LookupArgument::Native => None,
        }
    }

    /// Lookups of weights on a row; none unless weights are private.
    pub fn private_weight_lookups(&self) -> usize {
        if self.visibility.weights == WeightMode::Private { self.knobs.weight_lookups() } else { 0 }
    }

    /// The table that private weights are looked up in.
    pub fn weight_table(&self) -> Table {
        Table::of_weights(self.weight_bits, self.knobs.weight_pairs)
    }

    /// How full it is.
    pub(crate) fn occupancy(&self) -> Occupancy {
        let weight_rows = self.all_facts().map(LinearFact::len).sum::<usize>() + 1;
        let private = self.visibility.weights == WeightMode::Private;
        occupancy(&self.knobs, if private { self.knobs.weight_lanes } else { 0 }, &self.homes, weight_rows)
    }

    /// Every linear fact: those of layers in tape order, and that of a bound input.
    pub fn all_facts(&self) -> impl Iterator<Item = &LinearFact> {
        self.facts.iter().chain(&self.bound)
    }

    /// Instance columns.
    pub fn instance_columns(&self) -> usize {
        if self.visibility.shows_input() { self.knobs.lanes } else { 1 }
    }

    /// Channels of a home that the instance shows, the first ones.
    pub fn shown_channels(&self, home: &Home) -> usize {
        match (home.public, &home.content) {
            (Public::No, _) => 0,
            (_, Content::Input) => self.visibility.shown(home.shape).channels,
            _ => home.shape.channels,
        }
    }

    /// The home of the model's output.
    pub fn output(&self) -> Option<&Home> {
        self.facts.last().and_then(|fact| self.homes.get(fact.output))
    }

    /// The home of the model's input.
    pub fn input(&self) -> Option<&Home> {
        self.homes.iter().find(|home| home.content == Content::Input)
    }
}
