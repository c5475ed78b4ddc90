//! How values are brought to planes: as sums of moved tensors, which are exact and take no weights.
//!
//! A move takes every `stride`-th row and column of each channel from an offset on. Planes of one value are picked and placed
//! freely; repetitions double what there is; what no few moves do goes through a vector, value by value. It knows no operator.

use std::collections::BTreeMap;

use ndarray::Array3;
use zklayout_model::{FloatOp, Move, NodeId, PerChannel, Planes};

use super::layers::Layers;
use super::value::{Element, Value};

/// Most moves of a layer that neither starts nor ends in planes of one value.
const MOST_MOVES: usize = 32;
/// Most positions that the factors of a product take single values to by moves.
const MOST_SPREAD: usize = 8;
/// Most positions of planes that are moved one by one.
const MOST_POSITIONS: usize = 1 << 13;
/// Most choices of a channel by all moves of a layer together.
const MOST_CHOICES: usize = 1 << 24;
/// Largest stride that a move may have.
const MOST_STRIDE: usize = 8;

/// A place of a tensor, by channel, row and column.
type Cell = (usize, usize, usize);

/// Moves of one node, by rows and columns.
struct Moved {
    node: NodeId,
    channels: Vec<Option<usize>>,
    offset: (i64, i64),
    stride: usize,
}

impl Layers {
    /// Values in the order of some planes, as a node of those planes.
    pub(super) fn home(&mut self, name: &str, elements: &[Element], planes: Planes) -> Result<NodeId, String> {
        if elements.len() != planes.len() || elements.is_empty() {
            return Err(format!("{} values do not fill {planes} planes", elements.len()));
        }
        if let Some(node) = self.in_place(elements) {
            if self.planes(node) == planes {
                return Ok(node);
            }
            let positions = self.planes(node).plane();
            let many = positions > MOST_POSITIONS || positions.saturating_mul(planes.len()) > MOST_CHOICES;
            if planes.plane() == 1 && many {
                return Ok(self.add(name, FloatOp::Flatten, planes, &[node]));
            }
        }
        let (places, numbers) = split(elements);
        if places.iter().all(Option::is_none) {
            return Err("all its values are constants".into());
        }
        let mut node = self.moved(name, &places, planes)?;
        if numbers.iter().any(|number| *number != 0.0) {
            let values = Array3::from_shape_vec(planes.dims(), numbers).map_err(|e| e.to_string())?;
            node = self.add(name, FloatOp::Offset { factor: 1.0, values }, planes, &[node]);
        }
        Ok(node)
    }

    /// The node whose values these are, all of them and in order.
    pub(super) fn in_place(&self, elements: &[Element]) -> Option<NodeId> {
        let Some(&Element::Place(node, _)) = elements.first() else { return None };
        let same = |(place, element): (usize, &Element)| *element == Element::Place(node, place as u32);
        (self.planes(node).len() == elements.len() && elements.iter().enumerate().all(same)).then_some(node)
    }

    /// Single values as the many positions of some planes, all at once: moves would take a power for each position. `None` if they are no
    /// planes and positions swapped.
    pub(super) fn spread(&mut self, name: &str, elements: &[Element], planes: Planes) -> Option<NodeId> {
        let Some(&Element::Place(node, _)) = elements.first() else { return None };
        let many = planes.width > MOST_SPREAD && elements.len() == planes.len() && self.planes(node).plane() == 1;
        let (places, numbers) = split(elements);
        let exact = numbers.iter().all(|number| *number == 0.0);
        if many && exact { self.transposed(name, &places, planes) } else { None }
    }

