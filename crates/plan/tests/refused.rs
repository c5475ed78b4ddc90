//! Graphs that no layout covers are refused by the layer's name.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use zklayout_model::{Fixed, Graph, import_tflite};
use zklayout_plan::{FAMILIES, PlanError, PlanOptions, candidates, plan, sample, search};

fn stored_in_bytes() -> Graph<Fixed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/resnet8_int8.tflite");
    import_tflite(&path).unwrap()
}

fn assert_refused<T>(result: Result<T, PlanError>) {
    let Err(error) = result else { panic!("a layout for fixed-point multipliers") };
    assert!(matches!(error, PlanError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("fixed-point multipliers have no layout yet"), "{error}");
}

#[test]
fn fixed_point_multipliers_are_refused_by_every_family() {
    let graph = stored_in_bytes();
    let every = FAMILIES.iter().map(|family| Some(*family)).chain([None]);
    for family in every {
        let options = PlanOptions { family, ..PlanOptions::default() };
        assert_refused(plan(&graph, &options));
        assert_refused(search(&graph, &options));
        assert_refused(candidates(&graph, &options));
        assert_refused(sample(&graph, &options, 3));
    }
}
