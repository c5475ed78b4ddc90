//! The command line: the main job, and clear errors on bad input.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn zklayout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zklayout")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command that must fail, and checks what it says.
fn fails(arguments: &[&str], expected: &[&str]) {
    let output = zklayout(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(!message.contains("panicked"), "{message}");
    for part in expected {
        assert!(message.contains(part), "{arguments:?} said {message:?}, expected {part:?}");
    }
}

struct Proof {
    folder: TempDir,
}

impl Proof {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = zklayout(&[
            "prove",
            text(&fixture("models/mnist_cnn.onnx")),
            "--input",
            text(&fixture("inputs/digit_4.npy")),
            "--weights",
            "private",
            "--cache",
            text(folder.path()),
            "--out",
            text(&folder.path().join("out")),
            "--setup-out",
            text(&folder.path().join("setup")),
        ]);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.contains("verified: the output's largest value is at 4"), "{printed}");
        assert!(printed.contains("INSECURE"), "{printed}");
        Self { folder }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

#[test]
fn prove_writes_a_folder_that_verifies() {
    let proof = Proof::new();
    let output = zklayout(&["--json", "verify", text(&proof.out())]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["verified"], true);
    assert_eq!(summary["output"].as_array().unwrap().len(), 10);
    let hash = summary["verifying_key"].as_str().unwrap();
    assert!(zklayout(&["verify", text(&proof.out()), "--key-hash", hash]).status.success());
    fails(&["verify", text(&proof.out()), "--key-hash", "00"], &["expected 00"]);

    for (file, expected) in [("proof.bin", "damaged"), ("verifying.key", "damaged"), ("verifier.srs", "damaged")] {
        let path = proof.out().join(file);
        let honest = std::fs::read(&path).unwrap();
        for place in [30, honest.len() / 2, honest.len() - 1] {
            let mut changed = honest.clone();
            changed[place] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            fails(&["verify", text(&proof.out())], &[file, expected]);
        }
        let mut version = honest.clone();
        version[12] -= 1;
        std::fs::write(&path, &version).unwrap();
        fails(&["verify", text(&proof.out())], &[file, "this version reads"]);
        std::fs::write(&path, &honest[..20]).unwrap();
        fails(&["verify", text(&proof.out())], &[file]);
        std::fs::write(&path, &honest).unwrap();
    }
    std::fs::copy(proof.out().join("proof.bin"), proof.out().join("verifying.key")).unwrap();
    fails(&["verify", text(&proof.out())], &["verifying.key", "is not a verifying key"]);
}

#[test]
fn a_proof_is_for_its_context() {
    let folder = tempfile::tempdir().unwrap();
    let (out, file) = (folder.path().join("out"), folder.path().join("nonce"));
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_4.npy"));
    std::fs::write(&file, "nonce 17").unwrap();
    let proven = zklayout(&[
        "prove",
        text(&model),
        "--input",
        text(&input),
        "--calibration",
        text(&input),
        "--cache",
        text(folder.path()),
        "--out",
        text(&out),
        "--setup-out",
        text(&folder.path().join("setup")),
        "--weights",
        "private",
        "--context",
        "nonce 17",
    ]);
    assert!(proven.status.success(), "{}", String::from_utf8_lossy(&proven.stderr));
    for given in [["--context", "nonce 17"], ["--context-file", text(&file)]] {
        let output = zklayout(&[&["verify", text(&out)][..], &given].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fails(&["verify", text(&out)], &["was made for the context", "expected was no context"]);
    fails(&["verify", text(&out), "--context", "nonce 18"], &["give the context that it was made for"]);
    std::fs::write(&file, vec![b'x'; 65_537]).unwrap();
    fails(&["verify", text(&out), "--context-file", text(&file)], &[text(&file), "at most 65536 bytes"]);
    fails(&["verify", text(&out), "--context-file", "absent"], &["absent"]);
    fails(&["verify", text(&out), "--context", "a", "--context-file", "b"], &["cannot be used with"]);
}

#[test]
fn broken_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let honest = std::fs::read(fixture("models/mnist_cnn.onnx")).unwrap();
    let input = fixture("inputs/digit_4.npy");
    let path = folder.path().join("broken.onnx");
    for bytes in [&b"not a model at all"[..], &[], &[0xff; 4096], &honest[..honest.len() / 2], &honest[..40]] {
        std::fs::write(&path, bytes).unwrap();
        fails(&["prove", text(&path), "--input", text(&input)], &["error:"]);
    }
    // Every truncation and many single-byte changes end in an answer or an error, never in a panic.
    for place in (0..honest.len()).step_by(397) {
        let mut changed = honest.clone();
        changed[place] ^= 0x55;
        std::fs::write(&path, &changed).unwrap();
        let output = zklayout(&["inspect", text(&path)]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "byte {place}");
        std::fs::write(&path, &honest[..place]).unwrap();
        let output = zklayout(&["inspect", text(&path)]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "cut at {place}");
    }
    fails(&["inspect", "no/such/model.onnx"], &["no/such/model.onnx"]);
}

#[test]
fn broken_inputs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("models/mnist_cnn.onnx");
    let write = |name: &str, contents: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let cases = [
        (write("short.json", "[1, 2, 3]"), "does not fit the model's input 1x1x28x28"),
        (write("ragged.json", "[[1, 2], [3]]"), "different lengths"),
        (write("words.json", "[\"one\"]"), "expected nested lists of numbers"),
        (write("garbage.npy", "not an array"), "not an array of numbers"),
        (write("garbage.npz", "not an archive"), "not a readable .npz file"),
        (write("input.txt", "1 2 3"), ".npy, .npz or .json"),
    ];
    for (path, expected) in cases {
        fails(&["prove", text(&model), "--input", text(&path)], &[text(&path), expected]);
    }
    let mut pixels = ndarray::Array4::<f32>::zeros((1, 1, 28, 28));
    pixels[[0, 0, 3, 4]] = f32::NAN;
    let path = folder.path().join("nan.npy");
    ndarray_npy::write_npy(&path, &pixels).unwrap();
    fails(&["prove", text(&model), "--input", text(&path)], &["NaN or infinity at position 88"]);
    let path = folder.path().join("complex.npy");
    ndarray_npy::write_npy(&path, &ndarray::arr1(&[true, false])).unwrap();
    fails(&["prove", text(&model), "--input", text(&path)], &["not an array of numbers"]);
}

#[test]
fn a_plan_for_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, input) = (folder.path().join("plan.json"), fixture("inputs/digit_4.npy"));
    let strided = fixture("models/mnist_strided.onnx");
    let output = zklayout(&["plan", text(&strided), "--calibration", text(&input), "--out", text(&plan)]);
    assert!(output.status.success());
    let model = fixture("models/mnist_cnn.onnx");
    let prove = ["prove", text(&model), "--input", text(&input), "--plan", text(&plan)];
    fails(&prove, &["this plan was made for another model"]);
    std::fs::write(&plan, "{\"format\": 1}").unwrap();
    fails(&prove, &["not a readable plan"]);
}

