//! Counts what the prover's interpreter does on one row, from the constraints that were configured.
//!
//! It walks halo2's expressions, which plans count before they are made, by the same rules. It knows nothing of any layout.

use ff::Field;
use halo2_proofs::plonk::{ConstraintSystem, Expression};
use zklayout_plan::{Counted, Load, Operations};

use crate::field::Scalar;

/// Operations of all gates on one row: loads, sums, differences, products and negations, and two for each constraint.
pub fn gate_operations(cs: &ConstraintSystem<Scalar>) -> usize {
    let operations = Operations::default();
    let mut constants = Constants(vec![Scalar::ZERO, Scalar::ONE]);
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        operations.constrain(count(&operations, polynomial, &mut constants));
    }
    operations.total()
}

fn count<'a>(
    operations: &'a Operations,
    expression: &Expression<Scalar>,
    constants: &mut Constants,
) -> Counted<'a> {
    let mut all = |expression: &Expression<Scalar>| count(operations, expression, constants);
    match expression {
        Expression::Constant(value) => operations.number(constants.place(*value)),
        // Selectors are fixed columns by the time that gates are evaluated.
        Expression::Selector(selector) => operations.load(Load::Fixed(selector.index() as u32, 0)),
        Expression::Fixed(query) => operations.load(Load::Fixed(query.column_index() as u32, query.rotation().0)),
        Expression::Advice(query) => {
            operations.load(Load::Advice(query.column_index() as u32, query.rotation().0))
        }
        Expression::Instance(query) => {
            operations.load(Load::Instance(query.column_index() as u32, query.rotation().0))
        }
        Expression::Challenge(challenge) => operations.load(Load::Challenge(challenge.index() as u32)),
        Expression::Negated(inner) => match **inner {
            Expression::Constant(value) => operations.number(constants.place(-value)),
            _ => -all(inner),
        },
        Expression::Sum(left, right) => match &**right {
            Expression::Negated(right) => all(left) - all(right),
            right => all(left) + all(right),
        },
        Expression::Product(left, right) => all(left) * all(right),
        Expression::Scaled(inner, factor) => all(inner) * operations.number(constants.place(*factor)),
    }
}

/// Distinct constants; places stand for them.
struct Constants(Vec<Scalar>);

impl Constants {
    fn place(&mut self, value: Scalar) -> i64 {
        let place = self.0.iter().position(|constant| *constant == value).unwrap_or_else(|| {
            self.0.push(value);
            self.0.len() - 1
        });
        place as i64
    }
}
