//! The map of all columns: which strips there are, in the order that their columns are created, and what is looked up.
//!
//! ```text
//! phase 0   | quotients  remainders  values | weights | multiplicities |            small cells
//! challenges  sigma (position), rho (output channel), beta and gamma (lookups)
//! phase 1   | read  write | weight_sum | operand  scalar | second | folded, of weights and of the input | sums ... |  full-width cells
//! ```
//!
//! It knows nothing of rows.

use crate::streams::home::{Home, Public};
use crate::streams::knobs::{LookupArgument, StreamKnobs};
use crate::streams::layout::Streams;
use crate::streams::pass::Passes;
use crate::table::Table;
use crate::visibility::{Visibility, WeightMode};

/// Advice columns of one kind, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip {
    /// What they hold.
    pub name: &'static str,
    /// Place of the first among all advice columns.
    pub first: usize,
    /// Number of columns.
    pub count: usize,
}

/// Every column of a layout, by kind.
#[derive(Clone, Debug)]
pub struct Strips {
    /// Quotients, by lane.
    pub quotients: Strip,
    /// Remainders, by limb and lane; none if no requantisation has any.
    pub remainders: Strip,
    /// Values, by lane.
    pub values: Strip,
    /// Private weights, by lane; none if weights are held otherwise.
    pub weights: Strip,
    /// Multiplicities, by set of table columns; none if the proof system's own lookups are used.
    pub multiplicities: Strip,
    /// The consumer's evaluation.
    pub read: Strip,
    /// The producer's evaluation.
    pub write: Strip,
    /// The weights' evaluation.
    pub weight_sum: Strip,
    /// The scalar operand, a copy of an evaluation.
    pub operand: Strip,
    /// The scalar sum.
    pub scalar: Strip,
    /// The consumer's evaluation at the challenge of planes; none if no evaluations are multiplied.
    pub second: Strip,
    /// Committed weights, each row's folded into one number; none if weights are held otherwise.
    pub folded: Strip,
    /// A bound input, each row's channels folded into one number; none if the input is held otherwise.
    pub folded_input: Strip,
    /// Running sums of the lookups.
    pub sums: Strip,
    /// Fixed columns.
    pub fixed: FixedColumns,
    /// Instance columns: those beside the last lanes.
    pub instance: usize,
    /// Weights that share a lookup.
    weights_together: usize,
    /// Tag of the table that private weights are looked up in.
    weight_tag: u64,
}

/// One lookup of every row: of `(tag, x, y)`. The tag tells which table; looked-up rows carry a tag that is not 0, so that the
/// zero entry of unused table rows is never theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Fixed column that is 1 on rows where it counts; `None` if it counts on every active row.
    pub mask: Option<usize>,
    /// The tag.
    pub tag: Tag,
    /// Advice column of `x`.
    pub x: usize,
    /// Advice column of `y`; 0 if there is none.
    pub y: Option<usize>,
}

/// Where a lookup's tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// In a fixed column.
    Column(usize),
    /// The same on all rows.
    Constant(u64),
}

impl Strip {
    /// Place of one of the columns.
    pub(crate) fn at(&self, index: usize) -> usize {
        self.first + index
    }

