//! What an accepted assignment states: the model and the input that its cells stand for, held against the executor.
//!
//! Numbers are read where the constraints read them: inputs from the value cells of the input's home, weights and digits of
//! biases from the weight tape, or from the rows of a `direct` layout. Whether the cells satisfy any constraint is not
//! looked at.

use std::collections::BTreeMap;

use zklayout_circuit::streams::Columns;
use zklayout_circuit::{Config, Scalar, instance_columns};
use zklayout_model::{Fixed, FixedLayer, Graph, Term, execute_integers};
use zklayout_plan::{
    Content, Datum, Direct, Fill, Home, Layout, LinearFact, Streams, WeightCells, WeightMode, WeightRow, Weights,
};

use super::recording::{Cell, Cells};
use super::subject::{Subject, small};
use crate::nets::{field, shown};

/// Checks that an assignment states the truth: its weights have the stated bits, its input lies in its range, and the
/// executor gives its public values. The error says what is not so.
pub fn check(subject: &Subject, cells: &Cells) -> Result<(), String> {
    let stated = Stated::of(subject, cells)?;
    let private = subject.plan.visibility().weights == WeightMode::Private;
    let graph = stated.model(&subject.graph, private)?;
    let trace = execute_integers(&graph, &stated.input).map_err(|error| error.to_string())?;
    let input = shown(&subject.plan, &stated.input);
    let columns = instance_columns(&subject.plan, &trace.output(), input).map_err(|error| error.to_string())?;
    for &cell in &subject.public {
        let Cell::Instance(column, row) = cell else { continue };
        let true_value = columns[column].get(row).copied().unwrap_or(0);
        if cells.get(cell) != field(true_value) {
            return Err(format!("{cell:?} is not {true_value}, which the executor gives"));
        }
    }
    Ok(())
}

/// The numbers that an assignment holds.
#[derive(Default)]
struct Stated {
    /// In the input's own order; places that no cell holds are those of the honest input, which nothing reads.
    input: Vec<i64>,
    /// By node and place in the kernel, weights of a `direct` layout.
    kernels: BTreeMap<(usize, usize), i64>,
    /// By node, term, output channel and place, digits of the weight, the least significant first; a weight without digits
    /// is one.
    weights: BTreeMap<(usize, usize, usize, usize), Digits>,
    /// By node and output channel, digits of the bias with its rounding term, the least significant first. A fixed bias is
    /// one digit of any size.
    digits: BTreeMap<(usize, usize), Digits>,
}

type Digits = BTreeMap<usize, i64>;

impl Stated {
    fn of(subject: &Subject, cells: &Cells) -> Result<Self, String> {
        let mut stated = Self { input: subject.input.clone(), ..Self::default() };
        match &subject.plan.layout {
            Layout::Streams(layout) => stated.read_tapes(subject, layout, cells)?,
            Layout::Direct(layout) => stated.read_rows(subject, layout, cells)?,
        }
        Ok(stated)
    }

    fn read_tapes(&mut self, subject: &Subject, layout: &Streams, cells: &Cells) -> Result<(), String> {
        let Config::Streams(columns) = &subject.recording.config else { return Err("another family".into()) };
        let input = layout.homes.iter().find(|home| home.content == Content::Input);
        self.read_input(subject, input.ok_or("the input has no home")?, (layout, columns), cells)?;
        for fact in &layout.facts {
            for (offset, row) in fact.rows(&layout.homes, layout.weight_bits).into_iter().enumerate() {
                self.read_weights(subject, (fact, &row, fact.row + offset), (layout, columns), cells)?;
            }
        }
        Ok(())
    }

    fn read_input(
        &mut self,
        subject: &Subject,
        home: &Home,
        (layout, columns): (&Streams, &Columns),
        cells: &Cells,
    ) -> Result<(), String> {
        let (lanes, shape) = (layout.knobs.lanes, subject.plan.input_shape);
        for offset in 0..home.rows() {
            let (channel, plane_row) = (offset / home.plane_rows(), offset % home.plane_rows());
            for lane in 0..lanes {
                let Some((y, x)) = home.value(plane_row, lane, lanes) else { continue };
                let place = (channel * shape.height + y) * shape.width + x;
                let cell = cells.get(Cell::Advice(columns.values[lane].index(), home.row + offset));
                self.set(Datum::Input(place), cell - field(layout.value_offset))?;
            }
        }
        Ok(())
    }

    fn read_weights(
        &mut self,
        subject: &Subject,
        (fact, held, row): (&LinearFact, &WeightRow, usize),
        (layout, columns): (&Streams, &Columns),
        cells: &Cells,
    ) -> Result<(), String> {
        let node = fact.layer;
        let idle = layout.knobs.weight_lanes - held.block.outputs;
        for (lane, output) in (idle..layout.knobs.weight_lanes).zip(held.block.first..) {
            let Some(named) = held.cells else { continue };
            let cell = match (columns.weights.get(lane), subject.links.iter().find(|link| link.role == "weights"))
            {
                (Some(column), _) => {
                    let stored = cells.get(Cell::Advice(column.index(), row));
                    stored - field(1 << (layout.weight_bits - 1))
                }
                (None, Some(link)) => field(link.tape.cells()[row * layout.knobs.weight_lanes + lane].into()),
                (None, None) => cells.fixed[columns.fixed[columns.places.weights[lane]].index()][row],
            };
            let value = small(cell).ok_or_else(|| format!("{named:?} is {cell:?}, no integer of the model"))?;
            let (digits, digit) = match named {
                WeightCells::Weight { term, place, digit } => {
                    (self.weights.entry((node, term, output, place)).or_default(), digit.unwrap_or(0))
                }
                WeightCells::Bias { digit } => (self.digits.entry((node, output)).or_default(), digit),
            };
            digits.insert(digit, value);
        }
        Ok(())
    }

