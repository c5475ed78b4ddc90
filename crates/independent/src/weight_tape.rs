//! The weight tape's evaluation as the gate and the fixed cells have it: which rows it sums, on which powers of `sigma`, and
//! which lane is on which power of `rho`.

use std::collections::BTreeMap;

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_plan::Streams;

use crate::cells::{FixedCells, RowLaws, field};
use crate::gates::Gates;
use crate::horner::Horner;
use crate::objection::{Objection, hold};
use crate::polynomial::Variable;

/// A row of weights in an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeightRow {
    pub(crate) row: usize,
    /// Power of sigma.
    pub(crate) sigma: usize,
    /// Factor beside the power: the base of a digit.
    pub(crate) base: Scalar,
}

/// The weight tape.
pub(crate) struct WeightTape {
    laws: RowLaws<WeightLaw>,
}

struct WeightLaw {
    step: Option<(usize, Scalar)>,
    /// Lanes by power of rho; none on rows whose lanes do not count.
    lanes: BTreeMap<usize, usize>,
    /// Whether the product of the operand and the one before is added.
    multiplies: bool,
}

impl WeightTape {
    /// Reads the gate; stored weights are expected to be more by `offset` of the layout.
    pub(crate) fn of(layout: &Streams, gates: &Gates, cells: &FixedCells<'_>, offset: i64) -> Self {
        let columns = &gates.columns;
        if let [folded] = columns.folded.as_slice() {
            return Self::folded(layout, gates, cells, folded.index());
        }
        let private = columns.weights.iter().map(|column| Variable::Advice(column.index(), 0));
        let fixed = columns.places.weights.iter().map(|place| Variable::Fixed(*place, 0));
        let lanes: Vec<Variable> = private.chain(fixed).collect();
        let column = columns.weight_sum.index();
        debug_assert_eq!(lanes.len(), layout.knobs.weight_lanes);
        let laws = RowLaws::of("weights' evaluation", &gates.weight_sum, cells, &columns.places.weights, |row| {
            weight_law(&Horner::of(&row[0], column)?, &lanes, columns.operand.index(), field(offset))
        });
        Self { laws }
    }

    /// Where a commitment outside holds the lanes: a row's cell stands for all of them, as the link defines it, the first on the
    /// highest power of rho.
    fn folded(layout: &Streams, gates: &Gates, cells: &FixedCells<'_>, folded: usize) -> Self {
        let [column, operand] = [gates.columns.weight_sum, gates.columns.operand].map(|column| column.index());
        let lanes = layout.knobs.weight_lanes;
        let laws = RowLaws::of("weights' evaluation", &gates.weight_sum, cells, &[], |row| {
            let mut horner = Horner::of(&row[0], column)?;
            let held = [Variable::Advice(folded, 0)];
            let held = horner.sum.iter().position(|(monomial, _)| monomial.variables == held);
            let held = held.map(|place| horner.sum.remove(place));
            let mut law = weight_law(&horner, &[], operand, Scalar::ZERO)?;
            if let Some((monomial, factor)) = held {
                let alone = (monomial.sigma, monomial.rho, factor) == (0, 0, Scalar::ONE);
                hold(alone, || "a row's weights are not the committed ones, once".into())?;
                law.lanes = (0..lanes).map(|lane| (lanes - 1 - lane, lane)).collect();
            }
            Ok(law)
        });
        Self { laws }
    }

    /// The rows that the evaluation at a row sums.
    pub(crate) fn evaluation(&self, row: usize) -> Result<Vec<WeightRow>, Objection> {
        let (mut rows, mut sigma, mut base) = (Vec::new(), 0, Scalar::ONE);
        for row in (0..=row).rev() {
            rows.push(WeightRow { row, sigma, base });
            match self.laws.at(row)?.step {
                None => return Ok(rows),
                Some((power, factor)) => (sigma, base) = (sigma + power, base * factor),
            }
        }
        Err(Objection("an evaluation of weights goes on from before the first row".into()))
    }

    /// Whether a row adds the product of its operand and that of the row before.
    pub(crate) fn multiplies(&self, row: usize) -> Result<bool, Objection> {
        Ok(self.laws.at(row)?.multiplies)
    }

    /// The lanes of a row, each with its power of rho.
    pub(crate) fn lane_powers(&self, row: usize) -> Result<impl Iterator<Item = (usize, usize)>, Objection> {
        Ok(self.laws.at(row)?.lanes.iter().map(|(rho, lane)| (*rho, *lane)))
    }

    /// The lane that is on a power of rho.
    pub(crate) fn lane(&self, row: usize, rho: usize) -> Result<Option<usize>, Objection> {
        Ok(self.laws.at(row)?.lanes.get(&rho).copied())
    }

    /// The power of rho above all lanes of a row.
    pub(crate) fn powers(&self, row: usize) -> Result<usize, Objection> {
        Ok(self.laws.at(row)?.lanes.keys().next_back().map_or(0, |most| most + 1))
    }
}

fn weight_law(
    horner: &Horner,
    lanes: &[Variable],
    operand: usize,
    offset: Scalar,
) -> Result<WeightLaw, Objection> {
    let both = [-1, 0].map(|rotation| Variable::Advice(operand, rotation));
    let raised = horner.step.is_some_and(|(_, rho, _)| rho > 0);
    hold(!raised, || "weights are raised from row to row".into())?;
    let step = horner.step.map(|(sigma, _, factor)| (sigma, factor));
    let mut law = WeightLaw { step, lanes: BTreeMap::new(), multiplies: false };
    let mut offsets: BTreeMap<usize, Scalar> = BTreeMap::new();
    for (monomial, coefficient) in &horner.sum {
        hold(monomial.sigma == 0, || "a weight is raised within its row".into())?;
        let lane = match monomial.variables.as_slice() {
            [] => {
                offsets.insert(monomial.rho, -*coefficient);
                continue;
            }
            operands if operands == both => {
                hold(*coefficient == Scalar::ONE && monomial.rho == 0, || "operands' product is scaled".into())?;
                law.multiplies = true;
                continue;
            }
            [one] => lanes.iter().position(|lane| lane == one),
            _ => None,
        };
        let Some(lane) = lane else { return Err(Objection(format!("no weight: {monomial:?}"))) };
        let first = law.lanes.insert(monomial.rho, lane).is_none();
        hold(first && *coefficient == Scalar::ONE, || format!("lane {lane} is not alone on its power of rho"))?;
    }
    let stored = |rho: &usize| offsets.get(rho).copied().unwrap_or(Scalar::ZERO) == offset;
    if law.lanes.is_empty() && offsets.is_empty() {
        return Ok(law);
    }
    let each = law.lanes.len() == lanes.len() && law.lanes.keys().all(stored) && offsets.len() <= lanes.len();
    hold(each, || "a lane is missing, or has another offset than weights are stored with".into())?;
    Ok(law)
}
