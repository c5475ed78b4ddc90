//! Polynomials in the cells of a row, collected by the fixed columns that switch them.
//!
//! An expression is `constant + sum c * cell + sum fixed * expression + sum c * expression * expression`. Everything
//! that one fixed column multiplies is one sum, whichever constraint it comes from, so that the column's product is
//! taken once; equal expressions are one.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::plonk::Expression as Gate;
use halo2curves::bn256::Fr;

/// A column that constraints read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Source {
    /// Of the key, by its place among the key's different columns.
    Fixed(usize),
    /// The coset's points.
    Point,
    Advice(usize),
    Instance(usize),
    /// A running product of the permutation.
    Product(usize),
    /// A sum of columns.
    Form(usize),
}

/// A column at a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    pub(super) source: Source,
    pub(super) rotation: i32,
}

/// The place of a cell, or of an expression, in the arena.
pub(super) type CellId = u32;
pub(super) type Id = u32;

/// See the module's description; lists are sorted by their keys, and have each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Expression {
    pub(super) constant: Fr,
    pub(super) cells: Vec<(CellId, Fr)>,
    pub(super) switched: Vec<(CellId, Id)>,
    pub(super) products: Vec<((Id, Id), Fr)>,
}

/// All expressions, each once.
#[derive(Debug, Default)]
pub(super) struct Arena {
    expressions: Vec<Expression>,
    ids: HashMap<Expression, Id>,
    cells: Vec<Cell>,
    cell_ids: HashMap<Cell, CellId>,
}

impl Expression {
    pub(super) fn zero() -> Self {
        Self::constant(Fr::ZERO)
    }

    pub(super) fn constant(constant: Fr) -> Self {
        Self { constant, cells: Vec::new(), switched: Vec::new(), products: Vec::new() }
    }

    /// Every expression that this one is made of, as often as it is.
    pub(super) fn children(&self) -> Vec<Id> {
        let switched = self.switched.iter().map(|entry| entry.1);
        switched.chain(self.products.iter().flat_map(|((a, b), _)| [*a, *b])).collect()
    }

    fn is_constant(&self) -> bool {
        self.cells.is_empty() && self.switched.is_empty() && self.products.is_empty()
    }

    /// The cell, if the expression is nothing else.
    pub(super) fn as_cell(&self) -> Option<(CellId, Fr)> {
        let alone = self.constant == Fr::ZERO && self.switched.is_empty() && self.products.is_empty();
        if let ([cell], true) = (self.cells.as_slice(), alone) { Some(*cell) } else { None }
    }

    /// The fixed column and what it switches, if the expression is nothing else.
    pub(super) fn as_switched(&self) -> Option<(CellId, Id)> {
        let alone = self.constant == Fr::ZERO && self.cells.is_empty() && self.products.is_empty();
        if let ([switched], true) = (self.switched.as_slice(), alone) { Some(*switched) } else { None }
    }
}

impl Arena {
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(super) fn len(&self) -> usize {
        self.expressions.len()
    }

    pub(super) fn get(&self, id: Id) -> &Expression {
        &self.expressions[id as usize]
    }

    pub(super) fn intern(&mut self, expression: Expression) -> Id {
        if let Some(id) = self.ids.get(&expression) {
            return *id;
        }
        let id = self.expressions.len() as Id;
        self.expressions.push(expression.clone());
        self.ids.insert(expression, id);
        id
    }

    pub(super) fn cell(&mut self, source: Source, rotation: i32) -> Expression {
        let cell = Cell { source, rotation };
        let next = self.cells.len() as CellId;
        let id = *self.cell_ids.entry(cell).or_insert(next);
        if id == next {
            self.cells.push(cell);
        }
        Expression { cells: vec![(id, Fr::ONE)], ..Expression::zero() }
    }

    /// `a + factor * b`.
    pub(super) fn add(&mut self, a: &Expression, b: &Expression, factor: Fr) -> Expression {
        Expression {
            constant: a.constant + b.constant * factor,
            cells: merge(&a.cells, &b.cells, factor),
            switched: self.merge_switched(&a.switched, &b.switched, factor),
            products: merge(&a.products, &b.products, factor),
        }
    }

    pub(super) fn scale(&mut self, a: &Expression, factor: Fr) -> Expression {
        if factor == Fr::ONE { a.clone() } else { self.add(&Expression::zero(), a, factor) }
    }

    fn merge_switched(&mut self, a: &[(CellId, Id)], b: &[(CellId, Id)], factor: Fr) -> Vec<(CellId, Id)> {
        let mut merged = a.to_vec();
        for &(cell, id) in b {
            let scaled = self.scale_id(id, factor);
            match merged.binary_search_by_key(&cell, |entry| entry.0) {
                Err(place) => merged.insert(place, (cell, scaled)),
                Ok(place) => {
                    let (ours, theirs) = (self.get(merged[place].1).clone(), self.get(scaled).clone());
                    let sum = self.add(&ours, &theirs, Fr::ONE);
                    if sum == Expression::zero() {
                        merged.remove(place);
                    } else {
                        merged[place].1 = self.intern(sum);
                    }
                }
            }
        }
        merged
    }

