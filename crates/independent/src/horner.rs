//! A Horner step of an evaluation, as its gate has it. It knows no tape.

use ff::Field;
use zklayout_circuit::Scalar;

use crate::objection::{Objection, hold};
use crate::polynomial::{Monomial, Polynomial, Variable};

/// A gate `cell = step * cell(-1) + sum`, solved for its cell.
pub(crate) struct Horner {
    /// Powers of sigma and rho and factor of the row before.
    pub(crate) step: Option<(usize, usize, Scalar)>,
    pub(crate) sum: Vec<(Monomial, Scalar)>,
}

impl Horner {
    pub(crate) fn of(polynomial: &Polynomial, column: usize) -> Result<Self, Objection> {
        let [current, before] = [0, -1].map(|rotation| Variable::Advice(column, rotation));
        let own = Monomial { variables: vec![current], ..Monomial::default() };
        let leading: Option<Scalar> = polynomial.0.get(&own).and_then(|leading| leading.invert().into());
        let leading = leading.ok_or_else(|| Objection("no constraint determines the evaluation".into()))?;
        let mut horner = Self { step: None, sum: Vec::new() };
        for (monomial, coefficient) in polynomial.0.iter().filter(|(monomial, _)| **monomial != own) {
            let coefficient = -*coefficient * leading;
            match monomial.variables.as_slice() {
                [one] if *one == before => {
                    let first = horner.step.replace((monomial.sigma, monomial.rho, coefficient)).is_none();
                    hold(first, || "two steps are taken at once".into())?;
                }
                variables if variables.contains(&current) || variables.contains(&before) => {
                    return Err(Objection("an evaluation is not linear in itself".into()));
                }
                _ => horner.sum.push((monomial.clone(), coefficient)),
            }
        }
        Ok(horner)
    }

    /// The power of sigma of a step that has no other factor.
    pub(crate) fn power(&self) -> Result<Option<usize>, Objection> {
        let plain = self.step.is_none_or(|(_, rho, factor)| rho == 0 && factor == Scalar::ONE);
        hold(plain, || "a step has a factor beside its power".into())?;
        Ok(self.step.map(|(sigma, ..)| sigma))
    }

    /// The power of rho of a step that has no other factor.
    pub(crate) fn turned_power(&self) -> Result<Option<usize>, Objection> {
        let plain = self.step.is_none_or(|(sigma, _, factor)| sigma == 0 && factor == Scalar::ONE);
        hold(plain, || "a step has a factor beside its power of rho".into())?;
        Ok(self.step.map(|(_, rho, _)| rho))
    }
}
