//! The witness before the challenges: quotients, remainders, values, weights, multiplicities, all integers.

use ndarray::Array3;
use zklayout_model::{Fixed, Graph, Planes, Trace};
use zklayout_plan::{Content, Home, LinearFact, Public, Streams, Strips, Table, TableKind};

use crate::error::CircuitError;
use crate::streams::fixed::FixedGrid;
use crate::streams::term::{Placed, product};
use crate::streams::weights::{WeightTape, layer};

/// No lookup.
const NONE: u32 = u32::MAX;

/// Every cell that is committed before the challenges, by column and row, as stored (offsets added).
#[derive(Clone, Debug)]
pub struct Witness {
    /// Quotients, by lane.
    pub quotients: Vec<Vec<i64>>,
    /// Remainders, by limb and lane; empty if no requantisation has any.
    pub remainders: Vec<Vec<i64>>,
    /// Values, by lane.
    pub values: Vec<Vec<i64>>,
    /// Private weights, by lane; empty if weights are held otherwise.
    pub weights: Vec<Vec<i64>>,
    /// Multiplicities, by set of table columns.
    pub multiplicities: Vec<Vec<i64>>,
    /// Weights that a model commitment holds; none if weights are held otherwise.
    pub tape: Option<WeightTape>,
    /// An input that a commitment holds; none if the input is held otherwise.
    pub input: Option<WeightTape>,
    /// Table entry that each lookup of a row hits: values by lane, then remainders, then weights or pairs of them.
    pub(crate) hits: Vec<Vec<u32>>,
}

impl Witness {
    /// Places an execution.
    ///
    /// # Errors
    /// An execution that the plan's tables do not cover, or a plan of another model.
    pub fn of(
        plan: &Streams,
        graph: &Graph<Fixed>,
        trace: &Trace,
        grid: &FixedGrid,
    ) -> Result<Self, CircuitError> {
        let rows = plan.usable_rows();
        let knobs = &plan.knobs;
        let strips = Strips::of(plan);
        let column = vec![0; rows];
        let remainder_lanes = knobs.remainders() * knobs.lanes;
        let mut witness = Self {
            quotients: vec![column.clone(); knobs.lanes],
            remainders: vec![column.clone(); remainder_lanes],
            values: vec![column.clone(); knobs.lanes],
            weights: vec![column.clone(); strips.weights.count],
            multiplicities: vec![column; if plan.lookup_chunk().is_some() { knobs.table_columns } else { 0 }],
            tape: None,
            input: None,
            hits: vec![vec![NONE; rows]; knobs.lanes + remainder_lanes + plan.private_weight_lookups()],
        };
        witness.place_constants(plan);
        witness.place_input(plan, trace);
        for fact in &plan.facts {
            witness.place_layer(plan, graph, trace, fact)?;
        }
        let tape = WeightTape::of(plan, graph)?;
        witness.place_weights(plan, &tape);
        witness.tape = (strips.folded.count > 0).then_some(tape);
        witness.input = plan.bound.as_ref().map(|_| WeightTape::of_input(&trace.values[0])).transpose()?;
        witness.look_up(plan, grid)?;
        Ok(witness)
    }

    /// The columns in the circuit's order.
    pub fn columns(&self) -> Vec<&[i64]> {
        let Self { quotients, remainders, values, weights, multiplicities, .. } = self;
        let groups = [quotients, remainders, values, weights, multiplicities];
        groups.into_iter().flatten().map(Vec::as_slice).collect()
    }

    fn place_constants(&mut self, plan: &Streams) {
        for home in plan.homes.iter().filter(|home| home.content == Content::Ones) {
            self.place_plane(plan, home, 0, |_| 0, |_, _| 1);
        }
    }

    fn place_input(&mut self, plan: &Streams, trace: &Trace) {
        let Some(home) = plan.input() else { return };
        let values = &trace.values[0];
        for channel in 0..home.shape.channels {
            let value = |(y, x)| i128::from(values[[channel, y, x]]);
            let at = |position: usize| home.value_at(position).map_or(0, value);
            self.place_plane(plan, home, channel, at, |y, x| values[[channel, y, x]]);
        }
    }