    fn scale_id(&mut self, id: Id, factor: Fr) -> Id {
        if factor == Fr::ONE {
            return id;
        }
        let expression = self.get(id).clone();
        let scaled = self.scale(&expression, factor);
        self.intern(scaled)
    }

    /// `a * b`.
    pub(super) fn multiply(&mut self, a: &Expression, b: &Expression) -> Expression {
        for (a, b) in [(a, b), (b, a)] {
            if a.is_constant() {
                return self.scale(b, a.constant);
            }
        }
        for (a, b) in [(a, b), (b, a)] {
            if let Some((cell, factor)) = self.as_fixed(a) {
                let inner = self.scale(b, factor);
                return self.switch(cell, inner);
            }
        }
        for (a, b) in [(a, b), (b, a)] {
            if let Some((cell, inner)) = a.as_switched() {
                let inner = self.get(inner).clone();
                let inner = self.multiply(&inner, b);
                return self.switch(cell, inner);
            }
        }
        let (a, b) = (self.intern(a.clone()), self.intern(b.clone()));
        Expression { products: vec![((a.min(b), a.max(b)), Fr::ONE)], ..Expression::zero() }
    }

    /// A fixed column times a number.
    fn as_fixed(&self, a: &Expression) -> Option<(CellId, Fr)> {
        let (cell, factor) = a.as_cell()?;
        let fixed = matches!(self.cells[cell as usize].source, Source::Fixed(_) | Source::Point);
        fixed.then_some((cell, factor))
    }

    fn switch(&mut self, cell: CellId, inner: Expression) -> Expression {
        if inner == Expression::zero() {
            return inner;
        }
        if inner.is_constant() {
            return Expression { cells: vec![(cell, inner.constant)], ..Expression::zero() };
        }
        Expression { switched: vec![(cell, self.intern(inner))], ..Expression::zero() }
    }

    /// A gate's polynomial, with the challenges' values; none if it has a selector, which keys leave none of.
    pub(super) fn gate(
        &mut self,
        gate: &Gate<Fr>,
        challenges: &[Fr],
        fixed: &dyn Fn(usize) -> Source,
    ) -> Option<Expression> {
        Some(match gate {
            Gate::Constant(constant) => Expression::constant(*constant),
            Gate::Selector(_) => return None,
            Gate::Fixed(query) => self.cell(fixed(query.column_index()), query.rotation().0),
            Gate::Advice(query) => self.cell(Source::Advice(query.column_index()), query.rotation().0),
            Gate::Instance(query) => self.cell(Source::Instance(query.column_index()), query.rotation().0),
            Gate::Challenge(challenge) => Expression::constant(challenges[challenge.index()]),
            Gate::Negated(a) => {
                let a = self.gate(a, challenges, fixed)?;
                self.scale(&a, -Fr::ONE)
            }
            Gate::Scaled(a, factor) => {
                let a = self.gate(a, challenges, fixed)?;
                self.scale(&a, *factor)
            }
            Gate::Sum(a, b) => {
                let (a, b) = (self.gate(a, challenges, fixed)?, self.gate(b, challenges, fixed)?);
                self.add(&a, &b, Fr::ONE)
            }
            Gate::Product(a, b) => {
                let (a, b) = (self.gate(a, challenges, fixed)?, self.gate(b, challenges, fixed)?);
                self.multiply(&a, &b)
            }
        })
    }
}

/// `a + factor * b` of two sorted lists; terms that cancel are left out.
fn merge<K: Copy + Ord>(a: &[(K, Fr)], b: &[(K, Fr)], factor: Fr) -> Vec<(K, Fr)> {
    let mut merged = a.to_vec();
    for &(key, value) in b {
        match merged.binary_search_by_key(&key, |entry| entry.0) {
            Ok(place) => merged[place].1 += value * factor,
            Err(place) => merged.insert(place, (key, value * factor)),
        }
    }
    merged.retain(|(_, value)| *value != Fr::ZERO);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_switch_takes_everything_it_multiplies() {
        let mut arena = Arena::default();
        let switch = arena.cell(Source::Fixed(0), 0);
        let [a, b] = [0, 1].map(|index| arena.cell(Source::Advice(index), 0));
        let (left, product) = (arena.multiply(&switch, &a), arena.multiply(&a, &b));
        let right = arena.multiply(&product, &switch);
        let sum = arena.add(&left, &right, Fr::from(3));
        let inner = arena.add(&a, &product, Fr::from(3));
        assert_eq!((sum.switched.len(), arena.get(sum.switched[0].1)), (1, &inner));
        assert_eq!(arena.add(&sum, &sum, -Fr::ONE), Expression::zero());
        let commuted = arena.multiply(&b, &a);
        assert_eq!(commuted, product);
    }
}
