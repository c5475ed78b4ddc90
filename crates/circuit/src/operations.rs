//! Counts what the prover's interpreter does on one row, from the gates themselves.
//!
//! halo2 turns all gates into one list of operations and keeps it private; this walks the same expressions by the same
//! rules: equal operations once, constants folded where halo2 folds them. It knows nothing of any layout.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::plonk::{ConstraintSystem, Expression};

use crate::field::Scalar;

/// Operations of all gates on one row: loads, sums, differences, products and negations, and two for each constraint.
pub fn gate_operations(cs: &ConstraintSystem<Scalar>) -> usize {
    let mut graph = Graph::default();
    let mut constraints = 0;
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        graph.add(polynomial);
        constraints += 1;
    }
    graph.operations.len() + 2 * constraints
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Source {
    Constant(usize),
    Result(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    LoadFixed(usize, i32),
    LoadAdvice(usize, i32),
    LoadInstance(usize, i32),
    LoadChallenge(usize),
    Negate(Source),
    Add(Source, Source),
    Subtract(Source, Source),
    Multiply(Source, Source),
}

/// Places of the constants that halo2 treats apart.
const ZERO: Source = Source::Constant(0);
const ONE: Source = Source::Constant(1);

#[derive(Default)]
struct Graph {
    constants: Vec<Scalar>,
    operations: HashMap<Operation, usize>,
}

impl Graph {
    fn add(&mut self, expression: &Expression<Scalar>) -> Source {
        match expression {
            Expression::Constant(value) => self.constant(*value),
            // Selectors are fixed columns by the time that gates are evaluated.
            Expression::Selector(selector) => self.operation(Operation::LoadFixed(selector.index(), 0)),
            Expression::Fixed(query) => {
                self.operation(Operation::LoadFixed(query.column_index(), query.rotation().0))
            }
            Expression::Advice(query) => {
                self.operation(Operation::LoadAdvice(query.column_index(), query.rotation().0))
            }
            Expression::Instance(query) => {
                self.operation(Operation::LoadInstance(query.column_index(), query.rotation().0))
            }
            Expression::Challenge(challenge) => self.operation(Operation::LoadChallenge(challenge.index())),
            Expression::Negated(inner) => self.negate(inner),
            Expression::Sum(left, right) => self.sum(left, right),
            Expression::Product(left, right) => {
                let (left, right) = (self.add(left), self.add(right));
                self.product(left, right)
            }
            Expression::Scaled(inner, factor) => {
                let factor = self.constant(*factor);
                let inner = self.add(inner);
                self.product(inner, factor)
            }
        }
    }

    fn negate(&mut self, inner: &Expression<Scalar>) -> Source {
        if let Expression::Constant(value) = inner {
            return self.constant(-*value);
        }
        match self.add(inner) {
            ZERO => ZERO,
            inner => self.operation(Operation::Negate(inner)),
        }
    }

    fn sum(&mut self, left: &Expression<Scalar>, right: &Expression<Scalar>) -> Source {
        let first = self.add(left);
        if let Expression::Negated(right) = right {
            let second = self.add(right);
            return match (first, second) {
                (ZERO, second) => self.operation(Operation::Negate(second)),
                (first, ZERO) => first,
                (first, second) => self.operation(Operation::Subtract(first, second)),
            };
        }
        match (first, self.add(right)) {
            (ZERO, other) | (other, ZERO) => other,
            (first, second) => self.operation(Operation::Add(first.min(second), first.max(second))),
        }
    }

    fn product(&mut self, left: Source, right: Source) -> Source {
        match (left, right) {
            (ZERO, _) | (_, ZERO) => ZERO,
            (ONE, other) | (other, ONE) => other,
            (left, right) => self.operation(Operation::Multiply(left.min(right), left.max(right))),
        }
    }

    fn constant(&mut self, value: Scalar) -> Source {
        if self.constants.is_empty() {
            self.constants = vec![Scalar::ZERO, Scalar::ONE];
        }
        let place = self.constants.iter().position(|constant| *constant == value);
        Source::Constant(place.unwrap_or_else(|| {
            self.constants.push(value);
            self.constants.len() - 1
        }))
    }

    fn operation(&mut self, operation: Operation) -> Source {
        let next = self.operations.len();
        Source::Result(*self.operations.entry(operation).or_insert(next))
    }
}
