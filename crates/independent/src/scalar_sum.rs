//! The scalar sum as the gates, the fixed cells and the copies have it: from one row where it must be 0 to the next, the
//! evaluations that are added, each with its powers of `sigma` and `rho`.

use std::collections::BTreeMap;

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_plan::Evaluation;

use crate::cells::{FixedCells, RowLaws};
use crate::gates::Gates;
use crate::objection::{Objection, expect, hold};
use crate::polynomial::{Polynomial, Variable};

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The producer's evaluation at a row of the activation tape.
    Write(usize),
    /// The consumer's.
    Read(usize),
    /// The consumer's times the weights' evaluation at a row of the weight tape.
    Product(usize, usize),
}

/// One term of a closed sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// Row of the weight tape.
    pub(crate) row: usize,
    pub(crate) operand: Operand,
    pub(crate) coefficient: Scalar,
    pub(crate) sigma: usize,
    /// Power of rho at the sum's end.
    pub(crate) rho: usize,
}

/// `next = rho^raised * sum + operand * (linear + product * weights)`.
#[derive(Default)]
struct ScalarLaw {
    raised: Option<usize>,
    /// Power of sigma and coefficient.
    linear: Option<(usize, Scalar)>,
    product: Option<Scalar>,
}

/// The terms of every sum that must be 0, in row order; sums without terms are left out.
pub(crate) fn closed_sums(gates: &Gates, cells: &FixedCells<'_>) -> Result<Vec<Vec<Term>>, Objection> {
    let columns = &gates.columns;
    let scalar = columns.scalar.index();
    let places = [columns.operand.index(), columns.weight_sum.index()];
    let laws = RowLaws::of("scalar sum", &gates.scalar, cells, &[], |row| scalar_law(&row[0], scalar, places));
    let zeros = RowLaws::of("scalar sum is zero", &gates.zero, cells, &[], |row| {
        Ok(row.iter().filter_map(Polynomial::forces_zero).any(|variable| variable == Variable::Advice(scalar, 0)))
    });
    let copies = operands(cells)?;
    let last = cells.row_count().saturating_sub(1);
    let mut sums: Vec<Vec<Term>> = Vec::new();
    let mut terms: Vec<Term> = Vec::new();
    hold(*zeros.at(0)?, || "the scalar sum starts anywhere".into())?;
    for row in 0..last {
        if *zeros.at(row)? {
            sums.push(std::mem::take(&mut terms));
        }
        let law = laws.at(row)?;
        let raised = expect(law.raised, || format!("row {row} of the weight tape forgets the scalar sum"))?;
        terms.iter_mut().for_each(|term| term.rho += raised);
        terms.extend(own_terms(law, row, &copies)?);
    }
    hold(*zeros.at(last)?, || "the scalar sum ends anywhere".into())?;
    sums.push(terms);
    sums.retain(|terms| !terms.is_empty());
    Ok(sums)
}

fn own_terms(
    law: &ScalarLaw,
    row: usize,
    copies: &BTreeMap<usize, (Evaluation, usize)>,
) -> Result<Vec<Term>, Objection> {
    if law.linear.is_none() && law.product.is_none() {
        return Ok(Vec::new());
    }
    let copied = copies.get(&row);
    let &(source, at) = expect(copied, || format!("the operand on row {row} of the weight tape is no copy"))?;
    let mut terms = Vec::new();
    if let Some((sigma, coefficient)) = law.linear {
        let operand = match source {
            Evaluation::Write => Operand::Write(at),
            Evaluation::Read => Operand::Read(at),
            Evaluation::Second => return Err(Objection(format!("row {row} adds an evaluation in powers of rho"))),
        };
        terms.push(Term { row, operand, coefficient, sigma, rho: 0 });
    }
    if let Some(coefficient) = law.product {
        hold(source == Evaluation::Read, || format!("row {row} of the weight tape multiplies accumulators"))?;
        terms.push(Term { row, operand: Operand::Product(at, row), coefficient, sigma: 0, rho: 0 });
    }
    Ok(terms)
}

/// What each operand is a copy of.
pub(crate) fn operands(cells: &FixedCells<'_>) -> Result<BTreeMap<usize, (Evaluation, usize)>, Objection> {
    let mut operands = BTreeMap::new();
    for copy in &cells.grid.copies {
        let first = operands.insert(copy.operand_row, (copy.source, copy.source_row)).is_none();
        hold(first, || format!("the operand on row {} of the weight tape is two copies", copy.operand_row))?;
    }
    Ok(operands)
}

fn scalar_law(
    polynomial: &Polynomial,
    scalar: usize,
    [operand, weights]: [usize; 2],
) -> Result<ScalarLaw, Objection> {
    let [sum, next] = [0, 1].map(|rotation| Variable::Advice(scalar, rotation));
    let [operand, weights] = [operand, weights].map(|column| Variable::Advice(column, 0));
    let own = polynomial.0.iter().find(|(monomial, _)| monomial.variables == [next]);
    let leading: Option<Scalar> = own
        .filter(|(monomial, _)| (monomial.sigma, monomial.rho) == (0, 0))
        .and_then(|(_, leading)| leading.invert().into());
    let leading = leading.ok_or_else(|| Objection("no constraint determines the scalar sum".into()))?;
    let mut law = ScalarLaw::default();
    let mut product = [operand, weights];
    product.sort_unstable();
    for (monomial, coefficient) in &polynomial.0 {
        let coefficient = -*coefficient * leading;
        let (sigma, rho) = (monomial.sigma, monomial.rho);
        let first = match monomial.variables.as_slice() {
            [one] if *one == next => rho == 0 && sigma == 0,
            [one] if *one == sum => law.raised.replace(rho).is_none() && coefficient == Scalar::ONE && sigma == 0,
            [one] if *one == operand => law.linear.replace((sigma, coefficient)).is_none() && rho == 0,
            both if *both == product => law.product.replace(coefficient).is_none() && (sigma, rho) == (0, 0),
            _ => false,
        };
        hold(first, || format!("the scalar sum takes {monomial:?}"))?;
    }
    Ok(law)
}
