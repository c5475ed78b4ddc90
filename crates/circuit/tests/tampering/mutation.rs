//! Mutations: what a forger changes before the challenges are drawn, and what it does after.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use ff::Field;
use zklayout_circuit::{Config, Scalar};
use zklayout_plan::{Content, Datum, FactTerm, Fill, LinearFact, Read, Streams, WeightCells, WeightRow};

use super::checking::Constraint;
use super::recording::{Cell, Cells};
use super::subject::{Kind, Subject, random_field};
use crate::nets::{Numbers, field};

/// What a forger changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// A cell is off by one.
    Step,
    /// A cell is any field element.
    Replace,
    /// Two cells of a kind change places.
    Swap,
    /// One cell gains what another loses, around the field.
    Complement,
    /// A remainder gains the divisor, its quotient loses one.
    ShiftRemainder,
    /// A quotient that is no integer, with another remainder.
    Fraction,
    /// Two rows of a tensor's home change places.
    PermuteHome,
    /// A multiplicity.
    Multiplicity,
    /// A table entry that is looked up.
    TableRow,
    /// A constant, switch or tag.
    Constant,
    /// A quotient with the value that its table gives, and the multiplicities that follow.
    Consistent,
    /// A cell of the second phase.
    Evaluation,
    /// A cell that is a copy.
    Copy,
    /// A public value, and the accumulator that it publishes.
    Public,
    /// A number of the model or of its input, and all that follows from it: another statement. On a weight tape, a weight
    /// that meets zeros alone.
    Model,
}

impl Mutation {
    pub const ALL: [Self; 15] = [
        Self::Step,
        Self::Replace,
        Self::Swap,
        Self::Complement,
        Self::ShiftRemainder,
        Self::Fraction,
        Self::PermuteHome,
        Self::Multiplicity,
        Self::TableRow,
        Self::Constant,
        Self::Consistent,
        Self::Evaluation,
        Self::Copy,
        Self::Public,
        Self::Model,
    ];

    /// Changes `cells`; returns what was changed, or nothing if there is nothing of the kind.
    pub fn apply(self, subject: &Subject, numbers: &mut Numbers, cells: &mut Cells) -> BTreeSet<Cell> {
        let pick = |cells: &[Cell], numbers: &mut Numbers| cells.get(numbers.below(cells.len().max(1))).copied();
        let changed = match self {
            Self::Step => pick(&subject.bound, numbers).map(|cell| {
                let step = if numbers.below(2) == 0 { Scalar::ONE } else { -Scalar::ONE };
                vec![(cell, cells.get(cell) + step)]
            }),
            Self::Replace => pick(&subject.bound, numbers).map(|cell| vec![(cell, random_field(numbers))]),
            Self::Swap => pair(subject, numbers).map(|(a, b)| vec![(a, cells.get(b)), (b, cells.get(a))]),
            Self::Complement => pair(subject, numbers).map(|(a, b)| {
                let x = random_field(numbers);
                vec![(a, cells.get(a) + x), (b, cells.get(b) - x)]
            }),
            Self::ShiftRemainder => division(subject, numbers).map(|division| division.shifted(cells, numbers)),
            Self::Fraction => division(subject, numbers).map(|division| division.fraction(cells, numbers)),
            Self::PermuteHome => rows(subject, numbers).map(|(a, b)| exchange(subject, cells, a, b)),
            Self::Multiplicity => {
                let own = of_kind(subject, Kind::Multiplicity);
                pick(&own, numbers).map(|cell| vec![(cell, cells.get(cell) + field(1 + numbers.below(3) as i64))])
            }
            Self::TableRow => hit_entry(subject, numbers, cells),
            Self::Constant => constant(subject, numbers, cells),
            Self::Consistent => return consistent(subject, numbers, cells).unwrap_or_default(),
            Self::Evaluation => evaluation(subject, numbers).map(|cell| vec![(cell, random_field(numbers))]),
            Self::Copy => copied(subject, numbers).map(|cell| vec![(cell, cells.get(cell) + Scalar::ONE)]),
            Self::Public => return publish(subject, numbers, cells).unwrap_or_default(),
            Self::Model => model_number(subject, numbers, cells),
        };
        let mut touched = BTreeSet::new();
        for (cell, value) in changed.unwrap_or_default() {
            cells.set(cell, value);
            touched.insert(cell);
        }
        touched
    }
}

