//! The order in which constraints are evaluated on a coset, such that few columns are there at once.
//!
//! A sum of constraints is taken apart into summands, which stages take up again: each stage with those that need the fewest columns
//! beside the ones that are there. Within a stage, what is summed is one program. It knows neither columns nor cosets.

use std::collections::{BTreeMap, BTreeSet};

use ff::Field;
use halo2curves::bn256::Fr;

use crate::core::expression::{Arena, Expression, Id, Source};
use crate::core::program::Program;

/// New columns that a stage has at least, but for the last: they are transformed together, by all threads.
const NEW_COLUMNS: usize = 12;

/// Summands that are evaluated together.
#[derive(Debug)]
pub(super) struct Stage {
    /// By place of the sum that they belong to.
    programs: BTreeMap<usize, Program>,
}

impl Stage {
    /// The programs of some sums.
    pub(super) fn programs(&self, takes: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, &Program)> {
        self.programs.iter().map(|(sum, program)| (*sum, program)).filter(move |(sum, _)| takes(*sum))
    }

    /// The columns that those programs read.
    pub(super) fn sources(&self, takes: impl Fn(usize) -> bool) -> BTreeSet<Source> {
        self.programs(takes).flat_map(|(_, program)| program.cells.iter().map(|cell| cell.source)).collect()
    }
}

/// Stages of some sums, each of which is the sum of its programs in all stages.
pub(super) fn stages(arena: &mut Arena, sums: &[Expression]) -> Vec<Stage> {
    let mut reader = Reader::default();
    let mut queue = Queue::default();
    for (place, sum) in sums.iter().enumerate() {
        for summand in summands(arena, sum) {
            let sources = reader.sources(arena, &summand);
            queue.push((place, summand), sources);
        }
    }
    let mut stages = Vec::new();
    while let Some(taken) = queue.stage() {
        let mut parts: BTreeMap<usize, Expression> = BTreeMap::new();
        for (place, summand) in taken {
            let part = parts.entry(place).or_insert_with(Expression::zero);
            *part = arena.add(part, &summand, Fr::ONE);
        }
        let programs = parts.into_iter().map(|(place, part)| (place, Program::of(arena, &part)));
        stages.push(Stage { programs: programs.collect() });
    }
    stages
}

/// An expression, taken apart: what a fixed column switches is as many summands as it has terms.
fn summands(arena: &mut Arena, sum: &Expression) -> Vec<Expression> {
    let mut summands = Vec::new();
    for term in terms(sum) {
        let Some((switch, inner)) = term.as_switched() else {
            summands.push(term);
            continue;
        };
        let switched = terms(arena.get(inner))
            .into_iter()
            .map(|term| Expression { switched: vec![(switch, arena.intern(term))], ..Expression::zero() });
        summands.extend(switched);
    }
    summands
}

/// The terms that an expression is the sum of.
fn terms(sum: &Expression) -> Vec<Expression> {
    let zero = Expression::zero;
    let constant = (sum.constant != Fr::ZERO).then(|| Expression::constant(sum.constant));
    let cells = sum.cells.iter().map(|cell| Expression { cells: vec![*cell], ..zero() });
    let products = sum.products.iter().map(|product| Expression { products: vec![*product], ..zero() });
    let switched = sum.switched.iter().map(|switched| Expression { switched: vec![*switched], ..zero() });
    constant.into_iter().chain(cells).chain(products).chain(switched).collect()
}

/// Finds what expressions read.
#[derive(Default)]
struct Reader {
    known: BTreeMap<Id, BTreeSet<Source>>,
}

impl Reader {
    fn sources(&mut self, arena: &Arena, expression: &Expression) -> BTreeSet<Source> {
        let cells = expression.cells.iter().map(|(cell, _)| cell);
        let cells = cells.chain(expression.switched.iter().map(|(cell, _)| cell));
        let mut sources: BTreeSet<Source> = cells.map(|cell| arena.cells()[*cell as usize].source).collect();
        for id in expression.children() {
            if !self.known.contains_key(&id) {
                let inner = self.sources(arena, arena.get(id));
                self.known.insert(id, inner);
            }
            sources.extend(&self.known[&id]);
        }
        sources
    }
}

/// Summands that need nothing more come first; then those of several columns, which bring what those of one column wait for; then
/// those that need fewer; then by place.
type Rank = (bool, bool, usize, usize);

