//! A verifier's view of a whole assignment: which constraints fail. Gates are checked on every row, blinding rows
//! included, which hold random numbers.

use std::collections::{BTreeSet, HashMap, HashSet};

use ff::Field;
use halo2_proofs::plonk::{ConstraintSystem, Expression};
use zklayout_circuit::Scalar;
use zklayout_circuit::streams::{WeightTape, fold};

use super::recording::{Cell, Cells};

/// A constraint of the circuit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constraint {
    /// A polynomial of a gate: both their names, and its place.
    Gate { gate: String, name: String, index: usize },
    /// halo2's lookup of this place.
    Lookup(usize),
    /// A copy, by what is copied to what.
    Copy(&'static str, &'static str),
    /// The link to a commitment to weights or to an input.
    Link(&'static str),
}

/// What a link to a commitment makes of a column: a committed tape, folded by a challenge.
#[derive(Clone)]
pub struct Link {
    /// What is committed.
    pub role: &'static str,
    pub column: usize,
    /// Place of the challenge.
    pub challenge: usize,
    pub tape: WeightTape,
    /// The tape's first row.
    pub row: usize,
}

impl Link {
    /// The column's usable rows.
    pub fn values(&self, cells: &Cells, usable: usize) -> Vec<Scalar> {
        let mut values = vec![Scalar::ZERO; usable];
        let folded = fold(&self.tape, cells.challenges[self.challenge]);
        values[self.row..self.row + folded.len()].copy_from_slice(&folded);
        values
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Constant(usize),
    Fixed(usize, i32),
    Advice(usize, i32),
    Instance(usize, i32),
    Challenge(usize),
    Negate(usize),
    Add(usize, usize),
    Multiply(usize, usize),
}

/// All expressions as one list of operations, equal ones once.
#[derive(Default)]
struct Program {
    operations: Vec<Operation>,
    places: HashMap<Operation, usize>,
    constants: Vec<Scalar>,
}

impl Program {
    fn add(&mut self, expression: &Expression<Scalar>) -> usize {
        let operation = match expression {
            Expression::Constant(value) => self.constant(*value),
            Expression::Selector(_) => panic!("no layout uses selectors"),
            Expression::Fixed(query) => Operation::Fixed(query.column_index(), query.rotation().0),
            Expression::Advice(query) => Operation::Advice(query.column_index(), query.rotation().0),
            Expression::Instance(query) => Operation::Instance(query.column_index(), query.rotation().0),
            Expression::Challenge(challenge) => Operation::Challenge(challenge.index()),
            Expression::Negated(a) => Operation::Negate(self.add(a)),
            Expression::Sum(a, b) => Operation::Add(self.add(a), self.add(b)),
            Expression::Product(a, b) => Operation::Multiply(self.add(a), self.add(b)),
            Expression::Scaled(a, factor) => {
                let factor = self.constant(*factor);
                let factor = self.place(factor);
                Operation::Multiply(self.add(a), factor)
            }
        };
        self.place(operation)
    }

    fn constant(&mut self, value: Scalar) -> Operation {
        let place = self.constants.iter().position(|other| *other == value).unwrap_or_else(|| {
            self.constants.push(value);
            self.constants.len() - 1
        });
        Operation::Constant(place)
    }

    fn place(&mut self, operation: Operation) -> usize {
        *self.places.entry(operation).or_insert_with(|| {
            self.operations.push(operation);
            self.operations.len() - 1
        })
    }

    fn run(&self, cells: &Cells, row: usize, results: &mut Vec<Scalar>) {
        let rows = cells.fixed[0].len();
        let at = |rotation: i32| (row + rows).wrapping_add_signed(rotation as isize) % rows;
        results.clear();
        for operation in &self.operations {
            results.push(match *operation {
                Operation::Constant(place) => self.constants[place],
                Operation::Fixed(column, rotation) => cells.fixed[column][at(rotation)],
                Operation::Advice(column, rotation) => cells.advice[column][at(rotation)],
                Operation::Instance(column, rotation) => cells.instance[column][at(rotation)],
                Operation::Challenge(index) => cells.challenges[index],
                Operation::Negate(a) => -results[a],
                Operation::Add(a, b) => results[a] + results[b],
                Operation::Multiply(a, b) => results[a] * results[b],
            });
        }
    }
}

/// A gate's polynomial by itself: what the cheating prover solves.
pub struct Polynomial {
    program: Program,
    result: usize,
}

impl Polynomial {
    pub fn of(expression: &Expression<Scalar>) -> Self {
        let mut program = Program::default();
        let result = program.add(expression);
        Self { program, result }
    }

