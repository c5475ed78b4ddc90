//! Honest witnesses: the circuit agrees with the integer executor on every layout.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nets::{Case, PRIVATE, Proof, cases};
use zklayout_circuit::{CircuitParams, InferenceCircuit, check_shape};
use zklayout_plan::{Plan, Visibility, WeightMode};

fn check(name: &str, case: &Case, plan: Plan) {
    let proof = Proof::new(case, plan);
    let mut cs = ConstraintSystem::default();
    let params = CircuitParams(Some(proof.plan.clone()));
    InferenceCircuit::configure_with_params(&mut cs, params);
    check_shape(&proof.plan, &cs, &proof.grid).unwrap_or_else(|error| panic!("{name}: {error}"));
    proof.check(proof.witness.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn every_network_is_accepted() {
    for (name, input, specs, signed) in cases() {
        for seed in 0..2 {
            let case = Case::new(input, &specs, signed, seed);
            check(name, &case, case.plan(PRIVATE));
        }
    }
}

#[test]
fn every_visibility_is_accepted() {
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 7);
        for public_input in [false, true] {
            let visibility = Visibility { public_input, weights: WeightMode::Fixed };
            check(name, &case, case.plan(visibility));
        }
    }
}