    fn moved(&mut self, name: &str, places: &[Place], planes: Planes) -> Result<NodeId, String> {
        let spread = places.first().copied().flatten().is_some_and(|(node, _)| self.planes(node).plane() > 1);
        if let Some(node) = if spread { self.transposed(name, places, planes) } else { None } {
            return Ok(node);
        }
        if let Some(node) = self.repeated(name, places, planes)? {
            return Ok(node);
        }
        let moves = self.one_by_one(places, planes).or_else(|| self.few(places, planes));
        if let Some(moves) = moves {
            return Ok(self.add_moves(name, moves, planes));
        }
        // Through a vector of all that is read.
        let read: Vec<Place> = places.iter().copied().filter(Option::is_some).collect();
        let vector = Planes::vector(read.len());
        let positions = self.most_positions(places).max(planes.plane());
        if positions > MOST_POSITIONS {
            return Err(format!(
                "its values would be moved one by one over planes of {positions} positions; at most {MOST_POSITIONS} are"
            ));
        }
        let many = || format!("its {} values would be moved one by one, which takes too much", read.len());
        let flat = self.one_by_one(&read, vector).ok_or_else(many)?;
        let flat = self.add_moves(name, flat, vector);
        let mut next = 0;
        let own = places.iter().map(|place| {
            place.map(|_| {
                next += 1;
                (flat, next - 1)
            })
        });
        let own: Vec<Place> = own.collect();
        let placed = self.one_by_one(&own, planes).ok_or_else(many)?;
        Ok(self.add_moves(name, placed, planes))
    }

    /// The planes in which a tensor lies in its own order once planes and positions of its node are swapped.
    pub(super) fn swapped(&self, value: &Value) -> Option<Planes> {
        let own = self.frame(value).filter(|frame| frame.order.is_some())?.planes;
        let elements = value.elements();
        let (positions, depth) = (own.plane(), own.channels);
        let place = |at: usize| (at % depth * positions + at / depth) as u32;
        let lies =
            |(at, element): (usize, &Element)| matches!(element, Element::Place(_, own) if *own == place(at));
        (positions > 1 && depth > 1 && elements.iter().enumerate().all(lies))
            .then_some(Planes::new(positions, 1, depth))
    }

    /// Planes and positions of groups of one node's channels swapped; of some channels, those are picked first.
    fn transposed(&mut self, name: &str, places: &[Place], planes: Planes) -> Option<NodeId> {
        let (node, _) = (*places.first()?)?;
        let source = self.planes(node);
        let (depth, positions) = (planes.plane(), source.plane());
        if planes.height != 1 || depth == 1 || !planes.channels.is_multiple_of(positions) {
            return None;
        }
        let groups = planes.channels / positions;
        // By group and plane of it, the channel whose first value is where the swapped one is to be.
        let channel = |place: usize| {
            Some((places[place / depth * positions * depth + place % depth]?).1 as usize / positions)
        };
        let channels: Vec<usize> = (0..groups * depth).map(channel).collect::<Option<_>>()?;
        let swapped = |(place, found): (usize, &Place)| {
            let (channel, c) = (place / depth, place % depth);
            let (group, t) = (channel / positions, channel % positions);
            *found == Some((node, (channels[group * depth + c] * positions + t) as u32))
        };
        if !places.iter().enumerate().all(swapped) {
            return None;
        }
        let whole = channels.iter().copied().eq(0..source.channels);
        // Rows of an image keep a distance that what reads it has chosen, and some channels of it would be a tensor between the two.
        if !whole && source.height > 1 {
            return None;
        }
        let node = if whole { node } else { self.with_channels(name, node, channels) };
        Some(self.add(name, FloatOp::Transpose { groups }, planes, &[node]))
    }

    /// Some channels of a node.
    fn with_channels(&mut self, name: &str, node: NodeId, channels: Vec<usize>) -> NodeId {
        let planes = Planes { channels: channels.len(), ..self.planes(node) };
        let channels = Some(channels.into_iter().map(Some).collect());
        let terms = vec![Move { factor: PerChannel::uniform(1.0), channels, offset: (0, 0), stride: 1 }];
        self.add(name, FloatOp::Sum { terms }, planes, &[node])
    }

    fn most_positions(&self, places: &[Place]) -> usize {
        places.iter().flatten().map(|(node, _)| self.planes(*node).plane()).max().unwrap_or(1)
    }

