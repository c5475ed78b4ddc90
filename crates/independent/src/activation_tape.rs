//! The activation tape's two evaluations as the gates and the fixed cells have them: which cells each sums, on which powers
//! of `sigma`.

use std::collections::BTreeMap;

use ff::Field;
use zklayout_circuit::Scalar;
use zklayout_plan::Streams;

use crate::cells::{FixedCells, RowLaws, field};
use crate::gates::Gates;
use crate::horner::Horner;
use crate::numbers;
use crate::objection::{Objection, hold};
use crate::polynomial::{Polynomial, Variable};

/// One cell of an evaluation: a lane of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TapeCell {
    pub(crate) row: usize,
    pub(crate) lane: usize,
}

/// The activation tape.
pub(crate) struct ActivationTape {
    read: RowLaws<ReadLaw>,
    /// In powers of rho.
    second: RowLaws<ReadLaw>,
    write: RowLaws<WriteLaw>,
    padding: RowLaws<Vec<bool>>,
    value_offset: i64,
}

/// `read = sigma^step * read(-1) + sum sigma^exponent * (p_lane - offset)`.
struct ReadLaw {
    /// Whether values are squared.
    squares: bool,
    step: Option<usize>,
    /// Lanes and exponents.
    lanes: Vec<(usize, usize)>,
    /// What is subtracted, by exponent.
    offsets: BTreeMap<usize, Scalar>,
}

/// `write = sigma^step * write(-1) + sum sigma^exponent * accumulator_lane`.
struct WriteLaw {
    step: Option<usize>,
    lanes: Vec<(usize, usize)>,
    /// Whether exponents and step are of rho; neither if there are none.
    turned: Option<bool>,
    divisor: Scalar,
}

impl ActivationTape {
    pub(crate) fn of(layout: &Streams, gates: &Gates, cells: &FixedCells<'_>) -> Self {
        let columns = &gates.columns;
        let places = |columns: &[halo2_proofs::plonk::Column<halo2_proofs::plonk::Advice>]| -> Vec<usize> {
            columns.iter().map(|column| column.index()).collect()
        };
        let (values, quotients) = (places(&columns.values), places(&columns.quotients));
        let remainders = places(&columns.remainders);
        let (read, write) = (columns.read.index(), columns.write.index());
        Self {
            read: RowLaws::of("consumer's evaluation", &gates.read, cells, &[], |row| {
                let horner = Horner::of(&row[0], read)?;
                if is_squared(&horner) {
                    squares_law(layout, &horner, &values)
                } else {
                    read_law(&horner, &values)
                }
            }),
            second: RowLaws::of("consumer's evaluation, turned", &gates.second, cells, &[], |row| {
                let (second, gate) = (columns.second, row.first());
                let (second, gate) =
                    (second.zip(gate)).ok_or_else(|| Objection("nothing is read turned".into()))?;
                turned_law(Horner::of(gate, second.index())?, &values)
            }),
            write: RowLaws::of("producer's evaluation", &gates.write, cells, &[], |row| {
                write_law(layout, &Horner::of(&row[0], write)?, &quotients, &remainders)
            }),
            padding: RowLaws::of("padding", &gates.padding, cells, &[], |row| {
                let forced: Vec<Variable> = row.iter().filter_map(Polynomial::forces_zero).collect();
                Ok(values.iter().map(|&column| !forced.contains(&Variable::Advice(column, 0))).collect())
            }),
            value_offset: layout.value_offset,
        }
    }

    /// Whether the value cell of a lane may be anything but 0.
    pub(crate) fn is_live(&self, cell: TapeCell) -> bool {
        self.padding.at(cell.row).is_ok_and(|live| live.get(cell.lane).copied().unwrap_or(false))
    }

    /// The power of sigma that joins a row's consumer's evaluation to the row before; `None` where it starts.
    pub(crate) fn read_join(&self, row: usize) -> Result<Option<usize>, Objection> {
        Ok(self.read.at(row)?.step)
    }

    /// The live values that the consumer's evaluation sums on one row, with their exponents.
    pub(crate) fn read_row(&self, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        let law = self.read.at(row)?;
        if law.squares { Ok(self.squared_cells(law, row)) } else { self.live_cells(law, row) }
    }

    fn squared_cells(&self, law: &ReadLaw, row: usize) -> Vec<(TapeCell, usize)> {
        let cells = law.lanes.iter().map(|&(lane, exponent)| (TapeCell { row, lane }, exponent));
        cells.filter(|(cell, _)| self.is_live(*cell)).collect()
    }

