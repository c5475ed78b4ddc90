//! A circuit under attack: its honest assignment, what a forger may touch, and how a cheating prover makes the rest
//! follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ff::Field;
use ndarray::Array3;
use zklayout_circuit::streams::WeightTape;
use zklayout_circuit::{
    CircuitParams, Config, Grid, InferenceCircuit, Scalar, Witness, free_cells, instance_columns,
};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{Cell as Place, Content, Fill, Layout, Plan, SLOT_CELLS, WeightMode};

use super::checking::{Checker, Link, Polynomial};
use super::recording::{Cell, Cells, Recording};
use crate::nets::{Case, Numbers, field, shown};

/// What a column of the first phase holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Quotient,
    Remainder,
    Value,
    Weight,
    Multiplicity,
    Grid,
}

/// A cell that a gate determines: on `row`, the polynomial is linear in the cell at `row + rotation`.
pub struct Pivot {
    column: usize,
    rotation: usize,
    polynomial: Polynomial,
    /// Columns that the polynomial reads.
    reads: Vec<usize>,
}

pub struct Subject {
    pub plan: Arc<Plan>,
    /// The model that the honest assignment is an execution of.
    pub graph: Graph<Fixed>,
    /// The honest input.
    pub input: Vec<i64>,
    pub recording: Recording,
    pub honest: Cells,
    pub checker: Checker,
    /// Kinds of the columns of the first phase.
    pub kinds: Vec<Kind>,
    /// Cells of the first phase that no constraint binds.
    pub free: BTreeSet<Cell>,
    /// Cells that a prover chooses: another value within its range is another statement.
    pub choice: BTreeSet<Cell>,
    /// Cells of the first phase that are bound.
    pub bound: Vec<Cell>,
    /// Columns of the second phase, in the order they follow.
    pub pivots: Vec<Pivot>,
    /// Instance cells that some constraint reads.
    pub public: Vec<Cell>,
    /// By row, what each cell of a `direct` layout is.
    pub fills: Vec<Vec<Fill>>,
    /// Copies that were changed.
    pub copy_turns: AtomicUsize,
    /// What folded weights and a folded input are tied to, if they are committed.
    pub links: Vec<Link>,
    fixed_table: BTreeMap<[Vec<u8>; 3], Cell>,
}

pub fn random_field(numbers: &mut Numbers) -> Scalar {
    (0..5).fold(Scalar::ZERO, |sum, _| sum * Scalar::from(1 << 53) + Scalar::from(numbers.next()))
}

/// The integer that a field element stands for, if it is a small one.
pub fn small(value: Scalar) -> Option<i64> {
    let magnitude = |value: Scalar| {
        let bytes = ff::PrimeField::to_repr(&value);
        let low = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        (bytes[8..].iter().all(|byte| *byte == 0) && low < 1 << 62).then_some(low as i64)
    };
    magnitude(value).or_else(|| magnitude(-value).map(|negated| -negated))
}

impl Subject {
    /// The place of the challenge of planes.
    pub fn rho(&self) -> usize {
        let Config::Streams(columns) = &self.recording.config else { panic!("the layout has no challenges") };
        columns.challenges.rho.index()
    }

    pub fn of(case: &Case, plan: Plan, seed: u64) -> Self {
        let plan = Arc::new(plan);
        let grid = Arc::new(Grid::of(&plan, &case.graph).unwrap());
        let witness = Arc::new(Witness::of(&plan, &case.graph, &case.trace, &grid).unwrap());
        let circuit = InferenceCircuit::with_witness(plan.clone(), grid, witness);
        let input: Vec<i64> = case.trace.values[0].iter().copied().collect();
        let columns = instance_columns(&plan, &case.trace.output(), shown(&plan, &input)).unwrap();
        let instance = columns.iter().map(|column| column.iter().map(|&value| field(value)).collect()).collect();
        let challenge = |index: usize| random_field(&mut Numbers::new(seed * 8 + index as u64 + 1));
        let params = CircuitParams(Some(plan.clone()));
        let mut recording = Recording::of(plan.k(), params, &circuit, instance, &challenge);
        let mut numbers = Numbers::new(seed + 77);
        // What follows the usable rows is random in a proof.
        for column in &mut recording.cells.advice {
            column[recording.usable..].iter_mut().for_each(|cell| *cell = random_field(&mut numbers));
        }
        Self::new(plan, case.graph.clone(), input, recording)
    }

