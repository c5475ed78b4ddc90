//! One closed sum against the executor: for every output value, the terms on its powers of `sigma` and `rho`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_model::FixedLayer;
use zklayout_plan::{LinearFact, WeightMode};

use crate::cells::field;
use crate::circuit::{Circuit, Output};
use crate::definition::{Added, Definition, Tap};
use crate::numbers::{self, Scaled};
use crate::objection::{Objection, expect, hold};
use crate::scalar_sum::{Operand, Term};
use crate::tensors::PlanePlace;
use crate::weight_tape::WeightRow;

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolicCounts {
    /// Output values of all layers.
    pub outputs: usize,
    /// Terms of all identities: products and added values.
    pub terms: usize,
}

/// A consumer's evaluation by exponent.
struct Plane {
    place: PlanePlace,
    /// Node that it is of; `None` for ones.
    node: Option<usize>,
    /// By exponent, where its values start; one more at the end.
    starts: Vec<u32>,
    /// Places of values.
    values: Vec<u32>,
}

impl Plane {
    /// The values on a power.
    fn at(&self, exponent: Option<usize>) -> &[u32] {
        let ends =
            exponent.and_then(|exponent| Some((*self.starts.get(exponent)?, *self.starts.get(exponent + 1)?)));
        ends.map_or(&[], |(start, end)| &self.values[start as usize..end as usize])
    }
}

/// A closed sum of one layer.
pub(crate) struct Identity<'a, 'b> {
    circuit: &'a Circuit<'b>,
    node: usize,
    definition: Definition<'b>,
    fact: &'b LinearFact,
    outputs: &'a [Output],
    /// Products by falling power of rho.
    products: Vec<Term>,
    /// Added evaluations by power of rho.
    added: BTreeMap<usize, Vec<Term>>,
    planes: HashMap<usize, Rc<Plane>>,
}

impl<'a, 'b> Identity<'a, 'b> {
    pub(crate) fn of(circuit: &'a Circuit<'b>, terms: &[Term], outputs: &'a [Output]) -> Result<Self, Objection> {
        let home = |output: &Output| numbers::node(circuit.tensors.home(output.plane));
        let node = outputs.first().and_then(home);
        let node = expect(node, || "a sum has no output".into())?;
        hold(outputs.iter().all(|output| home(output) == Some(node)), || "a sum joins two layers".into())?;
        let powers: HashSet<usize> = outputs.iter().map(|output| output.rho).collect();
        hold(powers.len() == outputs.len(), || format!("two outputs of node {node} are on one power of rho"))?;
        let definition = Definition::of(circuit.graph, node)?;
        let fact = numbers::fact(circuit.layout, node)?;
        let mut identity = Self {
            circuit,
            node,
            definition,
            fact,
            outputs,
            products: Vec::new(),
            added: BTreeMap::new(),
            planes: HashMap::new(),
        };
        for term in terms {
            match term.operand {
                Operand::Write(_) => {}
                Operand::Product(..) => identity.products.push(*term),
                Operand::Read(_) => {
                    let known = powers.contains(&term.rho);
                    hold(known, || format!("row {} adds to no output of node {node}", term.row))?;
                    identity.added.entry(term.rho).or_default().push(*term);
                }
            }
        }
        identity.products.sort_by_key(|term| std::cmp::Reverse(term.rho));
        Ok(identity)
    }

    /// Checks every output; marks the weights' cells as used.
    pub(crate) fn hold_to_definition(
        &mut self,
        used: &mut HashSet<(usize, usize)>,
    ) -> Result<SymbolicCounts, Objection> {
        let mut counts = SymbolicCounts::default();
        let mut blocks: Vec<(Range<usize>, Vec<&Output>)> = Vec::new();
        for output in self.outputs {
            let range = self.products_of(output)?;
            let alike = |block: &&mut (Range<usize>, Vec<&Output>)| {
                let first: &Output = block.1[0];
                let group = |output: &Output| self.definition.first_input(output.plane.channel);
                block.0 == range && first.exponents == output.exponents && group(first) == group(output)
            };
            match blocks.iter_mut().find(alike) {
                Some(block) => block.1.push(output),
                None => blocks.push((range, vec![output])),
            }
        }
        for (range, outputs) in blocks {
            let products = self.products[range].to_vec();
            let mut block = Block::default();
            for term in &products {
                self.check_product(term, &outputs, &mut block)?;
            }
            hold(block.matched == self.definition.products(), || {
                format!("node {}: {} products of {}", self.node, block.matched, self.definition.products())
            })?;
            self.check_digits(&block, &outputs)?;
            for output in &outputs {
                self.use_weights(&block, output, used)?;
                counts.terms += block.matched + self.check_added(output)?;
                counts.outputs += output.exponents.len();
            }
        }
        Ok(counts)
    }