    fn live_cells(&self, law: &ReadLaw, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        let live = |lane: usize| self.is_live(TapeCell { row, lane });
        let summed: Vec<(TapeCell, usize)> = law
            .lanes
            .iter()
            .filter(|(lane, _)| live(*lane))
            .map(|&(lane, exponent)| (TapeCell { row, lane }, exponent))
            .collect();
        let mut offsets: BTreeMap<usize, Scalar> = BTreeMap::new();
        for (_, exponent) in &summed {
            *offsets.entry(*exponent).or_default() += field(self.value_offset);
        }
        offsets.retain(|_, offset| *offset != Scalar::ZERO);
        hold(offsets == law.offsets, || {
            format!("row {row} reads values with another offset than they are stored with")
        })?;
        Ok(summed)
    }

    /// The live values that the consumer's evaluation in powers of rho sums at a row, with their exponents.
    pub(crate) fn second(&self, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        unroll(row, |row| {
            let law = self.second.at(row)?;
            Ok((self.live_cells(law, row)?, law.step))
        })
    }

    /// Whether the consumer's evaluation at a row is of squares.
    pub(crate) fn squares(&self, row: usize) -> Result<bool, Objection> {
        Ok(self.read.at(row)?.squares)
    }

    /// The accumulators that a producer's evaluation in powers of rho sums, with their exponents.
    pub(crate) fn write_turned(&self, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        self.written(row, true)
    }

    /// The live values that the consumer's evaluation at a row sums, or the squares of, with their exponents.
    pub(crate) fn read(&self, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        unroll(row, |row| Ok((self.read_row(row)?, self.read.at(row)?.step)))
    }

    /// The accumulators that the producer's evaluation at a row sums, with their exponents.
    pub(crate) fn write(&self, row: usize) -> Result<Vec<(TapeCell, usize)>, Objection> {
        self.written(row, false)
    }

    fn written(&self, row: usize, turned: bool) -> Result<Vec<(TapeCell, usize)>, Objection> {
        unroll(row, |row| {
            let law = self.write.at(row)?;
            hold(law.turned.is_none_or(|own| own == turned), || {
                format!("row {row} is written in powers of another challenge")
            })?;
            let lanes = law.lanes.iter().map(|&(lane, exponent)| (TapeCell { row, lane }, exponent)).collect();
            Ok((lanes, law.step))
        })
    }

    /// What quotients are multiplied by on a row.
    pub(crate) fn divisor(&self, row: usize) -> Result<Scalar, Objection> {
        Ok(self.write.at(row)?.divisor)
    }
}

type Row = (Vec<(TapeCell, usize)>, Option<usize>);

/// Follows a Horner pass back to where it started.
fn unroll(row: usize, law: impl Fn(usize) -> Result<Row, Objection>) -> Result<Vec<(TapeCell, usize)>, Objection> {
    let (mut summed, mut raised) = (Vec::new(), 0);
    for row in (0..=row).rev() {
        let (lanes, step) = law(row)?;
        summed.extend(lanes.into_iter().map(|(cell, exponent)| (cell, exponent + raised)));
        match step {
            None => return Ok(summed),
            Some(step) => raised += step,
        }
    }
    Err(Objection("an evaluation goes on from before the first row".into()))
}

fn read_law(horner: &Horner, values: &[usize]) -> Result<ReadLaw, Objection> {
    let mut law = ReadLaw { squares: false, step: horner.power()?, lanes: Vec::new(), offsets: BTreeMap::new() };
    for (monomial, coefficient) in &horner.sum {
        let lane = match monomial.variables.as_slice() {
            [] if monomial.rho == 0 => {
                law.offsets.insert(monomial.sigma, -*coefficient);
                continue;
            }
            [Variable::Advice(column, 0)] if monomial.rho == 0 => values.iter().position(|own| own == column),
            _ => None,
        };
        let lane = lane.ok_or_else(|| Objection(format!("something else than values is read: {monomial:?}")))?;
        let twice = law.lanes.iter().any(|(other, _)| *other == lane);
        hold(*coefficient == Scalar::ONE && !twice, || format!("lane {lane} is not read once, as it is"))?;
        law.lanes.push((lane, monomial.sigma));
    }
    Ok(law)
}

/// The same law with powers of rho for those of sigma.
fn turned_law(mut horner: Horner, values: &[usize]) -> Result<ReadLaw, Objection> {
    let step = horner.turned_power()?;
    horner.step = None;
    for (monomial, _) in &mut horner.sum {
        (monomial.sigma, monomial.rho) = (monomial.rho, monomial.sigma);
    }
    Ok(ReadLaw { step, ..read_law(&horner, values)? })
}

fn is_squared(horner: &Horner) -> bool {
    horner.sum.iter().any(|(monomial, _)| monomial.variables.len() > 1)
}

