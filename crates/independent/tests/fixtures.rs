//! Both checks on every model of the fixtures, in several layouts.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use zklayout_circuit::Grid;
use zklayout_import::{OnnxOptions, import_onnx, import_tflite};
use zklayout_independent::{check_symbolic, check_tables};
use zklayout_model::{Fixed, Graph, QuantiseOptions, fuse, quantise};
use zklayout_plan::{Family, InputMode, PlanOptions, Visibility, WeightMode, plan};

/// Every model file, by name.
fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx" || extension == "tflite"));
    paths.sort();
    paths
}

fn quantised(path: &Path) -> Graph<Fixed> {
    if path.extension().is_some_and(|extension| extension == "tflite") {
        return import_tflite(path).unwrap();
    }
    let imported = import_onnx(path, &OnnxOptions::default()).unwrap();
    let shape = imported.graph.nodes().next().unwrap().1.shape;
    let ramp: Vec<f64> = (0..shape.len()).map(|i| (i * 7 % 16) as f64 / 16.0).collect();
    quantise(&fuse(&imported.graph).unwrap(), &[ramp], &QuantiseOptions::default()).unwrap()
}

fn check(path: &Path, visibility: Visibility) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let graph = quantised(path);
    let options = PlanOptions { visibility, family: Some(Family::Streams), ..PlanOptions::default() };
    let plan = plan(&graph, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let grid = Grid::of(&plan, &graph).unwrap();
    let start = Instant::now();
    let symbolic = check_symbolic(&plan, &graph, &grid).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    let tables = check_tables(&plan, &graph, &grid).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    println!(
        "{name}: 2^{} rows, {} outputs, {} terms, {} of {} table entries possible, {:.1} s",
        plan.k(),
        symbolic.outputs,
        symbolic.terms,
        tables.possible,
        tables.entries,
        start.elapsed().as_secs_f64()
    );
    assert!(symbolic.outputs > 0 && symbolic.terms > 0 && tables.possible > 0);
}

#[test]
fn every_fixture_is_as_defined() {
    let models = models();
    assert!(models.len() >= 12, "the fixtures are not found");
    for path in models {
        check(&path, Visibility { input: InputMode::Private, weights: WeightMode::Private });
    }
}

/// With what the verifier sees and what the key fixes.
#[test]
fn public_inputs_and_fixed_weights_are_as_defined() {
    for path in models() {
        let small = ["tiny", "mnist_strided", "residual", "ds_cnn_int8"];
        if small.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name)) {
            check(&path, Visibility { input: InputMode::Public, weights: WeightMode::Fixed });
        }
    }
}