    fn place_layer(
        &mut self,
        plan: &Streams,
        graph: &Graph<Fixed>,
        trace: &Trace,
        fact: &LinearFact,
    ) -> Result<(), CircuitError> {
        let home = &plan.homes[fact.output];
        let products = Products::of(plan, graph, trace, fact)?;
        let values = &trace.values[fact.layer];
        for channel in 0..home.shape.channels {
            let at = |position: usize| products.scaled(channel, home.exponent(position), fact);
            self.place_plane(plan, home, channel, at, |y, x| values[[channel, y, x]]);
        }
        Ok(())
    }

    /// Fills one plane: accumulators by position, values where the home is looked up.
    fn place_plane(
        &mut self,
        plan: &Streams,
        home: &Home,
        channel: usize,
        accumulator: impl Fn(usize) -> i128,
        value: impl Fn(usize, usize) -> i64,
    ) {
        let (lanes, shift) = (plan.knobs.lanes, home.shift.of(channel));
        for plane_row in home.stored_rows() {
            let row = home.plane_row(channel) + plane_row;
            for lane in 0..lanes {
                let Some(position) = home.position(plane_row, lane, lanes) else { continue };
                let accumulator = accumulator(position);
                let mut quotient = (accumulator >> shift) as i64;
                let live = home.value_at(position);
                if let Some(((y, x), table)) = live.zip(home.table(channel)) {
                    quotient = plan.tables[table].entry(quotient);
                    self.values[lane][row] = value(y, x) + plan.value_offset;
                }
                self.quotients[lane][row] = quotient + plan.quotient_offset;
                let remainder = (accumulator - (i128::from(quotient) << shift)) as i64;
                for (limb, limb_value) in limbs(plan, remainder).enumerate() {
                    self.remainders[limb * lanes + lane][row] = limb_value;
                }
            }
        }
    }

    fn place_weights(&mut self, plan: &Streams, tape: &WeightTape) {
        let half = 1i64 << (plan.weight_bits - 1);
        for (lane, column) in self.weights.iter_mut().enumerate() {
            let last = column.len() - 1;
            column[..last].fill(half);
            for (cell, value) in column.iter_mut().zip(tape.lane(lane)) {
                *cell = value + half;
            }
        }
    }

    /// Finds the table entry of every lookup and counts them; needed again only after cells were changed by hand.
    ///
    /// # Errors
    /// A cell that no table entry matches.
    pub fn look_up(&mut self, plan: &Streams, grid: &FixedGrid) -> Result<(), CircuitError> {
        self.hits.iter_mut().for_each(|hits| hits.fill(NONE));
        self.multiplicities.iter_mut().for_each(|counts| counts.fill(0));
        let index = TableIndex::of(plan);
        let lanes = plan.knobs.lanes;
        for home in &plan.homes {
            let layer = if let Content::Layer(place) = home.content { place } else { 0 };
            for row in home.row..home.row + home.rows() {
                let channel = (row - home.row) / home.plane_rows();
                let Some(table) = home.table(channel) else { continue };
                for lane in (0..lanes).filter(|&lane| grid.get(grid.columns.masks[lane], row)) {
                    let missing = |value| CircuitError::NotInTable { layer, value };
                    let quotient = self.quotients[lane][row] - plan.quotient_offset;
                    self.hits[lane][row] = index.find(table, quotient).ok_or_else(|| missing(quotient))?;
                    for (column, cells) in self.remainders.iter().enumerate().skip(lane).step_by(lanes) {
                        let found = index.find_range(1 << home.limb_bits.of(channel), cells[row]);
                        self.hits[lanes + column][row] = found.ok_or_else(|| missing(cells[row]))?;
                    }
                }
            }
        }
        self.look_up_weights(plan, &index)?;
        if plan.lookup_chunk().is_some() {
            self.count(plan);
        }
        Ok(())
    }

