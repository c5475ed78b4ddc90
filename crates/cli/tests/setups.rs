//! Setups on the command line: keys before inputs, calibration, what is given away, what is refused before it is spent.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use std::process::Command;

use place::{Place, fixture};

const PUBLIC: [&str; 4] = ["proof.bin", "setup.json", "verifier.srs", "verifying.key"];
const OWNED: [&str; 5] = ["model.quantised", "owner.json", "setup.json", "verifier.srs", "verifying.key"];

#[test]
fn one_setup_proves_ten_digits() {
    let place = Place::new();
    let model = fixture("models/mnist_cnn.onnx");
    let made = place.json(&format!("setup {model} --weights private --out keys"));
    assert_eq!(place.names("keys"), OWNED);
    let (hash, before) = (made["verifying_key"].as_str().unwrap(), place.bytes("keys"));
    assert_eq!(made["record"]["calibration"]["origin"]["beside_model"], "mnist_cnn.samples.npz");
    for digit in 0..10 {
        let (input, out) = (fixture(&format!("inputs/digit_{digit}.npy")), format!("proof_{digit}"));
        let proven = place.json(&format!("prove --setup keys --input {input} --out {out}"));
        assert_eq!((proven["argmax"].as_u64(), &proven["verifying_key"]), (Some(digit), &made["verifying_key"]));
        assert_eq!(place.names(&out), PUBLIC);
        let verified = place.json(&format!("verify {out} --key-hash {hash}"));
        assert_eq!(verified["output"], proven["output"]);
        assert_eq!(verified["recorded_not_proven"], made["record"]);
    }
    let row = format!("[{}]", ["7.25"; 28].join(","));
    place.write("bright.json", &format!("[{}]", [row.as_str(); 28].join(",")));
    let refused =
        place.fails("prove --setup keys --input bright.json --out bright", &["layer \"input\"", "outside"]);
    assert!(!refused.contains("7.25") && !place.path("bright").exists(), "{refused}");
    assert!(place.bytes("keys") == before, "a file of the setup changed");
}

#[test]
fn proofs_without_a_setup_make_one_and_keep_another() {
    let place = Place::new();
    let model = fixture("models/tiny.onnx");
    let job = format!("prove {model} --input {}", fixture("inputs/tiny.npz"));
    let prove = format!("{job} --weights private");
    let first = place.json(&prove);
    assert_eq!(
        (place.names("proofs/tiny"), place.names("setups/tiny")),
        (PUBLIC.map(String::from).into(), OWNED.map(String::from).into())
    );
    let before = place.bytes("setups/tiny");
    let second = place.json(&format!("{prove} --index 1"));
    assert_eq!(first["verifying_key"], second["verifying_key"]);
    assert!(place.bytes("setups/tiny") == before);
    place.fails(&format!("{job} --weights fixed"), &["holds another setup", "--setup setups/tiny"]);
    place.fails(&format!("setup {model} --input-bits 6"), &["holds another setup"]);
    assert!(place.bytes("setups/tiny") == before);
    let third = place.json(&format!("{job} --setup setups/tiny"));
    assert_eq!(first["verifying_key"], third["verifying_key"]);
    place.fails(&format!("{job} --setup setups/tiny --weights fixed"), &["--weights"]);
    place.fails(
        &format!("prove --setup setups/tiny --input-bits 4 --input {}", fixture("inputs/tiny.npz")),
        &["--input-bits"],
    );
    // Nothing that goes to verifiers, and no report, holds a hash of the weights or the float model's output.
    let owner = std::fs::read_to_string(place.path("setups/tiny/owner.json")).unwrap();
    let owner: serde_json::Value = serde_json::from_str(&owner).unwrap();
    let secret = owner["quantised_model"].as_str().unwrap();
    let given: Vec<u8> = place.bytes("proofs/tiny").concat();
    assert!(!String::from_utf8_lossy(&given).contains(secret) && !first.to_string().contains(secret));
    assert!(first.get("float_output").is_none());
    assert!(place.json(&format!("--show-values {prove}"))["float_output"].is_array());
}

