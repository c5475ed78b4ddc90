//! Setups: keys before inputs, one key for all of them, and folders that are refused by name.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use zklayout::record::RecordedFidelity;
use zklayout::{
    Error, Model, Plan, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Setup, SetupRecord, Srs, files,
    verify,
};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn quantised(name: &str) -> QuantisedModel {
    let model = Model::load(fixture(&format!("models/{name}.onnx"))).unwrap();
    let samples = Samples::read(fixture(&format!("models/{name}.samples.npz")), model.input_shape()).unwrap();
    model.quantise(&samples.inputs, &QuantiseOptions::default()).unwrap()
}

fn inputs(name: &str, model: &QuantisedModel) -> Vec<Vec<f64>> {
    Samples::read(fixture(&format!("inputs/{name}")), model.input_shape()).unwrap().inputs
}

/// What makes keys has nowhere to put an input.
const MAKE: fn(QuantisedModel, &Plan, &Srs) -> Result<Setup, Error> = Setup::new;

fn setup(model: QuantisedModel, seed: u64) -> (Setup, Srs) {
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k(), seed).unwrap();
    (MAKE(model, &plan, &srs).unwrap(), srs)
}

#[test]
fn ten_digits_are_proven_under_one_key() {
    let (setup, srs) = setup(quantised("mnist_cnn"), 0);
    let folder = tempfile::tempdir().unwrap();
    setup.save(folder.path()).unwrap();
    let setup = Setup::load(folder.path()).unwrap();
    let key = setup.verifying_key();
    for digit in 0..10 {
        let input = &inputs(&format!("digit_{digit}.npy"), setup.model())[0];
        let bundle = setup.prove(&srs, input, &[]).unwrap();
        assert_eq!(bundle.key, key.hash());
        let public = verify(srs.verifier(), key, &bundle, &[]).unwrap();
        assert_eq!(public.output, setup.model().run(input).unwrap().output());
        let largest = (0..10).max_by(|&a, &b| public.output[a].cmp(&public.output[b])).unwrap();
        assert_eq!(largest, digit);
    }
}

#[test]
fn an_input_out_of_range_is_refused_and_leaves_the_key() {
    let (setup, srs) = setup(quantised("tiny"), 0);
    let folder = tempfile::tempdir().unwrap();
    setup.save(folder.path()).unwrap();
    let contents = || files::SETUP.map(|name| std::fs::read(folder.path().join(name)).unwrap());
    let before = contents();
    let far = vec![1234.5; setup.model().input_shape().len()];
    let refused = Setup::load(folder.path()).unwrap().prove(&srs, &far, &[]).unwrap_err();
    assert!(matches!(refused, Error::Execute(_)), "{refused}");
    assert!(!refused.to_string().contains("1234"), "{refused}");
    assert_eq!(refused.private_values().as_deref(), Some("1234.5"));
    setup.save(folder.path()).unwrap();
    assert!(before == contents(), "a file changed");
}

#[test]
fn records_survive_and_say_what_was_measured() {
    let model = quantised("tiny");
    let (setup, _) = setup(model.clone(), 0);
    let record = setup.record();
    assert_eq!(*record, SetupRecord::from_json(&record.to_json().unwrap()).unwrap());
    assert_eq!(record.verifying_key, setup.verifying_key().hash().to_string());
    let RecordedFidelity::Measured { error_percent, samples: 10, .. } = record.fidelity else {
        panic!("{record:?}")
    };
    assert!((error_percent - 100.0 * model.fidelity().unwrap().error()).abs() <= 0.005);
    // Whoever verifies gets the record: it holds no hash that tells guesses of the weights apart.
    let text = record.to_json().unwrap();
    for secret in [model.hash().unwrap(), model.source()] {
        assert!(!text.contains(&secret.to_string()));
    }
}

