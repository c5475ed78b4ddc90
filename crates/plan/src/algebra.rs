//! What gates are written over, so that each is written once.
//!
//! A gate's body asks for cells and combines them. Over the proof system's expressions it gives constraints, over the
//! numbers of a row what a cell must hold, over [`Operations`](crate::Operations) what evaluating it takes. Cells are named by
//! their column's place among those of its kind, in the order that columns are created. Nothing here knows a layout or a field.

use std::ops::{Add, Mul, Neg, Sub};

/// A challenge that is drawn after the first columns are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Challenge {
    /// Position in a plane.
    Sigma,
    /// Output channel.
    Rho,
    /// Lookup denominator.
    Beta,
    /// Lookup compression.
    Gamma,
}

/// A polynomial that is 0 on every row, and its name within its gate.
pub type Constraint<V> = (&'static str, V);

/// Lane exponents of a tile; `None` for lanes outside it.
pub type Exponents = Vec<Option<usize>>;

/// Cells on and around a row, numbers, and their sums and products.
pub trait Algebra: Sized {
    /// A sum of products.
    type Value: Clone
        + Add<Output = Self::Value>
        + Sub<Output = Self::Value>
        + Mul<Output = Self::Value>
        + Neg<Output = Self::Value>;

    /// An advice cell, `at` rows below.
    fn advice(&mut self, column: usize, at: i32) -> Self::Value;

    /// A fixed cell of the row.
    fn fixed(&mut self, column: usize) -> Self::Value;

    /// A challenge.
    fn challenge(&mut self, challenge: Challenge) -> Self::Value;

    /// A number.
    fn constant(&mut self, value: i64) -> Self::Value;

    /// `base^exponent`, by squaring.
    fn power(&mut self, base: Challenge, exponent: usize) -> Self::Value {
        power(self, base, exponent)
    }

    /// `sum term * base^exponent` over the lanes that have an exponent, by Horner's rule over descending exponents.
    fn horner(
        &mut self,
        base: Challenge,
        exponents: &[Option<usize>],
        mut term: impl FnMut(&mut Self, usize) -> Self::Value,
    ) -> Self::Value {
        let lanes = exponents.iter().enumerate();
        let mut lanes: Vec<(usize, usize)> =
            lanes.filter_map(|(lane, exponent)| Some(((*exponent)?, lane))).collect();
        lanes.sort_by_key(|(exponent, _)| std::cmp::Reverse(*exponent));
        let mut lanes = lanes.into_iter();
        let Some((mut exponent, lane)) = lanes.next() else { return self.constant(0) };
        let mut sum = term(self, lane);
        for (next, lane) in lanes {
            sum = self.raise(sum, base, exponent - next) + term(self, lane);
            exponent = next;
        }
        self.raise(sum, base, exponent)
    }

    /// `value * base^exponent`.
    fn raise(&mut self, value: Self::Value, base: Challenge, exponent: usize) -> Self::Value {
        if exponent == 0 { value } else { value * self.power(base, exponent) }
    }

    /// `sum mark * factor`: of the marks, one at most is not 0 on a row.
    fn marked(&mut self, marks: &[usize], mut factor: impl FnMut(&mut Self, usize) -> Self::Value) -> Self::Value {
        marks.iter().enumerate().fold(self.constant(0), |sum, (index, &mark)| {
            let mark = self.fixed(mark);
            sum + mark * factor(self, index)
        })
    }

    /// A tile's sum, by itself: what it has in common with other tiles' sums counts as often as it is there.
    fn apart(&mut self, _tile: usize, sum: impl FnOnce(&mut Self) -> Self::Value) -> Self::Value {
        sum(self)
    }

    /// The sum over lanes with the marked tile's exponents of sigma; on unmarked rows with those of `raster`.
    fn selected(
        &mut self,
        marks: &[usize],
        tiles: &[Exponents],
        raster: &[Option<usize>],
        mut lane: impl FnMut(&mut Self, usize) -> Self::Value,
    ) -> Self::Value {
        let lanes: Vec<Self::Value> = (0..raster.len()).map(|index| lane(self, index)).collect();
        let raster = self.horner(Challenge::Sigma, raster, |_, lane| lanes[lane].clone());
        marks.iter().zip(tiles).enumerate().fold(raster.clone(), |sum, (index, (&mark, tile))| {
            let other = self.apart(index, |a| a.horner(Challenge::Sigma, tile, |_, lane| lanes[lane].clone()));
            sum + self.fixed(mark) * (other - raster.clone())
        })
    }
}

/// An algebra that has public cells, too.
pub trait PublicAlgebra: Algebra {
    /// An instance cell of the row.
    fn instance(&mut self, column: usize) -> Self::Value;
}

/// `base^exponent`, by squaring.
pub(crate) fn power<A: Algebra>(a: &mut A, base: Challenge, exponent: usize) -> A::Value {
    match exponent {
        0 => a.constant(1),
        1 => a.challenge(base),
        _ => {
            let half = power(a, base, exponent / 2);
            let square = half.clone() * half;
            if exponent.is_multiple_of(2) { square } else { square * a.challenge(base) }
        }
    }
}