#[test]
fn setups_that_do_not_fit_are_refused() {
    let place = Place::new();
    let (tiny, residual) = (fixture("models/tiny.onnx"), fixture("models/residual.onnx"));
    place.succeeds(&format!("setup {tiny} --weights private --out keys"));
    let input = fixture("inputs/tiny.npz");
    place.fails(
        &format!("prove {residual} --setup keys --input {input}"),
        &["keys is a setup of another model", "residual.onnx"],
    );
    place
        .fails(&format!("check {residual} --setup keys --samples {input}"), &["keys is a setup of another model"]);
    let raw = zklayout::Srs::development(14, 99).unwrap().to_bytes().unwrap();
    std::fs::write(place.path("powers.srs"), raw).unwrap();
    place.fails(
        &format!("prove --setup keys --input {input} --srs powers.srs"),
        &["keys was made with powers of tau"],
    );
    place.fails(
        &format!("prove --setup nowhere --input {input}"),
        &["nowhere is no usable setup: incomplete", "verifying.key"],
    );
    std::fs::remove_file(place.path("keys/verifying.key")).unwrap();
    place.fails(
        &format!("prove --setup keys --input {input}"),
        &["keys is no usable setup: incomplete, without verifying.key"],
    );
    assert!(!place.path("proofs").exists());
}