fn of_kind(subject: &Subject, kind: Kind) -> Vec<Cell> {
    let own = |cell: &Cell| matches!(*cell, Cell::Advice(column, _) if subject.kinds[column] == kind);
    subject.bound.iter().copied().filter(own).collect()
}

/// Two bound cells of one kind with different values.
fn pair(subject: &Subject, numbers: &mut Numbers) -> Option<(Cell, Cell)> {
    let first = subject.bound[numbers.below(subject.bound.len())];
    let Cell::Advice(column, _) = first else { return None };
    let others = of_kind(subject, subject.kinds[column]);
    let second = others[numbers.below(others.len())];
    (subject.honest.get(first) != subject.honest.get(second)).then_some((first, second))
}

/// A looked-up quotient and remainder, or one of its limbs.
struct Division {
    quotient: Cell,
    remainder: Cell,
    /// What a step of the quotient is in steps of the remainder.
    divisor: Scalar,
}

impl Division {
    fn shifted(&self, cells: &Cells, numbers: &mut Numbers) -> Vec<(Cell, Scalar)> {
        let sign = if numbers.below(2) == 0 { Scalar::ONE } else { -Scalar::ONE };
        vec![
            (self.quotient, cells.get(self.quotient) - sign),
            (self.remainder, cells.get(self.remainder) + sign * self.divisor),
        ]
    }

    /// The same accumulator from a remainder in range and a quotient that is a fraction.
    fn fraction(&self, cells: &Cells, numbers: &mut Numbers) -> Vec<(Cell, Scalar)> {
        let moved = field(1 + numbers.below(3) as i64);
        let inverse = self.divisor.invert().unwrap_or(Scalar::ZERO);
        vec![
            (self.quotient, cells.get(self.quotient) - moved * inverse),
            (self.remainder, cells.get(self.remainder) + moved),
        ]
    }
}

fn division(subject: &Subject, numbers: &mut Numbers) -> Option<Division> {
    let mut limb_factor = Scalar::ONE;
    let quotients: Vec<(Cell, Cell, Cell)> = match (&subject.recording.config, subject.streams()) {
        (Config::Streams(columns), Some(layout)) => {
            let divisor = columns.fixed[columns.places.divisor?].index();
            let limb = numbers.below(layout.knobs.remainders());
            limb_factor = field(layout.knobs.remainder_factors()[limb]);
            let first = limb * layout.knobs.lanes;
            let cells = (0..layout.knobs.lanes).flat_map(|lane| {
                let mask = columns.fixed[columns.places.masks[lane]].index();
                let live = (0..subject.recording.usable - 1)
                    .filter(move |&row| subject.honest.fixed[mask][row] != Scalar::ZERO);
                live.map(move |row| {
                    let (q, r) = (columns.quotients[lane].index(), columns.remainders[first + lane].index());
                    (Cell::Advice(q, row), Cell::Advice(r, row), Cell::Fixed(divisor, row))
                })
            });
            cells.collect()
        }
        (Config::Direct(columns), _) => {
            let factor = columns.fixed[columns.places.factor].index();
            let rows = subject.fills.iter().enumerate();
            let slots = rows.flat_map(|(row, fills)| {
                let own = (0..fills.len()).filter(|&column| matches!(fills[column], Fill::Quotient(_)));
                own.map(move |q| (Cell::Advice(q, row), Cell::Advice(q + 1, row), Cell::Fixed(factor, row)))
            });
            slots.collect()
        }
        _ => return None,
    };
    let &(quotient, remainder, divisor) = quotients.get(numbers.below(quotients.len().max(1)))?;
    let divisor = subject.honest.get(divisor) * limb_factor.invert().unwrap_or(Scalar::ZERO);
    Some(Division { quotient, remainder, divisor })
}

