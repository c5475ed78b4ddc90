//! The gates, one file each, over any algebra. Each is switched by a fixed column, so that none holds on blinding rows.

mod bits;
mod dot;
mod formulas;
mod look;
mod sum;

use crate::algebra::{Algebra, Constraint};
use crate::operations::Operations;

pub use formulas::{DirectGates, DirectLookup};

/// A gate of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectGate {
    /// Dot products.
    Dot,
    /// Requantisations and range checks.
    Look,
    /// Sums.
    Sum,
    /// Binary digits.
    Bits,
}

impl DirectGates {
    /// Every gate, in the order that they are created.
    pub fn gates(&self) -> Vec<DirectGate> {
        let mut gates = vec![DirectGate::Dot, DirectGate::Look];
        gates.extend(self.columns.sum.map(|_| DirectGate::Sum));
        gates.extend(self.columns.bits.map(|_| DirectGate::Bits));
        gates
    }

    /// The constraints of a gate.
    pub fn constraints<A: Algebra>(&self, gate: DirectGate, a: &mut A) -> Vec<Constraint<A::Value>> {
        match gate {
            DirectGate::Dot => dot::constraints(self, a),
            DirectGate::Look => look::constraints(self, a),
            DirectGate::Sum => sum::constraints(self, a),
            DirectGate::Bits => bits::constraints(self, a),
        }
    }

    /// The proof system's own lookups: two for each slot.
    pub fn lookups(&self) -> Vec<DirectLookup> {
        look::lookups(self)
    }

    /// What one of them looks up, and the columns of the table that it must be a row of.
    pub fn entry<A: Algebra>(&self, lookup: &DirectLookup, a: &mut A) -> Vec<(A::Value, A::Value)> {
        look::entry(self, lookup, a)
    }

    /// Operations of all gates on one row, and of the lookups.
    pub(crate) fn operations(&self) -> (usize, usize) {
        let operations = Operations::default();
        for gate in self.gates() {
            for (_, constraint) in self.constraints(gate, &mut &operations) {
                operations.constrain(constraint);
            }
        }
        (operations.total(), self.lookups().iter().map(|lookup| look::operations(self, lookup)).sum())
    }
}

impl DirectGate {
    /// The gate's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dot => "dot product",
            Self::Look => "requantisation",
            Self::Sum => "sum",
            Self::Bits => "binary digits",
        }
    }
}
