//! What the prover's interpreter does on one row: loads, sums, differences, products and negations.
//!
//! halo2 turns all gates into one list of operations, equal ones once; constants are folded where it folds them, and each
//! constraint is joined to the others by a product and a sum. It knows nothing of any gate.

use std::cell::{Cell, RefCell};
use std::ops::{Add, Mul, Neg, Sub};

use rustc_hash::FxHashMap;

use crate::algebra::{Algebra, Challenge, PublicAlgebra, power};

/// Operations that join a constraint to the others.
const JOINED: usize = 2;
/// Operations that compress an entry of three to one number, inputs and table alike, and join both to the lookup's constraint.
pub(crate) const COMPRESSED: usize = 2 * 3 + 3;

/// Every distinct operation so far.
#[derive(Debug)]
pub struct Operations {
    places: RefCell<FxHashMap<Operation, u32>>,
    /// Distinct numbers, 0 and 1 first.
    numbers: RefCell<Vec<i64>>,
    constraints: Cell<usize>,
    /// What is shared with nothing but itself: 0, or a tile's place and 1.
    apart: Cell<u32>,
}

/// A result among operations.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    operations: &'a Operations,
    source: Source,
}

/// A cell or challenge, by its place and how many rows below it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// A fixed cell.
    Fixed(u32, i32),
    /// An advice cell.
    Advice(u32, i32),
    /// An instance cell.
    Instance(u32, i32),
    /// A challenge.
    Challenge(u32),
}

/// Where an operand comes from: a place among the results, or among the numbers if the highest bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Source(u32);

const NUMBER: u32 = 1 << 31;
const ZERO: Source = Source(NUMBER);
const ONE: Source = Source(NUMBER + 1);

/// What is done, and with what: a kind, what it is shared within, and two operands. A planner counts millions of these, so
/// that they are hashed as two words.
type Operation = (u64, u64);

#[derive(Clone, Copy)]
enum Kind {
    Fixed,
    Advice,
    Instance,
    Challenge,
    Negate,
    Add,
    Subtract,
    Multiply,
}

/// Operations of a usual layout, so that counting one need not grow the list often.
const USUAL: usize = 1 << 11;

impl Default for Operations {
    fn default() -> Self {
        Self {
            places: RefCell::new(FxHashMap::with_capacity_and_hasher(USUAL, Default::default())),
            numbers: RefCell::new(vec![0, 1]),
            constraints: Cell::default(),
            apart: Cell::default(),
        }
    }
}

impl Operations {
    /// Notes that a value is a constraint.
    pub fn constrain(&self, _: Counted<'_>) {
        self.constraints.set(self.constraints.get() + 1);
    }

    /// Operations of all values so far, and what joins the constraints.
    pub fn total(&self) -> usize {
        self.places.borrow().len() + JOINED * self.constraints.get()
    }

    /// A cell or challenge.
    pub fn load(&self, load: Load) -> Counted<'_> {
        let (kind, place, at) = match load {
            Load::Fixed(column, at) => (Kind::Fixed, column, at),
            Load::Advice(column, at) => (Kind::Advice, column, at),
            Load::Instance(column, at) => (Kind::Instance, column, at),
            Load::Challenge(challenge) => (Kind::Challenge, challenge, 0),
        };
        self.place(kind, 0, place, at as u32)
    }

    /// A number. Equal ones stand for equal constants, 0 and 1 for themselves.
    pub fn number(&self, value: i64) -> Counted<'_> {
        let mut numbers = self.numbers.borrow_mut();
        let place = numbers.iter().position(|number| *number == value).unwrap_or_else(|| {
            numbers.push(value);
            numbers.len() - 1
        });
        self.at(Source(NUMBER + place as u32))
    }

    #[inline]
    fn combine(&self, kind: Kind, Source(a): Source, Source(b): Source) -> Counted<'_> {
        self.place(kind, self.apart.get(), a, b)
    }

    #[inline]
    fn place(&self, kind: Kind, apart: u32, a: u32, b: u32) -> Counted<'_> {
        let mut places = self.places.borrow_mut();
        let next = places.len() as u32;
        let operation = (u64::from(apart) << 8 | kind as u64, u64::from(a) << 32 | u64::from(b));
        self.at(Source(*places.entry(operation).or_insert(next)))
    }

    #[inline]
    fn at(&self, source: Source) -> Counted<'_> {
        Counted { operations: self, source }
    }
}