    fn add_moves(&mut self, name: &str, moves: Vec<Moved>, planes: Planes) -> NodeId {
        let sources: Vec<NodeId> = moves.iter().map(|moved| moved.node).collect();
        let terms = moves.into_iter().map(|Moved { node, channels, offset, stride }| {
            let plain = channels.iter().enumerate().all(|(output, channel)| *channel == Some(output));
            let same = plain && self.planes(node).channels == channels.len();
            let channels = if same { None } else { Some(channels) };
            Move { factor: PerChannel::uniform(1.0), channels, offset, stride }
        });
        let terms = terms.collect();
        self.add(name, FloatOp::Sum { terms }, planes, &sources)
    }

    /// Planes that repeat themselves along columns or rows: what is repeated, doubled until it fills them.
    fn repeated(&mut self, name: &str, places: &[Place], planes: Planes) -> Result<Option<NodeId>, String> {
        if planes.plane() == 1 || are_distinct(places) {
            return Ok(None);
        }
        for columns in [true, false] {
            let extent = if columns { planes.width } else { planes.height };
            let Some(period) = period(places, planes, columns).filter(|period| *period < extent) else { continue };
            let inner = with_extent(planes, columns, period);
            let first: Vec<Place> = cells(inner).map(|cell| places[flat(planes, cell)]).collect();
            let base = self.moved(name, &first, inner)?;
            return Ok(Some(self.doubled(name, base, planes, columns, period)));
        }
        Ok(None)
    }

    fn doubled(&mut self, name: &str, mut node: NodeId, planes: Planes, columns: bool, period: usize) -> NodeId {
        let extent = if columns { planes.width } else { planes.height };
        let mut filled = period;
        while filled < extent {
            let more = filled.min(extent - filled);
            let offset = if columns { (0, -(filled as i64)) } else { (-(filled as i64), 0) };
            let terms = vec![Move::plain(1.0), Move { offset, ..Move::plain(1.0) }];
            filled += more;
            node = self.add(name, FloatOp::Sum { terms }, with_extent(planes, columns, filled), &[node, node]);
        }
        node
    }

    /// A move for each position, if the planes that are read, or those that are filled, are single values.
    fn one_by_one(&self, places: &[Place], planes: Planes) -> Option<Vec<Moved>> {
        let plane = planes.plane();
        let from_vectors = places.iter().flatten().all(|(node, _)| self.planes(*node).plane() == 1);
        let positions = plane.max(self.most_positions(places));
        let many = positions > MOST_POSITIONS || positions.saturating_mul(planes.channels) > MOST_CHOICES;
        if plane > 1 && !from_vectors || many {
            return None;
        }
        // By node and offset, the channel of each output channel.
        let mut moves: BTreeMap<(NodeId, i64, i64), Vec<Option<usize>>> = BTreeMap::new();
        for (place, source) in places.iter().enumerate() {
            let Some((node, at)) = source else { continue };
            let (channel, row, column) = cell(self.planes(*node), *at as usize);
            let (output, y, x) = cell(planes, place);
            let offset = (row as i64 - y as i64, column as i64 - x as i64);
            let channels = moves.entry((*node, offset.0, offset.1)).or_insert_with(|| vec![None; planes.channels]);
            channels[output] = Some(channel);
        }
        Some(
            moves
                .into_iter()
                .map(|((node, rows, columns), channels)| Moved {
                    node,
                    channels,
                    offset: (rows, columns),
                    stride: 1,
                })
                .collect(),
        )
    }

    /// A few moves that cover all planes between them.
    fn few(&self, places: &[Place], planes: Planes) -> Option<Vec<Moved>> {
        let mut covered: Vec<bool> = places.iter().map(Option::is_none).collect();
        let (mut moves, mut stride) = (Vec::new(), None);
        while let Some(first) = covered.iter().position(|covered| !covered) {
            if moves.len() == MOST_MOVES {
                return None;
            }
            let strides = match stride {
                Some(stride) => stride..=stride,
                None => 1..=MOST_STRIDE,
            };
            let tried = strides.filter_map(|stride| self.longest(places, planes, &covered, (first, stride)));
            let (moved, reached) =
                tried.max_by_key(|(moved, reached)| (reached.len(), usize::MAX - moved.stride))?;
            stride = Some(moved.stride);
            reached.into_iter().for_each(|place| covered[place] = true);
            moves.push(moved);
        }
        Some(moves)
    }

