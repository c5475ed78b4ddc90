//! The circuit's own gates, found by their names and written out.

use std::sync::Arc;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use zklayout_circuit::streams::Columns;
use zklayout_circuit::{CircuitParams, Config, InferenceCircuit, Scalar};
use zklayout_plan::Plan;

use crate::objection::{Objection, hold};
use crate::polynomial::Polynomial;

/// A circuit's columns and gates, the fixed columns named by their places in the grid.
pub(crate) struct Gates {
    pub(crate) columns: Columns,
    pub(crate) padding: Vec<Polynomial>,
    pub(crate) read: Vec<Polynomial>,
    pub(crate) write: Vec<Polynomial>,
    /// None without products of evaluations.
    pub(crate) second: Vec<Polynomial>,
    pub(crate) weight_sum: Vec<Polynomial>,
    pub(crate) scalar: Vec<Polynomial>,
    pub(crate) zero: Vec<Polynomial>,
    pub(crate) public: Vec<Polynomial>,
}

impl Gates {
    pub(crate) fn of(plan: &Plan) -> Result<Self, Objection> {
        let mut cs = ConstraintSystem::<Scalar>::default();
        let params = CircuitParams(Some(Arc::new(plan.clone())));
        let Config::Streams(columns) = InferenceCircuit::configure_with_params(&mut cs, params) else {
            return Err(Objection("the circuit is of another family".into()));
        };
        let in_order = columns.fixed.iter().enumerate().all(|(place, column)| column.index() == place);
        hold(in_order, || "the circuit has other fixed columns than the grid".into())?;
        let challenges = [columns.challenges.sigma.index(), columns.challenges.rho.index()];
        let gate = |name: &str| -> Vec<Polynomial> {
            let own = cs.gates().iter().filter(|gate| gate.name() == name);
            let polynomials = own.flat_map(|gate| gate.polynomials());
            polynomials.map(|polynomial| Polynomial::of(polynomial, challenges)).collect()
        };
        let gates = Self {
            padding: gate("padding holds no value"),
            read: gate("consumer's evaluation"),
            write: gate("producer's evaluation"),
            second: gate("consumer's evaluation, turned"),
            weight_sum: gate("weights' evaluation"),
            scalar: gate("scalar sum"),
            zero: gate("scalar sum is zero"),
            public: [gate("values are public"), gate("accumulators are public")].concat(),
            columns: *columns,
        };
        let each = [&gates.read, &gates.write, &gates.weight_sum, &gates.scalar];
        let found = each.iter().all(|gate| gate.len() == 1);
        hold(found && !gates.padding.is_empty() && !gates.zero.is_empty() && !gates.public.is_empty(), || {
            "the circuit's gates have other names than the checks know".into()
        })?;
        Ok(gates)
    }
}