/// Two rows of one home, or of a grid.
fn rows(subject: &Subject, numbers: &mut Numbers) -> Option<(usize, usize)> {
    let (start, count) = match subject.streams() {
        Some(layout) => {
            let homes: Vec<_> =
                layout.homes.iter().filter(|home| matches!(home.content, Content::Layer(_))).collect();
            let home = homes[numbers.below(homes.len())];
            (home.row, home.rows())
        }
        None => (0, subject.fills.len()),
    };
    let (a, b) = (start + numbers.below(count), start + numbers.below(count));
    (a != b).then_some((a, b))
}

fn exchange(subject: &Subject, cells: &Cells, a: usize, b: usize) -> Vec<(Cell, Scalar)> {
    let tensor = |kind: &Kind| !matches!(kind, Kind::Weight | Kind::Multiplicity);
    let columns = (0..subject.kinds.len()).filter(|&column| tensor(&subject.kinds[column]));
    let swapped = columns.flat_map(|column| {
        let [first, second] = [Cell::Advice(column, a), Cell::Advice(column, b)];
        [(first, cells.get(second)), (second, cells.get(first))]
    });
    swapped.filter(|(cell, value)| cells.get(*cell) != *value).collect()
}

/// An entry that lookups hit: elsewhere a table may say anything.
fn hit_entry(subject: &Subject, numbers: &mut Numbers, cells: &Cells) -> Option<Vec<(Cell, Scalar)>> {
    let Config::Streams(columns) = &subject.recording.config else { return None };
    let hit: Vec<(usize, usize)> = columns
        .multiplicities
        .iter()
        .enumerate()
        .flat_map(|(set, column)| {
            let counts = &cells.advice[column.index()];
            (0..subject.recording.usable - 1).filter(|&row| counts[row] != Scalar::ZERO).map(move |row| (set, row))
        })
        .collect();
    let &(set, row) = hit.get(numbers.below(hit.len().max(1)))?;
    let cell = Cell::Fixed(columns.fixed[columns.places.tables[set][numbers.below(3)]].index(), row);
    Some(vec![(cell, cells.get(cell) + Scalar::ONE)])
}

/// A fixed cell that an honest witness depends on: a constant that is copied, a switch, or a divisor.
fn constant(subject: &Subject, numbers: &mut Numbers, cells: &Cells) -> Option<Vec<(Cell, Scalar)>> {
    let fixed: Vec<Cell> = match &subject.recording.config {
        Config::Direct(_) => {
            let sides = subject.recording.copies.iter().flat_map(|(a, b)| [*a, *b]);
            sides.filter(|cell| matches!(cell, Cell::Fixed(..))).collect()
        }
        Config::Streams(columns) => {
            let tag = columns.fixed[columns.places.tag].index();
            let edge = columns.fixed[columns.places.edge].index();
            let rows = (0..subject.recording.usable - 1)
                .filter(|&row| cells.fixed[tag][row] != Scalar::ZERO && cells.fixed[edge][row] == Scalar::ZERO);
            let looked_up = rows.filter(|&row| {
                let live = |place: &usize| cells.fixed[columns.fixed[*place].index()][row] != Scalar::ZERO;
                columns.places.masks.iter().any(live)
            });
            let tags = looked_up.map(|row| Cell::Fixed(tag, row));
            let scales = columns.places.scale.map(|place| columns.fixed[place].index());
            let scaled = scales.into_iter().flat_map(|scale| {
                let rows = 0..subject.recording.usable - 1;
                rows.filter(move |&row| cells.fixed[scale][row] != Scalar::ZERO)
                    .map(move |row| Cell::Fixed(scale, row))
            });
            tags.chain(scaled).collect()
        }
        Config::Empty => return None,
    };
    let cell = *fixed.get(numbers.below(fixed.len().max(1)))?;
    // Far enough to be no other table's tag.
    Some(vec![(cell, cells.get(cell) + field(1 << 40))])
}

