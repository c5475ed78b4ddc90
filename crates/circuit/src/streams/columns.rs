//! Every column and challenge of the circuit.
//!
//! ```text
//! phase 0   | quotients  remainders  values | weights | multiplicities |            small cells
//! challenges  sigma (position), rho (output channel), beta and gamma (lookups)
//! phase 1   | read  write | weight_sum | operand  scalar | sums ...    |            full-width cells
//! ```

use halo2_proofs::plonk::{Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase};
use zklayout_plan::{Public, Streams, WeightMode};

use crate::field::Scalar;

/// The challenges, all drawn after everything in phase 0 is committed.
#[derive(Clone, Copy, Debug)]
pub struct Challenges {
    /// Position in a plane.
    pub sigma: Challenge,
    /// Output channel.
    pub rho: Challenge,
    /// Lookup denominator.
    pub beta: Challenge,
    /// Lookup compression.
    pub gamma: Challenge,
}

/// The columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Quotients, by lane.
    pub quotients: Vec<Column<Advice>>,
    /// Remainders, by limb and lane; empty if no requantisation has any.
    pub remainders: Vec<Column<Advice>>,
    /// Values, by lane.
    pub values: Vec<Column<Advice>>,
    /// Private weights, by lane.
    pub weights: Vec<Column<Advice>>,
    /// Multiplicities, by set of table columns.
    pub multiplicities: Vec<Column<Advice>>,
    /// The consumer's evaluation.
    pub read: Column<Advice>,
    /// The producer's evaluation.
    pub write: Column<Advice>,
    /// The weights' evaluation.
    pub weight_sum: Column<Advice>,
    /// The copied evaluation that the scalar sum takes.
    pub operand: Column<Advice>,
    /// The scalar sum.
    pub scalar: Column<Advice>,
    /// Running sums of the lookups.
    pub sums: Vec<Column<Advice>>,
    /// Fixed columns, in the order of [`FixedColumns`].
    pub fixed: Vec<Column<Fixed>>,
    /// Places of the fixed columns.
    pub places: FixedColumns,
    /// Public values, by lane.
    pub instance: Vec<Column<Instance>>,
    /// The challenges.
    pub challenges: Challenges,
}

impl Columns {
    /// Creates the columns of a plan.
    pub fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams) -> Self {
        let knobs = &plan.knobs;
        let private = plan.visibility.weights == WeightMode::Private;
        let places = FixedColumns::of(plan);
        let mut small = |count: usize| (0..count).map(|_| cs.advice_column_in(FirstPhase)).collect::<Vec<_>>();
        let quotients = small(knobs.lanes);
        let remainders = small(knobs.remainders() * knobs.lanes);
        let values = small(knobs.lanes);
        let weights = small(if private { knobs.weight_lanes } else { 0 });
        let multiplicities = small(plan.lookup_chunk().map_or(0, |_| knobs.table_columns));
        let challenges = Challenges {
            sigma: cs.challenge_usable_after(FirstPhase),
            rho: cs.challenge_usable_after(FirstPhase),
            beta: cs.challenge_usable_after(FirstPhase),
            gamma: cs.challenge_usable_after(FirstPhase),
        };
        let lookups = values.len() + remainders.len() + plan.private_weight_lookups() + multiplicities.len();
        let mut wide = || cs.advice_column_in(SecondPhase);
        let [read, write, weight_sum, operand, scalar] = std::array::from_fn(|_| wide());
        let sums = (0..plan.lookup_chunk().map_or(0, |chunk| lookups.div_ceil(chunk))).map(|_| wide()).collect();
        let columns = Self {
            quotients,
            remainders,
            values,
            weights,
            multiplicities,
            read,
            write,
            weight_sum,
            operand,
            scalar,
            sums,
            fixed: (0..places.count).map(|_| cs.fixed_column()).collect(),
            places,
            instance: (0..plan.instance_columns()).map(|_| cs.instance_column()).collect(),
            challenges,
        };
        for column in [columns.read, columns.write, columns.operand] {
            cs.enable_equality(column);
        }
        columns
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
    /// What the operand of an output is multiplied by, if some layer is in limbs; fractions, see [`FixedGrid::ratios`](crate::streams::FixedGrid::ratios).
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
    /// Factors of skip connections, by power of sigma.
    pub skips: Vec<usize>,
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
    /// The columns of a plan.
    pub fn of(plan: &Streams) -> Self {
        let mut count = 0;
        let mut next = || {
            count += 1;
            count - 1
        };
        let passes = &plan.passes;
        let has = |public: Public| plan.homes.iter().any(|home| home.public == public);
        let fixed_weights = plan.visibility.weights == WeightMode::Fixed;
        let limbs = plan.knobs.limbs.is_some();
        let mut columns = Self {
            active: next(),
            edge: next(),
            closes: next(),
            output: next(),
            product: next(),
            tag: next(),
            divisor: (plan.knobs.remainders() > 0).then(&mut next),
            limb: limbs.then(&mut next),
            scale: limbs.then(&mut next),
            masks: (0..plan.knobs.lanes).map(|_| next()).collect(),
            write_tiles: passes.write_tiles.iter().map(|_| next()).collect(),
            write_steps: passes.write_steps.iter().map(|_| next()).collect(),
            read_sums: passes.read_sums.iter().map(|_| next()).collect(),
            read_steps: passes.read_steps.iter().map(|_| next()).collect(),
            weight_steps: passes.weight_steps.iter().map(|_| next()).collect(),
            skips: passes.skips.iter().map(|_| next()).collect(),
            tables: (0..plan.knobs.table_columns).map(|_| [next(), next(), next()]).collect(),
            public_values: has(Public::Values).then(&mut next),
            public_accumulators: has(Public::Accumulators).then(&mut next),
            weights: (0..if fixed_weights { plan.knobs.weight_lanes } else { 0 }).map(|_| next()).collect(),
            count: 0,
        };
        columns.limb = columns.limb.or(columns.divisor);
        columns.count = count;
        columns
    }
}
