//! TensorFlow Lite files against the reference kernels' own results, and files that are none.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, Axis, Ix2, Ix4};
use ndarray_npy::NpzReader;
use proptest::prelude::*;
use zklayout_import::{ImportError, import_tflite, import_tflite_bytes};
use zklayout_model::{Fixed, Graph, OutputKind, Rescale, Scaling, execute, execute_integers};

const MODELS: [&str; 3] = ["resnet8", "ds_cnn", "mobilenet_vww"];

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn model(name: &str) -> PathBuf {
    fixture(&format!("models/{name}_int8.tflite"))
}

/// Stored inputs, rows first, and stored logits.
fn samples(name: &str) -> (Array4<i8>, Array2<i8>) {
    let mut npz = NpzReader::new(File::open(fixture(&format!("inputs/{name}_int8.npz"))).unwrap()).unwrap();
    let inputs = npz.by_name::<ndarray::OwnedRepr<i8>, Ix4>("inputs").unwrap();
    (inputs, npz.by_name::<ndarray::OwnedRepr<i8>, Ix2>("logits").unwrap())
}

fn zero_point_and_unit(graph: &Graph<Fixed>) -> (i64, f64) {
    match graph.nodes().next() {
        Some((_, Fixed::Input(input))) => (input.stored.unwrap().zero_point, input.unit(0)),
        _ => panic!("no input"),
    }
}

fn output_zero_point(graph: &Graph<Fixed>) -> i64 {
    match graph.nodes().next_back() {
        Some((_, Fixed::Layer(layer))) => match &layer.finish.kind {
            OutputKind::Rescale(rescale) => rescale.stored.zero_point,
            _ => panic!("the logits are not stored in bytes"),
        },
        _ => panic!("no layer"),
    }
}

fn logits_agree(name: &str) {
    let graph = import_tflite(&model(name)).unwrap();
    let (zero_point, unit) = zero_point_and_unit(&graph);
    let (inputs, logits) = samples(name);
    assert_eq!(inputs.len_of(Axis(0)), 20);
    for (sample, (input, expected)) in inputs.outer_iter().zip(logits.outer_iter()).enumerate() {
        let planes = input.permuted_axes([2, 0, 1]);
        let values: Vec<i64> = planes.iter().map(|&byte| i64::from(byte) - zero_point).collect();
        let trace = execute_integers(&graph, &values).unwrap();
        let found: Vec<i64> = trace.output().iter().map(|value| value + output_zero_point(&graph)).collect();
        let expected: Vec<i64> = expected.iter().map(|&byte| byte.into()).collect();
        assert_eq!(found, expected, "{name}, sample {sample}");
        if sample == 0 {
            let reals: Vec<f64> = values.iter().map(|&value| value as f64 * unit).collect();
            assert_eq!(execute(&graph, &reals).unwrap().values, trace.values);
        }
    }
}

#[test]
fn every_logit_of_resnet8_is_the_reference_kernels() {
    logits_agree("resnet8");
}

#[test]
fn every_logit_of_ds_cnn_is_the_reference_kernels() {
    logits_agree("ds_cnn");
}

#[test]
fn every_logit_of_mobilenet_vww_is_the_reference_kernels() {
    logits_agree("mobilenet_vww");
}

#[test]
fn inputs_beyond_the_bytes_are_clamped() {
    let graph = import_tflite(&model("ds_cnn")).unwrap();
    let (zero_point, _) = zero_point_and_unit(&graph);
    let trace = execute(&graph, &vec![1e9; 500]).unwrap();
    assert!(trace.values[0].iter().all(|&value| value == 127 - zero_point));
}

#[test]
fn multipliers_are_normalised_and_layers_named() {
    for name in MODELS {
        let graph = import_tflite(&model(name)).unwrap();
        for (_, node) in graph.nodes() {
            let Fixed::Layer(layer) = node else { continue };
            assert!(!layer.name.is_empty());
            if let OutputKind::Rescale(rescale) = &layer.finish.kind
                && let Scaling::Multipliers(multipliers) = &rescale.scaling
            {
                assert_eq!(multipliers.len(), layer.output.channels);
                assert!(multipliers.iter().all(|multiplier| multiplier.value == 0 || multiplier.value >= 1 << 30));
            }
        }
    }
}

