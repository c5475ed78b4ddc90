//! Pitch domains: which planes must share a pitch, and how wide it must be.
//!
//! A node's plane is written with one pitch and read with one. Evaluating position by position, both are the same; window
//! sums are read tile by tile, so that rows may be set further apart, and a new domain begins. A layer reads its tensors
//! and writes its output with the same pitch.

use zklayout_model::Planes;

use crate::streams::fact::Source;
use crate::streams::geometry::tile_for;
use crate::streams::home::Read;
use crate::streams::network::Network;

/// Pitches that are tried in a domain, the cheapest first.
const MOST_PITCHES: usize = 8;
/// How far above the narrowest pitch a domain's pitches go: a third, but at least this many positions.
const LEAST_SPAN: usize = 16;

/// The pitch domains of a network.
pub(crate) struct Domains {
    /// By node: the domains that it is written and read in.
    pub(crate) write: Vec<usize>,
    pub(crate) read: Vec<usize>,
    /// By domain: the narrowest pitch.
    pub(crate) least: Vec<usize>,
    /// By domain: the planes that are written there.
    planes: Vec<Vec<Plane>>,
}

/// What a plane asks of a pitch.
struct Plane {
    shape: Planes,
    stride: usize,
    read: Read,
}

impl Domains {
    /// The domains of a network whose input planes have the given live rows and columns.
    pub(crate) fn of(network: &Network<'_>, live: (usize, usize)) -> Self {
        let nodes = network.reads.len();
        let mut union = Union((0..2 * nodes).collect());
        for (node, read) in network.reads.iter().enumerate() {
            if !read.sets_apart() {
                union.join(2 * node, 2 * node + 1);
            }
        }
        for index in 0..network.layers.len() {
            for (term, slot, node) in network.reads_of(index) {
                if term.shares_pitch(network.source(slot, node)) {
                    union.join(2 * node + 1, 2 * (index + 1));
                }
            }
        }
        let roots: Vec<usize> = (0..2 * nodes).map(|place| union.root(place)).collect();
        let mut domains = Self {
            write: roots.iter().copied().step_by(2).collect(),
            read: roots.iter().copied().skip(1).step_by(2).collect(),
            least: vec![1; 2 * nodes],
            planes: (0..2 * nodes).map(|_| Vec::new()).collect(),
        };
        domains.demand(network, live);
        domains
    }

    fn demand(&mut self, network: &Network<'_>, live: (usize, usize)) {
        let input = Planes { height: live.0, width: live.1, ..network.input.shape };
        let outputs = network.layers.iter().map(|layer| layer.output);
        let shapes: Vec<Planes> = std::iter::once(input).chain(outputs).collect();
        for (node, &shape) in shapes.iter().enumerate() {
            let (stride, read) = (network.stride(node), network.reads[node]);
            let (block, corner) = (read.block(), read.corner());
            self.widen(self.write[node], ((shape.width - 1) * stride + 1 + corner.1).next_multiple_of(block));
            self.planes[self.write[node]].push(Plane { shape, stride, read });
        }
        for index in 0..network.layers.len() {
            for (term, slot, node) in network.reads_of(index) {
                let source = Source { planes: shapes[node], ..network.source(slot, node) };
                self.widen(self.write[index + 1], term.least_pitch(source, shapes[index + 1]));
            }
        }
    }

    fn widen(&mut self, domain: usize, pitch: usize) {
        self.least[domain] = self.least[domain].max(pitch);
    }

    /// Pitches of a domain from `least` on, those that take the fewest rows first.
    pub(crate) fn pitches(&self, domain: usize, least: usize, lanes: usize) -> Vec<usize> {
        let least = least.max(self.least[domain]);
        let span = LEAST_SPAN.max(least / 3);
        let mut pitches: Vec<(usize, usize)> =
            (least..=least + span).filter_map(|pitch| Some((self.rows(domain, pitch, lanes)?, pitch))).collect();
        pitches.sort_unstable();
        pitches.into_iter().take(MOST_PITCHES).map(|(_, pitch)| pitch).collect()
    }

    /// Rows that the planes of a domain take at least; `None` if one has no tile.
    pub(crate) fn rows(&self, domain: usize, pitch: usize, lanes: usize) -> Option<usize> {
        let rows = self.planes[domain].iter().map(|plane| {
            let Plane { shape, stride, read } = plane;
            let tile = tile_for(*read, pitch, lanes)?;
            let (block, corner) = (read.block(), read.corner());
            let extent = |values: usize, corner: usize| ((values - 1) * stride + 1 + corner).div_ceil(block);
            let (height, width) = (extent(shape.height, corner.0), extent(shape.width, corner.1));
            let rows = ((height - 1) * (pitch / block) + width).div_ceil(tile.lanes());
            Some(shape.channels * block * block * rows)
        });
        rows.sum()
    }
}

/// Disjoint sets.
struct Union(Vec<usize>);

impl Union {
    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