/// Moves one looked-up quotient to a neighbouring entry of its table, value and multiplicities with it.
fn consistent(subject: &Subject, numbers: &mut Numbers, cells: &mut Cells) -> Option<BTreeSet<Cell>> {
    let Config::Streams(columns) = &subject.recording.config else { return None };
    let lane = numbers.below(columns.values.len());
    let mask = columns.fixed[columns.places.masks[lane]].index();
    let live: Vec<usize> =
        (0..subject.recording.usable - 1).filter(|&row| cells.fixed[mask][row] != Scalar::ZERO).collect();
    let row = *live.get(numbers.below(live.len().max(1)))?;
    let tag = cells.fixed[columns.fixed[columns.places.tag].index()][row];
    let [q, p] = [&columns.quotients, &columns.values].map(|columns| Cell::Advice(columns[lane].index(), row));
    let moved = cells.get(q) + if numbers.below(2) == 0 { Scalar::ONE } else { -Scalar::ONE };
    let old = subject.multiplicity([tag, cells.get(q), cells.get(p)]);
    // The value is whatever the table has beside the quotient.
    let entry = (-600..600).map(field).find(|value| {
        let row = subject.multiplicity([tag, moved, *value]);
        row.is_some() || (columns.multiplicities.is_empty() && *value == cells.get(p))
    })?;
    let new = subject.multiplicity([tag, moved, entry]);
    let mut touched = BTreeSet::from([q, p]);
    if let (Some(old), Some(new)) = (old, new) {
        cells.set(old, cells.get(old) - Scalar::ONE);
        cells.set(new, cells.get(new) + Scalar::ONE);
        touched.extend([old, new]);
    }
    cells.set(q, moved);
    cells.set(p, entry);
    Some(touched)
}

/// A cell of the second phase that something reads.
fn evaluation(subject: &Subject, numbers: &mut Numbers) -> Option<Cell> {
    let Config::Streams(columns) = &subject.recording.config else { return None };
    let copied = &subject.recording.copies;
    let (operand, source) = copied[numbers.below(copied.len())];
    let row = 1 + numbers.below(subject.recording.usable - 2);
    let folded = columns.folded.iter().chain(&columns.folded_input);
    if let Some(folded) = folded.last().filter(|_| numbers.below(4) == 0) {
        return Some(Cell::Advice(folded.index(), row));
    }
    Some(match numbers.below(6) {
        0 => operand,
        4 => columns.second.map_or(source, |column| Cell::Advice(column.index(), row)),
        1 => source,
        2 => Cell::Advice(columns.weight_sum.index(), row),
        3 => Cell::Advice(columns.scalar.index(), row),
        _ => match columns.sums.len() {
            0 => operand,
            count => Cell::Advice(columns.sums[numbers.below(count)].index(), row),
        },
    })
}

/// An advice cell under a copy constraint; kinds of copies take turns.
fn copied(subject: &Subject, numbers: &mut Numbers) -> Option<Cell> {
    let kinds: BTreeSet<&Constraint> = subject.checker.copies().map(|(.., kind)| kind).collect();
    let turn = subject.copy_turns.fetch_add(1, Ordering::Relaxed);
    let kind = *kinds.iter().nth(turn % kinds.len().max(1))?;
    let own: Vec<(Cell, Cell)> =
        subject.checker.copies().filter(|(.., other)| *other == kind).map(|(a, b, _)| (a, b)).collect();
    let (a, b) = own[numbers.below(own.len())];
    let (first, second) = if subject.streams().is_some() { (a, b) } else { (b, a) };
    [first, second].into_iter().find(|cell| matches!(cell, Cell::Advice(..)))
}

/// A public value and, where it is an accumulator, the quotient that makes it so.
fn publish(subject: &Subject, numbers: &mut Numbers, cells: &mut Cells) -> Option<BTreeSet<Cell>> {
    let public = *subject.public.get(numbers.below(subject.public.len().max(1)))?;
    let Cell::Instance(_, row) = public else { return None };
    let mut touched = BTreeSet::from([public]);
    let mut step = Scalar::ONE;
    if let (Config::Streams(columns), true) = (&subject.recording.config, numbers.below(2) == 0)
        && let Some(place) = columns.places.public_accumulators
        && cells.fixed[columns.fixed[place].index()][row] != Scalar::ZERO
    {
        let quotient = Cell::Advice(columns.quotients[columns.quotients.len() - 1].index(), row);
        if let Some(divisor) = columns.places.divisor {
            step = cells.fixed[columns.fixed[divisor].index()][row];
        }
        cells.set(quotient, cells.get(quotient) + Scalar::ONE);
        touched.insert(quotient);
    }
    cells.set(public, cells.get(public) + step);
    Some(touched)
}

