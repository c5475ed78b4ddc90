//! A laid-out circuit with its cells named: where inputs, constants, results and public values are. What the identities say
//! about them is not looked at here.

use std::collections::{BTreeMap, HashSet};

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{InputMode, Streams};

use crate::activation_tape::{ActivationTape, TapeCell};
use crate::cells::{FixedCells, field};
use crate::definition;
use crate::numbers;
use crate::objection::{Objection, expect, hold};
use crate::public::{PublicCells, Shown};
use crate::scalar_sum::{Operand, Term};
use crate::tensors::{PlanePlace, Tensors};
use crate::weight_tape::WeightTape;

/// A laid-out circuit as the check sees it.
pub(crate) struct Circuit<'a> {
    pub(crate) layout: &'a Streams,
    pub(crate) graph: &'a Graph<Fixed>,
    pub(crate) cells: &'a FixedCells<'a>,
    pub(crate) activations: &'a ActivationTape,
    pub(crate) weights: WeightTape,
    pub(crate) tensors: Tensors<'a>,
}

/// An output plane of a sum.
pub(crate) struct Output {
    pub(crate) plane: PlanePlace,
    /// Power of rho.
    pub(crate) rho: usize,
    /// Exponent of each value, in order; none where the plane is written in powers of rho.
    pub(crate) exponents: Vec<usize>,
    /// Cells of the values, in order, with their powers of sigma and rho.
    pub(crate) cells: Vec<(TapeCell, (usize, usize))>,
}

/// A plane that a sum writes, with its power of rho and the exponent of each cell.
struct Written {
    plane: PlanePlace,
    rho: usize,
    cells: Vec<(TapeCell, usize)>,
}

/// A producer's evaluation in powers of rho, at a row of the activation tape, and the powers that it is raised by.
pub(crate) struct TurnedWrite {
    pub(crate) row: usize,
    pub(crate) sigma: usize,
    pub(crate) rho: usize,
}

