//! Classifiers of scikit-learn as tensors (`fixtures/make_trees.py`): the integers give scikit-learn's labels on rows that chose no
//! scale, and are proven.
#![cfg(feature = "onnx")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use zklayout::{Model, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Setup, Srs, verify};

const CLASSIFIERS: [&str; 3] = ["tree", "forest", "logistic"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/trees").join(name)
}

/// A classifier whose scales are chosen by the rows that it was trained on, and fifty others with their labels.
fn classifier(name: &str) -> (QuantisedModel, Samples) {
    let model = Model::load(fixture(&format!("{name}.onnx"))).unwrap();
    let trained = Samples::read(fixture(&format!("{name}.samples.npz")), model.input()).unwrap();
    let others = Samples::read(fixture(&format!("{name}.npz")), model.input()).unwrap();
    (model.quantise(&trained.inputs, &QuantiseOptions::default()).unwrap(), others)
}

/// Place of the largest, the first of equal ones, as scikit-learn has it.
fn largest(values: &[i64]) -> usize {
    (0..values.len()).rev().max_by_key(|place| values[*place]).unwrap()
}

#[test]
fn labels_are_those_of_scikit_learn() {
    for name in CLASSIFIERS {
        let (quantised, rows) = classifier(name);
        let labels = rows.labels.unwrap();
        assert_eq!((rows.inputs.len(), labels.len()), (50, 50));
        for (row, (input, label)) in rows.inputs.iter().zip(labels).enumerate() {
            let trace = quantised.run(input).unwrap();
            assert_eq!(largest(&trace.output()), label, "{name}, row {row}");
        }
    }
}

#[test]
fn classifiers_are_proven() {
    for name in CLASSIFIERS {
        let (quantised, rows) = classifier(name);
        let plan = quantised.plan(&PlanOptions::default()).unwrap();
        let srs = Srs::development(plan.k(), 0).unwrap();
        let setup = Setup::new(quantised, &plan, &srs).unwrap();
        let bundle = setup.prove(&srs, &rows.inputs[0], b"").unwrap();
        let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"").unwrap();
        assert_eq!(largest(&public.output), rows.labels.unwrap()[0], "{name}");
    }
}
