//! What a plan's products of evaluations must be: each factor a copy of an evaluation that its home has, the two at different
//! challenges, and every sum started anew.
//!
//! Terms lay their rows out like this; it is looked at again, row by row, whatever term a row is of.

use crate::algebra::Challenge;
use crate::error::PlanError;
use crate::streams::fact::{Evaluation, Scalar, WeightRow};
use crate::streams::geometry::last_value_row;
use crate::streams::home::Home;
use crate::streams::layout::Streams;
use crate::streams::linear_fact::LinearFact;

/// Refuses a layout in which a product of evaluations is not one.
///
/// # Errors
/// [`PlanError::Format`], with the layer and what is wrong about its product.
pub(crate) fn check_factors(layout: &Streams) -> Result<(), PlanError> {
    if !layout.passes.products {
        return Ok(());
    }
    for fact in layout.all_facts() {
        let rows = fact.rows(&layout.homes, layout.weight_bits);
        check_rows(layout, fact, &rows)
            .map_err(|reason| PlanError::Format(format!("layer {} of the graph: {reason}", fact.layer)))?;
    }
    Ok(())
}

fn check_rows(layout: &Streams, fact: &LinearFact, rows: &[WeightRow]) -> Result<(), &'static str> {
    let mut before: Option<&WeightRow> = None;
    for row in rows {
        let after_product = before.is_some_and(|before| matches!(before.scalar, Scalar::Multiply { .. }));
        match (row.scalar, before.map(|before| before.scalar)) {
            (Scalar::Load { .. }, _) if row.step.is_some() && !after_product => {
                return Err("a sum of products goes on from something else");
            }
            (Scalar::Multiply { .. }, _) if row.step.is_none() => {
                return Err("a product forgets the sum before it");
            }
            (Scalar::Multiply { evaluation, row }, Some(Scalar::Load { evaluation: first, row: at })) => {
                let challenges = [challenge(layout, fact, first, at)?, challenge(layout, fact, evaluation, row)?];
                if challenges[0].is_some() && challenges[0] == challenges[1] {
                    return Err("both factors of a product are evaluated at one challenge");
                }
            }
            (Scalar::Multiply { .. }, _) => return Err("a product's first factor is no copy"),
            _ => {}
        }
        before = Some(row);
    }
    Ok(())
}

/// The challenge that an evaluation is in powers of; `None` of single values.
fn challenge(
    layout: &Streams,
    fact: &LinearFact,
    evaluation: Evaluation,
    row: usize,
) -> Result<Option<Challenge>, &'static str> {
    let place = layout.homes.iter().position(|home| (home.row..home.row + home.rows()).contains(&row));
    let place = place.ok_or("a factor is of no home")?;
    let home: &Home = &layout.homes[place];
    let ends = (row - home.row) % home.plane_rows() >= last_value_row(home);
    let (known, challenge) = match evaluation {
        Evaluation::Read => (home.is_read_by_value(), Challenge::Sigma),
        Evaluation::Second => (home.second, Challenge::Rho),
        Evaluation::Write if home.turned => (place == fact.output, Challenge::Rho),
        Evaluation::Write => (place == fact.output, Challenge::Sigma),
    };
    match known && ends {
        true => Ok(Some(challenge).filter(|_| home.shape.plane() > 1)),
        false => Err("a factor is no evaluation of a whole plane that its home has"),
    }
}
