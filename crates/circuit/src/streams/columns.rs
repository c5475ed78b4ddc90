//! Every column and challenge of the circuit.
//!
//! ```text
//! phase 0   | quotients  remainders  values | weights | multiplicities |            small cells
//! challenges  sigma (position), rho (output channel), beta and gamma (lookups)
//! phase 1   | read  write | weight_sum | operand  scalar | sums ...    |            full-width cells
//! ```

use halo2_proofs::plonk::{Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase};
use zklayout_plan::{Streams, WeightMode};

use crate::Scalar;
use crate::streams::fixed::FixedColumns;

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
