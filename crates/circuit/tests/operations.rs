//! The closed form of a plan's gate operations against the gates themselves.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nets::{Case, cases};
use zklayout_circuit::{CircuitParams, InferenceCircuit, gate_operations};
use zklayout_plan::{Plan, PlanOptions, Visibility, WeightMode, candidates};

/// Share by which the closed form may be off: it takes the value offset as 0 and shares no tiles' beginnings.
const TOLERANCE: f64 = 0.07;
/// Layouts of each network that are compared.
const LAYOUTS: usize = 12;

#[test]
fn the_closed_form_counts_what_the_gates_contain() {
    let (mut compared, mut errors) = (0, 0.0);
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 3);
        for weights in [WeightMode::Private, WeightMode::Fixed] {
            for public_input in [false, true] {
                let visibility = Visibility { public_input, weights };
                let options = PlanOptions { visibility, max_k: 14, ..PlanOptions::default() };
                let Ok(found) = candidates(&case.graph, &options) else { continue };
                let step = found.len().div_ceil(LAYOUTS);
                for candidate in found.iter().step_by(step.max(1)) {
                    let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
                    let planned = plan.shape.gate_operations;
                    let mut cs = ConstraintSystem::default();
                    InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(plan.into())));
                    let counted = gate_operations(&cs);
                    let error = planned as f64 / counted as f64 - 1.0;
                    assert!(
                        error.abs() < TOLERANCE,
                        "{name}, {candidate:?}: {planned} planned, {counted} counted"
                    );
                    compared += 1;
                    errors += error.abs();
                }
            }
        }
    }
    assert!(compared > 100, "only {compared} layouts were compared");
    assert!(errors / (compared as f64) < 0.03, "mean error {}", errors / compared as f64);
}