    /// Places of all columns.
    pub fn columns(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

impl Strips {
    /// The columns of a plan.
    pub fn of(plan: &Streams) -> Self {
        Self::new(&plan.knobs, &plan.visibility, &plan.homes, &plan.passes, plan.weight_bits)
    }

    pub(crate) fn new(
        knobs: &StreamKnobs,
        visibility: &Visibility,
        homes: &[Home],
        passes: &Passes,
        weight_bits: u32,
    ) -> Self {
        let (weights, weight_lookups, folded) = match visibility.weights {
            WeightMode::Private => (knobs.weight_lanes, knobs.weight_lookups(), 0),
            WeightMode::Fixed => (0, 0, 0),
            WeightMode::Committed => (0, 0, 1),
        };
        let remainders = knobs.remainders() * knobs.lanes;
        let looked_up = knobs.lanes + remainders + weight_lookups;
        let (multiplicities, sums) = match knobs.lookups {
            LookupArgument::Sums { chunk } => {
                (knobs.table_columns, (looked_up + knobs.table_columns).div_ceil(chunk))
            }
            LookupArgument::Native => (0, 0),
        };
        let mut first = 0;
        let mut strip = |name, count| {
            first += count;
            Strip { name, first: first - count, count }
        };
        Self {
            quotients: strip("quotients", knobs.lanes),
            remainders: strip("remainders", remainders),
            values: strip("values", knobs.lanes),
            weights: strip("weights", weights),
            multiplicities: strip("multiplicities", multiplicities),
            read: strip("read", 1),
            write: strip("write", 1),
            weight_sum: strip("weight sum", 1),
            operand: strip("operand", 1),
            scalar: strip("scalar", 1),
            second: strip("second", usize::from(passes.products)),
            folded: strip("folded weights", folded),
            folded_input: strip("folded input", usize::from(visibility.binds_input())),
            sums: strip("sums", sums),
            fixed: FixedColumns::new(knobs, visibility, homes, passes),
            instance: if visibility.shows_input() { knobs.lanes } else { 1 },
            weights_together: knobs.weights_together(),
            weight_tag: Table::of_weights(weight_bits, knobs.weight_pairs).tag,
        }
    }

    /// Strips that are committed before the challenges.
    pub fn small(&self) -> [Strip; 5] {
        [self.quotients, self.remainders, self.values, self.weights, self.multiplicities]
    }

    /// Strips that are committed after the challenges.
    pub fn wide(&self) -> [Strip; 9] {
        let &Self { read, write, weight_sum, operand, scalar, second, folded, folded_input, sums, .. } = self;
        [read, write, weight_sum, operand, scalar, second, folded, folded_input, sums]
    }

    /// Columns that are committed before the challenges.
    pub fn small_columns(&self) -> usize {
        self.read.first
    }

    /// Columns that are committed after the challenges.
    pub fn wide_columns(&self) -> usize {
        self.sums.columns().end - self.small_columns()
    }

    /// Instance columns that a gate reads.
    pub fn public_columns(&self) -> usize {
        match self.fixed.public_values {
            Some(_) => self.instance,
            None => usize::from(self.fixed.public_accumulators.is_some()),
        }
    }

    /// Number of lookups of a row.
    pub fn lookup_count(&self) -> usize {
        self.values.count + self.remainders.count + self.weights.count.div_ceil(self.weights_together)
    }

    /// Every lookup of a row: values by lane, then remainders by limb and lane, then weights: one by one, or two at a time, where
    /// the last of an odd number makes a pair with itself.
    pub fn lookups(&self) -> Vec<Lookup> {
        let fixed = &self.fixed;
        let values = self.values.columns().zip(self.quotients.columns()).zip(&fixed.masks);
        let values = values.map(|((value, quotient), &mask)| Lookup {
            mask: Some(mask),
            tag: Tag::Column(fixed.tag),
            x: quotient,
            y: Some(value),
        });
        let remainders = fixed.limb.into_iter().flat_map(|limb| {
            let masks = fixed.masks.iter().cycle();
            self.remainders.columns().zip(masks).map(move |(x, &mask)| Lookup {
                mask: Some(mask),
                tag: Tag::Column(limb),
                x,
                y: None,
            })
        });
        let last = self.weights.columns().end.saturating_sub(1);
        let weights = self.weights.columns().step_by(self.weights_together).map(|x| Lookup {
            mask: None,
            tag: Tag::Constant(self.weight_tag),
            x,
            y: (self.weights_together > 1).then_some((x + 1).min(last)),
        });
        values.chain(remainders).chain(weights).collect()
    }
}

/// Places of the fixed columns, in the order they are created.
#[derive(Clone, Debug)]
pub struct FixedColumns {
    /// 1 on every row that constraints hold on: all usable rows but the last.
    pub active: usize,
    /// 1 on the first and the last usable row.
    pub edge: usize,
    /// 1 where the scalar sum must be 0.
    pub closes: usize,
    /// 1 where the scalar sum takes an output plane.
    pub output: usize,
    /// Factor of the product that the scalar sum takes, 1 of most; 0 where it takes none.
    pub product: usize,
    /// Tag of the activation table.
    pub tag: usize,
    /// What quotients are multiplied by, if there are remainders.
    pub divisor: Option<usize>,
    /// Tag of the remainders' table: the divisor itself, or the size of a limb.
    pub limb: Option<usize>,
    /// What the operand of an output is multiplied by, if some layer is in limbs; fractions, one over an output's factor.
    pub scale: Option<usize>,
    /// 1 where a lane holds a value.
    pub masks: Vec<usize>,
    /// Producer's tiles.
    pub write_tiles: Vec<usize>,
    /// Producer's steps.
    pub write_steps: Vec<usize>,
    /// Consumer's window sums.
    pub read_sums: Vec<usize>,
    /// Consumer's steps.
    pub read_steps: Vec<usize>,
    /// Weight tape's steps.
    pub weight_steps: Vec<usize>,
    /// Factors of skip connections, by power of sigma, and of phases; those of phases are fractions, if some layer is in limbs.
    pub skips: Vec<usize>,
    /// 1 where a plane goes on from the row before in the evaluation at the challenge of planes.
    pub second_step: Option<usize>,
    /// 1 where the weights' evaluation takes the product of the operand and the one before.
    pub multiply: Option<usize>,
    /// 1 where lanes hold weights, if there are products or a bound input; elsewhere they do not count.
    pub live: Option<usize>,
    /// 1 where squares are read.
    pub squares: Option<usize>,
    /// 1 where accumulators are written turned, and where such a plane goes on from the row before.
    pub turned: Option<[usize; 2]>,
    /// 1 where a row of the weight tape holds values of a bound input.
    pub bound: Option<usize>,
    /// Tag, x and y of each set of table columns.
    pub tables: Vec<[usize; 3]>,
    /// 1 where values are public.
    pub public_values: Option<usize>,
    /// 1 where accumulators are public.
    pub public_accumulators: Option<usize>,
    /// Weights, if they are fixed.
    pub weights: Vec<usize>,
    /// Number of columns.
    pub count: usize,
}

impl FixedColumns {
    fn new(knobs: &StreamKnobs, visibility: &Visibility, homes: &[Home], passes: &Passes) -> Self {
        let mut count = 0;
        let mut next = || {
            count += 1;
            count - 1
        };
        let has = |public: Public| homes.iter().any(|home| home.public == public);
        let fixed_weights = visibility.weights == WeightMode::Fixed;
        let limbs = knobs.limbs.is_some();
        let mut columns = Self {
            active: next(),
            edge: next(),
            closes: next(),
            output: next(),
            product: next(),
            tag: next(),
            divisor: (knobs.remainders() > 0).then(&mut next),
            limb: limbs.then(&mut next),
            scale: limbs.then(&mut next),
            masks: (0..knobs.lanes).map(|_| next()).collect(),
            write_tiles: passes.write_tiles.iter().map(|_| next()).collect(),
            write_steps: passes.write_steps.iter().map(|_| next()).collect(),
            read_sums: passes.read_sums.iter().map(|_| next()).collect(),
            read_steps: passes.read_steps.iter().map(|_| next()).collect(),
            weight_steps: passes.weight_steps.iter().map(|_| next()).collect(),
            skips: passes.skips.iter().map(|_| next()).collect(),
            second_step: passes.products.then(&mut next),
            multiply: passes.products.then(&mut next),
            live: (passes.products || visibility.binds_input()).then(&mut next),
            squares: passes.squares.then(&mut next),
            turned: passes.turned.then(|| [next(), next()]),
            bound: visibility.binds_input().then(&mut next),
            tables: (0..knobs.table_columns).map(|_| [next(), next(), next()]).collect(),
            public_values: has(Public::Values).then(&mut next),
            public_accumulators: has(Public::Accumulators).then(&mut next),
            weights: (0..if fixed_weights { knobs.weight_lanes } else { 0 }).map(|_| next()).collect(),
            count: 0,
        };
        columns.limb = columns.limb.or(columns.divisor);
        columns.count = count;
        columns
    }
}
