//! Every column of the circuit, created in the order of their map ([`DirectColumns`]).

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Fixed, Instance};
use zklayout_plan::{DirectColumns, DirectGates};

use crate::expressions::{Expressions, Read};
use crate::field::Scalar;

/// The columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The grid.
    pub advice: Vec<Column<Advice>>,
    /// Fixed columns, in the order of [`DirectColumns`].
    pub fixed: Vec<Column<Fixed>>,
    /// Places of the fixed columns.
    pub places: DirectColumns,
    /// Public values.
    pub instance: Column<Instance>,
}

impl Columns {
    /// Creates the columns of a plan.
    pub fn create(cs: &mut ConstraintSystem<Scalar>, gates: &DirectGates) -> Self {
        let places = gates.columns.clone();
        let columns = Self {
            advice: (0..gates.knobs.columns).map(|_| cs.advice_column()).collect(),
            fixed: (0..places.count).map(|_| cs.fixed_column()).collect(),
            instance: cs.instance_column(),
            places,
        };
        columns.advice.iter().for_each(|&column| cs.enable_equality(column));
        columns.places.constants.iter().for_each(|&place| cs.enable_equality(columns.fixed[place]));
        cs.enable_equality(columns.instance);
        columns
    }

    /// Creates the gates of a plan, and its lookups.
    pub(crate) fn create_gates(&self, cs: &mut ConstraintSystem<Scalar>, gates: &DirectGates) {
        let instance = [self.instance];
        let read = Read { advice: &self.advice, fixed: &self.fixed, instance: &instance, challenges: &[] };
        for gate in gates.gates() {
            cs.create_gate(gate.name(), |meta| gates.constraints(gate, &mut Expressions { meta, read }));
        }
        for lookup in gates.lookups() {
            cs.lookup_any("tables", |meta| gates.entry(&lookup, &mut Expressions { meta, read }));
        }
    }
}
