//! Candidates: the homes, tables and facts of a network for given lanes.

use zklayout_model::{Fixed, FixedLayer, Graph, PerChannel, Planes, Term};

use crate::error::PlanError;
use crate::shape::{CircuitShape, usable_rows};
use crate::streams::arrangement::Arrangement;
use crate::streams::bound::{bound_fact, check_bound};
use crate::streams::count::{count, needed_rows, public_rows, too_large};
use crate::streams::fact::{Arranged, FactTerm, Placed, placed};
use crate::streams::gates::{Numbers, StreamGates};
use crate::streams::geometry::bias_positions;
use crate::streams::home::{Content, Home, Public, Read, Tile};
use crate::streams::knobs::StreamKnobs;
use crate::streams::layout::Streams;
use crate::streams::linear_fact::LinearFact;
use crate::streams::network::Network;
use crate::streams::pass::{Passes, WeightStep, add};
use crate::streams::requantise::Requantisation;
use crate::table::{Table, TableSet};
use crate::visibility::{Visibility, WeightMode};

/// Home of the single constant 1.
pub(crate) const ONE: usize = 1;
/// Home of the plane of ones.
const ONES: usize = 2;
/// First home of a tensor.
const FIRST_TENSOR: usize = 3;

/// A layout of all homes for given activation lanes; facts follow once the weight lanes are known.
#[derive(Clone)]
pub(crate) struct Candidate<'a> {
    network: &'a Network<'a>,
    requantisation: &'a Requantisation,
    arrangement: Arrangement,
    pub(crate) homes: Vec<Home>,
    /// Homes of exactly so many ones.
    ones: Vec<(usize, usize)>,
    passes: Passes,
}

impl<'a> Candidate<'a> {
    /// Lays out all homes.
    pub(crate) fn new(
        network: &'a Network<'a>,
        arrangement: Arrangement,
        visibility: &Visibility,
        lanes: usize,
        requantisation: &'a Requantisation,
    ) -> Self {
        let mut homes = arrange(&arrangement.homes, lanes);
        let ones = exact_ones(network, lanes, &mut homes);
        let passes = Passes::default();
        let mut candidate = Self { network, requantisation, arrangement, homes, ones, passes };
        candidate.publish(visibility);
        candidate.look_up();
        candidate.stack(lanes);
        candidate
    }

    /// Arranges a network and lays out all homes, or says which layer does not fit.
    pub(crate) fn build(
        network: &'a Network<'a>,
        visibility: &Visibility,
        lanes: usize,
        requantisation: &'a Requantisation,
    ) -> Result<Self, PlanError> {
        Ok(Self::new(network, Arrangement::of(network, lanes)?, visibility, lanes, requantisation))
    }

    /// Home of a node.
    fn home_of(&self, node: usize) -> usize {
        if node == self.network.layers.len() { 0 } else { FIRST_TENSOR + node }
    }

    fn publish(&mut self, visibility: &Visibility) {
        let raw = self.network.layers.last().is_some_and(|layer| layer.finish.kind.is_raw());
        self.homes[0].public = if raw { Public::Accumulators } else { Public::Values };
        if visibility.shows_input() {
            self.homes[FIRST_TENSOR].public = Public::Values;
        }
        self.homes[FIRST_TENSOR].bound = visibility.binds_input();
    }

    fn look_up(&mut self) {
        for home in &mut self.homes {
            let lookup = self.requantisation.lookup(home.content);
            home.shift.clone_from(&lookup.shift);
            home.limb_bits.clone_from(&lookup.limb_bits);
            home.tables.clone_from(&lookup.tables);
        }
    }

    /// Stacks the homes from row 0 on and collects their steps.
    fn stack(&mut self, lanes: usize) {
        let mut row = 0;
        for home in &mut self.homes {
            home.row = row;
            row += home.rows();
            self.passes.collect(home, lanes);
        }
    }

