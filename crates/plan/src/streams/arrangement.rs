//! Where every tensor of a network lives for given lanes: a search over pitches, input places and read rows.
//!
//! It knows nothing of tables, requantisation or rows of the grid.

use crate::error::PlanError;
use crate::streams::domain::Domains;
use crate::streams::fact::{Outputs, Taken};
use crate::streams::geometry::{Demand, free_outputs, place, tile_for};
use crate::streams::home::{Content, Home, Read};
use crate::streams::network::{Network, unsupported};
use zklayout_model::Planes;

/// Placements of layers that are tried before a pitch of the input is given up.
const MOST_PLACEMENTS: usize = 2_000;

/// Homes of all nodes, and where their consumers take the evaluations.
#[derive(Clone, Default)]
pub(crate) struct Arrangement {
    /// By node.
    pub(crate) homes: Vec<Home>,
    /// By layer: the row of each phase after which it reads what its output lies on.
    pub(crate) read_rows: Vec<usize>,
    /// By layer and tensor that it reads: the power of sigma that the tensor's evaluation is raised by.
    pub(crate) exponents: Vec<Vec<usize>>,
}

impl Arrangement {
    /// The arrangement of a network that takes the fewest rows, or which layer does not fit.
    pub(crate) fn of(network: &Network<'_>, lanes: usize) -> Result<Self, PlanError> {
        let live = live_input(network);
        let mut search = Search {
            network,
            lanes,
            live,
            domains: Domains::of(network, live),
            pitches: Vec::new(),
            tried: 0,
            deepest: 0,
            arrangement: Self::default(),
        };
        let domain = search.domains.write[0];
        let mut best: Option<Self> = None;
        for pitch in search.domains.pitches(domain, live.1, lanes) {
            let least = search.domains.rows(domain, pitch, lanes).unwrap_or(0);
            if best.as_ref().is_some_and(|best| least >= best.rows()) {
                break;
            }
            let Some(found) = search.with_pitch(pitch) else { continue };
            if best.as_ref().is_none_or(|best| found.rows() < best.rows()) {
                best = Some(found);
            }
        }
        if let Some(best) = best {
            return Ok(best);
        }
        let reason = format!("its windows, strides and padding fit no common pitch on {lanes} lanes");
        Err(unsupported(&network.layers[search.deepest].name, &reason))
    }

    /// Tape rows of all tensors.
    fn rows(&self) -> usize {
        self.homes.iter().map(Home::rows).sum()
    }
}

struct Search<'a> {
    network: &'a Network<'a>,
    lanes: usize,
    /// Rows and columns of the input that the network reads.
    live: (usize, usize),
    domains: Domains,
    /// By domain, the pitch that was chosen.
    pitches: Vec<Option<usize>>,
    tried: usize,
    /// The furthest layer that no placement was found for.
    deepest: usize,
    arrangement: Arrangement,
}