#[test]
fn quantised_models_survive_saving() {
    let stored = QuantisedModel::load(fixture("models/ds_cnn_int8.tflite")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.quantised");
    for model in [quantised("residual"), stored] {
        model.save(&path).unwrap();
        let read = QuantisedModel::load(&path).unwrap();
        assert_eq!(read.hash().unwrap(), model.hash().unwrap());
        assert_eq!((read.fidelity(), read.calibration()), (model.fidelity(), model.calibration()));
        assert_eq!(read.options(), model.options());
        let input: Vec<f64> = (0..model.input_shape().len()).map(|i| (i % 7) as f64 / 7.0).collect();
        assert_eq!(read.run(&input).unwrap().values, model.run(&input).unwrap().values);
    }
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damaged = QuantisedModel::load(&path).unwrap_err().to_string();
    assert!(damaged.contains("model.quantised is damaged"), "{damaged}");
}

/// A change to a setup's folder, beside the folder of another model's setup and that of other powers of tau.
type Change = fn(&Path, &Path, &Path);

fn replace(name: &str, from: &Path, to: &Path) {
    std::fs::copy(from.join(name), to.join(name)).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn folders_that_are_no_whole_setup_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let [good, model, powers] = ["good", "model", "powers"].map(|name| root.path().join(name));
    setup(quantised("tiny"), 0).0.save(&good).unwrap();
    setup(quantised("residual"), 0).0.save(&model).unwrap();
    setup(quantised("tiny"), 3).0.save(&powers).unwrap();
    let version = |path: PathBuf| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[12] += 1;
        std::fs::write(path, bytes).unwrap();
    };
    let cases: [(Change, &[&str]); 8] = [
        (|to, _, _| std::fs::remove_file(to.join(files::OWNER)).unwrap(), &["incomplete", "owner.json"]),
        (|to, _, _| std::fs::remove_dir_all(to).unwrap(), &["incomplete", "setup.json", "model.quantised"]),
        (|to, model, _| replace(files::QUANTISED_MODEL, model, to), &["not the one that the keys were made of"]),
        (
            |to, model, _| replace(files::VERIFYING_KEY, model, to),
            &["its verifying key is", "its record is of key"],
        ),
        (|to, _, powers| replace(files::VERIFIER_SRS, powers, to), &["made with powers of tau"]),
        (|to, _, powers| replace(files::OWNER, powers, to), &["owner.json and setup.json name two keys"]),
        (
            |to, _, _| edit(&to.join(files::RECORD), "\"format\": 1", "\"format\": 0"),
            &["setup.json has format 0", "reads 1"],
        ),
        (
            |to, _, _| edit(&to.join(files::OWNER), "\"format\": 1", "\"format\": 9"),
            &["owner.json has format 9", "reads 1"],
        ),
    ];
    let broken = root.path().join("broken");
    let refused = |expected: &[&str]| {
        let message = Setup::load(&broken).unwrap_err().to_string();
        assert!(expected.iter().all(|part| message.contains(part)), "{message:?} does not say {expected:?}");
    };
    for (change, expected) in cases {
        copy(&good, &broken);
        change(&broken, &model, &powers);
        refused(expected);
    }
    for name in [files::QUANTISED_MODEL, files::VERIFYING_KEY, files::VERIFIER_SRS] {
        copy(&good, &broken);
        version(broken.join(name));
        refused(&[name, "format version", "this version reads"]);
    }
    copy(&good, &broken);
    Setup::load(&broken).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in files::SETUP {
        replace(name, from, to);
    }
}

#[test]
fn another_setup_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (first, srs) = setup(quantised("tiny"), 0);
    first.save(folder.path()).unwrap();
    let (second, other_srs) = setup(quantised("tiny"), 3);
    let refused = second.save(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("holds another setup"), "{refused}");
    assert_eq!(Setup::load(folder.path()).unwrap().verifying_key().hash(), first.verifying_key().hash());
    // Other powers than the keys were made with.
    let input = inputs("tiny.npz", first.model()).remove(0);
    assert!(first.prove(&srs, &input, &[]).is_ok());
    let refused = first.prove(&other_srs, &input, &[]).unwrap_err().to_string();
    assert!(refused.contains("powers of tau"), "{refused}");
}

#[test]
fn drawn_samples_are_the_same_every_time_and_ranges_are_ranges() {
    let shape = zklayout::graph::Planes::new(1, 4, 4);
    let draw = |seed| Samples::drawn((-1.0, 2.0), 5, seed, shape).unwrap();
    assert_eq!(draw(0), draw(0));
    assert_ne!(draw(0), draw(1));
    assert!(draw(0).inputs.iter().flatten().all(|value| (-1.0..2.0).contains(value)));
    for (lo, hi) in [(1.0, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0), (f64::MIN, f64::MAX)] {
        assert!(Samples::drawn((lo, hi), 5, 0, shape).is_err(), "{lo}..{hi}");
    }
}