    fn new(plan: Arc<Plan>, graph: Graph<Fixed>, input: Vec<i64>, recording: Recording) -> Self {
        let kinds = kinds(&plan);
        let cell = |place: &Place| Cell::Advice(place.column, place.row);
        let free: BTreeSet<Cell> = free_cells(&plan).iter().map(cell).collect();
        let mut fills = Vec::new();
        if let Layout::Direct(direct) = &plan.layout {
            direct.walk(&mut |_, _, cells| fills.push(cells.to_vec()));
        }
        let all =
            (0..kinds.len()).flat_map(|column| (0..recording.usable).map(move |row| Cell::Advice(column, row)));
        let bound = all.filter(|cell| !free.contains(cell)).collect();
        let name = {
            let (kinds, config, fills) = (kinds.clone(), recording.config.clone(), fills.clone());
            move |cell: Cell| name(&kinds, &config, &fills, cell)
        };
        let links = links((&plan, &graph), &input, &recording);
        let checker = Checker::of(&recording.cs, &recording.copies, links.clone(), recording.usable, &name);
        let mut subject = Self {
            choice: choice(&plan, &fills),
            pivots: pivots(&recording),
            honest: recording.cells.clone(),
            copy_turns: AtomicUsize::new(0),
            links,
            fixed_table: BTreeMap::new(),
            public: Vec::new(),
            plan,
            graph,
            input,
            recording,
            checker,
            kinds,
            free,
            bound,
            fills,
        };
        subject.public = subject.public_cells();
        subject.fixed_table = subject.table();
        subject
    }

    /// Instance cells whose change some constraint notices.
    fn public_cells(&self) -> Vec<Cell> {
        let columns = 0..self.honest.instance.len();
        let all =
            columns.flat_map(|column| (0..self.recording.usable).map(move |row| Cell::Instance(column, row)));
        let gates: Vec<Polynomial> = self
            .recording
            .cs
            .gates()
            .iter()
            .filter(|gate| gate.name().contains("public"))
            .flat_map(|gate| gate.polynomials())
            .map(Polynomial::of)
            .collect();
        let mut scratch = Vec::new();
        let mut cells = self.honest.clone();
        let mut noticed = |cell: Cell| {
            let Cell::Instance(_, row) = cell else { return false };
            let copied = self.recording.copies.iter().any(|(a, b)| *a == cell || *b == cell);
            let honest = cells.get(cell);
            cells.set(cell, honest + Scalar::ONE);
            let read = gates.iter().any(|gate| gate.at(&cells, row, &mut scratch) != Scalar::ZERO);
            cells.set(cell, honest);
            copied || read
        };
        all.filter(|cell| noticed(*cell)).collect()
    }

    /// The multiplicity cell of every table entry of a `streams` layout.
    fn table(&self) -> BTreeMap<[Vec<u8>; 3], Cell> {
        let Config::Streams(columns) = &self.recording.config else { return BTreeMap::new() };
        let mut table = BTreeMap::new();
        for (column, places) in columns.multiplicities.iter().zip(&columns.places.tables) {
            for row in 0..self.recording.usable - 1 {
                let entry = places.map(|place| {
                    let column = columns.fixed[place].index();
                    ff::PrimeField::to_repr(&self.honest.fixed[column][row]).to_vec()
                });
                table.entry(entry).or_insert(Cell::Advice(column.index(), row));
            }
        }
        table
    }

