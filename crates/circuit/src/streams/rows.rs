//! Gates as numbers: a gate's body over the cells of one row. Solving a constraint for a cell is what the witness is made by.

use std::ops::{Add, Mul, Neg, Sub};

use ff::{Field, PrimeField};
use zklayout_plan::{Algebra, Challenge, Exponents};

use crate::field::{Scalar, scalar};
use crate::streams::fixed::FixedGrid;
use crate::streams::witness::Witness;

/// An integer as long as nothing but integers went into it: most cells are small, and many are 0. Only gates are evaluated that
/// multiply no more than two cells before a challenge makes a field element of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Element(Scalar),
}

/// Zero.
pub(crate) const NOTHING: Number = Number::Integer(0);

/// Both grids at one row, with the challenges' powers.
pub(crate) struct Rows<'a> {
    grid: &'a FixedGrid,
    /// Columns that are committed before the challenges.
    small: Vec<&'a [i64]>,
    /// Columns that are committed after the challenges; 0 where they are not known yet.
    pub(crate) wide: Vec<Vec<Scalar>>,
    /// Fixed cells that hold fractions, by column and row, and whether a column has any.
    fractions: Vec<((usize, usize), Scalar)>,
    has_fractions: Vec<bool>,
    challenges: [Scalar; 4],
    /// Powers of each challenge, as far as they were needed.
    powers: [Vec<Scalar>; 4],
    pub(crate) row: usize,
}

impl<'a> Rows<'a> {
    /// `wide` columns of zeros beside the witness.
    pub(crate) fn new(grid: &'a FixedGrid, witness: &'a Witness, challenges: [Scalar; 4], wide: usize) -> Self {
        let mut fractions = grid.fractions();
        fractions.sort_unstable_by_key(|(place, _)| *place);
        let mut has_fractions = vec![false; grid.cells.len()];
        fractions.iter().for_each(|((column, _), _)| has_fractions[*column] = true);
        let rows = grid.cells.first().map_or(0, Vec::len);
        Self {
            grid,
            small: witness.columns(),
            wide: vec![vec![Scalar::ZERO; rows]; wide],
            fractions,
            has_fractions,
            challenges,
            powers: [const { Vec::new() }; 4],
            row: 0,
        }
    }

    /// Place of a column among those that are committed after the challenges.
    #[inline]
    pub(crate) fn place(&self, column: usize) -> usize {
        column - self.small.len()
    }

    /// Makes a constraint hold on all rows but the last, whose cell `at` rows below is 0 so far: on these rows it is linear in
    /// that cell, and the cell's factor is 1.
    pub(crate) fn solve(&mut self, column: usize, at: usize, constraint: impl Fn(&mut Self) -> Number) {
        let place = self.place(column);
        for row in 0..self.wide[place].len() - 1 {
            self.row = row;
            self.wide[place][row + at] = -constraint(self).element();
        }
    }

    #[inline]
    fn power_of(&mut self, base: Challenge, exponent: usize) -> Scalar {
        let (powers, factor) = (&mut self.powers[base as usize], self.challenges[base as usize]);
        while powers.len() <= exponent {
            powers.push(powers.last().map_or(Scalar::ONE, |last| last * factor));
        }
        powers[exponent]
    }

    /// The first column that is not 0 on the row.
    #[inline]
    fn marked_of(&self, marks: &[usize]) -> Option<usize> {
        marks.iter().position(|&column| self.grid.get(column, self.row))
    }
}

impl Algebra for Rows<'_> {
    type Value = Number;

    #[inline]
    fn advice(&mut self, column: usize, at: i32) -> Number {
        // Above the first row there is nothing that a pass could go on from.
        let Some(row) = self.row.checked_add_signed(at as isize) else { return Number::Integer(0) };
        match self.small.get(column) {
            Some(cells) => Number::Integer(cells[row].into()),
            None => Number::Element(self.wide[self.place(column)][row]),
        }
    }

    #[inline]
    fn fixed(&mut self, column: usize) -> Number {
        let whole = Number::Integer(self.grid.cells[column][self.row].into());
        if !self.has_fractions[column] {
            return whole;
        }
        let found = self.fractions.binary_search_by_key(&(column, self.row), |(place, _)| *place);
        found.map_or(whole, |place| Number::Element(self.fractions[place].1))
    }

    #[inline]
    fn challenge(&mut self, challenge: Challenge) -> Number {
        Number::Element(self.challenges[challenge as usize])
    }

    #[inline]
    fn constant(&mut self, value: i64) -> Number {
        Number::Integer(value.into())
    }

    #[inline]
    fn power(&mut self, base: Challenge, exponent: usize) -> Number {
        Number::Element(self.power_of(base, exponent))
    }

    #[inline]
    fn horner(
        &mut self,
        base: Challenge,
        exponents: &[Option<usize>],
        mut term: impl FnMut(&mut Self, usize) -> Number,
    ) -> Number {
        let mut sum = Scalar::ZERO;
        for (lane, exponent) in exponents.iter().enumerate() {
            let Some(exponent) = *exponent else { continue };
            match term(self, lane) {
                Number::Integer(0) => {}
                term => sum += term.element() * self.power_of(base, exponent),
            }
        }
        Number::Element(sum)
    }

    #[inline]
    fn marked(&mut self, marks: &[usize], mut factor: impl FnMut(&mut Self, usize) -> Number) -> Number {
        match self.marked_of(marks) {
            Some(index) => self.fixed(marks[index]) * factor(self, index),
            None => Number::Integer(0),
        }
    }

    #[inline]
    fn selected(
        &mut self,
        marks: &[usize],
        tiles: &[Exponents],
        raster: &[Option<usize>],
        lane: impl FnMut(&mut Self, usize) -> Number,
    ) -> Number {
        let exponents = self.marked_of(marks).map_or(raster, |index| &tiles[index]);
        self.horner(Challenge::Sigma, exponents, lane)
    }
}

impl Number {
    #[inline]
    pub(crate) fn element(self) -> Scalar {
        match self {
            Self::Element(value) => value,
            Self::Integer(value) => match i64::try_from(value) {
                Ok(value) => scalar(value),
                Err(_) => {
                    let magnitude = Scalar::from_u128(value.unsigned_abs());
                    if value < 0 { -magnitude } else { magnitude }
                }
            },
        }
    }
}

impl Add for Number {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a + b),
            (Self::Integer(0), other) | (other, Self::Integer(0)) => other,
            (a, b) => Self::Element(a.element() + b.element()),
        }
    }
}

impl Sub for Number {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a - b),
            (one, Self::Integer(0)) => one,
            (Self::Integer(0), Self::Element(b)) => Self::Element(-b),
            (a, b) => Self::Element(a.element() - b.element()),
        }
    }
}

impl Mul for Number {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a * b),
            (Self::Integer(0), _) | (_, Self::Integer(0)) => Self::Integer(0),
            (Self::Integer(1), other) | (other, Self::Integer(1)) => other,
            (a, b) => Self::Element(a.element() * b.element()),
        }
    }
}

impl Neg for Number {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        match self {
            Self::Integer(value) => Self::Integer(-value),
            Self::Element(value) => Self::Element(-value),
        }
    }
}