    pub fn at(&self, cells: &Cells, row: usize, results: &mut Vec<Scalar>) -> Scalar {
        self.program.run(cells, row, results);
        results[self.result]
    }
}

/// Every constraint of a circuit.
pub struct Checker {
    program: Program,
    gates: Vec<(Constraint, usize)>,
    /// Inputs and tables.
    lookups: Vec<(Vec<usize>, Vec<usize>)>,
    copies: Vec<(Cell, Cell, Constraint)>,
    links: Vec<Link>,
    usable: usize,
}

impl Checker {
    pub fn of(
        cs: &ConstraintSystem<Scalar>,
        copies: &[(Cell, Cell)],
        links: Vec<Link>,
        usable: usize,
        name: &dyn Fn(Cell) -> &'static str,
    ) -> Self {
        let mut program = Program::default();
        let mut gates = Vec::new();
        for gate in cs.gates() {
            for (index, polynomial) in gate.polynomials().iter().enumerate() {
                let (name, gate) = (gate.constraint_name(index).to_owned(), gate.name().to_owned());
                assert!(!name.is_empty(), "a constraint of {gate:?} has no name");
                gates.push((Constraint::Gate { gate, name, index }, program.add(polynomial)));
            }
        }
        let mut places = |expressions: &[Expression<Scalar>]| -> Vec<usize> {
            expressions.iter().map(|expression| program.add(expression)).collect()
        };
        let lookups = cs
            .lookups()
            .iter()
            .map(|lookup| (places(lookup.input_expressions()), places(lookup.table_expressions())))
            .collect();
        let copies = copies.iter().map(|&(a, b)| (a, b, Constraint::Copy(name(a), name(b)))).collect();
        Self { program, gates, lookups, copies, links, usable }
    }

    /// Every constraint, each once.
    pub fn constraints(&self) -> BTreeSet<Constraint> {
        let lookups = (0..self.lookups.len()).map(Constraint::Lookup);
        let copies = self.copies.iter().map(|(.., constraint)| constraint.clone());
        let links = self.links.iter().map(|link| Constraint::Link(link.role));
        let gates = self.gates.iter().map(|(constraint, _)| constraint.clone());
        gates.chain(lookups).chain(copies).chain(links).collect()
    }

    /// Every copy: what is copied, to what, and its kind.
    pub fn copies(&self) -> impl Iterator<Item = (Cell, Cell, &Constraint)> {
        self.copies.iter().map(|(a, b, constraint)| (*a, *b, constraint))
    }

    /// The constraints that fail.
    pub fn failures(&self, cells: &Cells) -> BTreeSet<Constraint> {
        let mut failures = BTreeSet::new();
        let mut results = Vec::new();
        let mut tables: Vec<HashSet<Vec<[u8; 32]>>> = vec![HashSet::new(); self.lookups.len()];
        let mut inputs: Vec<HashSet<Vec<[u8; 32]>>> = vec![HashSet::new(); self.lookups.len()];
        for row in 0..cells.fixed[0].len() {
            self.program.run(cells, row, &mut results);
            for (constraint, place) in &self.gates {
                if !bool::from(results[*place].is_zero()) {
                    failures.insert(constraint.clone());
                }
            }
            if row < self.usable {
                let entry = |places: &[usize]| -> Vec<[u8; 32]> {
                    places.iter().map(|&place| ff::PrimeField::to_repr(&results[place])).collect()
                };
                for (index, (input, table)) in self.lookups.iter().enumerate() {
                    inputs[index].insert(entry(input));
                    tables[index].insert(entry(table));
                }
            }
        }
        for (index, (inputs, table)) in inputs.iter().zip(&tables).enumerate() {
            if !inputs.is_subset(table) {
                failures.insert(Constraint::Lookup(index));
            }
        }
        for (a, b, constraint) in &self.copies {
            if cells.get(*a) != cells.get(*b) {
                failures.insert(constraint.clone());
            }
        }
        let broken = |link: &&Link| cells.advice[link.column][..self.usable] != link.values(cells, self.usable);
        failures.extend(self.links.iter().filter(broken).map(|link| Constraint::Link(link.role)));
        failures
    }
}
