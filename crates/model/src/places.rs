//! What places of the largest become: layers of moves, tables and known biases, and of tensors that are turned. None has a weight.
//!
//! A place is the number of planes less the largest of the numbers that planes have which are as large as any, counted from the
//! last one. Many planes are counted in two digits, so that no number is larger than either has: planes become positions of
//! blocks, the largest of each block tell the first block, and what a product of the blocks with that choice leaves tells the place in
//! it. It knows layers under construction, not what merges with them.

use crate::activation::Activation;
use crate::function::Function;
use crate::fused::Precision;
use crate::merge::{Branch, Merger, Source};
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::sequence::Slots;
use crate::term::{KnownBias, Move};

/// How far below a maximum floats may be that are it: sums of differences are rounded. It is less than 1, so that integers have none of it.
const ROUNDED: f64 = 1e-9;

/// Planes that are counted in one digit: it takes fewer layers than two.
const ONE_DIGIT: usize = 256;

/// By plane, the plane that it takes.
type Channels = Vec<Option<usize>>;

/// Rows of single values, each of which has a largest one.
#[derive(Clone, Copy)]
struct Rows {
    rows: usize,
    size: usize,
    last: bool,
}

impl Rows {
    /// The number that a place has: the largest of them is the one that is looked for.
    fn number(self, place: usize) -> f64 {
        (if self.last { place + 1 } else { self.size - place }) as f64
    }

    /// The place is this much more than its number times the sign.
    fn place_of_zero(self) -> f64 {
        if self.last { -1.0 } else { self.size as f64 }
    }

    fn sign(self) -> f64 {
        if self.last { 1.0 } else { -1.0 }
    }
}

/// A digit of every row's place.
struct Digit {
    /// By row and place, what number it has if it is as large as any, and 0 elsewhere.
    numbered: Source,
    /// By row, the largest of them.
    highest: Source,
}

impl Merger {
    /// The place of the largest of each group's planes, the first or the last of equal ones. Nothing is rounded on the way, and no layer
    /// of it has a weight.
    pub(crate) fn push_arg_max(&mut self, name: &str, branch: Branch, groups: usize, last: bool) -> Branch {
        let source = self.settle(name, branch).source;
        let shape = self.result(source);
        let size = shape.channels / groups.max(1);
        let blocks = largest_divisor_below_root(size);
        if size > ONE_DIGIT && shape.height == 1 && blocks > 1 {
            return self.push_place_in_blocks(name, source, (groups, blocks), last);
        }
        let rows = Rows { rows: groups, size, last };
        let most = self.push_largest(name, source, (groups, size), true);
        let channels = (0..shape.channels).map(|plane| Some(plane / size)).collect();
        let Digit { highest, .. } = self.push_digit(name, (source, None), (most, channels), rows);
        let output = Planes { channels: groups, ..shape };
        let places = self.push_moved(name, vec![(highest, Move::plain(rows.sign()))], output, Activation::none());
        self.know_bias(rows.place_of_zero(), true);
        places
    }