#[test]
fn sums_of_two_tensors_are_one_shift() {
    let graph = import_tflite(&model("resnet8")).unwrap();
    let shifts = graph.nodes().filter_map(|(_, node)| match node {
        Fixed::Layer(layer) => match &layer.finish.kind {
            OutputKind::Rescale(Rescale { scaling: Scaling::Shift(shift), .. }) => {
                Some((*shift, layer.terms.len()))
            }
            _ => None,
        },
        _ => None,
    });
    let shifts: Vec<_> = shifts.collect();
    assert_eq!(shifts.len(), 3, "{shifts:?}");
    println!("{shifts:?}");
}

#[test]
fn other_files_are_named() {
    let error = import_tflite(&fixture("models/tiny.onnx")).unwrap_err();
    assert!(matches!(error, ImportError::ParseTflite { .. }), "{error}");
    assert!(error.to_string().contains("tiny.onnx"), "{error}");
    for bytes in [&b""[..], b"TFL3", b"\0\0\0\0TFL3", b"\xff\xff\xff\xffTFL3\0\0\0\0"] {
        import_tflite_bytes(bytes, Path::new("short")).unwrap_err();
    }
}

#[test]
fn truncated_files_are_refused() {
    let bytes = std::fs::read(model("ds_cnn")).unwrap();
    for length in (0..bytes.len()).step_by(997) {
        import_tflite_bytes(&bytes[..length], Path::new("truncated")).unwrap_err();
    }
}

#[test]
fn huge_shapes_are_refused_before_anything_is_allocated() {
    let dims = |height: i32| [1, height, 10, 1].map(i32::to_le_bytes).concat();
    let mut bytes = std::fs::read(model("ds_cnn")).unwrap();
    for place in 0..bytes.len() - 16 {
        if bytes[place..place + 16] == dims(50) {
            bytes[place..place + 16].copy_from_slice(&dims(i32::MAX));
        }
    }
    let error = import_tflite_bytes(&bytes, Path::new("huge")).unwrap_err().to_string();
    assert!(error.contains("tensor") && error.contains("1x2147483647x10"), "{error}");
}

#[test]
fn operators_of_another_kind_are_named() {
    let mut bytes = std::fs::read(model("ds_cnn")).unwrap();
    let error = with_operator_codes(&mut bytes).expect("an operator code is changed");
    assert!(error.contains("SPACE_TO_DEPTH") && error.contains("CONV_2D"), "{error}");
}

/// Makes a softmax a SPACE_TO_DEPTH, wherever its code stands; returns the importer's complaint.
fn with_operator_codes(bytes: &mut [u8]) -> Option<String> {
    const SOFTMAX: u8 = 25;
    const SPACE_TO_DEPTH: u8 = 26;
    for place in 0..bytes.len() {
        if bytes[place] != SOFTMAX {
            continue;
        }
        bytes[place] = SPACE_TO_DEPTH;
        match import_tflite_bytes(bytes, Path::new("changed")) {
            Err(error @ ImportError::UnsupportedOps { .. }) => return Some(error.to_string()),
            _ => bytes[place] = SOFTMAX,
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Most changes are to weights and give another model; no change gives a panic.
    #[test]
    fn changed_bytes_are_refused_or_give_another_model(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), ends: bool,
    ) {
        let mut bytes = std::fs::read(model("ds_cnn")).unwrap();
        let reach = bytes.len();
        for (index, byte) in changes {
            // What is not weights lies near both ends.
            let place = if ends { index.index(4096) } else { reach - 1 - index.index(16384) };
            bytes[place] = byte;
        }
        if let Err(error) = import_tflite_bytes(&bytes, Path::new("changed")) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_bytes_after_the_identifier_are_refused(rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[16, 0, 0, 0][..], b"TFL3", &rest].concat();
        prop_assert!(import_tflite_bytes(&bytes, Path::new("noise")).is_err());
    }
}
