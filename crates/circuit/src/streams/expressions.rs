//! Expressions that several gates share: powers of challenges and Horner sums.

use ff::Field;
use halo2_proofs::plonk::{Column, Expression, Fixed, VirtualCells};
use halo2_proofs::poly::Rotation;

use crate::field::{Scalar, scalar};
use crate::streams::columns::Columns;

/// A gate polynomial.
pub(crate) type Expr = Expression<Scalar>;

/// A constant.
pub(crate) fn constant(value: i64) -> Expr {
    Expression::Constant(scalar(value))
}

/// `base^exponent`, by squaring.
pub(crate) fn power(base: &Expr, exponent: usize) -> Expr {
    match exponent {
        0 => Expression::Constant(Scalar::ONE),
        1 => base.clone(),
        _ => {
            let half = power(base, exponent / 2);
            let square = half.clone() * half;
            if exponent.is_multiple_of(2) { square } else { square * base.clone() }
        }
    }
}

/// `sum term * base^exponent`, by Horner's rule over descending exponents.
pub(crate) fn horner(base: &Expr, mut terms: Vec<(usize, Expr)>) -> Expr {
    terms.sort_by_key(|(exponent, _)| std::cmp::Reverse(*exponent));
    let mut terms = terms.into_iter();
    let Some((mut exponent, mut sum)) = terms.next() else { return constant(0) };
    for (next, term) in terms {
        sum = raise(sum, base, exponent - next) + term;
        exponent = next;
    }
    raise(sum, base, exponent)
}

fn raise(sum: Expr, base: &Expr, exponent: usize) -> Expr {
    if exponent == 0 { sum } else { sum * power(base, exponent) }
}

/// A fixed column on the current row.
pub(crate) fn fixed(meta: &mut VirtualCells<'_, Scalar>, columns: &[Column<Fixed>], place: usize) -> Expr {
    meta.query_fixed(columns[place], Rotation::cur())
}

/// The marked cell times its power of sigma, 0 on unmarked rows.
pub(crate) fn steps(
    meta: &mut VirtualCells<'_, Scalar>,
    columns: &Columns,
    places: &[usize],
    exponents: &[usize],
) -> Expr {
    let sigma = meta.query_challenge(columns.challenges.sigma);
    places.iter().zip(exponents).fold(constant(0), |sum, (&place, &exponent)| {
        sum + fixed(meta, &columns.fixed, place) * power(&sigma, exponent)
    })
}
