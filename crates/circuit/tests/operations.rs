//! The closed form of a plan's gate operations against the gates themselves.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nets::stored::stored;
use nets::{Case, Numbers, cases};
use zklayout_circuit::{CircuitParams, InferenceCircuit, gate_operations};
use zklayout_plan::{Plan, PlanOptions, Visibility, WeightMode, candidates};

/// Share by which the closed form may be off: it shares no tiles' beginnings.
const TOLERANCE: f64 = 0.12;
/// Layouts of each network that are compared.
const LAYOUTS: usize = 12;

#[test]
fn the_closed_form_counts_what_the_gates_contain() {
    let (mut compared, mut errors) = (0, 0.0);
    let mut numbers = Numbers::new(23);
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 3);
        let in_limbs = stored(&case.graph, &mut numbers);
        for (case, weights) in [&case, &in_limbs]
            .into_iter()
            .flat_map(|case| [WeightMode::Private, WeightMode::Fixed].map(|weights| (case, weights)))
        {
            for public_input in [false, true] {
                let visibility = Visibility { public_input, weights };
                let options = PlanOptions { visibility, max_k: 14, ..PlanOptions::default() };
                let Ok(found) = candidates(&case.graph, &options) else { continue };
                let step = found.len().div_ceil(LAYOUTS);
                for candidate in found.iter().step_by(step.max(1)) {
                    let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
                    let (planned, plan_lookups) = (plan.shape.gate_operations, plan.shape.lookup_operations);
                    let mut cs = ConstraintSystem::default();
                    InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(plan.into())));
                    let counted = gate_operations(&cs);
                    // The proof system's own lookups are evaluated beside the gates.
                    let all = counted + plan_lookups;
                    let error = (planned as f64 - counted as f64) / all as f64;
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