/// Summands that wait for a stage.
#[derive(Default)]
struct Queue {
    /// With the place of their sums; none once they are taken.
    summands: Vec<Option<(usize, Expression)>>,
    /// By summand, how many of its columns are not there yet.
    missing: Vec<usize>,
    /// By summand, whether it reads one column at most, but for fixed ones.
    is_of_one: Vec<bool>,
    /// Those that are not taken, the next one first.
    waiting: BTreeSet<Rank>,
    /// By column that is not there yet, the summands that read it.
    readers: BTreeMap<Source, Vec<usize>>,
    sources: Vec<BTreeSet<Source>>,
}

impl Queue {
    fn push(&mut self, summand: (usize, Expression), sources: BTreeSet<Source>) {
        let place = self.summands.len();
        sources.iter().for_each(|source| self.readers.entry(*source).or_default().push(place));
        self.summands.push(Some(summand));
        self.missing.push(sources.len());
        self.is_of_one.push(sources.iter().filter(|source| !matches!(source, Source::Fixed(_))).count() < 2);
        self.sources.push(sources);
        self.waiting.insert(self.rank(place));
    }

    fn rank(&self, place: usize) -> Rank {
        (self.missing[place] > 0, self.is_of_one[place], self.missing[place], place)
    }

    /// Takes the next stage's summands: while few columns are new, those that need the fewest more; then all that need none.
    fn stage(&mut self) -> Option<Vec<(usize, Expression)>> {
        let (mut taken, mut new) = (Vec::new(), 0);
        while let Some(next) = self.waiting.first().map(|(.., place)| *place) {
            if new >= NEW_COLUMNS && self.missing[next] > 0 {
                break;
            }
            new += self.missing[next];
            self.waiting.pop_first();
            self.load(next);
            taken.extend(self.summands[next].take());
        }
        (!taken.is_empty()).then_some(taken)
    }

    /// Brings a summand's columns, which others need no more.
    fn load(&mut self, summand: usize) {
        for source in std::mem::take(&mut self.sources[summand]) {
            for reader in self.readers.remove(&source).unwrap_or_default() {
                let waits = self.waiting.remove(&self.rank(reader));
                self.missing[reader] -= 1;
                if waits {
                    self.waiting.insert(self.rank(reader));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum of fixed * (a_i * b_i + a_i)` over pairs of columns.
    fn sum_of_pairs(arena: &mut Arena, pairs: usize) -> Expression {
        let switch = arena.cell(Source::Fixed(0), 0);
        (0..pairs).fold(Expression::constant(Fr::from(5)), |sum, pair| {
            let [a, b] = [2 * pair, 2 * pair + 1].map(|index| arena.cell(Source::Advice(index), 0));
            let product = arena.multiply(&a, &b);
            let inner = arena.add(&product, &a, Fr::from(3));
            let term = arena.multiply(&switch, &inner);
            arena.add(&sum, &term, Fr::from(pair as u64 + 1))
        })
    }

    #[test]
    fn stages_sum_to_the_whole_and_split_between_columns() {
        let (rows, pairs) = (16, 40);
        let mut arena = Arena::default();
        let sum = sum_of_pairs(&mut arena, pairs);
        let column = |source: Source| -> Vec<Fr> {
            let seed = match source {
                Source::Advice(index) => index as u64 + 10,
                _ => 3,
            };
            (0..rows).map(|row| Fr::from(seed * 1_000_003 + row * row)).collect()
        };
        let run = |program: &Program, out: &mut [Fr]| {
            let columns: Vec<Vec<Fr>> = program.cells.iter().map(|cell| column(cell.source)).collect();
            program.run(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>(), out);
        };
        let [mut whole, mut by_stage] = [(); 2].map(|()| vec![Fr::ZERO; rows as usize]);
        run(&Program::of(&arena, &sum), &mut whole);
        let stages = stages(&mut arena, &[Expression::constant(Fr::ZERO), sum]);
        assert!(stages.len() > 5, "{} stages", stages.len());
        let mut seen = BTreeSet::new();
        for stage in &stages {
            let advice = stage.sources(|_| true).into_iter().filter(|source| matches!(source, Source::Advice(_)));
            let advice: Vec<Source> = advice.collect();
            assert!(advice.len() <= NEW_COLUMNS + 1);
            assert!(advice.iter().all(|source| seen.insert(*source)), "a column is there for one stage");
            assert!(stage.programs(|sum| sum == 0).next().is_none());
            stage.programs(|sum| sum == 1).for_each(|(_, program)| run(program, &mut by_stage));
        }
        assert_eq!(by_stage, whole);
    }
}