    fn look_up_weights(&mut self, plan: &Streams, index: &TableIndex<'_>) -> Result<(), CircuitError> {
        let wanted = plan.weight_table();
        let table = plan.tables.iter().position(|table| *table == wanted).unwrap_or(plan.tables.len());
        let first = self.hits.len() - plan.private_weight_lookups();
        let lookups = self.weights.chunks(plan.knobs.weights_together()).zip(&mut self.hits[first..]);
        for (weights, hits) in lookups {
            // A table of single weights has the value 0 beside each.
            let second = if plan.knobs.weight_pairs { weights.last() } else { None };
            for (row, hit) in hits.iter_mut().enumerate().take(plan.usable_rows() - 1) {
                let (x, y) = (weights[0][row], second.map_or(0, |second| second[row]));
                let missing = CircuitError::NotInTable { layer: 0, value: x };
                *hit = index.find_pair(table, x, y).ok_or(missing)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, plan: &Streams) {
        let rows = plan.usable_rows() - 1;
        for &hit in self.hits.iter().flatten().filter(|hit| **hit != NONE) {
            self.multiplicities[hit as usize / rows][hit as usize % rows] += 1;
        }
    }

    /// The table entry that lookup `slot` hits on `row`.
    pub(crate) fn hit(&self, slot: usize, row: usize) -> Option<usize> {
        Some(self.hits[slot][row]).filter(|hit| *hit != NONE).map(|hit| hit as usize)
    }
}

/// A remainder's limbs, the lowest first.
fn limbs(plan: &Streams, remainder: i64) -> impl Iterator<Item = i64> {
    // Without limbs there is one column at most.
    let bits = plan.knobs.limbs.map_or(i64::BITS - 2, |limbs| limbs.bits);
    (0..plan.knobs.remainders() as u32).map(move |limb| (remainder >> (limb * bits)) & ((1 << bits) - 1))
}

/// Where each table's entries start among all entries.
struct TableIndex<'a> {
    tables: Vec<(&'a Table, usize)>,
}

impl<'a> TableIndex<'a> {
    fn of(plan: &'a Streams) -> Self {
        let mut start = 0;
        let tables = plan
            .tables
            .iter()
            .map(|table| {
                start += table.len();
                (table, start - table.len())
            })
            .collect();
        Self { tables }
    }

    fn find(&self, table: usize, x: i64) -> Option<u32> {
        let (table, start) = self.tables.get(table)?;
        u32::try_from(start + table.index_of(x)?).ok()
    }

    /// The entry `(x, y)` of a table whose entries are told apart by both.
    fn find_pair(&self, table: usize, x: i64, y: i64) -> Option<u32> {
        let (own, start) = self.tables.get(table)?;
        let place = match own.kind {
            TableKind::Pairs { bits } if !(0..1 << bits).contains(&y) => None,
            _ => own.index_of(x)?.checked_add(usize::try_from(y).ok()?),
        };
        u32::try_from(start + place?).ok()
    }

    fn find_range(&self, size: u64, x: i64) -> Option<u32> {
        let range = TableKind::Range { size };
        self.find(self.tables.iter().position(|(table, _)| table.kind == range)?, x)
    }
}

/// The product polynomials of a layer: accumulators at every exponent, padding included.
struct Products {
    planes: Vec<Vec<i64>>,
    /// Exponents below this carry the bias.
    bias_positions: usize,
}

impl Products {
    fn of(plan: &Streams, graph: &Graph<Fixed>, trace: &Trace, fact: &LinearFact) -> Result<Self, CircuitError> {
        let (layer, nodes) = layer(graph, fact.layer)?;
        let sources: Vec<&Array3<i64>> = nodes.iter().map(|node| &trace.values[*node]).collect();
        if layer.terms.len() != fact.terms.len() {
            return Err(CircuitError::Mismatch(format!("layer {} has other terms than the plan", fact.layer)));
        }
        let reads = layer.reads(&sources).zip(&fact.terms);
        let terms = reads.map(|((term, sources), own)| product(term, own, &Placed { plan, fact, sources }));
        let terms = terms.collect::<Result<Vec<_>, _>>()?;
        let bias_positions = bias_positions(plan, fact);
        let reached = terms.iter().map(|term| term.positions()).max().unwrap_or(0);
        let biases = layer.rounded_bias().into_iter().enumerate();
        let planes = biases.map(|(output, bias)| {
            let mut plane = vec![0; reached.max(bias_positions)];
            plane[..bias_positions].fill(bias);
            terms.iter().for_each(|term| term.add_to(&mut plane, output));
            plane
        });
        Ok(Self { planes: planes.collect(), bias_positions })
    }

    /// What is divided: in limbs, the accumulator times its channel's factor, and the offset wherever the bias is.
    fn scaled(&self, channel: usize, exponent: usize, fact: &LinearFact) -> i128 {
        let accumulator = i128::from(self.at(channel, exponent));
        let Some(scale) = fact.scales.get(channel) else { return accumulator };
        let offset = if exponent < self.bias_positions { scale.offset } else { 0 };
        accumulator * i128::from(scale.factor) + i128::from(offset)
    }

    fn at(&self, channel: usize, exponent: usize) -> i64 {
        self.planes[channel].get(exponent).copied().unwrap_or(0)
    }
}

/// Length of the all-ones polynomial that a fact's bias is multiplied by; of a turned one that of its rounding.
fn bias_positions(plan: &Streams, fact: &LinearFact) -> usize {
    if fact.turns() {
        return plan.homes[fact.output].origin_exponent() + 1;
    }
    let ones = plan.homes.iter().rfind(|home| home.content == Content::Ones && home.row <= fact.bias_row);
    ones.map_or(0, |home| (fact.bias_row - home.row + 1) * home.tile.columns)
}

/// The instance columns of an execution: public values at the rows of their homes.
///
/// `output` and `input` are integers in the tensors' own order; `input` is read only if the plan makes it public. Input
/// values that the model does not read have no cell; they fill rows that no public home has, where no constraint looks, so
/// that the proof's transcript binds them too.
///
/// # Errors
/// A number of values other than the plan's.
pub(crate) fn instance_columns(
    plan: &Streams,
    input_shape: Planes,
    output: &[i64],
    input: &[i64],
) -> Result<Vec<Vec<i64>>, CircuitError> {
    let mut columns = vec![Vec::new(); plan.instance_columns()];
    let mut unread: Vec<i64> = Vec::new();
    let unused = plan.knobs.lanes - plan.instance_columns();
    for home in plan.homes.iter().filter(|home| home.public != Public::No) {
        let (values, shape) = match home.content {
            Content::Input => (input, plan.visibility.shown(input_shape)),
            _ => (output, home.shape),
        };
        if values.len() != shape.len() {
            let reason = format!("{} public values for a tensor of {shape}", values.len());
            return Err(CircuitError::Mismatch(reason));
        }
        let read = |place: usize| {
            let (y, x) = (place / shape.width % shape.height, place % shape.width);
            y < home.shape.height && x < home.shape.width
        };
        unread.extend(values.iter().enumerate().filter(|(place, _)| !read(*place)).map(|(_, value)| *value));
        for channel in 0..plan.shown_channels(home) {
            for plane_row in home.stored_rows() {
                for lane in unused..plan.knobs.lanes {
                    let Some((y, x)) = home.value(plane_row, lane, plan.knobs.lanes) else { continue };
                    let column = &mut columns[lane - unused];
                    let row = home.plane_row(channel) + plane_row;
                    column.resize(column.len().max(row + 1), 0);
                    column[row] = values[channel * shape.plane() + y * shape.width + x];
                }
            }
        }
    }
    place_unread(plan, &unread, &mut columns);
    if columns.iter().any(|column| column.len() > plan.usable_rows()) {
        return Err(CircuitError::Mismatch("the public values need more rows than the plan has".into()));
    }
    Ok(columns)
}

/// Fills rows that are of no public home, from the first one on.
fn place_unread(plan: &Streams, unread: &[i64], columns: &mut [Vec<i64>]) {
    let public = |row: usize| {
        let of = |home: &&Home| home.public != Public::No && (home.row..home.row + home.rows()).contains(&row);
        plan.homes.iter().find(of).is_some()
    };
    let rows = (0..).filter(|row| !public(*row));
    for (values, row) in unread.chunks(columns.len().max(1)).zip(rows) {
        for (column, value) in columns.iter_mut().zip(values) {
            column.resize(column.len().max(row + 1), 0);
            column[row] = *value;
        }
    }
}
