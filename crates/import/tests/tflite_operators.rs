//! Operators of TensorFlow Lite files against the reference kernels' own results, one small file each.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, OwnedRepr};
use ndarray_npy::NpzReader;
use proptest::prelude::*;
use zklayout_import::{ImportError, import_tflite_bytes};
use zklayout_model::{Fixed, Graph, PerChannel, execute_integers};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tflite").join(name)
}

fn open(name: &str) -> NpzReader<File> {
    NpzReader::new(File::open(fixture(name)).unwrap()).unwrap()
}

/// A file, stored inputs and stored outputs.
struct Case {
    model: Vec<u8>,
    inputs: ArrayD<i8>,
    outputs: ArrayD<i8>,
}

fn cases(group: &str) -> BTreeMap<String, Case> {
    let mut npz = open("operators.npz");
    let names: BTreeSet<String> =
        npz.names().unwrap().iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
    let mut array = |name: String| npz.by_name::<OwnedRepr<i8>, IxDyn>(&name).unwrap();
    let mut found = BTreeMap::new();
    for name in names.into_iter().filter(|name| name.starts_with(group)) {
        let (inputs, outputs) = (array(format!("{name}/inputs")), array(format!("{name}/outputs")));
        let model = open("operators.npz").by_name::<OwnedRepr<u8>, IxDyn>(&format!("{name}/model")).unwrap();
        found.insert(name, Case { model: model.into_raw_vec_and_offset().0, inputs, outputs });
    }
    assert!(!found.is_empty(), "no case of {group}");
    found
}

fn import(name: &str, bytes: &[u8]) -> Result<Graph<Fixed>, ImportError> {
    import_tflite_bytes(bytes, Path::new(name))
}

/// Stored integers with channels last as values with channels first.
fn values(stored: &ArrayViewD<'_, i8>, zero_point: i64) -> Vec<i64> {
    let planes = match stored.ndim() {
        3 => stored.view().permuted_axes(IxDyn(&[2, 0, 1])),
        _ => stored.view(),
    };
    planes.iter().map(|&byte| i64::from(byte) - zero_point).collect()
}

/// Each channel's zero point.
fn zero_points(node: Option<&Fixed>) -> PerChannel<i64> {
    node.and_then(Fixed::stored).expect("it says how it is stored").map(|stored| stored.zero_point)
}

/// Every byte of every input's output is the kernels', and the model says how it is stored.
fn agrees(group: &str) {
    for (name, Case { model, inputs, outputs }) in cases(group) {
        let graph = import(&name, &model).unwrap_or_else(|error| panic!("{name}: {error}"));
        let input = zero_points(graph.nodes().next().map(|(_, node)| node)).of(0);
        let last = graph.nodes().next_back().map(|(_, node)| node);
        let (output, plane) = (zero_points(last), last.unwrap().shape().plane());
        for (sample, (stored, expected)) in inputs.axis_iter(Axis(0)).zip(outputs.axis_iter(Axis(0))).enumerate() {
            let trace = execute_integers(&graph, &values(&stored, input)).unwrap();
            let ours = trace.output().into_iter().enumerate();
            let ours: Vec<i64> = ours.map(|(place, value)| value + output.of(place / plane)).collect();
            assert_eq!(ours, values(&expected, 0), "{name}, sample {sample}");
        }
    }
}

#[test]
fn maxima_and_means_of_windows_are_the_reference_kernels() {
    agrees("pool");
}

#[test]
fn padded_tensors_are_the_reference_kernels() {
    agrees("pad");
}

#[test]
fn means_of_planes_are_the_reference_kernels() {
    agrees("mean");
}

#[test]
fn tables_are_the_reference_kernels() {
    agrees("table");
}

#[test]
fn sums_differences_and_products_are_the_reference_kernels() {
    agrees("pair");
}

#[test]
fn several_outputs_are_the_reference_kernels() {
    agrees("several");
}

/// Uses that the kernels compute and the importer does not, with a part of what it says.
const REFUSED: [(&str, &str); 15] = [
    ("max_pool_strides", "(MAX_POOL_2D): strides 2 and 1; expected equal ones"),
    ("max_pool_rescaled", "(MAX_POOL_2D): its result has another scale or zero point"),
    ("pad_batch", "(PAD): paddings [1, 0, 0, 0, 0, 0, 0, 0]; expected four pairs, the first 0"),
    ("pad_negative", "(PAD): paddings [0, 0, -1, 0, 0, 0, 0, 0]"),
    ("pad_rescaled", "(PAD): its result has another scale or zero point"),
    ("pad_value", "(PADV2): its constant is ["),
    ("mean_channels", "(MEAN): axes [3] of 4; expected those of planes"),
    ("mean_rows", "(MEAN): axes [1] of 4"),
    ("logistic_scale", "(LOGISTIC): its result has the scale 0.01; expected 1/256"),
    ("tanh_tie", "(TANH): what it makes of the value"),
    ("hard_swish_scale", "(HARD_SWISH): its scales are too far apart"),
    ("sub_constant", "(SUB): input 1"),
    ("outputs_planes", "the model's outputs have planes of different sizes"),
    ("output_input", "the model's output is its input"),
    ("mul_plane", "(MUL): a constant [1, 4, 4, 1] for 3 channels"),
];

#[test]
fn other_uses_are_refused_with_the_operator_and_the_reason() {
    let mut npz = open("refused.npz");
    assert_eq!(npz.names().unwrap().len(), REFUSED.len());
    for (name, reason) in REFUSED {
        let model = npz.by_name::<OwnedRepr<u8>, IxDyn>(name).unwrap().into_raw_vec_and_offset().0;
        let error = import(name, &model).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn truncated_files_are_refused() {
    for (name, Case { model, .. }) in cases("") {
        for length in (0..model.len()).step_by(7) {
            assert!(import(&name, &model[..length]).is_err(), "{name}, {length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// No change gives a panic, neither in the import nor in an execution of what is still a model.
    #[test]
    fn changed_bytes_are_refused_or_give_another_model(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), small: bool,
    ) {
        for (name, Case { mut model, .. }) in cases("") {
            for (index, byte) in &changes {
                let place = index.index(model.len());
                model[place] = if small { byte % 8 } else { *byte };
            }
            let Ok(graph) = import(&name, &model) else { continue };
            if let Some((_, Fixed::Input(input))) = graph.nodes().next() {
                let _ = execute_integers(&graph, &vec![input.range.hi; input.shape.len()]);
            }
        }
    }
}
