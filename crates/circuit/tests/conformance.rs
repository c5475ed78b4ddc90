//! The ONNX project's test vectors of single operators, and small models of everyday exporters: imported, quantised, executed, and
//! accepted by a circuit.
//!
//! `fixtures/conformance` holds the vectors (`make_conformance.py`) and the list of those that are refused, with the
//! reason. `ZKLAYOUT_REFRESH=1` writes that list anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use std::fs;
use std::path::{Path, PathBuf};

use nets::{Case, accept};
use serde::Deserialize;
use zklayout_import::{OnnxOptions, import_onnx};
use zklayout_model::{QuantiseOptions, execute, fuse, quantise};
use zklayout_plan::{Family, PlanOptions, plan};

/// Largest error, as a share of the largest output, or of 1.
const MOST_ERROR: f64 = 0.01;
/// Largest error of an everyday model, as a share of how far its outputs go.
const MOST_EVERYDAY_ERROR: f64 = 0.02;
/// Vectors with more values are executed, not proven.
const MOST_PROVEN: usize = 400;

#[derive(Deserialize)]
struct Vector {
    input: Vec<f64>,
    output: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/conformance")
}

/// Why a vector is not met.
enum Refusal {
    /// The library says that it does not do this.
    Refused(String),
    /// It does something else.
    Wrong(String),
}

/// Runs one vector; says why where it is refused.
fn run(path: &Path) -> Result<bool, Refusal> {
    let name = path.file_stem().unwrap().to_string_lossy();
    let vector: Vector = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
    let imported =
        import_onnx(path, &OnnxOptions::default()).map_err(|error| Refusal::Refused(error.to_string()))?;
    let options = QuantiseOptions {
        input_bits: 12,
        weight_bits: 12,
        table_bits: 12,
        margin: 0.01,
        ..QuantiseOptions::default()
    };
    let samples = std::slice::from_ref(&vector.input);
    let graph = quantise(&fuse(&imported.graph).unwrap(), samples, &options)
        .map_err(|error| Refusal::Refused(error.to_string()))?;
    let trace = execute(&graph, &vector.input).unwrap();
    let largest = vector.output.iter().fold(1.0f64, |most, value| most.max(value.abs()));
    let found = graph.nodes().last().unwrap().1.dequantise(trace.values.last().unwrap());
    let differs = |(found, wanted): &(&f64, &f64)| (*found - *wanted).abs() > MOST_ERROR * largest;
    let wrong = found.iter().zip(&vector.output).find(differs);
    if found.len() != vector.output.len() || wrong.is_some() {
        let wrong = wrong.map(|(found, wanted)| format!("{found} is not {wanted}"));
        let count = format!("{} of {} outputs", found.len(), vector.output.len());
        return Err(Refusal::Wrong(format!("{name}: {}", wrong.unwrap_or(count))));
    }
    if vector.input.len() > MOST_PROVEN {
        return Ok(false);
    }
    let case = Case { graph, trace };
    let options = PlanOptions { family: Some(Family::Streams), max_k: 16, ..PlanOptions::default() };
    let plan = plan(&case.graph, &options).map_err(|error| Refusal::Refused(error.to_string()))?;
    accept(&name, &case, plan);
    Ok(true)
}

#[test]
fn vectors_of_supported_operators_are_met() {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    paths.sort();
    let (mut met, mut proven, mut skipped, mut wrong) = (0, 0, String::new(), Vec::new());
    for path in &paths {
        match run(path) {
            Ok(accepted) => {
                met += 1;
                proven += usize::from(accepted);
            }
            Err(Refusal::Wrong(what)) => wrong.push(what),
            Err(Refusal::Refused(reason)) => {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                skipped.push_str(&format!("{name}: {}\n", reason.lines().next().unwrap_or_default()));
            }
        }
    }
    println!(
        "{} vectors, {met} met, {proven} of them accepted by a circuit, {} refused",
        paths.len(),
        skipped.lines().count()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    let golden = folder().join("refused.txt");
    if std::env::var_os("ZKLAYOUT_REFRESH").is_some() {
        fs::write(&golden, &skipped).unwrap();
    }
    assert_eq!(fs::read_to_string(&golden).unwrap(), skipped, "refresh the list if this was meant to change");
}

/// Small models as exporters write them (`fixtures/everyday`), with onnxruntime's outputs and the default bits.
#[test]
fn everyday_models_are_proven() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/everyday");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    assert!(paths.len() > 40);
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let vector: Vector = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        let imported =
            import_onnx(&path, &OnnxOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let samples = std::slice::from_ref(&vector.input);
        let graph = quantise(&fuse(&imported.graph).unwrap(), samples, &QuantiseOptions::default());
        let graph = graph.unwrap_or_else(|error| panic!("{name}: {error}"));
        let trace = execute(&graph, &vector.input).unwrap();
        let found = graph.nodes().last().unwrap().1.dequantise(trace.values.last().unwrap());
        assert_eq!(found.len(), vector.output.len(), "{name}");
        let (least, most) =
            vector.output.iter().fold((0.0f64, 0.0f64), |(a, b), value| (a.min(*value), b.max(*value)));
        for (found, wanted) in found.iter().zip(&vector.output) {
            assert!(
                (found - wanted).abs() <= MOST_EVERYDAY_ERROR * (most - least),
                "{name}: {found} is not {wanted}"
            );
        }
        let case = Case { graph, trace };
        let options = PlanOptions { family: Some(Family::Streams), max_k: 16, ..PlanOptions::default() };
        let plan = plan(&case.graph, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        accept(&name, &case, plan);
    }
}