    /// The facts and all steps for given weight lanes.
    pub(crate) fn facts(&self, lanes: usize, weight_lanes: usize) -> (Vec<LinearFact>, Passes) {
        let mut passes = self.passes.clone();
        let (mut facts, mut row) = (Vec::new(), 0);
        for (index, layer) in self.network.layers.iter().enumerate() {
            let output = self.home_of(index + 1);
            let bias = self.bias_place(&self.homes[output], lanes);
            let fact = LinearFact {
                layer: index + 1,
                output,
                phases: self.homes[output].phases(),
                terms: self.terms(index, layer, output, bias),
                scales: self.requantisation.lookup(Content::Layer(index + 1)).scales.clone(),
                pitch: self.homes[output].pitch,
                bias_row: self.homes[bias.0].row + bias.1,
                weight_lanes,
                row,
                ..LinearFact::unplaced(layer, &self.network.planes_read(index))
            };
            row += fact.len();
            for step in fact.steps(&self.homes, self.network.weight_bits) {
                add::<WeightStep>(&mut passes.weight_steps, step);
            }
            for exponent in fact.rules().filter_map(|term| term.raised()) {
                add(&mut passes.skips, exponent);
            }
            facts.push(fact);
        }
        for home in self.homes.iter().filter(|home| home.has_producer()) {
            home.raised_phases().for_each(|(_, exponent)| add(&mut passes.skips, exponent));
        }
        let bound = self.bound(0);
        for step in bound.iter().flat_map(|fact| fact.steps(&self.homes, self.network.weight_bits)) {
            add(&mut passes.weight_steps, step);
        }
        (facts, passes)
    }

    /// The fact of the input on a grid of so many usable rows, if the input is bound.
    pub(crate) fn bound(&self, usable: usize) -> Option<LinearFact> {
        let input = &self.homes[FIRST_TENSOR];
        input.bound.then(|| bound_fact(self.network.input.shape, (FIRST_TENSOR, input), ONE, usable))
    }

    /// A layer's terms on the tapes.
    fn terms(&self, index: usize, layer: &FixedLayer, output: usize, bias: (usize, usize)) -> Vec<FactTerm> {
        let reads: Vec<(usize, usize)> = std::iter::zip(
            self.network.sources[index].iter().copied(),
            self.arrangement.exponents[index].iter().copied(),
        )
        .collect();
        let term = |(term, reads): (&Term<i64>, &[(usize, usize)])| {
            let source = |(node, _): &(usize, usize)| {
                let index = self.home_of(*node);
                Placed { home: &self.homes[index], index }
            };
            let arranged = Arranged {
                sources: reads.iter().map(source).collect(),
                output: &self.homes[output],
                output_index: output,
                one: ONE,
                ones: &self.ones,
                bias,
                rounding: layer.rounded_bias().first().copied().unwrap_or(0),
                weight_bits: self.network.weight_bits,
                read_row: self.arrangement.read_rows[index],
                exponent: reads.first().map_or(0, |(_, exponent)| *exponent),
            };
            placed(term, &arranged)
        };
        layer.reads(&reads).map(term).collect()
    }

    /// The home of ones that biases are multiplied by, and the row of it after which they reach an output's first value.
    fn bias_place(&self, output: &Home, lanes: usize) -> (usize, usize) {
        match bias_positions(output.origin_exponent(), lanes) {
            1 => (ONE, 0),
            positions => (ONES, positions / lanes - 1),
        }
    }
}