    /// The multiplicity of the table entry `(tag, x, y)`.
    pub fn multiplicity(&self, entry: [Scalar; 3]) -> Option<Cell> {
        let entry = entry.map(|value| ff::PrimeField::to_repr(&value).to_vec());
        self.fixed_table.get(&entry).copied()
    }

    /// The range of a node's weights and digits of biases.
    pub fn weight_range(&self, node: usize) -> (i64, i64) {
        match self.graph.nodes().nth(node) {
            Some((_, Fixed::Layer(layer))) => {
                let half = 1 << (layer.finish.weight_bits - 1);
                (-half, half - 1)
            }
            _ => panic!("node {node} has no weights"),
        }
    }

    /// Makes public values follow that are copies.
    pub fn publish(&self, cells: &mut Cells) {
        for &(a, b) in &self.recording.copies {
            match (a, b) {
                (Cell::Instance(..), _) => cells.set(a, cells.get(b)),
                (_, Cell::Instance(..)) => cells.set(b, cells.get(a)),
                _ => {}
            }
        }
    }

    /// Whether the layout is of the family `streams`.
    pub fn streams(&self) -> Option<&zklayout_plan::Streams> {
        self.plan.layout.as_streams()
    }

    /// Makes everything that follows from the cells of the first phase follow, but for `held` cells and `stale` columns.
    pub fn follow(&self, cells: &mut Cells, held: &BTreeSet<Cell>, stale: Option<usize>) {
        if self.fills.is_empty() {
            self.follow_challenges(cells, held, stale);
        } else {
            self.follow_rows(cells, held);
        }
    }

    fn follow_challenges(&self, cells: &mut Cells, held: &BTreeSet<Cell>, stale: Option<usize>) {
        let Config::Streams(columns) = &self.recording.config else { return };
        let operand = columns.operand.index();
        for link in self.links.iter().filter(|link| stale != Some(link.column)) {
            for (row, value) in link.values(cells, self.recording.usable).into_iter().enumerate() {
                let target = Cell::Advice(link.column, row);
                if !held.contains(&target) {
                    cells.set(target, value);
                }
            }
        }
        for pivot in &self.pivots {
            // Operands are copies of evaluations, and weights' evaluations take products of operands.
            if pivot.column == columns.weight_sum.index() && stale != Some(operand) {
                for (to, from) in &self.recording.copies {
                    if !held.contains(to) {
                        cells.set(*to, cells.get(*from));
                    }
                }
            }
            if stale != Some(pivot.column) {
                self.solve(cells, pivot, held);
            }
        }
    }

    /// Solves one column row by row. Rows on which nothing changed keep their step.
    fn solve(&self, cells: &mut Cells, pivot: &Pivot, held: &BTreeSet<Cell>) {
        let mut scratch = Vec::new();
        for row in 0..self.recording.usable - 1 {
            let target = Cell::Advice(pivot.column, row + pivot.rotation);
            let changed = pivot.reads.iter().any(|&column| self.changed(cells, column, row));
            if held.contains(&target) || !changed {
                continue;
            }
            let mut at = |value: Scalar| {
                cells.set(target, value);
                pivot.polynomial.at(cells, row, &mut scratch)
            };
            let zero = at(Scalar::ZERO);
            let slope = at(Scalar::ONE) - zero;
            let inverse = if slope == Scalar::ONE { slope } else { slope.invert().unwrap_or(Scalar::ZERO) };
            at(-zero * inverse);
        }
    }

    /// Whether a column differs from the honest one on this row, the one before or the one after.
    fn changed(&self, cells: &Cells, column: usize, row: usize) -> bool {
        let rows = row.saturating_sub(1)..=row + 1;
        cells.advice[column][rows.clone()] != self.honest.advice[column][rows]
    }

