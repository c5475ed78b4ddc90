//! Shares of the grid add up to the grid.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::{Case, PRIVATE, cases};
use zklayout_plan::{Part, Plan, PlanOptions, candidates};

#[test]
fn shares_add_up_to_the_grid() {
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 3);
        let found = candidates(&case.graph, &PlanOptions { max_k: 12, ..PlanOptions::default() }).unwrap();
        for candidate in found.iter().step_by(7) {
            let plan = Plan::realise(&case.graph, PRIVATE, &candidate.knobs).unwrap();
            let shares = plan.shares();
            assert_eq!(shares.iter().map(|share| share.cells).sum::<usize>(), plan.cells(), "{name}");
            let layers = shares.iter().filter(|share| matches!(share.part, Part::Layer(_))).count();
            assert_eq!(layers, specs.len(), "{name}");
        }
    }
}