#[test]
fn limits_that_no_layout_meets_are_refused() {
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_4.npy"));
    let plan = ["plan", text(&model), "--calibration", text(&input)];
    fails(&[&plan[..], &["--lanes", "99"]].concat(), &["99 lanes are never tried"]);
    fails(&[&plan[..], &["--max-k", "9"]].concat(), &["no layout fits 2^9 rows"]);
    fails(&[&plan[..], &["--weight-bits", "60"]].concat(), &["weight_bits", "outside 2 to 16"]);
}

#[test]
fn powers_of_tau_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("powers.srs");
    std::fs::write(&path, [7; 1000]).unwrap();
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_4.npy"));
    let prove = ["prove", text(&model), "--input", text(&input), "--srs", text(&path)];
    fails(&prove, &[text(&path), "powers of tau"]);
    for (name, expected) in [("unprepared.ptau", "not prepared for phase 2"), ("bls12_381.ptau", "another curve")]
    {
        std::fs::copy(fixture("powers").join(name), &path).unwrap();
        fails(&prove, &[text(&path), expected]);
    }
    std::fs::copy(fixture("powers/prepared.ptau"), &path).unwrap();
    fails(&prove, &["reach 2^8 rows", "use a larger file"]);
}

#[test]
fn accuracy_is_printed() {
    let samples = fixture("inputs/mnist_heldout.npz");
    for model in ["models/mnist_cnn.onnx", "models/mnist_strided.onnx"] {
        let output = zklayout(&[
            "--json",
            "accuracy",
            text(&fixture(model)),
            "--samples",
            text(&samples),
            "--calibration",
            text(&samples),
        ]);
        let accuracy: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| accuracy[name].as_f64().unwrap();
        assert!(count("samples") >= 500.0);
        let points = 100.0 * (count("integer_correct") - count("float_correct")) / count("samples");
        assert!(points.abs() <= 0.3, "{model}: {points} points");
    }
}

