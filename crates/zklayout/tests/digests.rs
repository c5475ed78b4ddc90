//! The verifying keys and canonical structures of the fixtures, pinned: a change of any circuit shows in review. Equal inputs give equal keys, on
//! any number of threads.
//!
//! `ZKLAYOUT_REFRESH=1 cargo test --release --workspace --test digests` writes the file anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zklayout::plan::{Family, InputMode, Visibility, WeightMode, structure_hash};
use zklayout::prover::keygen;
use zklayout::{Model, PlanOptions, QuantiseOptions, QuantisedModel, Srs};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn quantised(name: &str) -> QuantisedModel {
    let model = Model::load(fixture(&format!("models/{name}.onnx"))).unwrap();
    let ramp: Vec<f64> = (0..model.input_shape().len()).map(|i| (i * 7 % 16) as f64 / 16.0).collect();
    model.quantise(&[ramp], &QuantiseOptions::default()).unwrap()
}

fn in_bytes(name: &str) -> QuantisedModel {
    QuantisedModel::load(fixture(&format!("models/{name}_int8.tflite"))).unwrap()
}

fn digest(model: &QuantisedModel, options: &PlanOptions) -> String {
    let plan = model.plan(options).unwrap();
    let srs = Srs::development(plan.k(), 0).unwrap();
    keygen(&srs, &plan, model.graph()).unwrap().verifying().hash().to_string()
}

fn digests() -> BTreeMap<String, String> {
    let streams = PlanOptions::default();
    let direct = PlanOptions { family: Some(Family::Direct), ..PlanOptions::default() };
    let visibility = Visibility { input: InputMode::Public, weights: WeightMode::Fixed };
    let public = PlanOptions { visibility, ..PlanOptions::default() };
    let mut digests = BTreeMap::new();
    for name in ["tiny", "mnist_cnn", "mnist_strided", "residual"] {
        let model = quantised(name);
        digests.insert(name.to_owned(), digest(&model, &streams));
        digests.insert(format!("{name}, structure"), structure_hash(model.graph()).to_string());
        if name == "tiny" {
            digests.insert(format!("{name}, direct"), digest(&model, &direct));
            digests.insert(format!("{name}, public input and fixed weights"), digest(&model, &public));
        }
    }
    for name in ["ds_cnn", "resnet8", "mobilenet_vww"] {
        let structure = structure_hash(in_bytes(name).graph());
        digests.insert(format!("{name}_int8, structure"), structure.to_string());
    }
    let limbs = in_bytes("ds_cnn");
    digests.insert("ds_cnn_int8".to_owned(), digest(&limbs, &streams));
    digests
}

#[test]
fn keys_are_the_pinned_ones() {
    let path = fixture("digests.json");
    let found = digests();
    if std::env::var_os("ZKLAYOUT_REFRESH").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let pinned: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(found, pinned, "a circuit changed; if it was meant to, refresh the digests");
}

#[test]
fn threads_change_no_key() {
    let model = quantised("tiny");
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| digest(&model, &PlanOptions::default()))
    };
    assert_eq!(with(1), with(3));
    assert_eq!(with(1), with(1));
}
