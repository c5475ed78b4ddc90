//! The rows one by one: what each cell holds and what it is copied from.
//!
//! The one function behind fixed cells, copies and the witness. It knows places, no numbers.

use zklayout_model::{Clamp, Planes};

use crate::direct::digits::DigitRange;
use crate::direct::gadget::{Cell, Datum, Fill, Gadget, SLOT_CELLS, Source};
use crate::direct::knobs::{DirectKnobs, DotVariant};
use crate::direct::layout::{Direct, DirectLayer, Finish, Weights, channel_runs};

/// The constant 0.
const ZERO: Source = Source::Constant(0);

/// Where values ended up.
#[derive(Clone, Debug, Default)]
pub struct Homes {
    /// By node of the graph, the cells of its values in the tensor's order.
    pub values: Vec<Vec<Source>>,
    /// The row after the last one.
    pub rows: usize,
    /// First row of each layer.
    pub layers: Vec<usize>,
}

impl Direct {
    /// Hands every row, from the first on, to `sink`: its number, its gadget and its cells by column.
    pub fn walk(&self, sink: &mut dyn FnMut(usize, &Gadget, &[Fill])) -> Homes {
        let knobs = self.knobs;
        let mut walk = Walk { layout: self, knobs, row: 0, cells: vec![Fill::Free; knobs.columns], sink };
        let input = walk.ranges((0..self.input.len()).map(Datum::Input), self.input_table);
        let mut homes = Homes { values: vec![input], ..Homes::default() };
        for layer in &self.layers {
            homes.layers.push(walk.row);
            let values = walk.layer(layer, &homes.values);
            homes.values.push(values);
        }
        homes.rows = walk.row;
        homes
    }
}

struct Walk<'a> {
    layout: &'a Direct,
    knobs: DirectKnobs,
    row: usize,
    cells: Vec<Fill>,
    sink: &'a mut dyn FnMut(usize, &Gadget, &[Fill]),
}