    /// Copies, quotients, digits and results of a `direct` layout, row by row.
    fn follow_rows(&self, cells: &mut Cells, held: &BTreeSet<Cell>) {
        let mut scratch = Vec::new();
        for (row, fills) in self.fills.iter().enumerate() {
            for (column, fill) in fills.iter().enumerate() {
                let to = Cell::Advice(column, row);
                if let Some(value) = self.filled(cells, *fill, column, row).filter(|_| !held.contains(&to)) {
                    cells.set(to, value);
                }
            }
            for column in (0..fills.len()).filter(|&column| fills[column] == Fill::Result) {
                let target = Cell::Advice(column, row);
                if held.contains(&target) {
                    continue;
                }
                let solved = self.pivots.iter().find_map(|pivot| {
                    let own = pivot.column == column;
                    if !own {
                        return None;
                    }
                    let mut at = |value: Scalar| {
                        cells.set(target, value);
                        pivot.polynomial.at(cells, row, &mut scratch)
                    };
                    let zero = at(Scalar::ZERO);
                    let slope = at(Scalar::ONE) - zero;
                    Option::from(slope.invert()).map(|inverse: Scalar| -zero * inverse)
                });
                cells.set(target, solved.unwrap_or(self.honest.get(target)));
            }
        }
    }

    /// What a cell of a `direct` layout holds, given the cells before it; `None` if nothing determines it.
    fn filled(&self, cells: &Cells, fill: Fill, column: usize, row: usize) -> Option<Scalar> {
        let accumulator = || small(cells.get(Cell::Advice(column / SLOT_CELLS * SLOT_CELLS, row)));
        Some(match fill {
            Fill::Copy(source) => cells.get(self.source(source)),
            Fill::Quotient(shift) => field(accumulator()? >> shift),
            Fill::Remainder(shift) => field(accumulator()? & ((1 << shift) - 1)),
            Fill::Activation(shift, clamp) => field(clamp.apply(accumulator()? >> shift)),
            Fill::Bit { source, lift, position } => {
                field((small(cells.get(self.source(source)))?.checked_add(lift)? >> position) & 1)
            }
            _ => return None,
        })
    }

    fn source(&self, source: zklayout_plan::Source) -> Cell {
        match (source, &self.recording.config, &self.plan.layout) {
            (zklayout_plan::Source::Advice(place), ..) => Cell::Advice(place.column, place.row),
            (zklayout_plan::Source::Constant(place), Config::Direct(columns), Layout::Direct(direct)) => {
                let usable = direct.usable_rows();
                let column = columns.fixed[columns.places.constants[place / usable]];
                Cell::Fixed(column.index(), place % usable)
            }
            _ => panic!("constants belong to direct layouts"),
        }
    }
}

fn links((plan, graph): (&Plan, &Graph<Fixed>), input: &[i64], recording: &Recording) -> Vec<Link> {
    let (Config::Streams(columns), Layout::Streams(layout)) = (&recording.config, &plan.layout) else {
        return Vec::new();
    };
    let challenge = columns.challenges.rho.index();
    let weights = columns.folded.first().map(|column| {
        let tape = WeightTape::of(layout, graph).unwrap();
        Link { role: "weights", column: column.index(), challenge, tape, row: 0 }
    });
    let input = columns.folded_input.first().map(|column| {
        let values = Array3::from_shape_vec(plan.input_shape.dims(), input.to_vec()).unwrap();
        let (tape, row) = (WeightTape::of_input(&values).unwrap(), plan.input_tape().first_row());
        Link { role: "input", column: column.index(), challenge, tape, row }
    });
    weights.into_iter().chain(input).collect()
}

fn kinds(plan: &Plan) -> Vec<Kind> {
    let layout = match &plan.layout {
        Layout::Streams(layout) => layout,
        Layout::Direct(layout) => return vec![Kind::Grid; layout.knobs.columns],
    };
    let knobs = &layout.knobs;
    let private = layout.visibility.weights == WeightMode::Private;
    let counts = [
        (Kind::Quotient, knobs.lanes),
        (Kind::Remainder, knobs.remainders() * knobs.lanes),
        (Kind::Value, knobs.lanes),
        (Kind::Weight, if private { knobs.weight_lanes } else { 0 }),
        (Kind::Multiplicity, layout.lookup_chunk().map_or(0, |_| knobs.table_columns)),
    ];
    counts.into_iter().flat_map(|(kind, count)| vec![kind; count]).collect()
}

