//! Closed sums in which values are multiplied with values: written out monomial by monomial, and held to the definition at
//! every output value.

use std::collections::{BTreeMap, HashSet};

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_model::{Fixed, FixedLayer, Planes, Term as ModelTerm};
use zklayout_plan::{Evaluation, WeightMode};

use crate::activation_tape::TapeCell;
use crate::cells::field;
use crate::circuit::{Circuit, Output, TurnedWrite};
use crate::definition::{digits, shape};
use crate::identity::{SymbolicCounts, half};
use crate::numbers;
use crate::objection::{Objection, expect, hold};
use crate::scalar_sum::{Operand, Term};

/// What each operand is a copy of, by row of the weight tape.
type Operands = BTreeMap<usize, (Evaluation, usize)>;

/// A cell in a monomial; constants are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Factor {
    Accumulator(TapeCell),
    Value(TapeCell),
    Weight { row: usize, lane: usize },
}

/// A product of cells, with its coefficient and powers of sigma and rho.
#[derive(Clone, Debug)]
struct Monomial {
    factors: Vec<Factor>,
    coefficient: Scalar,
    power: (usize, usize),
}

/// A value by node, channel and place in the plane.
type Place = (usize, usize, usize);

/// A closed sum of a layer that multiplies values.
pub(crate) struct Bilinear<'a, 'b> {
    circuit: &'a Circuit<'b>,
    operands: &'a Operands,
    outputs: &'a [Output],
    node: usize,
    layer: &'b FixedLayer,
    /// By term, the nodes that it reads.
    sources: Vec<Vec<(usize, Planes)>>,
}

/// The evaluations in powers of rho that a sum takes accumulators from: factors of products with a single constant.
pub(crate) fn turned_writes(
    circuit: &Circuit<'_>,
    operands: &Operands,
    terms: &[Term],
) -> Result<Vec<TurnedWrite>, Objection> {
    let mut writes = Vec::new();
    for term in terms {
        let Operand::Product(_, row) = term.operand else { continue };
        for weights in circuit.weights.evaluation(row)? {
            if !circuit.weights.multiplies(weights.row)? {
                continue;
            }
            if let Some((Evaluation::Write, at)) = operands.get(&weights.row) {
                writes.push(TurnedWrite { row: *at, sigma: weights.sigma + term.sigma, rho: term.rho });
            }
        }
    }
    Ok(writes)
}

impl<'a, 'b> Bilinear<'a, 'b> {
    /// The sum, if its layer multiplies values, or swaps planes and positions.
    pub(crate) fn of(
        circuit: &'a Circuit<'b>,
        operands: &'a Operands,
        outputs: &'a [Output],
    ) -> Result<Option<Self>, Objection> {
        let home = |output: &Output| numbers::node(circuit.tensors.home(output.plane));
        let node = expect(outputs.first().and_then(home), || "a sum has no output".into())?;
        hold(outputs.iter().all(|output| home(output) == Some(node)), || "a sum joins two layers".into())?;
        let found = expect(circuit.graph.nodes().nth(node), || format!("the model has no node {node}"))?;
        let (id, Fixed::Layer(layer)) = found else { return Err(Objection(format!("node {node} is no layer"))) };
        let bilinear = |term: &ModelTerm<i64>| {
            use ModelTerm::{Product, Rotation, Scaled, Squares, Transpose};
            matches!(term, Product(_) | Rotation(_) | Scaled(_) | Squares(_) | Transpose(_))
        };
        if !layer.terms.iter().any(bilinear) {
            return Ok(None);
        }
        let nodes: Vec<usize> = circuit.graph.inputs(id).iter().map(|source| source.index()).collect();
        let mut sources = Vec::new();
        for (_, read) in layer.reads(&nodes) {
            let read = read.iter().map(|node| Ok((*node, shape(circuit.graph, *node)?)));
            sources.push(read.collect::<Result<Vec<_>, Objection>>()?);
        }
        Ok(Some(Self { circuit, operands, outputs, node, layer, sources }))
    }