impl Walk<'_> {
    fn emit(&mut self, gadget: Gadget) {
        (self.sink)(self.row, &gadget, &self.cells);
        self.cells.fill(Fill::Free);
        self.row += 1;
    }

    fn here(&self, column: usize) -> Source {
        Source::Advice(Cell { column, row: self.row })
    }

    fn last(&self) -> usize {
        self.knobs.columns - 1
    }

    fn layer(&mut self, layer: &DirectLayer, values: &[Vec<Source>]) -> Vec<Source> {
        let geometry = &layer.geometry;
        let (weights, biases) = self.weights(layer);
        let pooled = self.pool(layer, &values[layer.source]);
        let mut accumulators = Vec::with_capacity(geometry.output.len());
        let mut products = Vec::new();
        for (output, &bias) in biases.iter().enumerate() {
            for place in 0..geometry.output.plane() {
                let (row, column) = (place / geometry.output.width, place % geometry.output.width);
                products.clear();
                let places = geometry.products(output, row, column);
                products.extend(places.map(|(weight, value)| (weights[weight], pooled[value])));
                products.extend(layer.skips.iter().map(|skip| {
                    let value = (output * skip.shape.height + row) * skip.shape.width + column;
                    (Source::Constant(skip.constant.of(output)), values[skip.source][value])
                }));
                accumulators.push(self.dot(&products, Some(bias)));
            }
        }
        self.finish(&layer.finish, geometry.output, &accumulators)
    }

    /// The cells of a layer's weights and biases.
    fn weights(&mut self, layer: &DirectLayer) -> (Vec<Source>, Vec<Source>) {
        let (weights, outputs) = (layer.geometry.weights(), layer.geometry.output.channels);
        let node = layer.node;
        match layer.weights {
            Weights::Fixed { first } => {
                let constants = |from: usize, count: usize| (from..from + count).map(Source::Constant).collect();
                (constants(first, weights), constants(first + weights, outputs))
            }
            Weights::Private { table, bits, digits } => {
                let kernel = (0..weights).map(|index| Datum::Weight { node, index });
                let biases = (0..outputs)
                    .flat_map(|output| (0..digits).map(move |digit| Datum::Digit { node, output, digit }));
                let mut cells = self.ranges(kernel.chain(biases), table);
                let digit_cells = cells.split_off(weights);
                let biases = digit_cells.chunks(digits).map(|cells| self.bias(cells, bits)).collect();
                (cells, biases)
            }
        }
    }

    /// A bias from its digits.
    fn bias(&mut self, digits: &[Source], bits: u32) -> Source {
        if let [digit] = digits {
            return *digit;
        }
        // Plans without a base are refused before they are walked.
        let base = |digit: usize| self.layout.base(bits, digit).map_or(ZERO, Source::Constant);
        let products: Vec<_> = digits.iter().enumerate().map(|(digit, &cell)| (cell, base(digit))).collect();
        self.dot(&products, None)
    }

    /// What a convolution reads: the values, or their window sums.
    fn pool(&mut self, layer: &DirectLayer, values: &[Source]) -> Vec<Source> {
        let (geometry, window) = (&layer.geometry, layer.geometry.window);
        if window == 1 {
            return values.to_vec();
        }
        let pooled = geometry.pooled();
        let value =
            |c: usize, y: usize, x: usize| values[(c * geometry.input.height + y) * geometry.input.width + x];
        (0..pooled.len())
            .map(|place| {
                let (c, y, x) =
                    (place / pooled.plane(), place / pooled.width % pooled.height, place % pooled.width);
                let members =
                    (0..window * window).map(|i| value(c, y * window + i / window, x * window + i % window));
                self.sum(&members.collect::<Vec<_>>())
            })
            .collect()
    }

    /// Range checks: two numbers to a slot, the last one again where there is room left.
    fn ranges(&mut self, data: impl Iterator<Item = Datum>, table: u64) -> Vec<Source> {
        let gadget = Gadget::Look { divisor: 0, values: table, remainders: table };
        let per_row = 2 * self.knobs.slots;
        let mut homes = Vec::new();
        let mut place = 0;
        for datum in data {
            let column = self.range_cell(place, Fill::Datum(datum));
            homes.push(self.here(column));
            place += 1;
            if place == per_row {
                self.emit(gadget);
                place = 0;
            }
        }
        if let Some(&last) = homes.last().filter(|_| place > 0) {
            for place in place..per_row {
                self.range_cell(place, Fill::Copy(last));
            }
            self.emit(gadget);
        }
        homes
    }

    fn range_cell(&mut self, place: usize, fill: Fill) -> usize {
        let slot = place / 2 * SLOT_CELLS;
        let column = slot + 1 + place % 2;
        self.cells[slot] = Fill::Result;
        self.cells[column] = fill;
        self.cells[slot + 3] = Fill::Zero;
        column
    }

    fn dot(&mut self, products: &[(Source, Source)], start: Option<Source>) -> Source {
        let mut terms: Vec<Source> = start.into_iter().collect();
        let running = self.knobs.dot == DotVariant::Running;
        for chunk in products.chunks(self.knobs.pairs()) {
            for pair in 0..self.knobs.pairs() {
                let (weight, value) = chunk.get(pair).copied().unwrap_or((ZERO, ZERO));
                self.cells[2 * pair] = Fill::Copy(weight);
                self.cells[2 * pair + 1] = Fill::Copy(value);
            }
            let last = self.last();
            if running {
                self.cells[last - 1] = Fill::Copy(terms.pop().unwrap_or(ZERO));
            }
            self.cells[last] = Fill::Result;
            terms.push(self.here(last));
            self.emit(Gadget::Dot);
        }
        self.sum(&terms)
    }

    fn sum(&mut self, terms: &[Source]) -> Source {
        let Some((&first, rest)) = terms.split_first() else { return ZERO };
        let last = self.last();
        let mut sum = first;
        for chunk in rest.chunks(last - 1) {
            self.cells[0] = Fill::Copy(sum);
            for place in 0..last - 1 {
                self.cells[1 + place] = Fill::Copy(chunk.get(place).copied().unwrap_or(ZERO));
            }
            self.cells[last] = Fill::Result;
            sum = self.here(last);
            self.emit(Gadget::Sum);
        }
        sum
    }

    fn finish(&mut self, finish: &Finish, output: Planes, accumulators: &[Source]) -> Vec<Source> {
        let mut values = Vec::with_capacity(accumulators.len());
        match finish {
            Finish::Raw => values.extend_from_slice(accumulators),
            Finish::Lookup { shift, clamp, values: table } => {
                for (first, shift, count) in channel_runs(shift, output) {
                    values.extend(self.look(&accumulators[first..first + count], shift, *clamp, *table));
                }
            }
            Finish::Bits { shift, lo, hi, rectify } => {
                for (first, shift, count) in channel_runs(shift, output) {
                    let run = &accumulators[first..first + count];
                    values.extend(run.iter().map(|source| self.bits(*source, shift, (*lo, *hi), *rectify)));
                }
            }
        }
        values
    }

    /// Requantisations: the last one again where a row has room left.
    fn look(&mut self, accumulators: &[Source], shift: u32, clamp: Clamp<i64>, values: u64) -> Vec<Source> {
        // The table of remainders is told by its size.
        let remainders = 1 << shift;
        let mut homes = Vec::with_capacity(accumulators.len());
        for chunk in accumulators.chunks(self.knobs.slots) {
            for slot in 0..self.knobs.slots {
                let first = SLOT_CELLS * slot;
                self.cells[first] = Fill::Copy(chunk[slot.min(chunk.len() - 1)]);
                self.cells[first + 1] = Fill::Quotient(shift);
                self.cells[first + 2] = Fill::Remainder(shift);
                self.cells[first + 3] = Fill::Activation(shift, clamp);
            }
            homes.extend((0..chunk.len()).map(|slot| self.here(SLOT_CELLS * slot + 3)));
            self.emit(Gadget::Look { divisor: 1 << shift, values, remainders });
        }
        homes
    }

    /// The digits of the quotient, then those of the remainder; the number after all of them is the accumulator. Then
    /// digits of the quotient again, as often as its range takes.
    fn bits(&mut self, source: Source, shift: u32, range: (i64, i64), rectify: bool) -> Source {
        let (DigitRange { count, offset }, others) = DigitRange::of(range.0, range.1, rectify);
        let lift = -(offset << shift);
        let digits = Digits { source, lift, below: shift, count, offset };
        let (quotient, sign) = self.digits(&digits, ZERO, shift == 0);
        if shift > 0 {
            let remainder = Digits { source, lift, below: 0, count: shift, offset: 0 };
            self.digits(&remainder, quotient, true);
        }
        for DigitRange { count, offset } in others {
            self.digits(&Digits { source: quotient, lift: -offset, below: 0, count, offset }, ZERO, true);
        }
        if rectify { self.dot(&[(sign, quotient)], None) } else { quotient }
    }

    /// Rows of digits, most significant first; returns the number after them and the first digit.
    fn digits(&mut self, digits: &Digits, before: Source, ends: bool) -> (Source, Source) {
        let (width, last) = (self.knobs.bits() as u32, self.last());
        let mut left = digits.count;
        let (mut number, mut first) = (before, ZERO);
        while left > 0 {
            let count = if left.is_multiple_of(width) { width } else { left % width };
            self.cells[0] = Fill::Copy(number);
            for column in 1..last {
                let position = (last - 1 - column) as u32;
                self.cells[column] = if position < count {
                    let position = digits.below + left - count + position;
                    Fill::Bit { source: digits.source, lift: digits.lift, position }
                } else {
                    Fill::Copy(ZERO)
                };
            }
            if left == digits.count {
                first = self.here(last - count as usize);
            }
            left -= count;
            self.cells[last] = if ends && left == 0 { Fill::Copy(digits.source) } else { Fill::Result };
            number = self.here(last);
            let offset = if left == 0 { digits.offset } else { 0 };
            self.emit(Gadget::Bits { multiplier: 1 << count, offset });
        }
        (number, first)
    }
}

/// Some digits of `source + lift`.
struct Digits {
    source: Source,
    lift: i64,
    /// Digits below these.
    below: u32,
    count: u32,
    /// Added to the last number.
    offset: i64,
}
