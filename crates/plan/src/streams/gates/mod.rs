//! The gates, one file each, over any algebra. Every constraint is switched: it holds on active rows only, which leaves out
//! the last usable row and the blinding rows.

mod activation;
mod formulas;
mod logup;
mod lookup;
mod native;
mod public;
mod scalar_sum;

use crate::algebra::{Algebra, Constraint, PublicAlgebra};
use crate::operations::Operations;
use crate::streams::knobs::LookupArgument;
use crate::streams::strips::Lookup;

pub(crate) use formulas::Numbers;
pub use formulas::StreamGates;

/// A gate of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamGate {
    /// Padding positions hold no value.
    Padding,
    /// The consumer's evaluation.
    Read,
    /// The producer's evaluation.
    Write,
    /// The consumer's evaluation at the challenge of planes.
    Second,
    /// The weights' evaluation.
    Weights,
    /// The scalar sum.
    ScalarSum,
    /// The scalar sum is zero where it must be.
    Zero,
    /// Running sums of fractions.
    Sums,
    /// The running sums add up to nothing.
    Balance,
    /// Public values.
    PublicValues,
    /// Public accumulators.
    PublicAccumulators,
}

impl StreamGates<'_> {
    /// Every gate, in the order that they are created.
    pub fn gates(&self) -> Vec<StreamGate> {
        use StreamGate as Gate;
        let mut gates = vec![Gate::Padding, Gate::Read, Gate::Write, Gate::Weights, Gate::ScalarSum, Gate::Zero];
        if self.strips.second.count > 0 {
            gates.push(Gate::Second);
        }
        if self.strips.sums.count > 0 {
            gates.extend([Gate::Sums, Gate::Balance]);
        }
        gates.extend(self.strips.fixed.public_values.map(|_| Gate::PublicValues));
        gates.extend(self.strips.fixed.public_accumulators.map(|_| Gate::PublicAccumulators));
        gates
    }

    /// The constraints of a gate.
    pub fn constraints<A: PublicAlgebra>(&self, gate: StreamGate, a: &mut A) -> Vec<Constraint<A::Value>> {
        match gate {
            StreamGate::Padding => activation::padding(self, a),
            StreamGate::Read => vec![("a row's values follow the plane so far", self.read(a))],
            StreamGate::Write => vec![("a row's accumulators follow the plane so far", self.write(a))],
            StreamGate::Second => {
                let second = self.second(a).into_iter();
                second.map(|value| ("a row's values follow the plane so far, turned", value)).collect()
            }
            StreamGate::Weights => vec![("a row's weights follow the kernel so far", self.weights(a))],
            StreamGate::ScalarSum => {
                vec![("the next sum has an output more or a product less", self.scalar_sum(a))]
            }
            StreamGate::Zero => scalar_sum::zero(self, a),
            StreamGate::Sums => logup::sums(self, a),
            StreamGate::Balance => logup::balance(self, a),
            StreamGate::PublicValues => public::values(self, a),
            StreamGate::PublicAccumulators => public::accumulators(self, a),
        }
    }

    /// The constraint that determines the consumer's evaluation of a row.
    pub fn read<A: Algebra>(&self, a: &mut A) -> A::Value {
        activation::read(self, a)
    }

    /// The constraint that determines the producer's evaluation of a row.
    pub fn write<A: Algebra>(&self, a: &mut A) -> A::Value {
        activation::write(self, a)
    }

    /// The constraint that determines the consumer's evaluation of a row at the challenge of planes, if there is one.
    pub fn second<A: Algebra>(&self, a: &mut A) -> Option<A::Value> {
        activation::second(self, a)
    }

    /// The constraint that determines the weights' evaluation of a row.
    pub fn weights<A: Algebra>(&self, a: &mut A) -> A::Value {
        scalar_sum::weights(self, a)
    }

    /// The constraint that determines the next row's scalar sum.
    pub fn scalar_sum<A: Algebra>(&self, a: &mut A) -> A::Value {
        scalar_sum::sum(self, a)
    }

    /// The proof system's own lookups; none if they are proven by running sums.
    pub fn native_lookups(&self) -> Vec<Lookup> {
        if self.knobs.lookups == LookupArgument::Native { self.strips.lookups() } else { Vec::new() }
    }

    /// What one of the proof system's own lookups looks up, and the columns of the table that it must be a row of.
    pub fn native<A: Algebra>(&self, lookup: &Lookup, a: &mut A) -> Vec<(A::Value, A::Value)> {
        native::entry(self, lookup, a)
    }

    /// `beta + tag + gamma * x + gamma^2 * y` of a row of a set of table columns: what its lookups are divided by.
    pub fn table_denominator<A: Algebra>(&self, set: usize, a: &mut A) -> A::Value {
        logup::table_denominator(self, set, a)
    }

    /// Operations of all gates on one row, and of the proof system's own lookups.
    pub fn operations(&self) -> (usize, usize) {
        let operations = Operations::default();
        for gate in self.gates() {
            for (_, constraint) in self.constraints(gate, &mut &operations) {
                operations.constrain(constraint);
            }
        }
        let native = self.native_lookups().iter().map(|lookup| native::operations(self, lookup)).sum();
        (operations.total(), native)
    }
}

impl StreamGate {
    /// The gate's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Padding => "padding holds no value",
            Self::Read => "consumer's evaluation",
            Self::Write => "producer's evaluation",
            Self::Second => "consumer's evaluation, turned",
            Self::Weights => "weights' evaluation",
            Self::ScalarSum => "scalar sum",
            Self::Zero => "scalar sum is zero",
            Self::Sums => "lookups",
            Self::Balance => "lookups balance",
            Self::PublicValues => "values are public",
            Self::PublicAccumulators => "accumulators are public",
        }
    }
}
