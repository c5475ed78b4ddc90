//! Operations of the family's gates on one row, in closed form.
//!
//! The prover evaluates all gates by one list of operations: one load per queried cell and challenge, one operation per
//! sum, difference, product and negation, equal ones once, and for each constraint a product and a sum that join it to
//! the others. Each function here counts one gate and names the formula that it counts.
//!
//! One detail is left out, a few operations: tiles that start alike share the first steps of their sums.

use std::collections::BTreeSet;

use crate::streams::knobs::{LookupArgument, StreamKnobs};
use crate::streams::pass::{Passes, WeightStep};

/// Challenges that gates load.
const CHALLENGES: usize = 4;

/// What the gates' formulas depend on.
pub(crate) struct Gates<'a> {
    pub(crate) knobs: &'a StreamKnobs,
    pub(crate) passes: &'a Passes,
    /// Whether weights are advice cells.
    pub(crate) private: bool,
    /// Whether values are stored with an offset.
    pub(crate) offset: bool,
    /// Queried cells of all kinds.
    pub(crate) queries: usize,
    /// Instance columns beside public values; 0 if no values are public.
    pub(crate) public_values: usize,
    /// Whether accumulators are public.
    pub(crate) public_accumulators: bool,
}

impl Gates<'_> {
    /// Operations on one row.
    pub(crate) fn operations(&self) -> usize {
        let lanes = self.knobs.lanes;
        let public = 2 * (self.public_values + usize::from(self.public_accumulators));
        // active * (1 - mask) * p
        let padding = 3 * lanes;
        self.queries
            + CHALLENGES
            + self.powers()
            + padding
            + self.read()
            + self.write()
            + self.weights()
            + self.lookups()
            + public
            + 2 * self.constraints()
    }

    fn constraints(&self) -> usize {
        let public = self.public_values + usize::from(self.public_accumulators);
        // Two evaluations, the weights', the scalar sum and its two zeros, the sums' balance.
        self.knobs.lanes + 2 + 1 + 3 + self.sums().len() + 1 + public
    }

    /// active * (read - step * read(-1) - E(p))
    fn read(&self) -> usize {
        let lanes = self.knobs.lanes;
        let sums = &self.passes.read_sums;
        let sums = sums.iter().map(|sum| selected((0..lanes).map(|lane| sum.exponent(lane, lanes))));
        let offsets = if self.offset { 2 * lanes } else { 0 };
        offsets + horner((0..lanes).map(Some)) + sums.sum::<usize>() + evaluation(&self.passes.read_steps)
    }

    /// active * (write - step * write(-1) - E(D * (q - offset) + r_0 + B * r_1 + ...))
    fn write(&self) -> usize {
        let lanes = self.knobs.lanes;
        let accumulators = match self.knobs.remainders() {
            0 => lanes,
            limbs => lanes * (2 + 1 + 2 * (limbs - 1)),
        };
        let tiles = &self.passes.write_tiles;
        let tiles = tiles.iter().map(|tile| selected((0..lanes).map(|lane| tile.exponent(lane, lanes))));
        let raster = horner((0..lanes).map(Some));
        accumulators + raster + tiles.sum::<usize>() + evaluation(&self.passes.write_steps)
    }

    /// active * (sum - step * sum(-1) - E(w - half)), then ten operations of the scalar sum and its two zeros.
    fn weights(&self) -> usize {
        let lanes = self.knobs.weight_lanes;
        let offsets = if self.private { lanes } else { 0 };
        let products = self.passes.weight_steps.iter().filter(|step| !is_one(step)).count();
        let steps = joined(products, self.passes.weight_steps.len());
        // Marks times powers of sigma, summed to the product with the weights.
        let skips = 2 * self.passes.skips.len();
        offsets + 2 * (lanes - 1) + steps + 10 + 2 + skips
    }

    /// Denominators beta + tag + gamma * (x + gamma * y), then the running sums, then their balance.
    fn lookups(&self) -> usize {
        let knobs = self.knobs;
        let Some(chunk) = self.chunk() else { return 0 };
        let remainders = match knobs.remainders() {
            0 => 0,
            limbs => 2 * knobs.lanes * limbs + 1,
        };
        // A pair compresses two cells, and has one sum with the tag like a single weight.
        let pairs = if knobs.weight_pairs { 2 } else { 0 };
        let weights = if self.private { (2 + pairs) * knobs.weight_lookups() + 1 } else { 0 };
        let denominators = 4 * knobs.lanes + 1 + remainders + weights + 6 * knobs.table_columns;
        let sums = self.sums();
        // A weight's numerator is 1 and costs no product; alone in its sum it has none to save.
        let sum = |fractions: &usize| match fractions {
            1 => 4,
            2 => 8,
            _ => 13,
        };
        let ones: usize = self.ones(chunk);
        denominators + sums.iter().map(sum).sum::<usize>() - ones + sums.len()
    }

    /// Operations of the proof system's own lookups: (mask * tag, mask * x, mask * y) and the table's three columns,
    /// compressed and joined.
    pub(crate) fn native_operations(&self) -> usize {
        if self.chunk().is_some() {
            return 0;
        }
        let joined = 2 * 3 + 3;
        let values = self.knobs.lanes * (7 + 3 + joined);
        let others = self.weights_start() - self.knobs.lanes + self.weight_lookups();
        values + others * (6 + 2 + joined)
    }

    fn chunk(&self) -> Option<usize> {
        match self.knobs.lookups {
            LookupArgument::Sums { chunk } => Some(chunk),
            LookupArgument::Native => None,
        }
    }

    /// Fractions of each running sum.
    fn sums(&self) -> Vec<usize> {
        let Some(chunk) = self.chunk() else { return Vec::new() };
        let count = self.fractions();
        let full = vec![chunk; count / chunk];
        let rest = Some(count % chunk).filter(|rest| *rest > 0);
        full.into_iter().chain(rest).collect()
    }

    fn fractions(&self) -> usize {
        self.weights_start() + self.weight_lookups() + self.knobs.table_columns
    }

    fn weights_start(&self) -> usize {
        self.knobs.lanes * (1 + self.knobs.remainders())
    }

    fn weight_lookups(&self) -> usize {
        if self.private { self.knobs.weight_lookups() } else { 0 }
    }

    /// Weights that share a running sum with another fraction.
    fn ones(&self, chunk: usize) -> usize {
        let first = self.weights_start();
        let alone = |place: usize| chunk == 1 || place.is_multiple_of(chunk) && place + 1 == self.fractions();
        (first..first + self.weight_lookups()).filter(|&place| !alone(place)).count()
    }

    /// Products that make the powers of sigma, each power once.
    fn powers(&self) -> usize {
        let lanes = self.knobs.lanes;
        let mut powers = Powers::default();
        for sum in &self.passes.read_sums {
            powers.add_gaps((0..lanes).map(|lane| sum.exponent(lane, lanes)));
        }
        for tile in &self.passes.write_tiles {
            powers.add_gaps((0..lanes).map(|lane| tile.exponent(lane, lanes)));
        }
        let positions = self.passes.weight_steps.iter().filter_map(|step| match step {
            WeightStep::Position(exponent) => Some(*exponent),
            WeightStep::Digit(_) => None,
        });
        let steps =
            self.passes.read_steps.iter().chain(&self.passes.write_steps).chain(&self.passes.skips).copied();
        steps.chain(positions).for_each(|exponent| powers.add(exponent));
        powers.0.len()
    }
}

