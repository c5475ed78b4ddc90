//! Every column and challenge of the circuit, created in the order of their map ([`Strips`]).

use halo2_proofs::plonk::{Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase};
use zklayout_plan::{FixedColumns, StreamGates, Strip, Strips};

use crate::expressions::{Expressions, Read};
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

/// The columns, in the order of their map.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Every advice column.
    pub advice: Vec<Column<Advice>>,
    /// Quotients, by lane.
    pub quotients: Vec<Column<Advice>>,
    /// Remainders, by limb and lane; empty if no requantisation has any.
    pub remainders: Vec<Column<Advice>>,
    /// Values, by lane.
    pub values: Vec<Column<Advice>>,
    /// Private weights, by lane; none if weights are held otherwise.
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
    /// The consumer's evaluation at the challenge of planes, if evaluations are multiplied.
    pub second: Option<Column<Advice>>,
    /// Committed weights, folded; none if weights are held otherwise.
    pub folded: Vec<Column<Advice>>,
    /// A bound input, folded; none if the input is held otherwise.
    pub folded_input: Vec<Column<Advice>>,
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
    pub fn create(cs: &mut ConstraintSystem<Scalar>, strips: &Strips) -> Self {
        let mut advice: Vec<_> = (0..strips.small_columns()).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let challenges = Challenges {
            sigma: cs.challenge_usable_after(FirstPhase),
            rho: cs.challenge_usable_after(FirstPhase),
            beta: cs.challenge_usable_after(FirstPhase),
            gamma: cs.challenge_usable_after(FirstPhase),
        };
        advice.extend((0..strips.wide_columns()).map(|_| cs.advice_column_in(SecondPhase)));
        let strip = |strip: Strip| advice[strip.columns()].to_vec();
        let column = |strip: Strip| advice[strip.first];
        let columns = Self {
            quotients: strip(strips.quotients),
            remainders: strip(strips.remainders),
            values: strip(strips.values),
            weights: strip(strips.weights),
            multiplicities: strip(strips.multiplicities),
            read: column(strips.read),
            write: column(strips.write),
            weight_sum: column(strips.weight_sum),
            operand: column(strips.operand),
            scalar: column(strips.scalar),
            second: strip(strips.second).first().copied(),
            folded: strip(strips.folded),
            folded_input: strip(strips.folded_input),
            sums: strip(strips.sums),
            advice,
            fixed: (0..strips.fixed.count).map(|_| cs.fixed_column()).collect(),
            places: strips.fixed.clone(),
            instance: (0..strips.instance).map(|_| cs.instance_column()).collect(),
            challenges,
        };
        for column in [columns.read, columns.write, columns.operand].into_iter().chain(columns.second) {
            cs.enable_equality(column);
        }
        columns
    }

    /// Creates the gates of a plan, over the challenges that these columns name, and the proof system's own lookups.
    pub fn create_gates(&self, cs: &mut ConstraintSystem<Scalar>, gates: &StreamGates<'_>) {
        let Challenges { sigma, rho, beta, gamma } = self.challenges;
        let challenges = [sigma, rho, beta, gamma];
        let read =
            Read { advice: &self.advice, fixed: &self.fixed, instance: &self.instance, challenges: &challenges };
        for gate in gates.gates() {
            cs.create_gate(gate.name(), |meta| gates.constraints(gate, &mut Expressions { meta, read }));
        }
        for lookup in gates.native_lookups() {
            cs.lookup_any("lookup", |meta| gates.native(&lookup, &mut Expressions { meta, read }));
        }
    }
}