    /// The products that have a lane on an output's power of rho.
    fn products_of(&self, output: &Output) -> Result<Range<usize>, Objection> {
        let lanes = self.circuit.layout.knobs.weight_lanes;
        let start = self.products.partition_point(|term| term.rho > output.rho);
        let end = self.products.partition_point(|term| term.rho + lanes > output.rho);
        for term in self.products.get(start..end).into_iter().flatten() {
            let Operand::Product(_, row) = term.operand else { continue };
            for WeightRow { row, .. } in self.circuit.weights.evaluation(row)? {
                let powers = self.circuit.weights.powers(row)?;
                hold([0, lanes].contains(&powers), || format!("row {row} has idle powers of rho"))?;
                hold(!self.circuit.weights.multiplies(row)?, || format!("row {row} multiplies evaluations"))?;
            }
        }
        Ok(start..end)
    }

    fn plane(&mut self, row: usize) -> Result<Rc<Plane>, Objection> {
        if let Some(plane) = self.planes.get(&row) {
            return Ok(plane.clone());
        }
        let summed = self.circuit.activations.read(row)?;
        let place = self.circuit.tensors.plane(row)?;
        let node = numbers::node(self.circuit.tensors.home(place));
        let mut values = Vec::with_capacity(summed.len());
        for (cell, exponent) in summed {
            hold(self.circuit.tensors.plane(cell.row)? == place, || {
                format!("row {row} reads another plane, too")
            })?;
            let value = if node.is_some() { self.circuit.tensors.place_of(cell)? } else { 0 };
            values.push((exponent, value as u32));
        }
        values.sort_unstable();
        let most = values.last().map_or(0, |(exponent, _)| exponent + 1);
        let mut starts = vec![0u32; most + 1];
        for (exponent, _) in &values {
            starts[exponent + 1] += 1;
        }
        (0..most).for_each(|exponent| starts[exponent + 1] += starts[exponent]);
        let values = values.into_iter().map(|(_, value)| value).collect();
        let plane = Rc::new(Plane { place, node, starts, values });
        self.planes.insert(row, plane.clone());
        Ok(plane)
    }

    fn check_product(&mut self, term: &Term, outputs: &[&Output], block: &mut Block) -> Result<(), Objection> {
        let Operand::Product(read, row) = term.operand else { return Ok(()) };
        let (plane, rows) = (self.plane(read)?, self.circuit.weights.evaluation(row)?);
        let scaled = || format!("the product on row {} is scaled", term.row);
        hold(plane.node.is_none() || term.coefficient == -Scalar::ONE, scaled)?;
        for weights in rows {
            if self.circuit.weights.powers(weights.row)? == 0 {
                continue;
            }
            let base = weights.base * -term.coefficient;
            let cells = BlockRow { row: weights.row, rho: term.rho, base };
            if plane.node.is_none() {
                block.constants.push((cells, reach(&plane, weights, outputs[0])?));
                continue;
            }
            hold(plane.node == self.definition.convolved(), || {
                format!("row {} multiplies weights of node {} with another tensor", term.row, self.node)
            })?;
            hold(weights.base == Scalar::ONE, || format!("the weights on row {} are scaled", weights.row))?;
            if let Some(tap) = self.check_tap(&plane, weights.sigma, outputs[0], block)? {
                hold(block.taps.insert(tap), || format!("row {} holds weights again: {tap:?}", weights.row))?;
                block.kernel.push((cells, Some(tap)));
            } else {
                block.kernel.push((cells, None));
            }
        }
        Ok(())
    }

