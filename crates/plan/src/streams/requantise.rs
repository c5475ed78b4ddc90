//! Requantisation: how each layer's accumulators become values, and the tables that this takes.
//!
//! It knows nothing of lanes or rows.

use serde::{Deserialize, Serialize};
use zklayout_model::{Clamp, FixedActivation, OutputKind, PerChannel, Rescale};

use crate::error::PlanError;
use crate::streams::home::Content;
use crate::streams::limbs::{Limbs, Scale, StepFunction};
use crate::streams::network::{Network, unsupported};
use crate::table::{Table, TableSet};

/// How a layer's accumulators become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Requantise {
    /// Into quotient and remainder; the quotient is looked up with its value.
    Split,
    /// By one table over all accumulators.
    Table,
    /// Scaled in each channel by its own factor, then into quotient and a remainder of several limbs.
    Limbs,
}

impl Requantise {
    /// Every choice for layers that drop bits; the others are in limbs.
    pub const ALL: [Self; 2] = [Self::Split, Self::Table];
}

/// How a home's cells are divided and looked up.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// Logarithm of each channel's divisor.
    pub(crate) shift: PerChannel<u32>,
    /// Bits of a remainder in each channel, or of each of its limbs.
    pub(crate) limb_bits: PerChannel<u32>,
    /// None, one, or one per channel.
    pub(crate) tables: Vec<usize>,
    /// By output channel, if accumulators are scaled.
    pub(crate) scales: Vec<Scale>,
}

impl Default for Lookup {
    /// Nothing is looked up.
    fn default() -> Self {
        let none = PerChannel::uniform(0);
        Self { shift: none.clone(), limb_bits: none, tables: Vec::new(), scales: Vec::new() }
    }
}

/// The tables of a network under one choice per layer.
#[derive(Clone, Debug)]
pub(crate) struct Requantisation {
    /// One choice per layer.
    pub(crate) choices: Vec<Requantise>,
    /// How remainders are cut, if some layer is in limbs.
    pub(crate) limbs: Option<Limbs>,
    pub(crate) tables: TableSet,
    ones: Lookup,
    /// By node.
    nodes: Vec<Lookup>,
}

impl Requantisation {
    /// The tables that given choices take.
    ///
    /// # Errors
    /// Choices that are none of a layer's, and limbs too few for one.
    pub(crate) fn of(
        network: &Network<'_>,
        choices: &[Requantise],
        limbs: Option<Limbs>,
    ) -> Result<Self, PlanError> {
        let mut tables = TableSet::default();
        let one = FixedActivation::Clamp(Clamp { lo: Some(1), hi: Some(1) });
        let ones = Lookup { tables: vec![tables.activation(0, one, 0, 0)], ..Lookup::default() };
        let range = network.input.range;
        let input = tables.activation(0, FixedActivation::none(), range.lo, range.hi);
        let mut nodes = vec![Lookup { tables: vec![input], ..Lookup::default() }];
        for (index, choice) in choices.iter().enumerate() {
            nodes.push(lookup(network, index, (*choice, limbs), &mut tables)?);
        }
        if limbs.is_some() || choices.contains(&Requantise::Split) {
            for lookup in std::iter::once(&ones).chain(&nodes).filter(|lookup| !lookup.tables.is_empty()) {
                for bits in lookup.limb_bits.values() {
                    tables.insert(Table::range(1 << bits));
                }
            }
        }
        Ok(Self { choices: choices.to_vec(), limbs, tables, ones, nodes })
    }

    /// The choices worth trying: all layers split, all by table, and whichever mixture has the smallest tables; with layers
    /// that have multipliers, each number of limbs.
    ///
    /// # Errors
    /// Multipliers that no limbs are enough for, or that `only` leaves none for.
    pub(crate) fn variants(network: &Network<'_>, only: Option<Requantise>) -> Result<Vec<Self>, PlanError> {
        if let Some(layer) = network.steps.iter().position(Option::is_some) {
            let limbs = network.limbs(only);
            if limbs.is_empty() {
                return Err(unsupported(&network.layers[layer].name, NO_LIMBS));
            }
            let choices = network.steps.iter().map(in_limbs).collect::<Vec<_>>();
            return limbs.into_iter().map(|limbs| Self::of(network, &choices, Some(limbs))).collect();
        }
        let uniform = |one: Requantise| Self::of(network, &vec![one; network.layers.len()], None);
        if let Some(only) = only {
            return Ok(vec![uniform(only)?]);
        }
        let mut variants = vec![uniform(Requantise::Split)?, uniform(Requantise::Table)?];
        let mixed = Self::smallest(network)?;
        if variants.iter().all(|variant| variant.choices != mixed.choices) {
            variants.push(mixed);
        }
        Ok(variants)
    }