    /// Checks every output value; marks the weights' cells as used.
    pub(crate) fn hold_to_definition(
        &self,
        terms: &[Term],
        used: &mut HashSet<(usize, usize)>,
    ) -> Result<SymbolicCounts, Objection> {
        let mut powers: BTreeMap<(usize, usize), BTreeMap<Vec<Factor>, Scalar>> = BTreeMap::new();
        for Monomial { mut factors, coefficient, power } in self.expand(terms)? {
            factors.sort_unstable();
            *powers.entry(power).or_default().entry(factors).or_default() += coefficient;
        }
        let mut counts = SymbolicCounts::default();
        for output in self.outputs {
            let mut weights: HashSet<(usize, usize)> = HashSet::new();
            for (place, (cell, power)) in output.cells.iter().enumerate() {
                let found = expect(powers.get(power), || format!("{cell:?} is in no monomial"))?;
                counts.terms += self.check_value(output, place, found, &mut weights)?;
            }
            counts.outputs += output.cells.len();
            for weight in weights {
                hold(used.insert(weight), || format!("lane {} of row {} is two weights", weight.1, weight.0))?;
            }
        }
        Ok(counts)
    }

    fn expand(&self, terms: &[Term]) -> Result<Vec<Monomial>, Objection> {
        let mut all = Vec::new();
        for term in terms {
            let found = match term.operand {
                Operand::Write(row) => self.evaluation(Evaluation::Write, row, false)?,
                Operand::Read(row) => self.evaluation(Evaluation::Read, row, false)?,
                Operand::Product(at, row) => {
                    product(&self.evaluation(Evaluation::Read, at, false)?, &self.summed_weights(row)?)
                }
            };
            all.extend(found.into_iter().map(|mut monomial| {
                monomial.coefficient *= term.coefficient;
                monomial.power = (monomial.power.0 + term.sigma, monomial.power.1 + term.rho);
                monomial
            }));
        }
        Ok(all)
    }

    /// What the weights' evaluation at a row is the sum of.
    fn summed_weights(&self, row: usize) -> Result<Vec<Monomial>, Objection> {
        let mut all = Vec::new();
        for weights in self.circuit.weights.evaluation(row)? {
            let mut own = Vec::new();
            for (rho, lane) in self.circuit.weights.lane_powers(weights.row)? {
                let factors = vec![Factor::Weight { row: weights.row, lane }];
                own.push(Monomial { factors, coefficient: Scalar::ONE, power: (0, rho) });
            }
            if self.circuit.weights.multiplies(weights.row)? {
                let before = weights.row.checked_sub(1);
                own.extend(product(&self.operand(Some(weights.row))?, &self.operand(before)?));
            }
            all.extend(own.into_iter().map(|mut monomial| {
                monomial.coefficient *= weights.base;
                monomial.power.0 += weights.sigma;
                monomial
            }));
        }
        Ok(all)
    }

    fn operand(&self, row: Option<usize>) -> Result<Vec<Monomial>, Objection> {
        let copied = row.and_then(|row| self.operands.get(&row));
        let (evaluation, at) = expect(copied, || format!("row {row:?} multiplies something that is no copy"))?;
        self.evaluation(*evaluation, *at, true)
    }

    /// Accumulators or values, the constants among them as numbers.
    fn evaluation(&self, evaluation: Evaluation, row: usize, turned: bool) -> Result<Vec<Monomial>, Objection> {
        let tape = self.circuit.activations;
        let squares = evaluation == Evaluation::Read && tape.squares(row)?;
        let cells = match evaluation {
            Evaluation::Write if turned => tape.write_turned(row)?,
            Evaluation::Write => tape.write(row)?,
            Evaluation::Read => tape.read(row)?,
            Evaluation::Second => tape.second(row)?,
        };
        let in_rho = evaluation == Evaluation::Second || evaluation == Evaluation::Write && turned;
        let plane = self.circuit.tensors.plane(row)?;
        let constant = numbers::node(self.circuit.tensors.home(plane)).is_none();
        let monomial = |(cell, exponent): (TapeCell, usize)| {
            let own = self.circuit.tensors.plane(cell.row)? == plane;
            hold(own, || format!("row {row} evaluates another plane, too"))?;
            let factor =
                if evaluation == Evaluation::Write { Factor::Accumulator(cell) } else { Factor::Value(cell) };
            let factors = match (constant, squares) {
                (true, _) => Vec::new(),
                (false, true) => vec![factor, factor],
                (false, false) => vec![factor],
            };
            let power = if in_rho { (0, exponent) } else { (exponent, 0) };
            Ok(Monomial { factors, coefficient: Scalar::ONE, power })
        };
        cells.into_iter().map(monomial).collect()
    }