    /// The tap that a row of weights is, if it meets any value: the same at every output value.
    fn check_tap(
        &self,
        plane: &Plane,
        sigma: usize,
        output: &Output,
        block: &mut Block,
    ) -> Result<Option<Tap>, Objection> {
        let (side, node) = (self.definition.window_side(), self.node);
        let first = self.definition.first_input(output.plane.channel);
        let width = self.circuit.tensors.home(plane.place).shape.width;
        let place = |at: usize| {
            let width = self.definition.layer.output.width;
            (at / width, at % width)
        };
        let met = |exponent: &usize| plane.at(exponent.checked_sub(sigma));
        let Some(at) = output.exponents.iter().position(|exponent| !met(exponent).is_empty()) else {
            return Ok(None);
        };
        let value = met(&output.exponents[at])[0] as usize;
        let window = (value / width / side, value % width / side);
        let input = plane.place.channel.checked_sub(first);
        let tap = input.and_then(|input| self.definition.tap(input, window, place(at)));
        let tap =
            expect(tap, || format!("output {at} of node {node} meets window {window:?}, which it should not"))?;
        let mut wanted = Vec::with_capacity(side * side);
        for (at, exponent) in output.exponents.iter().enumerate() {
            wanted.clear();
            if let Some((y, x)) = self.definition.window(tap, place(at)) {
                let rows = (0..side).flat_map(|dy| (0..side).map(move |dx| (y * side + dy, x * side + dx)));
                wanted.extend(rows.map(|(y, x)| (y * width + x) as u32));
                block.matched += 1;
            }
            hold(met(exponent) == wanted, || {
                format!("{tap:?} of output {at} of node {node} meets values {:?}, not {wanted:?}", met(exponent))
            })?;
        }
        Ok(Some(tap))
    }

    /// The digits of the bias and of the constants at every output value: powers of the base, each once.
    fn check_digits(&self, block: &Block, outputs: &[&Output]) -> Result<(), Objection> {
        let base = Scalar::from(1u64 << self.definition.layer.finish.weight_bits);
        let powers =
            |count: usize| std::iter::successors(Some(Scalar::ONE), |power| Some(*power * base)).take(count);
        let (node, width) = (self.node, self.definition.layer.output.width);
        hold(!self.definition.knows_biases() || self.fact.bias_digits == 0, || {
            format!("the biases of node {node} are known, and it has others among its weights")
        })?;
        let output = expect(outputs.first(), || format!("node {node} has no output"))?;
        let by_place = block.by_place(output.exponents.len());
        for (at, rows) in by_place.iter().enumerate() {
            let mut bases: Vec<Scalar> = rows.iter().map(|row| row.base).collect();
            let constants = self.definition.constants(output.plane.channel, (at / width, at % width));
            let digits = std::iter::once(self.fact.bias_digits).chain(constants.map(|(_, digits)| digits));
            let mut wanted: Vec<Scalar> = digits.flat_map(powers).collect();
            bases.sort_unstable();
            wanted.sort_unstable();
            hold(bases == wanted, || {
                format!("the bias and constants at output {at} of node {node} have other digits than they should")
            })?;
        }
        Ok(())
    }

    /// Every cell of the weight tape is one weight of one output; fixed ones are the model's.
    fn use_weights(
        &self,
        block: &Block,
        output: &Output,
        used: &mut HashSet<(usize, usize)>,
    ) -> Result<(), Objection> {
        let fixed = self.circuit.layout.visibility.weights == WeightMode::Fixed;
        let channel = output.plane.channel;
        let mut cell = |cells: &BlockRow| -> Result<i64, Objection> {
            let lane = output.rho.checked_sub(cells.rho);
            let lane = lane.map_or(Ok(None), |rho| self.circuit.weights.lane(cells.row, rho))?;
            let lane = expect(lane, || format!("output {channel} of node {} has no lane", self.node))?;
            hold(used.insert((cells.row, lane)), || format!("lane {lane} of row {} is two weights", cells.row))?;
            let column = self.circuit.cells.grid.columns.weights.get(lane);
            Ok(column.map_or(0, |column| self.circuit.cells.grid.cells[*column][cells.row]))
        };
        for (cells, tap) in &block.kernel {
            let value = cell(cells)?;
            if let Some(tap) = tap.filter(|_| fixed) {
                let weight = self.definition.weight(channel, tap);
                hold(Some(value) == weight, || {
                    format!("a fixed weight of node {} is {value}, not {weight:?}", self.node)
                })?;
            }
        }
        let mut values: HashMap<usize, Scalar> = HashMap::new();
        for (cells, _) in &block.constants {
            values.insert(cells.row, cells.base * field(cell(cells)?));
        }
        let width = self.definition.layer.output.width;
        let bias = self.definition.layer.bias[channel] + half(self.definition.layer, channel);
        let by_place = if fixed { block.by_place(output.exponents.len()) } else { Vec::new() };
        for (at, rows) in by_place.iter().enumerate() {
            let found: Scalar = rows.iter().map(|row| values[&row.row]).sum();
            let constants = self.definition.constants(channel, (at / width, at % width));
            let wanted = bias + constants.map(|(value, _)| value).sum::<i64>();
            hold(found == field(wanted), || format!("a fixed bias of node {} is not {wanted}", self.node))?;
        }
        Ok(())
    }