/// Inputs and weights.
fn choice(plan: &Plan, fills: &[Vec<Fill>]) -> BTreeSet<Cell> {
    let mut choice = BTreeSet::new();
    match &plan.layout {
        Layout::Streams(layout) => {
            let input = layout.homes.iter().find(|home| home.content == Content::Input && !home.bound);
            let rows = input.map_or(0..0, |home| home.row..home.row + home.rows());
            for (column, kind) in kinds(plan).into_iter().enumerate() {
                match kind {
                    Kind::Weight | Kind::Multiplicity => {
                        choice.extend((0..layout.usable_rows()).map(|row| Cell::Advice(column, row)));
                    }
                    _ => choice.extend(rows.clone().map(|row| Cell::Advice(column, row))),
                }
            }
        }
        Layout::Direct(_) => {
            for (row, fills) in fills.iter().enumerate() {
                let datum = |column: usize| matches!(fills.get(column), Some(Fill::Datum(_)));
                // A range check repeats its number in the slot's first cell.
                let repeats = |column: usize| fills[column] == Fill::Result && datum(column + 2);
                let data = (0..fills.len()).filter(|&column| datum(column) || repeats(column));
                choice.extend(data.map(|column| Cell::Advice(column, row)));
            }
        }
    }
    choice
}

/// What a copied cell is, for the coverage of copies.
fn name(kinds: &[Kind], config: &Config, fills: &[Vec<Fill>], cell: Cell) -> &'static str {
    match (cell, config) {
        (Cell::Fixed(..), _) => "constant",
        (Cell::Instance(..), _) => "instance",
        (Cell::Advice(column, _), Config::Streams(columns)) => {
            let named = [(columns.read, "read"), (columns.write, "write"), (columns.operand, "operand")];
            let second = columns.second.map(|column| (column, "second"));
            named
                .iter()
                .chain(&second)
                .find(|(other, _)| other.index() == column)
                .map_or("phase 0", |(_, name)| name)
        }
        (Cell::Advice(column, row), _) => match fills.get(row).and_then(|fills| fills.get(column)) {
            Some(Fill::Datum(_)) => "number of the model",
            Some(Fill::Result) => "result",
            Some(Fill::Activation(..)) => "activation",
            Some(Fill::Copy(_)) => "copy",
            Some(Fill::Bit { .. }) => "digit",
            _ if kinds.get(column).is_some() => "other cell",
            _ => "no cell",
        },
    }
}

fn pivots(recording: &Recording) -> Vec<Pivot> {
    let gate = |name: &str| {
        recording.cs.gates().iter().find(move |gate| gate.name() == name).map(|gate| gate.polynomials())
    };
    let mut pivots = Vec::new();
    let mut add = |name: &str, index: usize, column: usize, rotation: usize| {
        let Some(expression) = gate(name).and_then(|polynomials| polynomials.get(index)) else { return };
        let queries = recording.cs.advice_queries();
        let mut reads: Vec<usize> = expression.evaluate(
            &|_| Vec::new(),
            &|_| Vec::new(),
            &|_| Vec::new(),
            &|query| vec![query.column_index()],
            &|_| Vec::new(),
            &|_| Vec::new(),
            &|a| a,
            &|a, b| [a, b].concat(),
            &|a, b| [a, b].concat(),
            &|a, _| a,
        );
        assert!(!queries.is_empty());
        reads.sort_unstable();
        reads.dedup();
        pivots.push(Pivot { column, rotation, polynomial: Polynomial::of(expression), reads });
    };
    match &recording.config {
        Config::Empty => {}
        Config::Streams(columns) => {
            add("consumer's evaluation", 0, columns.read.index(), 0);
            add("producer's evaluation", 0, columns.write.index(), 0);
            if let Some(second) = columns.second {
                add("consumer's evaluation, turned", 0, second.index(), 0);
            }
            add("weights' evaluation", 0, columns.weight_sum.index(), 0);
            add("scalar sum", 0, columns.scalar.index(), 1);
            for (index, sum) in columns.sums.iter().enumerate() {
                add("lookups", index, sum.index(), 1);
            }
        }
        Config::Direct(columns) => {
            let last = columns.advice.len() - 1;
            add("dot product", 0, last, 0);
            add("sum", 0, last, 0);
            add("binary digits", columns.advice.len() - 2, last, 0);
            for slot in 0..columns.advice.len() / SLOT_CELLS {
                add("requantisation", slot, slot * SLOT_CELLS, 0);
            }
        }
    }
    pivots
}