impl Circuit<'_> {
    /// Names the input's cells: where the verifier puts its values if they are public, otherwise in the order of powers.
    pub(crate) fn name_input(&mut self, public: &PublicCells) -> Result<(), Objection> {
        let shape = definition::shape(self.graph, 0)?;
        for (place, home) in
            self.layout.homes.iter().enumerate().filter(|(_, home)| numbers::node(home) == Some(0))
        {
            for channel in 0..home.shape.channels {
                let plane = PlanePlace { home: place, channel };
                let ordered = self.tensors.input_order(self.activations, plane)?;
                let value = |at: usize| {
                    let (y, x) = (at / home.shape.width, at % home.shape.width);
                    (channel * shape.height + y) * shape.width + x
                };
                let shown = |at: usize| public.inputs.get(&value(at)).filter(|(_, shown)| *shown == Shown::Value);
                let cells = match self.layout.visibility.input {
                    InputMode::Private | InputMode::Committed => ordered,
                    InputMode::First(planes) if channel >= planes => ordered,
                    InputMode::Public | InputMode::First(_) => {
                        let cells: Option<Vec<TapeCell>> =
                            (0..home.shape.plane()).map(|at| shown(at).map(|(cell, _)| *cell)).collect();
                        expect(cells, || format!("a value of input channel {channel} is not public"))?
                    }
                };
                self.tensors.assign(plane, &cells)?;
                self.check_lookups(plane, &cells)?;
            }
        }
        Ok(())
    }

    /// Cells that biases are multiplied by have a table of ones alone.
    pub(crate) fn check_ones(&self) -> Result<(), Objection> {
        let grid = self.cells.grid;
        let mut tables: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for [tag, _, values] in &grid.columns.tables {
            for (tag, value) in grid.cells[*tag].iter().zip(&grid.cells[*values]) {
                tables.entry(*tag).or_default().push(*value - self.layout.value_offset);
            }
        }
        let homes = self.layout.homes.iter().enumerate().filter(|(_, home)| numbers::node(home).is_none());
        for (place, _) in homes {
            for cell in self.tensors.live(self.activations, PlanePlace { home: place, channel: 0 }) {
                let tag = grid.cells[grid.columns.tag][cell.row];
                let ones =
                    tag != 0 && tables.get(&tag).is_some_and(|values| values.iter().all(|value| *value == 1));
                hold(ones, || format!("{cell:?} should hold 1 and may hold something else"))?;
            }
        }
        Ok(())
    }

    /// The outputs of a sum; names their planes' cells.
    pub(crate) fn name_outputs(&mut self, terms: &[Term], public: &PublicCells) -> Result<Vec<Output>, Objection> {
        let mut outputs = Vec::new();
        for Written { plane, rho, cells: mut written } in self.written(terms)? {
            let home = self.tensors.home(plane);
            let node = expect(numbers::node(home), || format!("{plane:?} is written, and holds constants"))?;
            written.sort_unstable_by_key(|(_, exponent)| std::cmp::Reverse(*exponent));
            let apart = written.windows(2).all(|pair| pair[0].1 != pair[1].1);
            hold(apart, || format!("two cells of channel {} of node {node} are on one power", plane.channel))?;
            let values = |(cell, _): &(TapeCell, usize)| self.holds_value(*cell, node, public);
            let highest = written.iter().take_while(|one| !values(one)).count();
            let dense =
                written[highest..].iter().rev().enumerate().all(|(power, (_, exponent))| power == *exponent);
            hold(dense || numbers::blocks(home).0 == 1, || {
                format!("a power of channel {} of node {node} is in none of its phases", plane.channel)
            })?;
            written.retain(values);
            let cells: Vec<TapeCell> = written.iter().map(|(cell, _)| *cell).collect();
            let live = self.tensors.live(self.activations, plane).len();
            let missed = self.has_lookups(node) && live != cells.len();
            hold(!missed, || format!("values of channel {} of node {node} are not written", plane.channel))?;
            self.tensors.assign(plane, &cells)?;
            self.check_lookups(plane, &cells)?;
            let cells = written.iter().map(|(cell, exponent)| (*cell, (*exponent, rho))).collect();
            let exponents = written.into_iter().map(|(_, exponent)| exponent).collect();
            outputs.push(Output { plane, rho, exponents, cells });
        }
        Ok(outputs)
    }

    /// What a sum takes of the producer's evaluations, plane by plane; phases of one plane are on one power of rho.
    fn written(&self, terms: &[Term]) -> Result<Vec<Written>, Objection> {
        let mut planes: Vec<Written> = Vec::new();
        for term in terms {
            let Operand::Write(row) = term.operand else { continue };
            let plane = self.tensors.plane(row)?;
            let home = self.tensors.home(plane);
            let node = expect(numbers::node(home), || format!("row {row} writes constants"))?;
            let scaled = numbers::scaled(numbers::fact(self.layout, node)?, plane.channel);
            let raised = term.sigma > 0 && numbers::blocks(home).0 == 1;
            hold(!raised && term.coefficient * field(scaled.factor) == Scalar::ONE, || {
                format!("output {} of node {node} has another factor than {}", plane.channel, scaled.factor)
            })?;
            let mut cells = self.activations.write(row)?;
            let own = cells.iter().all(|(cell, _)| self.tensors.plane(cell.row) == Ok(plane));
            hold(own, || format!("row {row} writes two planes"))?;
            cells.iter_mut().for_each(|(_, exponent)| *exponent += term.sigma);
            match planes.iter_mut().find(|other| other.plane == plane) {
                None => planes.push(Written { plane, rho: term.rho, cells }),
                Some(other) => {
                    let one = other.rho == term.rho && numbers::blocks(home).0 > 1;
                    hold(one, || format!("channel {} of node {node} is written twice", plane.channel))?;
                    other.cells.append(&mut cells);
                }
            }
        }
        Ok(planes)
    }

    /// The outputs that a sum writes in powers of rho, given the rows that it takes them from; names their planes' cells.
    pub(crate) fn name_turned(&mut self, writes: &[TurnedWrite]) -> Result<Vec<Output>, Objection> {
        let mut outputs = Vec::new();
        for TurnedWrite { row, sigma, rho } in writes {
            let plane = self.tensors.plane(*row)?;
            let mut written = self.activations.write_turned(*row)?;
            written.sort_unstable_by_key(|(_, exponent)| std::cmp::Reverse(*exponent));
            let own = written.iter().all(|(cell, _)| self.tensors.plane(cell.row) == Ok(plane));
            hold(own, || format!("row {row} writes two planes"))?;
            written.retain(|(cell, _)| self.activations.is_live(*cell));
            let cells: Vec<TapeCell> = written.iter().map(|(cell, _)| *cell).collect();
            hold(self.tensors.live(self.activations, plane).len() == cells.len(), || {
                format!("values of a plane that row {row} ends are not written")
            })?;
            self.tensors.assign(plane, &cells)?;
            self.check_lookups(plane, &cells)?;
            let cells = written.into_iter().map(|(cell, exponent)| (cell, (*sigma, exponent + rho))).collect();
            outputs.push(Output { plane, rho: 0, exponents: Vec::new(), cells });
        }
        Ok(outputs)
    }

    /// Whether a cell holds a value: where nothing is looked up, a public accumulator.
    fn holds_value(&self, cell: TapeCell, node: usize, public: &PublicCells) -> bool {
        let shown = || public.outputs.values().any(|other| *other == (cell, Shown::Accumulator));
        if self.has_lookups(node) { self.activations.is_live(cell) } else { shown() }
    }

    fn has_lookups(&self, node: usize) -> bool {
        let found = self.graph.nodes().nth(node);
        !matches!(found, Some((_, Fixed::Layer(layer))) if layer.finish.kind.is_raw())
    }

    /// Quotients and remainders of a plane's values are divided and looked up as its numbers say.
    fn check_lookups(&self, plane: PlanePlace, cells: &[TapeCell]) -> Result<(), Objection> {
        let (home, grid, channel) = (self.tensors.home(plane), self.cells.grid, plane.channel);
        let tag = numbers::tag(self.layout, home, channel).map_or(0, |tag| tag as i64);
        let limb = 1i64 << numbers::limb_bits(home, channel);
        let divisor = field(1 << numbers::shift(home, channel));
        for cell in cells {
            let looked_up = grid.cells[grid.columns.tag][cell.row] == tag;
            let limbs = grid.columns.limb.is_none_or(|column| grid.cells[column][cell.row] == limb);
            let divided = self.activations.divisor(cell.row).is_ok_and(|found| found == divisor);
            hold(looked_up && limbs && (divided || numbers::node(home) == Some(0)), || {
                format!("{cell:?} of {:?} is not looked up or divided as the plan says", home.content)
            })?;
        }
        Ok(())
    }

    /// Every channel of every layer is the output of one sum.
    pub(crate) fn check_complete(&self, outputs: &[Vec<Output>]) -> Result<(), Objection> {
        let mut planes: HashSet<(usize, usize)> = HashSet::new();
        for output in outputs.iter().flatten() {
            let node = numbers::node(self.tensors.home(output.plane)).unwrap_or(0);
            let first = planes.insert((node, output.plane.channel));
            hold(first, || format!("channel {} of node {node} is written twice", output.plane.channel))?;
            let shape = definition::shape(self.graph, node)?;
            hold(self.tensors.home(output.plane).shape == shape, || format!("node {node} has another shape"))?;
        }
        for (id, _) in self.graph.nodes().skip(1) {
            for channel in 0..definition::shape(self.graph, id.index())?.channels {
                let written = planes.contains(&(id.index(), channel));
                hold(written, || format!("no sum has channel {channel} of node {} as output", id.index()))?;
            }
        }
        Ok(())
    }

    /// The verifier finds every output value where it looks.
    pub(crate) fn check_public(&self, public: &PublicCells) -> Result<(), Objection> {
        let node = self.graph.len() - 1;
        let shape = definition::shape(self.graph, node)?;
        let wanted = if self.has_lookups(node) { Shown::Value } else { Shown::Accumulator };
        for place in 0..shape.len() {
            let found = public.outputs.get(&place);
            let &(cell, shown) = expect(found, || format!("output {place} is not public"))?;
            let plane = self.tensors.plane(cell.row)?;
            let own =
                numbers::node(self.tensors.home(plane)) == Some(node) && plane.channel == place / shape.plane();
            let right = own && shown == wanted && self.tensors.place_of(cell)? == place % shape.plane();
            hold(right, || format!("output {place} is shown by the cell of another value"))?;
        }
        Ok(())
    }
}
