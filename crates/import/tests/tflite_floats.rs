//! TensorFlow Lite files of floats against the format's own runtime (`fixtures/make_tflite_floats.py`), and files that are refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, Ix1, Ix2, OwnedRepr};
use ndarray_npy::NpzReader;
use proptest::prelude::*;
use zklayout_import::{
    ImportError, Imported, OnnxOptions, import_onnx_bytes, import_tflite_bytes, is_float_tflite, tflite_as_onnx,
};
use zklayout_model::{execute_floats, fuse};

const CASES: [&str; 8] =
    ["two_heads", "pools", "halves", "pointwise", "moves", "two_inputs", "bytes_of_weights", "moved"];

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn imported(bytes: &[u8]) -> Result<Imported, ImportError> {
    let path = Path::new("model.tflite");
    import_onnx_bytes(&tflite_as_onnx(bytes, path)?, path, &OnnxOptions::default())
}

fn model(name: &str) -> Vec<u8> {
    let mut npz = NpzReader::new(File::open(fixture("tflite/floats.npz")).unwrap()).unwrap();
    let bytes: Array1<u8> = npz.by_name::<OwnedRepr<u8>, Ix1>(&format!("{name}/model")).unwrap();
    bytes.to_vec()
}

fn close(name: &str, found: &[f64], expected: impl ExactSizeIterator<Item = f64>) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{name}, {place}: {found} {expected}");
    }
}

#[test]
fn files_of_floats_give_what_their_own_runtime_gives() {
    let mut npz = NpzReader::new(File::open(fixture("tflite/floats.npz")).unwrap()).unwrap();
    for name in CASES {
        let bytes = model(name);
        assert!(is_float_tflite(&bytes, Path::new(name)).unwrap(), "{name}");
        let Imported { graph, reference, endings, outputs, .. } =
            imported(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let of = |kind: &str| format!("{name}/{kind}");
        let inputs: Array2<f32> = npz.by_name::<OwnedRepr<f32>, Ix2>(&of("inputs")).unwrap();
        let expected: Array2<f32> = npz.by_name::<OwnedRepr<f32>, Ix2>(&of("outputs")).unwrap();
        let shape = graph.nodes().next().unwrap().1.shape;
        for (input, expected) in inputs.outer_iter().zip(expected.outer_iter()) {
            let input: Vec<f64> = input.iter().map(|value| f64::from(*value)).collect();
            let planes = Array3::from_shape_vec(shape.dims(), input.clone()).unwrap();
            let last = execute_floats(&fuse(&graph).unwrap(), &planes).unwrap().values.pop().unwrap();
            let ours: Vec<f64> = last.iter().copied().collect();
            close(name, &ours, reference.run(&input).unwrap().into_iter());
            if endings.is_empty() {
                close(name, &ours, expected.iter().map(|value| f64::from(*value)));
            } else {
                // What follows the scores is left to whoever reads them.
                let first = outputs[0].dims.iter().product::<usize>();
                close(name, &ours[..first], expected.iter().take(first).map(|value| f64::from(*value)));
            }
        }
    }
}

#[test]
fn bytes_are_not_floats_and_floats_are_not_bytes() {
    let integers = std::fs::read(fixture("models/resnet8_int8.tflite")).unwrap();
    assert!(!is_float_tflite(&integers, Path::new("resnet8")).unwrap());
    let refusal = imported(&integers).unwrap_err().to_string();
    assert!(refusal.contains("bytes are computed with"), "{refusal}");
    assert!(import_tflite_bytes(&model("two_heads"), Path::new("two_heads")).is_err());
    assert!(matches!(imported(b"garbage"), Err(ImportError::ParseTflite { .. })));
}

#[test]
fn what_no_runtime_would_agree_on_is_refused_by_name() {
    let refused = [
        ("free_extents", "only its batch may be free"),
        ("long_name", "a name of 2000 bytes"),
        ("scaled_integers", "it holds scaled integers"),
        ("shared_buffer", "constants share more than the file holds"),
    ];
    for (name, reason) in refused {
        let error = imported(&model(name)).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is in a file, it is imported or refused.
    #[test]
    fn damaged_files_are_refused_or_read(case in 0..CASES.len(), cut in 0.0..1.0f64, places in prop::collection::vec((0.0..1.0f64, any::<u8>()), 0..4)) {
        let mut bytes = model(CASES[case]);
        for (place, value) in places {
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] = value;
        }
        if cut < 0.2 {
            bytes.truncate((cut * 5.0 * bytes.len() as f64) as usize);
        }
        let _ = is_float_tflite(&bytes, Path::new("damaged"));
        let _ = imported(&bytes);
    }
}