    /// The move of a stride that fills a place, of as many channels as it can be of, and the places that it fills.
    fn longest(
        &self,
        places: &[Place],
        planes: Planes,
        covered: &[bool],
        (first, stride): (usize, usize),
    ) -> Option<(Moved, Vec<usize>)> {
        let (node, at) = places[first]?;
        let source = self.planes(node);
        let ((_, row, column), (_, y, x)) = (cell(source, at as usize), cell(planes, first));
        let offset = (row as i64 - (y * stride) as i64, column as i64 - (x * stride) as i64);
        let inside = |at: usize, offset: i64, extent: usize| {
            usize::try_from((at * stride) as i64 + offset).ok().filter(|at| *at < extent)
        };
        let (mut channels, mut reached) = (vec![None; planes.channels], Vec::new());
        for (output, channel) in channels.iter_mut().enumerate() {
            let (mut found, mut own, mut fits) = (None, Vec::new(), true);
            for y in 0..planes.height {
                let Some(row) = inside(y, offset.0, source.height) else { continue };
                for x in 0..planes.width {
                    let Some(column) = inside(x, offset.1, source.width) else { continue };
                    let place = flat(planes, (output, y, x));
                    let read = places[place].filter(|(other, _)| *other == node && !covered[place]);
                    let read = read.map(|(_, at)| cell(source, at as usize));
                    let same =
                        read.filter(|(c, r, k)| (*r, *k) == (row, column) && *found.get_or_insert(*c) == *c);
                    fits &= same.is_some();
                    own.push(place);
                }
                if !fits {
                    break;
                }
            }
            if fits && !own.is_empty() {
                *channel = found;
                reached.extend(own);
            }
        }
        (!reached.is_empty()).then_some((Moved { node, channels, offset, stride }, reached))
    }
}

/// The node and the place of a value, if it is no constant.
type Place = Option<(NodeId, u32)>;

/// Where values are in the graph, and the numbers of those that are nowhere.
fn split(elements: &[Element]) -> (Vec<Place>, Vec<f64>) {
    let part = |element: &Element| match *element {
        Element::Number(number) => (None, number),
        Element::Place(node, place) => (Some((node, place)), 0.0),
    };
    elements.iter().map(part).unzip()
}

fn are_distinct(places: &[Place]) -> bool {
    let mut known: Vec<(NodeId, u32)> = places.iter().flatten().copied().collect();
    known.sort_unstable();
    known.windows(2).all(|pair| pair[0] != pair[1])
}

/// The least number of columns, or rows, after which planes repeat themselves.
fn period(places: &[Place], planes: Planes, columns: bool) -> Option<usize> {
    let extent = if columns { planes.width } else { planes.height };
    (1..=extent).find(|period| {
        cells(planes).all(|(channel, y, x)| {
            let before = if columns { (channel, y, x % period) } else { (channel, y % period, x) };
            places[flat(planes, (channel, y, x))] == places[flat(planes, before)]
        })
    })
}

fn with_extent(planes: Planes, columns: bool, extent: usize) -> Planes {
    if columns { Planes { width: extent, ..planes } } else { Planes { height: extent, ..planes } }
}

fn cell(planes: Planes, place: usize) -> Cell {
    (place / planes.plane(), place / planes.width % planes.height, place % planes.width)
}

fn flat(planes: Planes, (channel, row, column): Cell) -> usize {
    (channel * planes.height + row) * planes.width + column
}

fn cells(planes: Planes) -> impl Iterator<Item = Cell> {
    (0..planes.len()).map(move |place| cell(planes, place))
}
