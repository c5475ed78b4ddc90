//! The drawing of a plan: well-formed, one legend entry per layer.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path).display().to_string()
}

#[test]
fn plans_of_both_families_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    for family in ["streams", "direct"] {
        let file = folder.path().join(format!("{family}.svg"));
        let output = Command::new(env!("CARGO_BIN_EXE_zklayout"))
            .args(["plan", &fixture("models/residual.onnx"), "--calibration", &fixture("inputs/residual.npz")])
            .args(["--family", family, "--svg", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        for part in ["idle", "runner-up", "front", "profile", "ruled out by bounds"] {
            assert!(printed.contains(part), "{part:?} is missing in {printed}");
        }
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        // The input, seven convolutions and one fully connected layer.
        assert_eq!(svg.matches("class=\"layer\"").count(), 9);
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
