//! Limits on memory hold for the process that proves.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path).display().to_string()
}

/// Peak of memory of a proof under a limit, or the refusal.
fn peak(model: &str, input: &str, limit: &str) -> Result<u64, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_zklayout"))
        .args(["--json", "benchmark", "--no-unit", "--runs", "1", "--max-memory", limit])
        .arg(fixture(&format!("models/{model}.onnx")))
        .args(["--input", &fixture(&format!("inputs/{input}"))])
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    Ok(report["peak_memory_bytes"].as_u64().unwrap())
}

#[test]
fn proofs_stay_within_the_memory_that_plans_were_limited_to() {
    let models = [("mnist_cnn", "digit_7.npy"), ("mnist_strided", "digit_7.npy"), ("residual", "residual.npz")];
    for (model, input) in models {
        let roomy = peak(model, input, "2GiB").unwrap();
        assert!(roomy <= 2 << 30, "{model}: {roomy}");
        let tight = roomy * 3 / 2;
        let kept = peak(model, input, &tight.to_string()).unwrap();
        assert!(kept <= tight, "{model}: {kept} of {tight}");
        let refusal = peak(model, input, "1MiB").unwrap_err();
        let (_, least) = refusal.split_once("needs a limit of ").unwrap();
        let (least, _) = least.split_once(" bytes").unwrap();
        let frugal = peak(model, input, least).unwrap();
        assert!(frugal <= least.parse().unwrap(), "{model}: {frugal} of {least}");
    }
}

#[test]
fn a_saved_plan_is_held_to_limits_that_it_was_not_chosen_within() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_7.npy"));
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_zklayout")).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let plan = plan.to_str().unwrap();
    let samples = fixture("models/mnist_cnn.samples.npz");
    let saved = run(&["plan", &model, "--calibration", &samples, "--out", plan]);
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    for (limit, refusal) in [
        (["--max-memory", "1MiB"], "the plan needs a limit on memory of"),
        (["--max-columns", "9"], "more columns than --max-columns allows"),
    ] {
        for command in ["benchmark", "prove"] {
            let job = [command, &model, "--input", &input, "--calibration", &samples, "--plan", plan];
            let refused = run(&[&job[..], &limit].concat());
            let error = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success() && error.contains(refusal), "{command}: {error}");
        }
    }
}
