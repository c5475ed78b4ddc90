//! Which cells the instance shows: the gates tie each instance cell to a lane, and the verifier says which public value it
//! puts there.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::plonk::{Advice, Column};
use zklayout_circuit::{Scalar, instance_columns};
use zklayout_plan::{Plan, Streams};

use crate::activation_tape::{TapeCell, accumulator};
use crate::cells::{FixedCells, RowLaws, field};
use crate::gates::Gates;
use crate::objection::{Objection, hold};
use crate::polynomial::{Polynomial, Variable};

/// What of a lane is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Value,
    Accumulator,
}

/// Public cells, by tensor and place in it.
#[derive(Default)]
pub(crate) struct PublicCells {
    pub(crate) outputs: HashMap<usize, (TapeCell, Shown)>,
    pub(crate) inputs: HashMap<usize, (TapeCell, Shown)>,
}

impl PublicCells {
    /// Finds the cells of `outputs` output values and `inputs` input values.
    pub(crate) fn of(
        plan: &Plan,
        layout: &Streams,
        gates: &Gates,
        cells: &FixedCells<'_>,
        (outputs, inputs): (usize, usize),
    ) -> Result<Self, Objection> {
        let laws = RowLaws::of("public values", &gates.public, cells, &[], |row| {
            row.iter().filter(|polynomial| !polynomial.0.is_empty()).map(|one| link(layout, gates, one)).collect()
        });
        // Every value has its own number.
        let numbered =
            |first: usize, count: usize| -> Vec<i64> { (first..first + count).map(|n| n as i64).collect() };
        let columns = instance_columns(plan, &numbered(1, outputs), &numbered(1 + outputs, inputs));
        let columns = columns.map_err(|error| Objection(error.to_string()))?;
        let mut public = Self::default();
        for row in 0..cells.row_count() {
            let links: &Vec<Link> = laws.at(row)?;
            for &(column, lane, shown) in links {
                let number = columns.get(column).and_then(|column| column.get(row)).copied().unwrap_or(0);
                let Some(place) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
                    continue;
                };
                let (tensor, place) = if place < outputs {
                    (&mut public.outputs, place)
                } else {
                    (&mut public.inputs, place - outputs)
                };
                let first = tensor.insert(place, (TapeCell { row, lane }, shown)).is_none();
                hold(first, || format!("public value {number} is shown twice"))?;
            }
        }
        Ok(public)
    }
}

/// Instance column, lane, and what of it.
type Link = (usize, usize, Shown);

/// Reads `value - offset = instance`, or `accumulator = instance`.
fn link(layout: &Streams, gates: &Gates, polynomial: &Polynomial) -> Result<Link, Objection> {
    let columns = &gates.columns;
    let places =
        |columns: &[Column<Advice>]| -> Vec<usize> { columns.iter().map(|column| column.index()).collect() };
    let [values, quotients, remainders] =
        [&columns.values, &columns.quotients, &columns.remainders].map(|c| places(c));
    let (mut instance, mut rest) = (None, std::collections::BTreeMap::new());
    for (monomial, coefficient) in &polynomial.0 {
        hold((monomial.sigma, monomial.rho) == (0, 0), || "a public value depends on a challenge".into())?;
        match monomial.variables.as_slice() {
            [Variable::Instance(column, 0)] => instance = Some((*column, *coefficient)),
            [Variable::Advice(column, 0)] => _ = rest.insert(Some(*column), *coefficient),
            [] => _ = rest.insert(None, *coefficient),
            _ => return Err(Objection(format!("a public value is tied to {monomial:?}"))),
        }
    }
    let Some((instance, coefficient)) = instance else { return Err(Objection("nothing is public".into())) };
    hold(coefficient == -Scalar::ONE, || "a public value is scaled".into())?;
    if let Some(lane) = values.iter().position(|column| rest.contains_key(&Some(*column))) {
        // A cell that holds no value is 0 and shows 0.
        let constant = rest.get(&None).copied().unwrap_or(Scalar::ZERO);
        let offset = constant == Scalar::ZERO || constant == -field(layout.value_offset);
        let alone = rest.keys().all(|column| column.is_none_or(|column| column == values[lane]));
        hold(offset && alone && rest[&Some(values[lane])] == Scalar::ONE, || {
            "a public value is not a value".into()
        })?;
        return Ok((instance, lane, Shown::Value));
    }
    let lane = quotients.iter().position(|column| rest.contains_key(&Some(*column)));
    let Some(lane) = lane else { return Err(Objection("a public value is tied to no lane".into())) };
    let divisor = rest[&Some(quotients[lane])];
    let whole = rest == accumulator(layout, &quotients, &remainders, (lane, divisor));
    hold(whole, || "a public value is not an accumulator".into())?;
    Ok((instance, lane, Shown::Accumulator))
}