    /// The same in two digits: the block, and the place in it.
    fn push_place_in_blocks(
        &mut self,
        name: &str,
        source: Source,
        (groups, blocks): (usize, usize),
        last: bool,
    ) -> Branch {
        let shape = self.result(source);
        let (size, positions) = (shape.channels / groups / blocks, shape.width);
        let rows = groups * positions;
        // Planes of blocks are those of (group, block, position).
        let branch = Branch::on(source, shape.channels);
        let turned = self.push_transpose(name, branch, groups * blocks).source;
        let tops = self.push_largest_position(name, turned);
        let start = |row: usize| row / positions * blocks * positions + row % positions;
        let planes = (0..blocks).map(|block| Some(block * positions)).collect();
        let slots = Slots { source: tops, planes, starts: (0..rows).map(start).collect() };
        let most = self.push_largest_slot(name, slots, true);

        let of_block = Rows { rows, size: blocks, last };
        let by_row: Channels =
            (0..rows * blocks).map(|place| Some(start(place / blocks) + place % blocks * positions)).collect();
        let of_row = |size: usize| (0..rows * size).map(|place| Some(place / size)).collect::<Channels>();
        let block = self.push_digit(name, (tops, Some(by_row.clone())), (most, of_row(blocks)), of_block);
        let chosen = self.push_is_largest(name, (block.numbered, None), (block.highest, of_row(blocks)));

        let turned = if positions == 1 { turned } else { self.push_in_order(name, turned, by_row) };
        let sources = [turned, chosen].map(|source| Branch::on(source, rows * blocks));
        let picked = self.push_matmul(name, sources.into(), (rows, rows), Planes::new(rows, 1, size));
        self.newest_finish().precision = Precision::Maximum;
        self.know_bias(0.0, true);
        let left = self.push_transpose(name, picked, rows).source;
        let of_place = Rows { rows, size, last };
        let place = self.push_digit(name, (left, None), (most, of_row(size)), of_place);

        let digits = [block.highest, place.highest].map(|digit| match positions {
            1 => digit,
            _ => self.push_transpose(name, Branch::on(digit, rows), groups).source,
        });
        let factors = [of_block.sign() * size as f64, of_place.sign()];
        let terms = digits.into_iter().zip(factors.map(Move::plain)).collect();
        let places = self.push_moved(name, terms, Planes { channels: groups, ..shape }, Activation::none());
        self.know_bias(of_block.place_of_zero() * size as f64 + of_place.place_of_zero(), true);
        places
    }

    /// A digit of each row's place, given the values, in an order of planes, and the largest of each row with the rows of places.
    fn push_digit(
        &mut self,
        name: &str,
        values: (Source, Option<Channels>),
        most: (Source, Channels),
        rows: Rows,
    ) -> Digit {
        let planes = most.1.len();
        let largest = self.push_is_largest(name, values, most);
        let shape = self.result(largest);
        let numbers = (0..planes).map(|plane| rows.number(plane % rows.size));
        let factor = PerChannel::of_channels(numbers).unwrap_or(PerChannel::uniform(1.0));
        let numbered = vec![(largest, Move { factor, ..Move::plain(1.0) })];
        let numbered = self.push_moved(name, numbered, shape, Activation::none()).source;
        self.know_bias(0.0, true);
        let highest = self.push_largest(name, numbered, (rows.rows, rows.size), true);
        Digit { numbered, highest }
    }

    /// 1 where a value is as large as its row's largest, and 0 elsewhere.
    fn push_is_largest(
        &mut self,
        name: &str,
        (values, order): (Source, Option<Channels>),
        (most, rows): (Source, Channels),
    ) -> Source {
        let shape = Planes { channels: rows.len(), ..self.result(most) };
        let less = Move { channels: Some(rows), ..Move::plain(-1.0) };
        let terms = vec![(values, Move { channels: order, ..Move::plain(1.0) }), (most, less)];
        let is_largest = Activation::Function(Function::Positive { or_zero: true });
        let largest = self.push_moved(name, terms, shape, is_largest).source;
        self.newest_finish().precision = Precision::Deficit;
        self.know_bias(ROUNDED, true);
        largest
    }

    fn push_in_order(&mut self, name: &str, source: Source, order: Channels) -> Source {
        let shape = self.result(source);
        let moved = Move { channels: Some(order), ..Move::plain(1.0) };
        let moved = self.push_moved(name, vec![(source, moved)], shape, Activation::none()).source;
        self.know_bias(0.0, true);
        moved
    }

    /// Lets the newest layer's biases be this number of the plan, if they are known.
    pub(crate) fn know_bias(&mut self, number: f64, known: bool) {
        let bias = KnownBias { numbers: PerChannel::uniform(number) };
        self.newest_terms().extend(known.then(|| bias.into()));
    }
}

/// The largest divisor whose square is no larger.
fn largest_divisor_below_root(number: usize) -> usize {
    (1..)
        .take_while(|divisor| divisor * divisor <= number)
        .filter(|divisor| number.is_multiple_of(*divisor))
        .last()
        .unwrap_or(1)
}