/// After the challenges: one cell of the second phase that makes the scalar sum close again. A cheating prover can
/// always solve for it; the gate that determines the cell must object.
pub fn balance(
    subject: &Subject,
    numbers: &mut Numbers,
    cells: &mut Cells,
    held: &BTreeSet<Cell>,
) -> Option<Cell> {
    let Config::Streams(columns) = &subject.recording.config else { return None };
    let [closes, edge] = [columns.places.closes, columns.places.edge].map(|place| columns.fixed[place].index());
    let scalar = columns.scalar.index();
    let bound = |cells: &Cells, row: usize| {
        cells.fixed[closes][row] != Scalar::ZERO || cells.fixed[edge][row] != Scalar::ZERO
    };
    let open = (1..subject.recording.usable)
        .find(|&row| bound(cells, row) && cells.advice[scalar][row] != Scalar::ZERO)?;
    let start = (0..open).rev().find(|&row| bound(cells, row)).unwrap_or(0);
    let operands: Vec<(Cell, Cell)> = subject
        .recording
        .copies
        .iter()
        .copied()
        .filter(|(to, _)| matches!(*to, Cell::Advice(_, row) if (start..open).contains(&row)))
        .collect();
    let &(operand, source) = operands.get(numbers.below(operands.len().max(1)))?;
    // A column of folded weights can be solved for as well: then the link must object.
    let folded = columns.folded.iter().chain(&columns.folded_input).last().filter(|_| numbers.below(2) == 0);
    let cell = match (folded, operand) {
        (Some(folded), Cell::Advice(_, row)) => Cell::Advice(folded.index(), row),
        _ => balancing(numbers, columns.weight_sum.index(), operand, source),
    };
    let honest = cells.get(cell);
    let mut held = held.clone();
    held.insert(cell);
    let mut end = |value: Scalar| {
        cells.set(cell, value);
        subject.follow(cells, &held, None);
        cells.advice[scalar][open]
    };
    let (at, next) = (end(honest), end(honest + Scalar::ONE));
    let slope: Option<Scalar> = (next - at).invert().into();
    end(honest - at * slope?);
    Some(cell)
}

/// The operand of a row, what it is a copy of, or the row's weights.
fn balancing(numbers: &mut Numbers, weight_sum: usize, operand: Cell, source: Cell) -> Cell {
    match (numbers.below(3), operand) {
        (0, _) => operand,
        (1, _) => source,
        (_, Cell::Advice(_, row)) => Cell::Advice(weight_sum, row),
        _ => operand,
    }
}

/// Another number of the model or of its input, in its range or beyond.
fn model_number(subject: &Subject, numbers: &mut Numbers, cells: &Cells) -> Option<Vec<(Cell, Scalar)>> {
    match subject.streams() {
        Some(layout) => weight_beside_zeros(subject, layout, numbers, cells),
        None => {
            let rows = subject.fills.iter().enumerate();
            let data = rows.flat_map(|(row, fills)| {
                let own = fills.iter().enumerate().filter_map(|(column, fill)| match fill {
                    Fill::Datum(datum) => Some((*datum, column)),
                    _ => None,
                });
                own.map(move |(datum, column)| (datum, Cell::Advice(column, row)))
            });
            let data: Vec<(Datum, Cell)> = data.collect();
            let &(datum, cell) = data.get(numbers.below(data.len().max(1)))?;
            let (lo, hi) = match datum {
                Datum::Input(_) => (subject.plan.input_range.lo, subject.plan.input_range.hi),
                Datum::Weight { node, .. } | Datum::Digit { node, .. } => subject.weight_range(node),
            };
            Some(vec![(cell, field(other(numbers, lo, hi)))])
        }
    }
}