#[test]
fn a_record_is_read_and_believed_by_nobody() {
    let place = Place::new();
    let (model, input) = (fixture("models/tiny.onnx"), fixture("inputs/tiny.npz"));
    place.succeeds(&format!("prove {model} --weights private --input {input}"));
    let printed = place.succeeds("verify proofs/tiny");
    assert!(printed.contains("recorded by whoever made the setup, not proven: error"), "{printed}");
    assert!(printed.contains("tiny.samples.npz"), "{printed}");
    let record = place.path("proofs/tiny/setup.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let other: String = text
        .lines()
        .map(|line| if line.contains("verifying_key") { "\"verifying_key\": \"ab\"," } else { line })
        .collect();
    let escapes = text.replace("tiny.samples", "\\u001b[2J");
    let cases = [
        (other, "is of another key"),
        ("{}".into(), "is no record"),
        (text.replace("\"format\": 1", "\"format\": 7"), "has format 7"),
    ];
    for (text, expected) in cases {
        std::fs::write(&record, text).unwrap();
        let printed = place.succeeds("verify proofs/tiny");
        assert!(printed.contains("not recorded") && printed.contains(expected), "{printed}");
    }
    std::fs::write(&record, escapes).unwrap();
    assert!(!place.succeeds("verify proofs/tiny").contains('\u{1b}'));
    std::fs::remove_file(&record).unwrap();
    assert!(place.succeeds("verify proofs/tiny").contains("has no setup.json"));
}

#[test]
fn calibration_comes_in_its_order() {
    let place = Place::new();
    let (model, input) = (place.bare("tiny"), fixture("inputs/tiny.npz"));
    let four = ["--calibration", "tiny.samples.npz", "--range", "--public-input"];
    place.fails(&format!("prove {model} --input {input}"), &four);
    place.fails(&format!("setup {model}"), &four);
    place.fails(&format!("plan {model}"), &four);
    place.fails(&format!("accuracy {model} --samples {input}"), &four);
    place.fails(&format!("benchmark {model} --input {input}"), &four);
    place.fails(&format!("check {model} --samples {input}"), &four);
    // Nothing but a public input chooses its own scales.
    place.fails(&format!("setup {model} --public-input"), &four);
    let origin = |line: &str| place.json(line)["record"]["calibration"].clone();
    let prove = format!("prove {model} --weights private --input {input}");
    let public = origin(&format!("{prove} --public-input --setup-out a"));
    assert_eq!((&public["origin"], public["samples"].as_u64()), (&"public_input".into(), Some(1)));
    let drawn = origin(&format!("{prove} --range 0..4 --setup-out b"));
    assert_eq!((drawn["origin"]["range"]["hi"].as_f64(), drawn["samples"].as_u64()), (Some(4.0), Some(32)));
    assert_eq!(drawn, origin(&format!("setup {model} --weights private --range 0..4 --out c")));
    let mut cells = (0..160).map(|i| (i % 13) as f64 / 3.0);
    let samples: Vec<Vec<f64>> = (0..10).map(|_| cells.by_ref().take(16).collect()).collect();
    place.write(
        "tiny.samples.json",
        &serde_json::to_string(&samples.iter().map(|s| s.chunks(4).collect::<Vec<_>>()).collect::<Vec<_>>())
            .unwrap(),
    );
    let beside = origin(&format!("{prove} --range 0..4 --public-input --setup-out d"));
    assert_eq!(
        (&beside["origin"]["beside_model"], beside["samples"].as_u64()),
        (&"tiny.samples.json".into(), Some(10))
    );
    let given = origin(&format!("{prove} --calibration {} --setup-out e", fixture("models/tiny.samples.npz")));
    assert_eq!(given["origin"]["file"], "tiny.samples.npz");
}

#[test]
fn bad_calibration_is_refused_by_name() {
    let place = Place::new();
    let (model, input) = (place.bare("tiny"), fixture("inputs/tiny.npz"));
    place.write("nan.json", "[[[1, 2, 3, 1e400], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]]");
    place.write(
        "three.json",
        &format!("[{}]", ["[[0, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]"; 3].join(",")),
    );
    place.write("none.json", "[]");
    let mut nan = ndarray::Array3::<f32>::ones((9, 4, 4));
    nan[[7, 1, 1]] = f32::NAN;
    ndarray_npy::write_npy(place.path("nan.npy"), &nan).unwrap();
    let setup = format!("setup {model} --weights private");
    place.fails(
        &format!("{setup} --calibration {}", fixture("inputs/digit_1.npy")),
        &["digit_1.npy", "does not fit the model's input 1x1x4x4"],
    );
    place.fails(
        &format!("{setup} --calibration nan.npy"),
        &["nan.npy", "sample 7 holds NaN or infinity at position 5"],
    );
    place.fails(&format!("{setup} --calibration nan.json"), &["nan.json", "not JSON"]);
    place.fails(&format!("{setup} --calibration none.json"), &["none.json", "does not fit"]);
    place.fails(&format!("{setup} --calibration three.json"), &["3 samples chose the scales", "8 or more"]);
    place.succeeds(&format!("{setup} --calibration three.json --few-samples"));
    let printed = place.succeeds(&format!(
        "prove {model} --weights private --input {input} --index 1 --calibration {input} --setup-out own"
    ));
    assert!(printed.contains("4 samples chose the scales: other inputs may leave their ranges"), "{printed}");
    for percent in ["0", "100", "-5", "NaN", "much"] {
        place.fails(&format!("{setup} --allow-error={percent}"), &["--allow-error", percent]);
    }
    for range in ["1", "1..1", "2..1", "0..inf", "NaN..1", "a..b", "0..1..2"] {
        place.fails(&format!("{setup} --range {range}"), &["--range"]);
    }
    place.fails(&format!("{setup} --range 0..1 --calibration three.json"), &["cannot be used with"]);
}

#[test]
fn the_samples_that_ranges_refuse_are_named() {
    let place = Place::new();
    let model = fixture("models/tiny.onnx");
    place.write(
        "mixed.json",
        &format!(
            "[{0}, {1}, {0}, {1}]",
            "[[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]",
            "[[0, 1, 0, 1], [1, 0, 777.5, 0], [0, 1, 0, 1], [1, 0, 1, 0]]"
        ),
    );
    place.succeeds(&format!("setup {model} --weights private --out keys"));
    for ranges in [model.as_str(), "--setup keys"] {
        let output = place.run(&format!("--json check {ranges} --samples mixed.json"));
        assert!(!output.status.success());
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((found["samples"].as_u64(), found["refused"].as_array().unwrap().len()), (Some(4), 2));
        assert_eq!((&found["refused"][0]["sample"], &found["refused"][1]["sample"]), (&1.into(), &3.into()));
        assert!(!found.to_string().contains("777"), "{found}");
        let shown = place.run(&format!("--show-values check {ranges} --samples mixed.json"));
        assert!(String::from_utf8_lossy(&shown.stdout).contains("777.5"));
        place.fails(&format!("check {ranges} --samples mixed.json"), &["2 of 4 samples are refused"]);
    }
    let printed = place.succeeds(&format!("check {model} --samples {}", fixture("inputs/tiny.npz")));
    assert!(printed.contains("none of 4 samples is refused"), "{printed}");
    assert_eq!(place.names(".").len(), 2, "check writes nothing");
}

#[test]
fn messages_hold_no_value_unless_asked() {
    let place = Place::new();
    let model = fixture("models/tiny.onnx");
    let secret = "[[0, 1, 0, 1], [1, 0, 4321.5, 0], [0, 1, 0, 1], [1, 0, 1, 0]]";
    place.write("far.json", secret);
    place.write("other.json", &format!("{{\"pixels\": {secret}, \"name\": \"Ada 4321\"}}"));
    place.write("text.json", "[[\"4321\"]]");
    place.write("cut.json", &secret[..30]);
    for input in ["far.json", "other.json", "text.json", "cut.json"] {
        for command in [
            format!("prove {model} --input {input}"),
            format!("check {model} --samples {input}"),
            format!("accuracy {model} --samples {input}"),
        ] {
            let output = place.run(&command);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!said.contains("4321") && !said.contains("Ada"), "{command}: {said}");
        }
    }
    place.fails(&format!("prove {model} --input far.json"), &["channel 0, row 1, column 2"]);
    place.fails(&format!("--show-values prove {model} --input far.json"), &["values: 4321.5"]);
    place.fails(&format!("prove {model} --input other.json"), &["the model has no input \"name\""]);
}

