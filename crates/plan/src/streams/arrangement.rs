//! Where every tensor of a network lives for given lanes: a search over pitches, input places and read rows.
//!
//! It knows nothing of tables, requantisation or rows of the grid.

use crate::error::PlanError;
use crate::streams::geometry::{Demand, last_value_row, pitch_fits, place, placements, read_exponent, tile_fits};
use crate::streams::home::{Content, Home, Read};
use crate::streams::network::{Network, unsupported};
use zklayout_model::Shape;

/// How far above the narrowest pitch the search for a common pitch goes.
const PITCH_TRIES: usize = 64;

/// Placements of layers that are tried before a pitch is given up.
const MOST_PLACEMENTS: usize = 2_000;

/// Homes of all nodes, and where their consumers take the evaluations.
#[derive(Clone, Default)]
pub(crate) struct Arrangement {
    /// By node.
    pub(crate) homes: Vec<Home>,
    /// By layer: the plane row after which it reads its source.
    pub(crate) read_rows: Vec<usize>,
    /// By layer and skip connection: the power of sigma that the skipped evaluation is raised by.
    pub(crate) skip_exponents: Vec<Vec<usize>>,
}

impl Arrangement {
    /// The arrangement of a network that takes the fewest rows, or which layer does not fit.
    pub(crate) fn of(network: &Network<'_>, lanes: usize) -> Result<Self, PlanError> {
        let (_, width) = live_input(network);
        let mut search =
            Search { network, lanes, tried: 0, deepest: 0, hopeless: false, arrangement: Self::default() };
        let mut best: Option<Self> = None;
        for pitch in width..width + PITCH_TRIES {
            if best.as_ref().is_some_and(|best| search.least_rows(pitch) >= best.rows()) {
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
    tried: usize,
    /// The furthest layer that no placement was found for.
    deepest: usize,
    /// Whether some layer cannot be placed with the current pitch, wherever the input starts.
    hopeless: bool,
    arrangement: Arrangement,
}

impl Search<'_> {
    /// The first arrangement whose input has a given pitch. The input's place shifts the exponents of all planes after
    /// it, which is what aligns their tiles.
    fn with_pitch(&mut self, pitch: usize) -> Option<Arrangement> {
        (self.tried, self.hopeless) = (0, false);
        for shift in 0..self.lanes {
            let Some(first) = input_home(self.network, self.lanes, pitch, shift) else { continue };
            self.arrangement = Arrangement { homes: vec![first], ..Arrangement::default() };
            if self.extend() {
                return Some(std::mem::take(&mut self.arrangement));
            }
            if self.hopeless || self.tried > MOST_PLACEMENTS {
                break;
            }
        }
        None
    }

    /// Rows that the raster of all values takes at least; it grows with the pitch.
    fn least_rows(&self, pitch: usize) -> usize {
        let mut divisors = vec![1];
        let mut rows = 0;
        for (layer, sources) in self.network.layers.iter().zip(&self.network.sources) {
            let source = sources[0];
            let read = self.network.reads[source];
            let flat = matches!(read, Read::Total | Read::Scalars { .. });
            let divisor = if flat { pitch } else { divisors[source] * read.factor() };
            let (shape, stride) = (layer.linear.output, self.network.stride(divisors.len()));
            let positions = ((shape.height - 1) * (pitch / divisor) + shape.width - 1) * stride + 1;
            rows += shape.channels * positions.div_ceil(self.lanes);
            divisors.push(divisor);
        }
        rows
    }

    /// Places all layers after those that have homes. Where the input is read in windows, reading it later aligns what
    /// follows differently, so several rows are tried.
    fn extend(&mut self) -> bool {
        let index = self.arrangement.homes.len() - 1;
        let Some(layer) = self.network.layers.get(index) else { return true };
        self.deepest = self.deepest.max(index);
        let source = self.network.sources[index][0];
        let input = self.arrangement.homes[source].clone();
        if !pitch_fits(&input, &layer.linear) || !tile_fits(&input, self.network.reads[index + 1], self.lanes) {
            self.hopeless = true;
            return false;
        }
        let demand = Demand {
            content: Content::Layer(index + 1),
            shape: layer.linear.output,
            stride: self.network.stride(index + 1),
            pitch: 0,
            origin_exponent: 0,
            top_exponent: 0,
            read: self.network.reads[index + 1],
            lanes: self.lanes,
        };
        let tries = if let Read::Sums { .. } = input.read { self.lanes } else { 1 };
        let fitting = placements(&input, &layer.linear, demand)
            .filter_map(|(row, output)| self.skip_exponents(index, &output).map(|skips| (row, output, skips)))
            .take(tries)
            .collect::<Vec<_>>();
        for (read_row, output, skips) in fitting {
            self.tried += 1;
            if self.tried > MOST_PLACEMENTS {
                return false;
            }
            let tail = self.arrangement.homes[source].tail;
            self.push(source, read_row, output, skips);
            if self.extend() {
                return true;
            }
            self.pop(source, tail);
        }
        false
    }

    fn push(&mut self, source: usize, read_row: usize, output: Home, skips: Vec<usize>) {
        let home = &mut self.arrangement.homes[source];
        home.tail = home.tail.max((read_row + 1).saturating_sub(home.tiles));
        self.arrangement.homes.push(output);
        self.arrangement.read_rows.push(read_row);
        self.arrangement.skip_exponents.push(skips);
    }

    fn pop(&mut self, source: usize, tail: usize) {
        self.arrangement.homes.pop();
        self.arrangement.read_rows.pop();
        self.arrangement.skip_exponents.pop();
        self.arrangement.homes[source].tail = tail;
    }

    /// How far each skipped tensor must be raised to lie on the layer's output; `None` if one cannot.
    fn skip_exponents(&self, index: usize, output: &Home) -> Option<Vec<usize>> {
        let raise = |&node: &usize| {
            let home = &self.arrangement.homes[node];
            let pitches = home.pitch == output.pitch * home.read.factor() || home.shape.plane() == 1;
            let exponent = read_exponent(home, last_value_row(home));
            output.origin_exponent().checked_sub(exponent).filter(|_| pitches)
        };
        self.network.sources[index][1..].iter().map(raise).collect()
    }
}

/// Rows and columns of the input that the network reads; nothing else can change the output.
fn live_input(network: &Network<'_>) -> (usize, usize) {
    let readers = network.layers.iter().zip(&network.sources);
    readers.fold((0, 0), |(height, width), (layer, sources)| {
        let output = layer.linear.output;
        let reads = sources.iter().enumerate().filter(|(_, node)| **node == 0).map(|(slot, _)| match slot {
            0 => layer.linear.live_input(),
            _ => (output.height, output.width),
        });
        reads.fold((height, width), |(height, width), read| (height.max(read.0), width.max(read.1)))
    })
}

fn input_home(network: &Network<'_>, lanes: usize, pitch: usize, shift: usize) -> Option<Home> {
    let read = network.reads[0];
    let (height, width) = live_input(network);
    let rows = height.next_multiple_of(read.factor());
    let origin_exponent = match read {
        Read::Raster => (rows - 1) * pitch + width - 1 + shift,
        _ if shift == 0 => rows * pitch - 1,
        _ => return None,
    };
    place(&Demand {
        content: Content::Input,
        shape: Shape::new(network.input.shape.channels, height, width),
        stride: 1,
        pitch,
        origin_exponent,
        top_exponent: origin_exponent,
        read,
        lanes,
    })
}
