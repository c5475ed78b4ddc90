//! Files of other formats than ONNX on the command line.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use place::{Place, fixture};

#[test]
fn tensorflow_lite_files_of_floats_are_proven() {
    let place = Place::new();
    std::fs::copy(fixture("tflite/two_heads.tflite"), place.path("two_heads.tflite")).unwrap();
    let value =
        |row: usize, column: usize, channel: usize| ((row * 7 + column * 3 + channel) % 9) as f64 / 4.0 - 1.0;
    let row =
        |row: usize| (0..9).map(|column| [0, 1, 2].map(|channel| value(row, column, channel))).collect::<Vec<_>>();
    place.write("x.json", &format!("[{:?}]", (0..9).map(row).collect::<Vec<_>>()));
    let proven = place.json("prove two_heads.tflite --range -1..1.25 --input x.json --out out --show-values");
    assert_eq!(proven["outputs"].as_object().unwrap().len(), 2, "{proven}");
    let numbers = |name: &str| {
        proven[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (ours, float) = (numbers("output_values"), numbers("float_output"));
    let reach = float.iter().fold(0.0f64, |reach, value| reach.max(value.abs()));
    assert!(
        ours.iter().zip(&float).all(|(ours, float)| (ours - float).abs() < 0.03 * reach),
        "{ours:?} {float:?}"
    );
    place.succeeds("verify out");
}