    /// What a home's cells are looked up in.
    pub(crate) fn lookup(&self, content: Content) -> &Lookup {
        match content {
            Content::Ones => &self.ones,
            Content::Input => &self.nodes[0],
            Content::Layer(node) => &self.nodes[node],
        }
    }

    /// Turns layers from split to table, alike layers together, as long as that shrinks the tables.
    fn smallest(network: &Network<'_>) -> Result<Self, PlanError> {
        let mut best = Self::of(network, &vec![Requantise::Split; network.layers.len()], None)?;
        for layer in &network.layers {
            let alike = network.layers.iter().map(|other| other.finish.kind == layer.finish.kind);
            let turn = |(alike, choice): (bool, &Requantise)| if alike { Requantise::Table } else { *choice };
            let turned: Vec<Requantise> = alike.zip(&best.choices).map(turn).collect();
            let turned = Self::of(network, &turned, None)?;
            if turned.tables.entries() < best.tables.entries() {
                best = turned;
            }
        }
        Ok(best)
    }
}

impl Network<'_> {
    /// The limbs that are enough for every layer with multipliers.
    fn limbs(&self, only: Option<Requantise>) -> Vec<Limbs> {
        if only.is_some_and(|only| only != Requantise::Limbs) {
            return Vec::new();
        }
        Limbs::variants(|limbs| self.steps.iter().flatten().all(|steps| steps.lines(limbs.total()).is_some()))
    }
}

/// What layers with multipliers are refused for.
const NO_LIMBS: &str = "it has fixed-point multipliers: they are laid out in limbs, and no limbs are enough for theirs, its \
                        accumulators come within a step of 32 bits, or limbs are not to be tried";

/// The one choice for a layer of a network with multipliers.
fn in_limbs(steps: &Option<StepFunction>) -> Requantise {
    if steps.is_some() { Requantise::Limbs } else { Requantise::Table }
}

fn lookup(
    network: &Network<'_>,
    index: usize,
    (choice, limbs): (Requantise, Option<Limbs>),
    tables: &mut TableSet,
) -> Result<Lookup, PlanError> {
    let layer = network.layers[index];
    match (&layer.finish.kind, choice) {
        (OutputKind::Raw | OutputKind::Stored(_), _) => Ok(Lookup::default()),
        (OutputKind::Requantise { shift, activation, range }, Requantise::Split) if limbs.is_none() => {
            let table = tables.activation(0, activation.clone(), range.lo, range.hi);
            let (shift, limb_bits) = (shift.clone(), shift.clone());
            Ok(Lookup { shift, limb_bits, tables: vec![table], scales: Vec::new() })
        }
        (OutputKind::Requantise { shift, activation, range }, Requantise::Table) => {
            let table = |shift: u32| {
                let (lo, hi) = (range.lo << shift, ((range.hi + 1) << shift) - 1);
                tables.activation(shift, activation.clone(), lo, hi)
            };
            Ok(Lookup { tables: Vec::from(shift.map(table)), ..Lookup::default() })
        }
        (OutputKind::Rescale(rescale), Requantise::Limbs) => {
            let limbs = limbs.ok_or_else(|| unsupported(&layer.name, NO_LIMBS))?;
            in_steps(network, index, rescale, limbs, tables)
        }
        (kind, choice) => {
            let kind = if matches!(kind, OutputKind::Rescale(_)) { "multipliers" } else { "bits to drop" };
            Err(unsupported(&layer.name, &format!("it has {kind}, which {choice:?} is no choice for")))
        }
    }
}

fn in_steps(
    network: &Network<'_>,
    index: usize,
    rescale: &Rescale,
    limbs: Limbs,
    tables: &mut TableSet,
) -> Result<Lookup, PlanError> {
    let lines = network.steps[index].as_ref().and_then(|steps| steps.lines(limbs.total()));
    let lines = lines.ok_or_else(|| unsupported(&network.layers[index].name, NO_LIMBS))?;
    let (lo, hi) = rescale.extremes();
    let clamp = FixedActivation::Clamp(Clamp { lo: Some(lo), hi: Some(hi) });
    let places: Vec<usize> = lines.tables.iter().map(|steps| tables.steps(*steps, clamp.clone())).collect();
    let tables = match places.as_slice() {
        [one] => vec![*one],
        _ => lines.places.iter().map(|place| places[*place]).collect(),
    };
    let (shift, limb_bits) = (PerChannel::uniform(lines.shift), PerChannel::uniform(limbs.bits));
    Ok(Lookup { shift, limb_bits, tables, scales: lines.scales })
}
