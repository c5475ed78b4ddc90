//! Operators of TensorFlow Lite on int8: circuits accept what the reference kernels gave, and nothing beside it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use ndarray::{Axis, IxDyn, OwnedRepr};
use ndarray_npy::NpzReader;
use nets::{Case, PRIVATE, Proof, accept};
use rayon::prelude::*;
use zklayout_import::import_tflite_bytes;
use zklayout_model::{Fixed, execute_integers};
use zklayout_plan::{Family, PlanError, PlanOptions, plan};

/// Values that a network may have, so that its circuit is checked in a second.
const MOST_VALUES: usize = 4000;

fn names(path: &Path) -> BTreeSet<String> {
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    npz.names().unwrap().iter().map(|name| name.split('/').next().unwrap().to_owned()).collect()
}

/// One golden case: the imported graph on its first input.
fn case(path: &Path, name: &str) -> Case {
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    let model = npz.by_name::<OwnedRepr<u8>, IxDyn>(&format!("{name}/model")).unwrap();
    let inputs = npz.by_name::<OwnedRepr<i8>, IxDyn>(&format!("{name}/inputs")).unwrap();
    let graph = import_tflite_bytes(&model.into_raw_vec_and_offset().0, Path::new(name)).unwrap();
    let Some((_, Fixed::Input(input))) = graph.nodes().next() else { panic!("{name} has no input") };
    let zero_point = input.stored.unwrap().zero_point;
    let first = inputs.index_axis(Axis(0), 0);
    let planes = if first.ndim() == 3 { first.permuted_axes(IxDyn(&[2, 0, 1])) } else { first };
    let values: Vec<i64> = planes.iter().map(|&byte| i64::from(byte) - zero_point).collect();
    let trace = execute_integers(&graph, &values).unwrap();
    Case { graph, trace }
}

#[test]
fn golden_operators_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tflite/operators.npz");
    let names: Vec<String> = names(&path).into_iter().collect();
    let verdicts: Vec<Option<String>> = names.par_iter().map(|name| check(&path, name)).collect();
    let refused: Vec<String> = verdicts.into_iter().flatten().collect();
    println!("{} cases, {} of them not laid out: {refused:#?}", names.len(), refused.len());
    assert!(names.len() - refused.len() >= 30, "{} cases are not laid out", refused.len());
}

/// The reason why a case has no circuit.
fn check(path: &Path, name: &str) -> Option<String> {
    let case = case(path, name);
    if case.trace.values.iter().map(ndarray::Array3::len).sum::<usize>() > MOST_VALUES {
        return Some(format!("{name}: more than {MOST_VALUES} values"));
    }
    let options = PlanOptions { family: Some(Family::Streams), visibility: PRIVATE, ..PlanOptions::default() };
    match plan(&case.graph, &options) {
        Ok(plan) => {
            accept(name, &case, plan.clone());
            other_output_is_refused(name, &case, plan);
            None
        }
        Err(PlanError::Unsupported { layer, reason }) => Some(format!("{name}: layer {layer:?}: {reason}")),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn other_output_is_refused(name: &str, case: &Case, plan: zklayout_plan::Plan) {
    let mut proof = Proof::new(case, plan);
    let home = proof.layout.output().unwrap().clone();
    let column = proof.instance.last_mut().unwrap();
    let live = (home.row..home.row + home.tiles).find(|row| {
        let lanes = proof.layout.knobs.lanes;
        home.value(row - home.row, lanes - 1, lanes).is_some()
    });
    column[live.unwrap()] += nets::field(1);
    assert!(proof.check(proof.witness.clone()).is_err(), "{name}: another output is accepted");
}