    fn read_rows(&mut self, subject: &Subject, layout: &Direct, cells: &Cells) -> Result<(), String> {
        let Config::Direct(columns) = &subject.recording.config else { return Err("another family".into()) };
        for (row, fills) in subject.fills.iter().enumerate() {
            for (column, fill) in fills.iter().enumerate() {
                if let Fill::Datum(datum) = *fill {
                    self.set(datum, cells.get(Cell::Advice(column, row)))?;
                }
            }
        }
        let usable = layout.usable_rows();
        let constant = |place: usize| {
            let column = columns.fixed[columns.places.constants[place / usable]];
            cells.fixed[column.index()][place % usable]
        };
        for layer in &layout.layers {
            let Weights::Fixed { first } = layer.weights else { continue };
            let (node, weights) = (layer.node, layer.geometry.weights());
            for index in 0..weights {
                self.set(Datum::Weight { node, index }, constant(first + index))?;
            }
            for output in 0..layer.geometry.output.channels {
                self.set(Datum::Digit { node, output, digit: 0 }, constant(first + weights + output))?;
            }
        }
        Ok(())
    }

    fn set(&mut self, datum: Datum, cell: Scalar) -> Result<(), String> {
        let value = small(cell).ok_or_else(|| format!("{datum:?} is {cell:?}, no integer of the model"))?;
        match datum {
            Datum::Input(place) => self.input[place] = value,
            Datum::Weight { node, index } => _ = self.kernels.insert((node, index), value),
            Datum::Digit { node, output, digit } => {
                self.digits.entry((node, output)).or_default().insert(digit, value);
            }
        }
        Ok(())
    }

    /// The quantised model with these weights and biases.
    fn model(&self, graph: &Graph<Fixed>, private: bool) -> Result<Graph<Fixed>, String> {
        let mut model = Graph::new();
        for (id, node) in graph.nodes() {
            let mut node = node.clone();
            if let Fixed::Layer(layer) = &mut node {
                self.put(id.index(), layer, private)?;
            }
            model.add(node, &graph.inputs(id));
        }
        Ok(model)
    }

    fn put(&self, node: usize, layer: &mut FixedLayer, private: bool) -> Result<(), String> {
        let bits = layer.finish.weight_bits;
        let in_range = |what: &str, value: i64| {
            let half = 1i64 << (bits - 1);
            let fits = (-half..half).contains(&value);
            if fits { Ok(()) } else { Err(format!("a {what} of layer {node} is {value}, beyond {bits} bits")) }
        };
        let rounding: Vec<i64> =
            layer.rounded_bias().iter().zip(&layer.bias).map(|(rounded, bias)| rounded - bias).collect();
        let sum = |digits: &Digits| {
            let fits = |value: &i64| if private { in_range("digit", *value) } else { Ok(()) };
            digits.values().try_for_each(fits)?;
            let sum: i128 =
                digits.iter().map(|(&digit, &value)| i128::from(value) << (bits as usize * digit)).sum();
            i64::try_from(sum).map_err(|_| format!("a number of layer {node} is beyond 64 bits"))
        };
        let channels = layer.output.channels;
        for (place, term) in layer.terms.iter_mut().enumerate() {
            for index in 0..channels * term.weights() {
                let (output, own) = (index / term.weights(), index % term.weights());
                let value = match (self.weights.get(&(node, place, output, own)), term.as_kernel()) {
                    (Some(digits), _) => sum(digits)?,
                    (None, Some(_)) => *self.kernels.get(&(node, index)).ok_or("a weight has no cell")?,
                    (None, None) => return Err("a weight has no cell".into()),
                };
                if term.as_kernel().is_some() {
                    in_range("weight", value)?;
                }
                *term.weight_mut(output, own).ok_or("the model has no such weight")? = value;
            }
        }
        // A tensor that is only transposed or rotated has no bias, and its rounding no weights. Known biases are none either.
        let turns = |term: &Term<i64>| matches!(term, Term::Transpose(_) | Term::Rotation(_));
        if layer.has_known_bias() || layer.terms.iter().any(turns) {
            return Ok(());
        }
        for (output, bias) in layer.bias.iter_mut().enumerate() {
            let digits = self.digits.get(&(node, output)).ok_or("a bias has no cell")?;
            *bias = sum(digits)?.checked_sub(rounding[output]).ok_or("a bias is beyond 64 bits")?;
        }
        Ok(())
    }
}
