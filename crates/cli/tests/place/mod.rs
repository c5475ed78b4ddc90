//! A folder to run the command line in.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path).display().to_string()
}

/// A place to work in.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program; what is within single quotes is one argument.
    pub fn run(&self, line: &str) -> Output {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(
            |(place, part)| {
                if place % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }
            },
        );
        let program = Command::new(env!("CARGO_BIN_EXE_zklayout"))
            .args(words)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .output();
        program.unwrap()
    }

    pub fn succeeds(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.succeeds(&format!("--json {line}"))).unwrap()
    }

    pub fn fails(&self, line: &str, expected: &[&str]) -> String {
        let output = self.run(line);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{line} succeeded");
        assert!(!message.contains("panicked"), "{message}");
        for part in expected {
            assert!(message.contains(part), "{line} said {message:?}, expected {part:?}");
        }
        message
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn bytes(&self, folder: &str) -> Vec<Vec<u8>> {
        self.names(folder).iter().map(|name| std::fs::read(self.path(folder).join(name)).unwrap()).collect()
    }

    /// A model without samples beside it.
    pub fn bare(&self, model: &str) -> String {
        let name = format!("{model}.onnx");
        std::fs::copy(fixture(&format!("models/{name}")), self.path(&name)).unwrap();
        name
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}