impl<'a> Algebra for &'a Operations {
    type Value = Counted<'a>;

    #[inline]
    fn advice(&mut self, column: usize, at: i32) -> Counted<'a> {
        self.load(Load::Advice(column as u32, at))
    }

    #[inline]
    fn fixed(&mut self, column: usize) -> Counted<'a> {
        self.load(Load::Fixed(column as u32, 0))
    }

    #[inline]
    fn challenge(&mut self, challenge: Challenge) -> Counted<'a> {
        self.load(Load::Challenge(challenge as u32))
    }

    #[inline]
    fn constant(&mut self, value: i64) -> Counted<'a> {
        self.number(value)
    }

    /// Every power once, wherever it is needed.
    fn power(&mut self, base: Challenge, exponent: usize) -> Counted<'a> {
        let apart = self.apart.replace(0);
        let power = power(self, base, exponent);
        self.apart.set(apart);
        power
    }

    // The prover shares what tiles' sums have in common, a few operations. Plans state the sums apart, and keys are of plans:
    // without this the counts are the prover's own, and keys of layouts with several tiles change.
    fn apart(&mut self, tile: usize, sum: impl FnOnce(&mut Self) -> Counted<'a>) -> Counted<'a> {
        self.apart.set(tile as u32 + 1);
        let sum = sum(self);
        self.apart.set(0);
        sum
    }
}

impl<'a> PublicAlgebra for &'a Operations {
    fn instance(&mut self, column: usize) -> Counted<'a> {
        self.load(Load::Instance(column as u32, 0))
    }
}

impl Add for Counted<'_> {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        match (self.source, other.source) {
            (ZERO, _) => other,
            (_, ZERO) => self,
            (a, b) => self.operations.combine(Kind::Add, a.min(b), a.max(b)),
        }
    }
}

impl Sub for Counted<'_> {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        match (self.source, other.source) {
            (ZERO, b) => self.operations.combine(Kind::Negate, b, b),
            (_, ZERO) => self,
            (a, b) => self.operations.combine(Kind::Subtract, a, b),
        }
    }
}

impl Mul for Counted<'_> {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        match (self.source, other.source) {
            (ZERO, _) | (_, ZERO) => self.operations.at(ZERO),
            (ONE, _) => other,
            (_, ONE) => self,
            (a, b) => self.operations.combine(Kind::Multiply, a.min(b), a.max(b)),
        }
    }
}

impl Neg for Counted<'_> {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        let Source(place) = self.source;
        match place.checked_sub(NUMBER) {
            Some(place) => {
                let value = self.operations.numbers.borrow()[place as usize];
                self.operations.number(-value)
            }
            None => self.operations.combine(Kind::Negate, self.source, self.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: impl for<'a> Fn(&mut &'a Operations) -> Counted<'a>) -> usize {
        let operations = Operations::default();
        body(&mut &operations);
        operations.total()
    }

    #[test]
    fn equal_operations_count_once_and_constants_fold() {
        fn square<'a>(a: &mut &'a Operations) -> Counted<'a> {
            a.power(Challenge::Sigma, 8)
        }
        assert_eq!(count(square), 1 + 3);
        assert_eq!(count(|a| square(a) + square(a)), 1 + 3 + 1);
        assert_eq!(count(|a| a.advice(0, 0) * a.constant(1) + a.constant(0)), 1);
        assert_eq!(count(|a| a.advice(0, 0) - a.constant(0)), 1);
        assert_eq!(count(|a| a.advice(0, 0) * a.fixed(0) + a.fixed(0) * a.advice(0, 0)), 2 + 1 + 1);
        assert_eq!(count(|a| a.advice(0, 0) - a.advice(0, 1)), 3);
        assert_eq!(count(|a| -a.constant(3)), 0);
    }
}