    /// Holds what is on an output value's power to the definition; returns how many products of values it is.
    fn check_value(
        &self,
        output: &Output,
        place: usize,
        found: &BTreeMap<Vec<Factor>, Scalar>,
        used: &mut HashSet<(usize, usize)>,
    ) -> Result<usize, Objection> {
        let (node, channel) = (self.node, output.plane.channel);
        let at = || format!("output {place} of channel {channel} of node {node}");
        let own = found.get(&vec![Factor::Accumulator(output.cells[place].0)]).copied().unwrap_or(Scalar::ZERO);
        hold(own == Scalar::ONE || own == -Scalar::ONE, || format!("{} has its accumulator {own:?} times", at()))?;
        let (mut values, mut weights): (BTreeMap<Vec<Place>, Scalar>, Vec<_>) = Default::default();
        for (factors, coefficient) in found.iter().filter(|(_, coefficient)| **coefficient != Scalar::ZERO) {
            let coefficient = *coefficient * -own;
            match factors.as_slice() {
                [Factor::Accumulator(cell)] if *cell == output.cells[place].0 => {}
                [Factor::Weight { row, lane }] => weights.push((*row, *lane, coefficient)),
                factors => {
                    let mut named =
                        factors.iter().map(|factor| self.name(*factor)).collect::<Result<Vec<_>, _>>()?;
                    named.sort_unstable();
                    *values.entry(named).or_default() += coefficient;
                }
            }
        }
        let mut wanted = self.wanted(channel, place)?;
        let turned = output.exponents.is_empty();
        if turned {
            *wanted.entry(Vec::new()).or_default() += half(self.layer, channel);
        }
        let mut wanted: BTreeMap<_, _> = wanted.into_iter().map(|(key, value)| (key, field(value))).collect();
        wanted.retain(|_, value| *value != Scalar::ZERO);
        values.retain(|_, value| *value != Scalar::ZERO);
        hold(values == wanted, || format!("{} is the sum of {values:?}, not of {wanted:?}", at()))?;
        if turned {
            hold(weights.is_empty(), || format!("{} has weights", at()))?;
        } else {
            self.check_weights((channel, place), &weights, used)?;
        }
        Ok(wanted.len())
    }

    fn name(&self, factor: Factor) -> Result<Place, Objection> {
        let Factor::Value(cell) = factor else { return Err(Objection(format!("{factor:?} is multiplied"))) };
        let plane = self.circuit.tensors.plane(cell.row)?;
        let node = expect(numbers::node(self.circuit.tensors.home(plane)), || format!("{cell:?} is no value"))?;
        Ok((node, plane.channel, self.circuit.tensors.place_of(cell)?))
    }

