//! Operations that plans state against those of the configured circuits: equal, but for what several tiles have in common.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nets::stored::stored;
use nets::{Case, Numbers, cases};
use zklayout_circuit::{CircuitParams, InferenceCircuit, gate_operations};
use zklayout_plan::{InputMode, Plan, PlanOptions, Visibility, WeightMode, candidates};

/// Layouts of each network that are compared.
const LAYOUTS: usize = 12;

#[test]
fn plans_state_the_operations_of_their_gates() {
    let (mut compared, mut equal) = (0, 0);
    let mut numbers = Numbers::new(23);
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 3);
        let in_limbs = stored(&case.graph, &mut numbers);
        for (case, weights) in [&case, &in_limbs].into_iter().flat_map(|case| {
            [WeightMode::Private, WeightMode::Fixed, WeightMode::Committed].map(|weights| (case, weights))
        }) {
            for public_input in [false, true] {
                let visibility = Visibility { input: InputMode::public_if(public_input), weights };
                let options = PlanOptions { visibility, max_k: 14, ..PlanOptions::default() };
                let Ok(found) = candidates(&case.graph, &options) else { continue };
                let step = found.len().div_ceil(LAYOUTS);
                for candidate in found.iter().step_by(step.max(1)) {
                    let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
                    let (planned, shares) = (plan.shape.gate_operations, shares_tiles(&plan));
                    let mut cs = ConstraintSystem::default();
                    InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(plan.into())));
                    let counted = gate_operations(&cs);
                    assert!(
                        planned == counted || shares && planned > counted,
                        "{name}, {candidate:?}: {planned} planned, {counted} counted"
                    );
                    compared += 1;
                    equal += usize::from(planned == counted);
                }
            }
        }
    }
    assert!(compared > 100 && 2 * equal > compared, "{equal} of {compared} layouts have equal counts");
}

/// Whether tiles' sums may begin alike: the prover evaluates the beginning once, plans count it as often as it is there.
fn shares_tiles(plan: &Plan) -> bool {
    let passes = plan.layout.as_streams().map(|layout| &layout.passes);
    passes.is_some_and(|passes| !passes.read_sums.is_empty() || !passes.write_tiles.is_empty())
}
