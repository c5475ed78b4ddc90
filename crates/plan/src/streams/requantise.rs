//! Requantisation: how each layer's accumulators become values, and the tables that this takes.
//!
//! It knows nothing of lanes or rows.

use serde::{Deserialize, Serialize};
use zklayout_model::{Clamp, FixedActivation, OutputKind};

use crate::streams::home::Content;
use crate::streams::network::Network;
use crate::table::TableSet;

/// How a layer's accumulators become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Requantise {
    /// Into quotient and remainder; the quotient is looked up with its value.
    Split,
    /// By one table over all accumulators.
    Table,
}

impl Requantise {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Split, Self::Table];
}

/// Bits that a home's remainders take, and the table that its values are looked up in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lookup {
    pub(crate) shift: u32,
    pub(crate) table: Option<usize>,
}

/// The tables of a network under one choice per layer.
#[derive(Clone, Debug)]
pub(crate) struct Requantisation {
    /// One choice per layer.
    pub(crate) choices: Vec<Requantise>,
    pub(crate) tables: TableSet,
    ones: Lookup,
    /// By node.
    nodes: Vec<Lookup>,
}

impl Requantisation {
    /// The tables that given choices take.
    pub(crate) fn of(network: &Network<'_>, choices: &[Requantise]) -> Self {
        let remainders = choices.contains(&Requantise::Split);
        let mut tables = TableSet::default();
        let one = FixedActivation::Clamp(Clamp { lo: Some(1), hi: Some(1) });
        let ones = Lookup { shift: 0, table: Some(tables.activation(0, one, 0, 0)) };
        let range = network.input.range;
        let input =
            Lookup { shift: 0, table: Some(tables.activation(0, FixedActivation::none(), range.lo, range.hi)) };
        let mut nodes = vec![input];
        for (layer, choice) in network.layers.iter().zip(choices) {
            nodes.push(lookup(&layer.kind, *choice, &mut tables));
        }
        if remainders {
            for lookup in std::iter::once(&ones).chain(&nodes).filter(|lookup| lookup.table.is_some()) {
                tables.range(1 << lookup.shift);
            }
        }
        Self { choices: choices.to_vec(), tables, ones, nodes }
    }

    /// The choices worth trying: all layers split, all by table, and whichever mixture has the smallest tables.
    pub(crate) fn variants(network: &Network<'_>, only: Option<Requantise>) -> Vec<Self> {
        let uniform = |one: Requantise| Self::of(network, &vec![one; network.layers.len()]);
        if let Some(only) = only {
            return vec![uniform(only)];
        }
        let mut variants = vec![uniform(Requantise::Split), uniform(Requantise::Table)];
        let mixed = Self::smallest(network);
        if variants.iter().all(|variant| variant.choices != mixed.choices) {
            variants.push(mixed);
        }
        variants
    }

    /// What a home's cells are looked up in.
    pub(crate) fn lookup(&self, content: Content) -> Lookup {
        match content {
            Content::Ones => self.ones,
            Content::Input => self.nodes[0],
            Content::Layer(node) => self.nodes[node],
        }
    }

    /// Turns layers from split to table, alike layers together, as long as that shrinks the tables.
    fn smallest(network: &Network<'_>) -> Self {
        let mut best = Self::of(network, &vec![Requantise::Split; network.layers.len()]);
        for layer in &network.layers {
            let alike = network.layers.iter().map(|other| other.kind == layer.kind);
            let turn = |(alike, choice): (bool, &Requantise)| if alike { Requantise::Table } else { *choice };
            let turned: Vec<Requantise> = alike.zip(&best.choices).map(turn).collect();
            let turned = Self::of(network, &turned);
            if turned.tables.entries() < best.tables.entries() {
                best = turned;
            }
        }
        best
    }
}

fn lookup(kind: &OutputKind, choice: Requantise, tables: &mut TableSet) -> Lookup {
    match (kind, choice) {
        // A network has no layer with fixed-point multipliers.
        (OutputKind::Raw | OutputKind::Rescale(_), _) => Lookup::default(),
        (OutputKind::Requantise { shift, activation, range }, Requantise::Split) => {
            Lookup { shift: *shift, table: Some(tables.activation(0, activation.clone(), range.lo, range.hi)) }
        }
        (OutputKind::Requantise { shift, activation, range }, Requantise::Table) => {
            let (lo, hi) = (range.lo << shift, ((range.hi + 1) << shift) - 1);
            Lookup { shift: 0, table: Some(tables.activation(*shift, activation.clone(), lo, hi)) }
        }
    }
}