    /// Biases' and constants' digits: each a power of the base, each once, and of fixed weights their sum.
    fn check_weights(
        &self,
        (channel, place): (usize, usize),
        weights: &[(usize, usize, Scalar)],
        used: &mut HashSet<(usize, usize)>,
    ) -> Result<(), Objection> {
        let (node, bits) = (self.node, self.layer.finish.weight_bits);
        let fact = numbers::fact(self.circuit.layout, node)?;
        let (mut counts, mut sum) = (vec![fact.bias_digits], self.layer.bias[channel] + half(self.layer, channel));
        for term in &self.layer.terms {
            if let ModelTerm::Constant(constant) = term {
                counts.push(digits(&constant.values, bits));
                let width = self.layer.output.width;
                sum += constant.values[[channel, place / width, place % width]];
            }
        }
        let powers = counts
            .iter()
            .flat_map(|count| 0..*count)
            .map(|digit| (0..digit).fold(Scalar::ONE, |power, _| power * Scalar::from(1u64 << bits)));
        let (mut wanted, mut found): (Vec<Scalar>, Vec<Scalar>) =
            (powers.collect(), weights.iter().map(|(.., coefficient)| *coefficient).collect());
        wanted.sort_unstable();
        found.sort_unstable();
        hold(found == wanted, || format!("channel {channel} of node {node} has other digits than it should"))?;
        used.extend(weights.iter().map(|(row, lane, _)| (*row, *lane)));
        if self.circuit.layout.visibility.weights == WeightMode::Fixed {
            let cell = |(row, lane, coefficient): &(usize, usize, Scalar)| {
                let columns = &self.circuit.cells.grid.columns.weights;
                columns.get(*lane).map(|column| field(self.circuit.cells.grid.cells[*column][*row]) * coefficient)
            };
            let found: Option<Scalar> = weights.iter().map(cell).sum();
            hold(found == Some(field(sum)), || format!("a fixed bias of node {node} is not {sum}"))?;
        }
        Ok(())
    }

    /// What the model says an accumulator is the sum of, beside weights: products of values with their factors.
    fn wanted(&self, channel: usize, place: usize) -> Result<BTreeMap<Vec<Place>, i64>, Objection> {
        let mut wanted: BTreeMap<Vec<Place>, i64> = BTreeMap::new();
        let mut add = |mut values: Vec<Place>, factor: i64| {
            values.sort_unstable();
            *wanted.entry(values).or_default() += factor;
        };
        for (term, sources) in self.layer.terms.iter().zip(&self.sources) {
            match (term, sources.as_slice()) {
                (ModelTerm::Product(own), [(left, planes), (right, other)]) => {
                    let depth = planes.channels / own.groups;
                    let (group, o) = (channel / other.width, channel % other.width);
                    let second = group * own.right_groups / own.groups;
                    for c in 0..depth {
                        let pair = vec![(*left, group * depth + c, place), (*right, second * depth + c, o)];
                        add(pair, own.factor);
                    }
                }
                (ModelTerm::Transpose(own), [(source, planes)]) => {
                    let depth = planes.channels / own.groups;
                    let (group, t) = (channel / planes.plane(), channel % planes.plane());
                    let count = if own.centred { depth as i64 } else { 1 };
                    add(vec![(*source, group * depth + place, t)], count);
                    for c in (0..depth).filter(|_| own.centred) {
                        add(vec![(*source, group * depth + c, t)], -1);
                    }
                }
                (ModelTerm::Rotation(own), [(source, _)]) => {
                    let (head, feature) = (channel / own.partners.len(), channel % own.partners.len());
                    let read = |feature: usize| vec![(*source, feature * own.own.ncols() + place, head)];
                    add(read(feature), own.own[[feature, place]]);
                    add(read(own.partners[feature]), own.other[[feature, place]]);
                }
                (ModelTerm::Squares(_), [(source, planes)]) => {
                    (0..planes.plane()).for_each(|at| add(vec![(*source, channel, at); 2], 1));
                }
                (ModelTerm::Scaled(_), [(numbers, _), (source, _)]) => {
                    add(vec![(*numbers, place, 0), (*source, place, channel)], 1);
                }
                (ModelTerm::Move(moved), [(source, _)]) if moved.is_plain() => {
                    add(vec![(*source, channel, place)], numbers::move_factor(moved, channel));
                }
                (ModelTerm::Constant(_), []) => {}
                _ => return Err(Objection(format!("node {} has terms that are not known together", self.node))),
            }
        }
        Ok(wanted)
    }
}

fn product(a: &[Monomial], b: &[Monomial]) -> Vec<Monomial> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| Monomial {
            factors: [a.factors.as_slice(), &b.factors].concat(),
            coefficient: a.coefficient * b.coefficient,
            power: (a.power.0 + b.power.0, a.power.1 + b.power.1),
        })
        .collect()
}