/// The layout that given knobs stand for.
pub(crate) fn realise(
    graph: &Graph<Fixed>,
    visibility: Visibility,
    knobs: StreamKnobs,
) -> Result<(Streams, CircuitShape), PlanError> {
    if !knobs.are_known_for(visibility.weights) {
        return Err(PlanError::Format(format!("{knobs:?} are outside what the search tries")));
    }
    let network = Network::of(graph, knobs.whole_grids)?;
    if network.layers.len() != knobs.requantise.len() {
        return Err(PlanError::Format("the knobs are those of a graph with another number of layers".into()));
    }
    if visibility.binds_input() {
        check_bound(network.input)?;
    }
    let requantisation = Requantisation::of(&network, &knobs.requantise, knobs.limbs)?;
    let candidate = Candidate::build(&network, &visibility, knobs.lanes, &requantisation)?;
    let (facts, passes) = candidate.facts(knobs.lanes, knobs.weight_lanes);
    let bound = candidate.bound(usable_rows(knobs.k));
    let tables = tables(&requantisation, network.weight_bits, &visibility, knobs.weight_pairs);
    let numbers = Numbers::of(network.weight_bits, &tables);
    let gates = StreamGates::new(&knobs, &visibility, &candidate.homes, &passes, numbers);
    let shape = count(&gates, &candidate.homes, (&facts, bound.as_ref()), &tables);
    let public = public_rows(&candidate.homes, &visibility, network.input.shape, knobs.lanes);
    let end = facts.iter().map(|fact| fact.row + fact.len()).max().unwrap_or(0);
    let overlaps = bound.as_ref().is_some_and(|bound| end > bound.row);
    if overlaps || needed_rows(&shape, knobs.table_columns).max(public) >= shape.usable_rows() {
        return Err(too_large(knobs.k));
    }
    let streams = Streams {
        knobs,
        visibility,
        weight_bits: network.weight_bits,
        quotient_offset: numbers.quotient_offset,
        value_offset: numbers.value_offset,
        tables: tables.0,
        passes,
        homes: candidate.homes,
        facts,
        bound,
    };
    Ok((streams, shape))
}

/// The tables, with the range of private weights.
pub(crate) fn tables(
    requantisation: &Requantisation,
    weight_bits: u32,
    visibility: &Visibility,
    weight_pairs: bool,
) -> TableSet {
    let mut tables = requantisation.tables.clone();
    if visibility.weights == WeightMode::Private {
        tables.insert(Table::of_weights(weight_bits, weight_pairs));
    }
    tables
}

/// Puts the output first, then the constants, then the other tensors.
fn arrange(nodes: &[Home], lanes: usize) -> Vec<Home> {
    let straight = nodes[1..].iter().filter(|home| !home.turned);
    let positions = straight.map(|home| bias_positions(home.origin_exponent(), lanes));
    let ones = positions.max().unwrap_or(1);
    let mut homes: Vec<Home> = nodes.last().cloned().into_iter().collect();
    homes.push(ones_home(1, 1));
    homes.push(ones_home(ones.next_multiple_of(lanes), lanes));
    homes.extend_from_slice(&nodes[..nodes.len() - 1]);
    homes
}

/// Adds a home of exactly as many ones as there are planes or positions of each tensor that is written turned; returns their
/// numbers, each with its home.
fn exact_ones(network: &Network<'_>, lanes: usize, homes: &mut Vec<Home>) -> Vec<(usize, usize)> {
    let mut ones: Vec<(usize, usize)> = Vec::new();
    for index in (0..network.layers.len()).filter(|index| network.turned(index + 1)) {
        let (read, written) = (network.shape(network.sources[index][0]), network.layers[index].output);
        for extent in [read.plane(), written.width] {
            if ones.iter().all(|(other, _)| *other != extent) {
                ones.push((extent, homes.len()));
                let positions = extent.next_multiple_of(lanes);
                let shape = Planes::new(1, 1, extent);
                let (origin, second) = (positions - extent, true);
                homes.push(Home { shape, origin, second, ..ones_home(positions, lanes) });
            }
        }
    }
    ones
}

fn ones_home(positions: usize, columns: usize) -> Home {
    Home {
        content: Content::Ones,
        shape: Planes::new(1, 1, positions),
        stride: 1,
        tile: Tile { rows: 1, columns },
        pitch: positions,
        read_pitch: positions,
        origin: 0,
        first_tile: 0,
        tiles: positions / columns,
        tail: 0,
        lift: 0,
        row: 0,
        read: Read::Raster,
        second: false,
        turned: false,
        shift: PerChannel::uniform(0),
        limb_bits: PerChannel::uniform(0),
        tables: Vec::new(),
        public: Public::No,
        bound: false,
    }
}