impl Search<'_> {
    /// The first arrangement whose input has a given pitch. The input's place shifts the exponents of all planes after
    /// it, which is what aligns their tiles.
    fn with_pitch(&mut self, pitch: usize) -> Option<Arrangement> {
        self.tried = 0;
        for shift in 0..self.lanes.max(self.network.reads[0].block()) {
            let Some(first) = self.input_home(pitch, shift) else { continue };
            self.pitches = vec![None; self.domains.least.len()];
            self.pitches[self.domains.write[0]] = Some(pitch);
            self.arrangement = Arrangement { homes: vec![first], ..Arrangement::default() };
            if self.extend() && self.is_consistent() {
                return Some(std::mem::take(&mut self.arrangement));
            }
            if self.tried > MOST_PLACEMENTS {
                break;
            }
        }
        None
    }

    /// Places all layers after those that have homes, with every pitch that the next one may read its source with.
    fn extend(&mut self) -> bool {
        let index = self.arrangement.homes.len() - 1;
        if index == self.network.layers.len() {
            return true;
        }
        self.deepest = self.deepest.max(index);
        let Some(source) = self.network.anchor(index) else { return self.place_next(index) };
        let domain = self.domains.read[source];
        let home = &self.arrangement.homes[source];
        if self.pitches[domain].is_some() || !home.read.sets_apart() {
            return self.set_read_pitches(index) && self.place_next(index);
        }
        let narrowest = home.pitch / home.read.factor();
        for pitch in self.domains.pitches(domain, narrowest, self.lanes) {
            self.pitches[domain] = Some(pitch);
            if self.set_read_pitches(index) && self.place_next(index) {
                return true;
            }
            if self.tried > MOST_PLACEMENTS {
                break;
            }
        }
        self.pitches[domain] = None;
        false
    }

    /// Has the layer's sources that are read in windows read with the pitch of their domain; false if one is too wide.
    fn set_read_pitches(&mut self, index: usize) -> bool {
        self.network.sources[index].iter().all(|&node| {
            let home = &mut self.arrangement.homes[node];
            let Some(pitch) = self.pitches[self.domains.read[node]].filter(|_| home.read.sets_apart()) else {
                return true;
            };
            home.read_pitch = pitch;
            pitch >= home.pitch / home.read.factor()
        })
    }

    /// Places a layer and all after it; its output shares the pitch of what it reads.
    fn place_next(&mut self, index: usize) -> bool {
        let writes = self.domains.write[index + 1];
        let before = self.pitches[writes];
        let pitch = before.unwrap_or_else(|| self.written_pitch(index));
        self.pitches[writes] = Some(pitch);
        let placed = pitch >= self.domains.least[writes] && self.place_at(index, pitch);
        if !placed {
            self.pitches[writes] = before;
        }
        placed
    }

    /// The pitch of a layer's output where no other plane has chosen it.
    fn written_pitch(&self, index: usize) -> usize {
        let mut anchors = self.network.reads_of(index).filter(|(term, ..)| term.anchors());
        match anchors.find(|(term, slot, node)| term.shares_pitch(self.network.source(*slot, *node))) {
            Some((.., node)) => self.arrangement.homes[node].read_pitch,
            // One value per plane lies wherever its consumers want it.
            None => self.domains.least[self.domains.write[index + 1]],
        }
    }

    /// Places a layer whose output has a given pitch, and all after it. Where the input is read in windows, reading it
    /// later aligns what follows differently, so several rows are tried.
    fn place_at(&mut self, index: usize, pitch: usize) -> bool {
        if tile_for(self.network.reads[index + 1], pitch, self.lanes).is_none() {
            return false;
        }
        let source = self.network.anchor(index);
        let windows = source.is_some_and(|node| self.arrangement.homes[node].read.sets_apart());
        let tries = if windows { self.lanes } else { 1 };
        let fitting = self
            .outputs(index, pitch)
            .filter_map(|(taken, output)| {
                self.exponents(index, &output).map(|exponents| (taken, output, exponents))
            })
            .take(tries)
            .collect::<Vec<_>>();
        for (taken, output, exponents) in fitting {
            self.tried += 1;
            if self.tried > MOST_PLACEMENTS {
                return false;
            }
            let before = source.map(|source| (source, self.zero_rows(source)));
            self.push(source, taken, output, exponents);
            if self.extend() {
                return true;
            }
            self.pop(before);
        }
        false
    }

    /// Every way to place a layer's output, with where what it lies on is read.
    fn outputs(&self, index: usize, pitch: usize) -> Outputs {
        let network = self.network;
        let demand = Demand {
            content: Content::Layer(index + 1),
            shape: network.layers[index].output,
            stride: network.stride(index + 1),
            pitch,
            origin_exponent: 0,
            top_exponent: 0,
            read: network.reads[index + 1],
            second: network.second[index + 1],
            turned: network.turned(index + 1),
            lanes: self.lanes,
        };
        let reaches =
            network.reads_of(index).map(|(term, slot, node)| term.reach(network.source(slot, node), pitch));
        let reach = reaches.max().unwrap_or(0);
        match network.reads_of(index).find(|(term, ..)| term.anchors()) {
            Some((term, _, node)) => term.outputs(&self.arrangement.homes[node], &demand, reach),
            None => {
                let nowhere = Taken { row: 0, lift: 0 };
                let outputs = free_outputs(demand, self.least_origin(index, pitch), reach);
                Box::new(outputs.map(move |output| (nowhere, output)))
            }
        }
    }

    fn input_home(&self, pitch: usize, shift: usize) -> Option<Home> {
        let (network, (height, width)) = (self.network, self.live);
        let read = network.reads[0];
        let rows = height.next_multiple_of(read.factor());
        let origin_exponent = match read {
            Read::Raster => (rows - 1) * pitch + width - 1 + shift,
            // Whole blocks, in which the first value has its place.
            Read::Phases { stride, corner } => {
                ((height + corner.0).next_multiple_of(stride) - corner.0 - 1) * pitch + width - 1 + shift
            }
            _ if shift == 0 => rows * pitch - 1,
            _ => return None,
        };
        place(&Demand {
            content: Content::Input,
            shape: Planes::new(network.input.shape.channels, height, width),
            stride: 1,
            pitch,
            origin_exponent,
            top_exponent: origin_exponent,
            read,
            second: network.second[0],
            turned: false,
            lanes: self.lanes,
        })
    }

    fn push(&mut self, source: Option<usize>, taken: Taken, output: Home, exponents: Vec<usize>) {
        if let Some(source) = source {
            let home = &mut self.arrangement.homes[source];
            home.tail = home.tail.max((taken.row + 1).saturating_sub(home.tiles));
            home.lift = home.lift.max(taken.lift);
        }
        self.arrangement.homes.push(output);
        self.arrangement.read_rows.push(taken.row);
        self.arrangement.exponents.push(exponents);
    }

    fn pop(&mut self, before: Option<(usize, (usize, usize))>) {
        self.arrangement.homes.pop();
        self.arrangement.read_rows.pop();
        self.arrangement.exponents.pop();
        if let Some((source, (tail, lift))) = before {
            let home = &mut self.arrangement.homes[source];
            (home.tail, home.lift) = (tail, lift);
        }
    }

    /// Rows of zeros of a node, and what the last of them adds.
    fn zero_rows(&self, node: usize) -> (usize, usize) {
        let home = &self.arrangement.homes[node];
        (home.tail, home.lift)
    }

    /// The least exponent of the output's first value at which every tensor that it reads lies at or above exponent 0.
    fn least_origin(&self, index: usize, pitch: usize) -> usize {
        let reads = self.network.reads_of(index);
        reads.map(|(term, _, node)| term.least_origin(&self.arrangement.homes[node], pitch)).max().unwrap_or(0)
    }

    /// Whether what was derived from homes while others were still being placed holds of the final ones.
    fn is_consistent(&self) -> bool {
        let Arrangement { homes, exponents, .. } = &self.arrangement;
        let derived = (0..exponents.len())
            .all(|index| self.exponents(index, &homes[index + 1]).as_ref() == Some(&exponents[index]));
        derived && homes.iter().all(|home| home.read_pitch >= home.pitch / home.read.factor())
    }

    /// How far each tensor that a layer reads must be raised to lie on its output; `None` if one cannot.
    fn exponents(&self, index: usize, output: &Home) -> Option<Vec<usize>> {
        let reads = self.network.reads_of(index);
        reads.map(|(term, slot, node)| term.exponent(slot, &self.arrangement.homes[node], output)).collect()
    }
}

/// Rows and columns of the input that the network reads; nothing else can change the output.
fn live_input(network: &Network<'_>) -> (usize, usize) {
    let readers = network.layers.iter().zip(&network.sources);
    let reads = readers.flat_map(|(layer, sources)| {
        let terms = layer.reads(sources).filter(|(_, sources)| sources.contains(&0));
        terms.map(|(term, _)| term.live_source(layer.output))
    });
    let (height, width) = reads.fold((0, 0), |(height, width), read| (height.max(read.0), width.max(read.1)));
    (height.min(network.input.shape.height), width.min(network.input.shape.width))
}