    /// Offsets and skip connections of one output; returns how many values are added.
    fn check_added(&mut self, output: &Output) -> Result<usize, Objection> {
        let Scaled { factor, offset } = numbers::scaled(self.fact, output.plane.channel);
        let width = self.definition.layer.output.width;
        let mut found: Vec<Vec<Added>> = vec![Vec::new(); output.exponents.len()];
        let mut offsets = vec![Scalar::ZERO; output.exponents.len()];
        for term in self.added.get(&output.rho).cloned().unwrap_or_default() {
            let Operand::Read(row) = term.operand else { continue };
            let plane = self.plane(row)?;
            let source = self.circuit.tensors.home(plane.place).shape.width;
            for (at, exponent) in output.exponents.iter().enumerate() {
                let met = plane.at(exponent.checked_sub(term.sigma));
                let Some(node) = plane.node else {
                    offsets[at] += term.coefficient * Scalar::from(met.len() as u64);
                    continue;
                };
                for &value in met {
                    let (y, x) = (value as usize / source, value as usize % source);
                    let factor = small(-term.coefficient);
                    let factor =
                        expect(factor, || format!("row {} adds a multiple that is no integer", term.row))?;
                    found[at].push(Added { node, channel: plane.place.channel, y, x, factor });
                }
            }
        }
        let (node, channel, mut added) = (self.node, output.plane.channel, 0);
        for (at, mut found) in found.into_iter().enumerate() {
            found.sort_unstable();
            let wanted = self.definition.added(channel, (at / width, at % width));
            hold(found == wanted, || {
                format!("output {at} of channel {channel} of node {node} is added {found:?}, not {wanted:?}")
            })?;
            added += wanted.len();
        }
        let known = self.definition.known(channel);
        let right = |found: &Scalar| (*found + field(known)) * field(factor) == -field(offset);
        hold(offsets.iter().all(right), || {
            format!("channel {channel} of node {node} is not offset by {offset}, with a known bias of {known}")
        })?;
        Ok(added)
    }
}

/// A row of weights in a block's products.
#[derive(Clone, Copy)]
struct BlockRow {
    row: usize,
    /// Power of rho of its lowest lane.
    rho: usize,
    base: Scalar,
}

/// What the products of outputs that share rows of weights were found to be.
#[derive(Default)]
struct Block {
    taps: HashSet<Tap>,
    kernel: Vec<(BlockRow, Option<Tap>)>,
    /// Rows that ones are multiplied with: digits of biases and of constants.
    constants: Vec<(BlockRow, Reach)>,
    /// Products of a weight and a window.
    matched: usize,
}

/// Which output values a row that ones are multiplied with is added to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    All,
    One(usize),
    None,
}

impl Block {
    /// By output value, the rows that are added to it.
    fn by_place(&self, values: usize) -> Vec<Vec<BlockRow>> {
        let rows = |at: usize| {
            let own = self.constants.iter().filter(|(_, reach)| [Reach::All, Reach::One(at)].contains(reach));
            own.map(|(cells, _)| *cells).collect()
        };
        (0..values).map(rows).collect()
    }
}

/// What a row is added to: all values, as a bias is, one or none.
fn reach(plane: &Plane, weights: WeightRow, output: &Output) -> Result<Reach, Objection> {
    let met = |exponent: &usize| plane.at(exponent.checked_sub(weights.sigma)).len();
    let counts: Vec<usize> = output.exponents.iter().map(met).collect();
    let reached: Vec<usize> = (0..counts.len()).filter(|at| counts[*at] > 0).collect();
    match reached.as_slice() {
        _ if counts.iter().all(|count| *count == 1) => Ok(Reach::All),
        [] => Ok(Reach::None),
        [at] if counts[*at] == 1 => Ok(Reach::One(*at)),
        _ => Err(Objection(format!("the bias on row {} does not reach every value once", weights.row))),
    }
}

/// What is added before a quotient is rounded down, so that it is rounded half up.
pub(crate) fn half(layer: &FixedLayer, channel: usize) -> i64 {
    match numbers::requantised(layer, channel) {
        Some((shift, ..)) if shift > 0 => 1 << (shift - 1),
        _ => 0,
    }
}

/// The integer that a field element stands for, if it has 62 bits at most.
fn small(value: Scalar) -> Option<i64> {
    let magnitude = |value: Scalar| {
        let bytes = ff::PrimeField::to_repr(&value);
        let bytes: &[u8] = bytes.as_ref();
        let low = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
        (bytes[8..].iter().all(|byte| *byte == 0) && low < 1 << 62).then_some(low as i64)
    };
    magnitude(value).or_else(|| magnitude(-value).map(|negated| -negated))
}
