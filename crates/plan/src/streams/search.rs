//! Every pair of tape widths, requantisation and number of rows.

use std::cell::OnceCell;

use rayon::prelude::*;
use zklayout_model::{Fixed, Graph};

use crate::error::PlanError;
use crate::layout::{Candidate as Layout, Knobs};
use crate::limits::MOST_K;
use crate::options::{Buyer, PlanOptions};
use crate::shape::usable_rows;
use crate::streams::arrangement::Arrangement;
use crate::streams::bound::{bound_rows, check_bound};
use crate::streams::candidate::{Candidate, tables};
use crate::streams::count::{Counter, count_columns, public_rows};
use crate::streams::gates::{Numbers, StreamGates};
use crate::streams::home::Home;
use crate::streams::knobs::{LANES, LookupArgument, MOST_TABLE_COLUMNS, StreamKnobs};
use crate::streams::linear_fact::LinearFact;
use crate::streams::network::Network;
use crate::streams::pass::Passes;
use crate::streams::requantise::Requantisation;
use crate::streams::tape_id::TapeId;
use crate::table::TableSet;
use crate::visibility::WeightMode;

/// Widths that are laid out before the next bounds are drawn.
const BATCH: usize = 3;

/// Offers every candidate within the options' limits on rows, the likely widths first.
pub(crate) fn offer(graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError> {
    if let Some(lanes) = options.lanes.filter(|lanes| !LANES.contains(lanes)) {
        let reason = format!("{lanes} lanes are never tried; choose one of {LANES:?}");
        return Err(PlanError::Unsupported { layer: "activation tape".into(), reason });
    }
    let network = Network::of(graph, false)?;
    if options.visibility.binds_input() {
        check_bound(network.input)?;
    }
    let variants = Requantisation::variants(&network, options.requantise)?;
    let whole = match network.on_whole_grids() {
        Some(Err(error)) if options.whole_grids => return Err(error),
        // What follows may need outputs that are neighbours, as those of phases are.
        whole => whole.and_then(Result::ok),
    };
    let networks = std::iter::once(&network).filter(|_| whole.is_none() || !options.whole_grids).chain(&whole);
    let spaces: Vec<Space<'_>> = networks.map(|network| Space::of(network, &variants, options)).collect();
    let widths: Vec<usize> =
        LANES.into_iter().filter(|&lanes| options.lanes.is_none_or(|only| only == lanes)).collect();
    let (mut failure, mut laid_out) = (None, false);
    for batch in widths.chunks(BATCH) {
        let wanting: &dyn Buyer = buyer;
        let tries: Vec<_> = batch.iter().flat_map(|lanes| spaces.iter().map(|space| (*lanes, space))).collect();
        let offers: Vec<_> = tries.par_iter().map(|(lanes, space)| space.offers(*lanes, wanting)).collect();
        for offer in offers {
            match offer {
                Ok(Offers { found, pruned }) => {
                    laid_out = true;
                    buyer.take(found, pruned);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    match failure {
        Some(error) if !laid_out => Err(error),
        _ => Ok(()),
    }
}

/// Candidates of one width, and the number of groups that nobody wants.
#[derive(Default)]
struct Offers {
    found: Vec<Layout>,
    pruned: usize,
}

/// What all widths share.
struct Space<'a> {
    network: &'a Network<'a>,
    options: &'a PlanOptions,
    variants: &'a [Requantisation],
    weights: WeightRows,
}

impl<'a> Space<'a> {
    fn of(network: &'a Network<'a>, variants: &'a [Requantisation], options: &'a PlanOptions) -> Self {
        Self { network, options, variants, weights: WeightRows::of(network, options) }
    }

    fn offers(&self, lanes: usize, buyer: &dyn Buyer) -> Result<Offers, PlanError> {
        let mut offers = Offers::default();
        let groups: Vec<Group<'_>> = self.groups(lanes).collect();
        let wanted = groups.iter().filter(|group| self.is_wanted(group, buyer));
        let wanted: Vec<Group<'_>> = wanted.copied().collect();
        offers.pruned = groups.len() - wanted.len();
        if wanted.is_empty() {
            return Ok(offers);
        }
        let arrangement = Arrangement::of(self.network, lanes)?;
        for requantisation in self.variants {
            let groups = wanted.iter().filter(|group| std::ptr::eq(group.requantisation, requantisation));
            let (candidate, mut counter) = (OnceCell::new(), Counter::default());
            for group in groups {
                let candidate = candidate.get_or_init(|| {
                    let visibility = &self.options.visibility;
                    Candidate::new(self.network, arrangement.clone(), visibility, lanes, requantisation)
                });
                offers.found.extend(self.narrowest(candidate, group, &mut counter, buyer));
            }
        }
        Ok(offers)
    }

    /// Every requantisation, lookup argument and number of rows that all values have room in.
    fn groups(&self, lanes: usize) -> impl Iterator<Item = Group<'_>> {
        let cells = self.network.layers.iter().map(|layer| {
            let output = layer.output;
            output.channels * output.plane().div_ceil(lanes)
        });
        let rows: usize = cells.sum();
        let options = self.options;
        let kept = move |k: u32| options.tape.is_none_or(|tape| tape.k == k);
        let sizes = (options.min_k..=options.max_k.min(MOST_K)).filter(move |&k| rows < usable_rows(k) && kept(k));
        let arguments =
            LookupArgument::ALL.into_iter().filter(|one| options.lookups.is_none_or(|only| only == *one));
        let bits = self.network.weight_bits;
        let singly = move |k: u32| {
            let room = MOST_TABLE_COLUMNS * usable_rows(k);
            let pairs = options.visibility.weights == WeightMode::Private && 1usize << (2 * bits) <= room;
            std::iter::once(false).chain(pairs.then_some(true))
        };
        let choices: Vec<_> = sizes
            .flat_map(|k| {
                arguments.clone().flat_map(move |lookups| singly(k).map(move |pairs| (k, lookups, pairs)))
            })
            .collect();
        self.variants.iter().flat_map(move |requantisation| {
            let group =
                move |(k, lookups, weight_pairs)| Group { k, lanes, requantisation, weight_pairs, lookups };
            choices.clone().into_iter().map(group)
        })
    }

    /// Whether a circuit with no more than the counts that every candidate of a group has at least could matter.
    fn is_wanted(&self, group: &Group<'_>, buyer: &dyn Buyer) -> bool {
        let most = self.options.visibility.weights.most_lanes();
        let weight_lanes = self.weight_lanes(usable_rows(group.k)).unwrap_or(most);
        let knobs = self.knobs(group, weight_lanes, 1);
        let (passes, tables) = (Passes::default(), TableSet::default());
        let gates = self.gates(&knobs, &[], &passes, &tables);
        buyer.wants(&count_columns(&gates, &[], (&[], None), &tables))
    }

    /// Lanes of the kept tape, or the fewest whose rows fit.
    fn weight_lanes(&self, usable: usize) -> Option<usize> {
        let binds = self.options.visibility.binds_input();
        let phases = self.network.reads[0].phases();
        let usable = usable.checked_sub(if binds { bound_rows(self.network.input.shape, phases) } else { 0 })?;
        match self.options.tape {
            Some(tape) => (tape.rows < usable).then_some(tape.lanes),
            None => self.weights.narrowest(usable),
        }
    }

    fn knobs(&self, group: &Group<'_>, weight_lanes: usize, table_columns: usize) -> StreamKnobs {
        StreamKnobs {
            k: group.k,
            lanes: group.lanes,
            weight_lanes,
            table_columns,
            requantise: group.requantisation.choices.clone(),
            limbs: group.requantisation.limbs,
            weight_pairs: group.weight_pairs,
            lookups: group.lookups,
            whole_grids: self.network.whole_grids,
        }
    }

    fn gates<'b>(
        &self,
        knobs: &'b StreamKnobs,
        homes: &[Home],
        passes: &'b Passes,
        tables: &TableSet,
    ) -> StreamGates<'b> {
        let numbers = Numbers::of(self.network.weight_bits, tables);
        StreamGates::new(knobs, &self.options.visibility, homes, passes, numbers)
    }

    /// The narrowest weight tape and fewest table columns that fit.
    fn narrowest(
        &self,
        candidate: &Candidate<'_>,
        group: &Group<'_>,
        counter: &mut Counter,
        buyer: &dyn Buyer,
    ) -> Option<Layout> {
        let visibility = &self.options.visibility;
        let tables = tables(group.requantisation, self.network.weight_bits, visibility, group.weight_pairs);
        let usable = usable_rows(group.k).checked_sub(1)?;
        let most = if group.lookups == LookupArgument::Native { 1 } else { MOST_TABLE_COLUMNS };
        let table_columns = (1..=most).find(|columns| tables.entries().div_ceil(*columns) <= usable)?;
        if candidate.homes.iter().map(Home::rows).sum::<usize>() > usable {
            return None;
        }
        let input = self.network.input.shape;
        if public_rows(&candidate.homes, visibility, input, group.lanes) > usable {
            return None;
        }
        let weight_lanes = self.weight_lanes(usable)?;
        let knobs = self.knobs(group, weight_lanes, table_columns);
        let (facts, passes) = candidate.facts(knobs.lanes, weight_lanes);
        let bound = candidate.bound(usable_rows(group.k));
        let weight_bits = self.network.weight_bits;
        let keeps = |tape| TapeId::of(&knobs, &facts, &candidate.homes, weight_bits) == tape;
        if !self.options.tape.is_none_or(keeps) {
            return None;
        }
        let gates = self.gates(&knobs, &candidate.homes, &passes, &tables);
        let columns = count_columns(&gates, &candidate.homes, (&facts, bound.as_ref()), &tables);
        if !buyer.wants(&columns) {
            return None;
        }
        let shape = counter.count(&gates, columns);
        Some(Layout { knobs: Knobs::Streams(knobs), shape })
    }
}

/// Candidates that differ in their tapes' rows alone.
#[derive(Clone, Copy)]
struct Group<'a> {
    k: u32,
    lanes: usize,
    requantisation: &'a Requantisation,
    weight_pairs: bool,
    lookups: LookupArgument,
}

/// Rows of the weight tape by number of lanes, from one on; more lanes never take more rows.
struct WeightRows(Vec<usize>);

impl WeightRows {
    fn of(network: &Network<'_>, options: &PlanOptions) -> Self {
        let most = options.visibility.weights.most_lanes();
        let most = options.max_weight_lanes.map_or(most, |lanes| lanes.min(most));
        let layers = &network.layers;
        let scaled = network.steps.iter().zip(layers).filter(|(steps, _)| steps.is_some());
        let offsets: usize = scaled.map(|(_, layer)| layer.output.channels).sum();
        let facts: Vec<LinearFact> = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| LinearFact {
                phases: network.reads[index + 1].phases(),
                ..LinearFact::unplaced(layer, &network.planes_read(index))
            })
            .collect();
        let rows = |weight_lanes: usize| {
            let rows = facts.iter().map(|fact| LinearFact { weight_lanes, ..fact.clone() }.len());
            rows.sum::<usize>() + offsets + 1
        };
        Self((1..=most).map(rows).collect())
    }

    /// The fewest lanes whose rows fit.
    fn narrowest(&self, usable: usize) -> Option<usize> {
        self.0.iter().position(|&rows| rows <= usable).map(|place| place + 1)
    }
}