#[test]
fn the_last_layer_has_the_outputs_error() {
    let (model, samples) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_4.npy"));
    let calibrated = ["--calibration", text(&samples)];
    let accuracy = ["--json", "accuracy", text(&model), "--samples", text(&samples), "--layers"];
    let output = zklayout(&[&accuracy[..], &calibrated].concat());
    let accuracy: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = accuracy["layers"].as_array().unwrap();
    assert_eq!(layers[0][0], "input");
    // The float engine has 32 bits.
    let (last, whole) =
        (layers.last().unwrap()[1].as_f64().unwrap(), accuracy["largest_difference"].as_f64().unwrap());
    assert!((last - whole).abs() < 1e-4, "{last} and {whole}");
    assert!(layers.iter().skip(1).all(|layer| layer[2].as_f64().unwrap() > 0.0), "{layers:?}");
}

#[test]
fn models_in_bytes_are_planned_and_shown() {
    let model = fixture("models/ds_cnn_int8.tflite");
    let output = zklayout(&["plan", text(&model)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("limbs of"));
    let output = zklayout(&["--json", "inspect", text(&model)]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["layers"], 11);
    fails(&["plan", text(&model), "--weight-bits", "5"], &["ds_cnn_int8.tflite", "quantised already"]);
    let samples = fixture("inputs/ds_cnn.npz");
    fails(&["accuracy", text(&model), "--samples", text(&samples)], &["no float model"]);
}

#[test]
fn an_error_budget_chooses_the_bits() {
    let model = fixture("models/mnist_cnn.onnx");
    let samples = fixture("inputs/digit_4.npy");
    let plan = |budget: &str| {
        let output =
            zklayout(&["--json", "plan", text(&model), "--calibration", text(&samples), "--max-error", budget]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let rows = |plan: &serde_json::Value| plan["shape"]["table_entries"].as_u64().unwrap();
    assert!(rows(&plan("2")) < rows(&plan("0.05")));
    fails(
        &["plan", text(&model), "--calibration", text(&samples), "--max-error", "0.0000001"],
        &["no bit widths keep", "the closest are off by"],
    );
}

#[test]
fn broken_profiles_and_sizes_are_refused() {
    let model = fixture("models/mnist_cnn.onnx");
    let samples = fixture("inputs/digit_4.npy");
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile.json");
    let plan = |more: &[&str], expected: &[&str]| {
        let given = ["plan", text(&model), "--calibration", text(&samples)];
        fails(&[&given[..], more].concat(), expected);
    };
    std::fs::write(&profile, "{}").unwrap();
    plan(&["--profile", text(&profile)], &["profile"]);
    plan(&["--profile", text(&folder.path().join("absent"))], &["absent"]);
    plan(&["--max-memory", "2 parsecs"], &["unknown unit", "GiB"]);
    plan(&["--max-memory", "1.2.3"], &["is no size"]);
}

#[test]
fn a_reader_that_is_gone_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zklayout"))
        .args(["inspect", text(&fixture("models/mnist_cnn.onnx"))])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Gone long before the model is read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Proves an everyday model with an input of text; the JSON that it prints.
fn proven(name: &str, inputs: &[(&str, &str)], more: &[&str]) -> serde_json::Value {
    let (folder, model) = (tempfile::tempdir().unwrap(), fixture(&format!("everyday/{name}.onnx")));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut arguments: Vec<String> = ["--json", "prove", text(&model)].map(str::to_owned).to_vec();
    for (name, contents) in inputs {
        let file = at(&format!("{name}.json"));
        std::fs::write(&file, contents).unwrap();
        let argument = if inputs.len() > 1 { format!("{name}={file}") } else { file };
        arguments.extend(["--input".to_owned(), argument]);
    }
    let folders = [
        "--cache",
        &at("cache"),
        "--out",
        &at("out"),
        "--setup-out",
        &at("setup"),
        "--seed",
        &at("seed"),
        "--public-input",
    ];
    arguments.extend(folders.iter().chain(more).map(|word| (*word).to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = zklayout(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn inputs_are_given_by_name() {
    let (a, c) = ("[[1, 0.5, 0, -1, 0.25, 0, 1, 0.5]]", "[[0, 0.5, 1, -1, 0.5, 1, 0, 0.25]]");
    let files = proven("two_inputs", &[("a", a), ("c", c)], &[]);
    let object = format!("{{\"a\": {a}, \"c\": {c}}}");
    let lists = format!("{{\"input_data\": [{}, {}]}}", &a[1..a.len() - 1], &c[1..c.len() - 1]);
    for contents in [object, lists] {
        assert_eq!(proven("two_inputs", &[("x", &contents)], &[])["outputs"], files["outputs"]);
    }
    assert_eq!(files["outputs"]["y"], files["output_values"]);
    let unread = format!("{{\"x\": {a}, \"mask\": {c}}}");
    assert_eq!(proven("unused_input", &[("x", &unread)], &[])["outputs"]["y"].as_array().unwrap().len(), 4);
    let free = proven("free_inner", &[("x", &format!("[{a}]"))], &["--dim", "unk__92=1"]);
    assert_eq!(free["verified"], true);
}

/// `docs/json.md` has the names of what commands print.
#[test]
fn what_is_printed_as_json_is_documented() {
    let documented = std::fs::read_to_string(fixture("../docs/json.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let [setup, out, quantised, cache, seed] = ["setup", "out", "own.quantised", "cache", "seed"].map(at);
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_7.npy"));
    let (model, input) = (text(&model), text(&input));
    let commands: [&[&str]; 6] = [
        &["inspect", model],
        &["setup", model, "--few-samples", "--cache", &cache, "--seed", &seed, "--out", &setup],
        &["prove", "--setup", &setup, "--input", input, "--cache", &cache, "--out", &out],
        &["verify", &out],
        &["check", "--setup", &setup, "--samples", input],
        &["quantise", model, "--out", &quantised],
    ];
    for arguments in commands {
        let output = zklayout(&[&["--json"], arguments].concat());
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for name in printed.as_object().unwrap().keys() {
            assert!(documented.contains(&format!("`{name}`")), "{}: {name} is not documented", arguments[0]);
        }
    }
}

#[test]
fn exit_codes_tell_failures_apart() {
    let model = fixture("everyday/two_inputs.onnx");
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.json");
    std::fs::write(&missing, "{\"a\": [[1, 0, 0, 0, 0, 0, 0, 0]]}").unwrap();
    let strange = format!("b={}", missing.display());
    let cases: [(&[&str], i32, &str); 6] = [
        (&["inspect", "no-such-file.onnx"], 1, "no-such-file.onnx"),
        (&["inspect", text(&model), "--dim", "batch"], 2, "name and extent"),
        (&["inspect", text(&model), "--dim", "n=1", "--dim", "n=2"], 2, "given twice"),
        (&["inspect", text(&model), "--dim", "n=1"], 3, "no input has a free dimension"),
        (&["prove", text(&model), "--public-input", "--input", text(&missing)], 3, "input \"c\" is missing"),
        (&["prove", text(&model), "--public-input", "--input", &strange, "--input", &strange], 2, "inputs are"),
    ];
    for (arguments, code, part) in cases {
        let output =
            Command::new(env!("CARGO_BIN_EXE_zklayout")).current_dir(folder.path()).args(arguments).output();
        let output = output.unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    let output = zklayout(&["--json", "inspect", "no-such-file.onnx"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["code"], 1);
    assert!(printed["error"].as_str().unwrap().contains("no-such-file.onnx"));
}