#[test]
fn integers_are_saved_and_taken_for_a_model() {
    let place = Place::new();
    let (model, input) = (fixture("models/tiny.onnx"), fixture("inputs/tiny.npz"));
    let direct = place.json(&format!("prove {model} --weights private --input {input} --setup-out a"));
    place.succeeds(&format!("quantise {model} --out tiny.quantised"));
    let saved = place.json(&format!("prove tiny.quantised --weights private --input {input} --setup-out b"));
    assert_eq!((&direct["verifying_key"], &direct["record"]), (&saved["verifying_key"], &saved["record"]));
    place.fails("plan tiny.quantised --input-bits 5", &["quantised already"]);
    place.fails(&format!("quantise {model} --out tiny.bin"), &["does not end in .quantised"]);
    place.write("broken.quantised", "no integers");
    place.fails("plan broken.quantised", &["broken.quantised is not a quantised model"]);
    let int8 = place.succeeds(&format!("quantise {} --out int8.quantised", fixture("models/ds_cnn_int8.tflite")));
    assert!(int8.contains("exact by construction"), "{int8}");
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_spent() {
    let place = Place::new();
    let zklayout = env!("CARGO_BIN_EXE_zklayout");
    let model = fixture("models/tiny.onnx");
    let input = fixture("inputs/tiny.npz");
    // Address space in KiB that is too small for the threads, and a gigabyte, which is too small for 2^17 rows.
    for (limit, what) in [(150_000, "starting"), (1_000_000, "keys and proof")] {
        for command in [format!("prove {model} --input {input}"), format!("setup {model}")] {
            let rows = "--min-k 17 --max-k 17 --lanes 32 --cache cache";
            let script = format!("ulimit -v {limit}; exec {zklayout} {command} {rows}");
            let output = Command::new("sh").args(["-c", &script]).current_dir(place.path(".")).output().unwrap();
            let message = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{message}");
            let numbers = message.split(' ').filter(|word| word.parse::<f64>().is_ok()).count();
            assert_eq!(numbers, 2, "{message}");
            let bound = "are left: the process's limit on address space, ulimit -v";
            for part in [&format!("{what} would take"), bound, "--force"] {
                assert!(message.contains(part), "{message}");
            }
            assert!(place.names(".").is_empty(), "{:?} was written", place.names("."));
        }
    }
}

#[test]
fn folders_that_cannot_be_written_are_found_first() {
    let place = Place::new();
    place.write("file", "");
    let (model, input) = (fixture("models/tiny.onnx"), fixture("inputs/tiny.npz"));
    for command in [
        format!("prove {model} --input {input} --out file/below"),
        format!("prove {model} --input {input} --setup-out file/below"),
        format!("setup {model} --out file"),
        format!("quantise {model} --out file/tiny.quantised"),
        // The model is not even looked at.
        "setup absent.onnx --out file".to_owned(),
    ] {
        place.fails(&command, &["cannot write file"]);
    }
    assert_eq!(place.names("."), ["file"]);
}
