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