impl Subject {
    /// Whether a column of the second phase follows from the first: by a gate that is linear in it with a coefficient
    /// that is not zero on any active row, or by copies.
    pub fn determines(&self, column: usize) -> bool {
        let Config::Streams(columns) = &self.recording.config else { return false };
        if column == columns.operand.index() {
            // Rows that no product, output or skip reads are free.
            return self
                .recording
                .copies
                .iter()
                .all(|(to, _)| matches!(to, Cell::Advice(own, _) if *own == column));
        }
        if self.links.iter().any(|link| link.column == column) {
            return true;
        }
        let Some(pivot) = self.pivots.iter().find(|pivot| pivot.column == column) else { return false };
        let mut cells = self.honest.clone();
        let mut scratch = Vec::new();
        (0..self.recording.usable - 1).all(|row| {
            let target = Cell::Advice(column, row + pivot.rotation);
            let honest = cells.get(target);
            let mut at = |value: Scalar| {
                cells.set(target, value);
                pivot.polynomial.at(&cells, row, &mut scratch)
            };
            let moved = at(honest + Scalar::ONE) != at(honest);
            cells.set(target, honest);
            moved
        })
    }

    /// Moves a public accumulator by one and makes up for it in a padding position of the same layer, which works
    /// wherever the challenges are known before the quotients are committed.
    pub fn forge_for_known_challenges(&self) -> Cells {
        let (Config::Streams(columns), Some(layout)) = (&self.recording.config, self.streams()) else {
            panic!("a streams layout is needed")
        };
        let home = layout.output().unwrap();
        let lane = layout.knobs.lanes - 1;
        let live =
            |row: usize| home.value((row - home.row) % home.plane_rows(), lane, layout.knobs.lanes).is_some();
        let rows = || home.row..home.row + home.tiles;
        let (value, padding) = (rows().find(|&row| live(row)).unwrap(), rows().find(|&row| !live(row)).unwrap());
        let quotient = |row: usize| Cell::Advice(columns.quotients[lane].index(), row);
        let divisor = columns
            .places
            .divisor
            .map_or(Scalar::ONE, |place| self.honest.fixed[columns.fixed[place].index()][value]);
        let public = Cell::Instance(columns.instance[columns.instance.len() - 1].index(), value);
        let mut cells = self.honest.clone();
        cells.set(quotient(value), cells.get(quotient(value)) + Scalar::ONE);
        cells.set(public, cells.get(public) + divisor);
        let end = |moved: Scalar| {
            let mut cells = cells.clone();
            cells.set(quotient(padding), cells.get(quotient(padding)) + moved);
            self.follow(&mut cells, &BTreeSet::new(), None);
            let open = columns.fixed[columns.places.closes].index();
            let row = (0..self.recording.usable).rfind(|&row| cells.fixed[open][row] != Scalar::ZERO).unwrap();
            (cells.advice[columns.scalar.index()][row], cells)
        };
        let (at, next) = (end(Scalar::ZERO).0, end(Scalar::ONE).0);
        end(-at * (next - at).invert().unwrap()).1
    }
}