/// A number in a range, or, one time in four, as far beyond it.
fn other(numbers: &mut Numbers, lo: i64, hi: i64) -> i64 {
    let inside = lo + numbers.below((hi - lo + 1) as usize) as i64;
    if numbers.below(4) == 0 { inside + (hi - lo + 1) * (1 - 2 * numbers.below(2) as i64) } else { inside }
}

/// Another weight where every value that it is multiplied by is 0, with the multiplicities that follow.
fn weight_beside_zeros(
    subject: &Subject,
    layout: &Streams,
    numbers: &mut Numbers,
    cells: &Cells,
) -> Option<Vec<(Cell, Scalar)>> {
    let Config::Streams(columns) = &subject.recording.config else { return None };
    let places = layout.facts.iter().flat_map(|fact| {
        let rows = fact.rows(&layout.homes, layout.weight_bits).into_iter().enumerate();
        let beside_zeros = rows.filter(move |(_, row)| meets_zeros(subject, layout, cells, fact, row));
        beside_zeros.map(move |(offset, row)| (fact.row + offset, row.block.outputs))
    });
    let places: Vec<(usize, usize)> = places.collect();
    let &(row, outputs) = places.get(numbers.below(places.len().max(1)))?;
    let lane = columns.weights.len().checked_sub(1 + numbers.below(outputs))?;
    let value = field(other(numbers, 0, (1 << layout.weight_bits) - 1));
    reweighed(subject, cells, (row, lane), value)
}

/// Another private weight, as it is stored, with the multiplicities that follow.
pub fn reweighed(
    subject: &Subject,
    cells: &Cells,
    (row, lane): (usize, usize),
    value: Scalar,
) -> Option<Vec<(Cell, Scalar)>> {
    let (Config::Streams(columns), Some(layout)) = (&subject.recording.config, subject.streams()) else {
        return None;
    };
    let cell = Cell::Advice(columns.weights.get(lane)?.index(), row);
    let mut changed = vec![(cell, value)];
    let together = layout.knobs.weights_together();
    let entry = |changed: Scalar| {
        // The last of an odd number makes a pair with itself.
        let stored = |place: usize| match place.min(columns.weights.len() - 1) {
            place if place == lane => changed,
            place => cells.get(Cell::Advice(columns.weights[place].index(), row)),
        };
        let first = lane / together * together;
        let second = if layout.knobs.weight_pairs { stored(first + 1) } else { Scalar::ZERO };
        subject.multiplicity([field(layout.weight_table().tag as i64), stored(first), second])
    };
    if let (Some(old), Some(new)) = (entry(cells.get(cell)), entry(value))
        && old != new
    {
        changed.extend([(old, cells.get(old) - Scalar::ONE), (new, cells.get(new) + Scalar::ONE)]);
    }
    Some(changed)
}

/// Whether a row of kernel weights is multiplied by zeros alone.
fn meets_zeros(subject: &Subject, layout: &Streams, cells: &Cells, fact: &LinearFact, row: &WeightRow) -> bool {
    let (Config::Streams(columns), Some(WeightCells::Weight { term, place, .. })) =
        (&subject.recording.config, row.cells)
    else {
        return false;
    };
    let FactTerm::Kernel(kernel) = &fact.terms[term] else { return false };
    let (kh, kw) = kernel.size;
    let (input, y, x) = (place / (kh * kw), place / kw % kh, place % kw);
    let (home, plane) = (&layout.homes[kernel.input], row.block.group * kernel.group_inputs + input);
    let rows = match home.read {
        Read::Scalars { .. } => home.scalar_row(plane, y, x)..home.scalar_row(plane, y, x) + 1,
        _ => home.plane_row(plane)..home.plane_row(plane) + home.plane_rows(),
    };
    let zero = |row: usize, lane: usize| {
        let mask = cells.fixed[columns.fixed[columns.places.masks[lane]].index()][row];
        cells.get(Cell::Advice(columns.values[lane].index(), row)) == mask * field(layout.value_offset)
    };
    let mut all = rows.flat_map(|row| (0..layout.knobs.lanes).map(move |lane| (row, lane)));
    all.all(|(row, lane)| zero(row, lane))
}
