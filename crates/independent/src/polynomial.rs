//! Gate polynomials written out: sums of monomials in the challenges `sigma` and `rho` and in cells. It knows expressions of
//! the proof system, nothing of layouts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ff::Field;
use halo2_proofs::plonk::Expression;
use zklayout_circuit::Scalar;

/// What a monomial is a product of, besides powers of `sigma` and `rho`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Variable {
    /// A fixed cell, by column and rotation.
    Fixed(usize, i32),
    /// An advice cell, by column and rotation.
    Advice(usize, i32),
    /// An instance cell, by column and rotation.
    Instance(usize, i32),
    /// Another challenge.
    Challenge(usize),
    /// A selector.
    Selector(usize),
}

/// A product of powers of `sigma` and `rho` and of variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Monomial {
    pub(crate) sigma: usize,
    pub(crate) rho: usize,
    /// In order, repeated if squared.
    pub(crate) variables: Vec<Variable>,
}

/// A sum of monomials, none with the coefficient 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polynomial(pub(crate) BTreeMap<Monomial, Scalar>);

impl Polynomial {
    /// Writes an expression out, given the places of the challenges `sigma` and `rho`.
    pub(crate) fn of(expression: &Expression<Scalar>, [sigma, rho]: [usize; 2]) -> Self {
        let cell =
            |variable: Variable| Self::monomial(Monomial { variables: vec![variable], ..Monomial::default() });
        expression.evaluate(
            &Self::constant,
            &|selector| cell(Variable::Selector(selector.index())),
            &|query| cell(Variable::Fixed(query.column_index(), query.rotation().0)),
            &|query| cell(Variable::Advice(query.column_index(), query.rotation().0)),
            &|query| cell(Variable::Instance(query.column_index(), query.rotation().0)),
            &|challenge| match challenge.index() {
                index if index == sigma => Self::monomial(Monomial { sigma: 1, ..Monomial::default() }),
                index if index == rho => Self::monomial(Monomial { rho: 1, ..Monomial::default() }),
                index => cell(Variable::Challenge(index)),
            },
            &|a| a.scaled(-Scalar::ONE),
            &Self::sum,
            &|a, b| a.product(&b),
            &Self::scaled,
        )
    }

    /// The polynomial with some fixed cells of the current row replaced by their values.
    pub(crate) fn at(&self, value: &impl Fn(usize) -> Option<Scalar>) -> Self {
        let mut result = Self::default();
        for (monomial, coefficient) in &self.0 {
            let mut coefficient = *coefficient;
            let mut left = Vec::new();
            for &variable in &monomial.variables {
                match variable {
                    Variable::Fixed(column, 0) if let Some(value) = value(column) => coefficient *= value,
                    _ => left.push(variable),
                }
            }
            result.add(Monomial { variables: left, ..*monomial }, coefficient);
        }
        result
    }

    /// The columns of the fixed cells in it.
    pub(crate) fn fixed_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.keys().flat_map(|monomial| &monomial.variables).filter_map(|variable| match variable {
            Variable::Fixed(column, _) => Some(*column),
            _ => None,
        })
    }

    /// The variable of a polynomial that is one variable times a constant: a gate that forces it to be 0.
    pub(crate) fn forces_zero(&self) -> Option<Variable> {
        let mut terms = self.0.keys();
        match (terms.next(), terms.next()) {
            (Some(Monomial { sigma: 0, rho: 0, variables }), None) => match variables.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            _ => None,
        }
    }

    fn constant(value: Scalar) -> Self {
        let mut result = Self::default();
        result.add(Monomial::default(), value);
        result
    }

    fn monomial(monomial: Monomial) -> Self {
        Self(BTreeMap::from([(monomial, Scalar::ONE)]))
    }

    fn add(&mut self, monomial: Monomial, coefficient: Scalar) {
        if coefficient == Scalar::ZERO {
            return;
        }
        match self.0.entry(monomial) {
            Entry::Vacant(entry) => _ = entry.insert(coefficient),
            Entry::Occupied(mut entry) => {
                *entry.get_mut() += coefficient;
                if *entry.get() == Scalar::ZERO {
                    entry.remove();
                }
            }
        }
    }

    fn sum(mut self, other: Self) -> Self {
        for (monomial, coefficient) in other.0 {
            self.add(monomial, coefficient);
        }
        self
    }

    fn scaled(mut self, factor: Scalar) -> Self {
        if factor == Scalar::ZERO {
            return Self::default();
        }
        self.0.values_mut().for_each(|coefficient| *coefficient *= factor);
        self
    }

    fn product(&self, other: &Self) -> Self {
        let mut result = Self::default();
        for (a, x) in &self.0 {
            for (b, y) in &other.0 {
                let mut variables = [a.variables.as_slice(), b.variables.as_slice()].concat();
                variables.sort_unstable();
                result.add(Monomial { sigma: a.sigma + b.sigma, rho: a.rho + b.rho, variables }, *x * *y);
            }
        }
        result
    }
}