/// `sum (p_lane - offset)^2` over live lanes, written out, and `p_lane^2` over the others, whose values are 0.
fn squares_law(layout: &Streams, horner: &Horner, values: &[usize]) -> Result<ReadLaw, Objection> {
    let offset = field(layout.value_offset);
    let mut law = ReadLaw { squares: true, step: horner.power()?, lanes: Vec::new(), offsets: BTreeMap::new() };
    let (mut linear, mut constant) = (Vec::new(), Scalar::ZERO);
    for (monomial, coefficient) in &horner.sum {
        hold((monomial.sigma, monomial.rho) == (0, 0), || "squares are raised".into())?;
        let lane = |column: &usize| values.iter().position(|own| own == column);
        match monomial.variables.as_slice() {
            [] => constant = *coefficient,
            [Variable::Advice(column, 0)] => linear.push((lane(column), *coefficient)),
            [Variable::Advice(column, 0), Variable::Advice(other, 0)] if column == other => {
                let lane = lane(column).filter(|_| *coefficient == Scalar::ONE);
                let lane = lane.ok_or_else(|| Objection("a square is scaled, or of something else".into()))?;
                law.lanes.push((lane, 0));
            }
            _ => return Err(Objection(format!("something else than squares is read: {monomial:?}"))),
        }
    }
    let twice = -(offset + offset);
    let right = linear.iter().all(|(lane, coefficient)| lane.is_some() && *coefficient == twice);
    let count = if offset == Scalar::ZERO { 0 } else { linear.len() as u64 };
    hold(right && constant == offset * offset * Scalar::from(count), || {
        "squares are of values with another offset than they are stored with".into()
    })?;
    hold(law.lanes.len() == values.len(), || "a lane's square is missing".into())?;
    Ok(law)
}

/// Every power holds one lane's accumulator, whole: quotient times divisor, and all limbs.
fn write_law(
    layout: &Streams,
    horner: &Horner,
    quotients: &[usize],
    remainders: &[usize],
) -> Result<WriteLaw, Objection> {
    let mut powers: BTreeMap<usize, BTreeMap<Option<usize>, Scalar>> = BTreeMap::new();
    let (mut turned, mut straight) = horner.step.map_or((false, false), |(sigma, rho, _)| (rho > 0, sigma > 0));
    for (monomial, coefficient) in &horner.sum {
        let column = match monomial.variables.as_slice() {
            [] => None,
            [Variable::Advice(column, 0)] => Some(*column),
            _ => return Err(Objection(format!("something else than accumulators is written: {monomial:?}"))),
        };
        hold(monomial.sigma == 0 || monomial.rho == 0, || {
            "an accumulator is on powers of both challenges".into()
        })?;
        turned |= monomial.rho > 0;
        straight |= monomial.sigma > 0;
        powers.entry(monomial.sigma + monomial.rho).or_default().insert(column, *coefficient);
    }
    hold(!(turned && straight), || "accumulators of one row are on powers of different challenges".into())?;
    let step = if turned { horner.turned_power()? } else { horner.power()? };
    let turned = (turned || straight).then_some(turned);
    let mut law = WriteLaw { step, lanes: Vec::new(), turned, divisor: Scalar::ZERO };
    for (exponent, found) in powers {
        let lane = quotients.iter().position(|column| found.contains_key(&Some(*column)));
        let Some(lane) = lane else { return Err(Objection(format!("power {exponent} holds no quotient"))) };
        let divisor = found[&Some(quotients[lane])];
        let whole = accumulator(layout, quotients, remainders, (lane, divisor));
        let same = law.lanes.is_empty() || law.divisor == divisor;
        let again = law.lanes.iter().any(|(other, _)| *other == lane);
        hold(found == whole && same && !again, || format!("power {exponent} is not one lane's accumulator"))?;
        law.divisor = divisor;
        law.lanes.push((lane, exponent));
    }
    Ok(law)
}

/// The accumulator of a lane, `divisor * (quotient - offset) + limbs`: coefficients by column, and the constant.
pub(crate) fn accumulator(
    layout: &Streams,
    quotients: &[usize],
    remainders: &[usize],
    (lane, divisor): (usize, Scalar),
) -> BTreeMap<Option<usize>, Scalar> {
    let mut whole = BTreeMap::from([(Some(quotients[lane]), divisor)]);
    whole.insert(None, -divisor * field(layout.quotient_offset));
    for limb in 0..numbers::limb_count(layout, remainders.len()) {
        whole.insert(Some(remainders[limb * quotients.len() + lane]), field(numbers::limb_factor(layout, limb)));
    }
    whole.retain(|_, coefficient| *coefficient != Scalar::ZERO);
    whole
}