/// Powers above the first that are computed on the way to others.
#[derive(Default)]
struct Powers(BTreeSet<usize>);

impl Powers {
    /// By squaring: an odd power needs the even one below it.
    fn add(&mut self, exponent: usize) {
        if exponent < 2 {
            return;
        }
        self.0.insert(exponent);
        self.0.insert(exponent & !1);
        self.add(exponent / 2);
    }

    fn add_gaps(&mut self, exponents: impl Iterator<Item = Option<usize>>) {
        gaps(exponents).1.into_iter().for_each(|gap| self.add(gap));
    }
}

/// `fixed * (other - raster)`, joined to the sum.
fn selected(exponents: impl Iterator<Item = Option<usize>>) -> usize {
    horner(exponents) + 3
}

/// Horner's rule: a product for each step between distinct exponents and down to 0, a sum for each further term.
fn horner(exponents: impl Iterator<Item = Option<usize>>) -> usize {
    let (terms, gaps) = gaps(exponents);
    gaps.len() + terms.saturating_sub(1)
}

/// Number of terms, and the steps between their exponents that are not 0.
fn gaps(exponents: impl Iterator<Item = Option<usize>>) -> (usize, Vec<usize>) {
    let mut exponents: Vec<usize> = exponents.flatten().collect();
    exponents.sort_unstable();
    let below = std::iter::once(0).chain(exponents.iter().copied());
    let gaps = exponents.iter().zip(below).map(|(exponent, below)| exponent - below);
    (exponents.len(), gaps.filter(|gap| *gap > 0).collect())
}

/// `active * (column - step * column(-1) - sum)` without the sum.
fn evaluation(steps: &[usize]) -> usize {
    joined(steps.iter().filter(|exponent| **exponent > 0).count(), steps.len())
}

/// Products of marks and factors, their sum, and the constraint's four operations: two without any step.
fn joined(products: usize, steps: usize) -> usize {
    if steps == 0 { 2 } else { products + steps - 1 + 4 }
}

fn is_one(step: &WeightStep) -> bool {
    matches!(step, WeightStep::Position(0) | WeightStep::Digit(0))
}
