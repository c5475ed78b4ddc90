//! The choices and the layout of the family `streams`.

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph, Planes};

use crate::error::PlanError;
use crate::plan::{Visibility, WeightMode};
use crate::search::MOST_K;
use crate::shape::CircuitShape;
use crate::streams::candidate::Candidate;
use crate::streams::count::count;
use crate::streams::fact::LinearFact;
use crate::streams::home::{Content, Home, Public};
use crate::streams::limbs::Limbs;
use crate::streams::network::Network;
use crate::streams::pass::Passes;
use crate::streams::requantise::{Requantisation, Requantise};
use crate::streams::search::{LANES, MOST_TABLE_COLUMNS, MOST_WEIGHT_LANES, needed_rows, too_large};
use crate::table::{Table, TableSet};

/// How lookups are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LookupArgument {
    /// By running sums of fractions, `chunk` fractions to a column.
    Sums {
        /// Fractions that share a column.
        chunk: usize,
    },
    /// By the proof system's own argument: three more columns per lookup.
    Native,
}

impl LookupArgument {
    /// Every argument that is tried, those that rule out most others first.
    pub const ALL: [Self; 4] =
        [Self::Sums { chunk: 3 }, Self::Sums { chunk: 2 }, Self::Sums { chunk: 1 }, Self::Native];

    /// Constraint degree that the argument needs; the scalar sum's gate needs 4.
    pub fn degree(&self) -> usize {
        match self {
            Self::Sums { chunk } => (2 + chunk).max(4),
            Self::Native => 5,
        }
    }
}

/// The choices of a layout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKnobs {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Lanes of the activation tape.
    pub lanes: usize,
    /// Lanes of the weight tape.
    pub weight_lanes: usize,
    /// Sets of table columns.
    pub table_columns: usize,
    /// By layer, how its accumulators become values.
    pub requantise: Vec<Requantise>,
    /// How remainders are cut, if some layer is in limbs.
    pub limbs: Option<Limbs>,
    /// Whether private weights are looked up two at a time.
    pub weight_pairs: bool,
    /// How lookups are proven.
    pub lookups: LookupArgument,
}

impl StreamKnobs {
    /// Whether the search may try them.
    pub(crate) fn are_known(&self) -> bool {
        LANES.contains(&self.lanes)
            && (1..=MOST_WEIGHT_LANES).contains(&self.weight_lanes)
            && (1..=MOST_TABLE_COLUMNS).contains(&self.table_columns)
            && LookupArgument::ALL.contains(&self.lookups)
            && (self.lookups != LookupArgument::Native || self.table_columns == 1)
            && self.k <= MOST_K
            && self.limbs.is_none_or(|limbs| limbs.are_known())
            && self.limbs.is_some() == self.requantise.contains(&Requantise::Limbs)
    }

    /// Private weights that share a lookup.
    pub fn weights_together(&self) -> usize {
        if self.weight_pairs { 2 } else { 1 }
    }

    /// Lookups of private weights on a row.
    pub fn weight_lookups(&self) -> usize {
        self.weight_lanes.div_ceil(self.weights_together())
    }

    /// Remainder columns of a lane: one if some layer is split, as many as there are limbs if some layer is in limbs.
    pub fn remainders(&self) -> usize {
        match self.limbs {
            Some(limbs) => limbs.count,
            None => usize::from(self.requantise.contains(&Requantise::Split)),
        }
    }

    /// What each remainder column of a lane is multiplied by in its accumulator.
    pub fn remainder_factors(&self) -> Vec<i64> {
        let bits = self.limbs.map_or(0, |limbs| limbs.bits);
        (0..self.remainders() as u32).map(|limb| 1 << (limb * bits)).collect()
    }
}

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

    /// Lookups of weights on a row; none if weights are fixed.
    pub fn private_weight_lookups(&self) -> usize {
        if self.visibility.weights == WeightMode::Private { self.knobs.weight_lookups() } else { 0 }
    }

    /// The table that private weights are looked up in.
    pub fn weight_table(&self) -> Table {
        if self.knobs.weight_pairs { Table::pairs(self.weight_bits) } else { Table::range(1 << self.weight_bits) }
    }

    /// Instance columns.
    pub fn instance_columns(&self) -> usize {
        if self.visibility.public_input { self.knobs.lanes } else { 1 }
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

/// The layout that given knobs stand for.
pub(crate) fn realise(
    graph: &Graph<Fixed>,
    visibility: Visibility,
    knobs: StreamKnobs,
) -> Result<(Streams, CircuitShape), PlanError> {
    if !knobs.are_known() || knobs.weight_pairs && visibility.weights == WeightMode::Fixed {
        return Err(PlanError::Format(format!("{knobs:?} are outside what the search tries")));
    }
    let network = Network::of(graph)?;
    if network.layers.len() != knobs.requantise.len() {
        return Err(PlanError::Format("the knobs are those of a graph with another number of layers".into()));
    }
    let requantisation = Requantisation::of(&network, &knobs.requantise, knobs.limbs)?;
    let candidate = Candidate::build(&network, &visibility, knobs.lanes, &requantisation)?;
    let (facts, passes) = candidate.facts(knobs.lanes, knobs.weight_lanes);
    let tables = tables(&requantisation, network.weight_bits, &visibility, knobs.weight_pairs);
    let shape = count(&knobs, &visibility, &candidate.homes, &facts, &passes, &tables);
    let public = public_rows(&candidate.homes, &visibility, network.input.shape, knobs.lanes);
    if needed_rows(&shape, knobs.table_columns).max(public) >= shape.usable_rows() {
        return Err(too_large(knobs.k));
    }
    let (quotient_offset, value_offset) = tables.offsets();
    let streams = Streams {
        knobs,
        visibility,
        weight_bits: network.weight_bits,
        quotient_offset,
        value_offset,
        tables: tables.0,
        passes,
        homes: candidate.homes,
        facts,
    };
    Ok((streams, shape))
}

/// Rows of the instance columns: those of public homes, and as many as hold the public input values that the model does
/// not read.
pub(crate) fn public_rows(homes: &[Home], visibility: &Visibility, input: Planes, lanes: usize) -> usize {
    let public = homes.iter().filter(|home| home.public != Public::No).map(Home::rows).sum::<usize>();
    let read = homes.iter().find(|home| home.content == Content::Input).map_or(0, |home| home.shape.len());
    let unread = if visibility.public_input { input.len().saturating_sub(read) } else { 0 };
    public + unread.div_ceil(lanes)
}

/// The tables, with the range of private weights.
pub(crate) fn tables(
    requantisation: &Requantisation,
    weight_bits: u32,
    visibility: &Visibility,
    weight_pairs: bool,
) -> TableSet {
    let mut tables = requantisation.tables.clone();
    match visibility.weights {
        WeightMode::Private if weight_pairs => tables.insert(Table::pairs(weight_bits)),
        WeightMode::Private => tables.insert(Table::range(1 << weight_bits)),
        WeightMode::Fixed => {}
    }
    tables
}
