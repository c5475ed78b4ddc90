//! Processes that die, disks that are full, caches that cannot be used: nothing corrupt is left, and the next run works.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

/// `zklayout prove` of the smallest model.
fn prove(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zklayout"));
    command
        .arg("prove")
        .arg(fixture("models/tiny.onnx"))
        .arg("--input")
        .arg(fixture("inputs/tiny.npz"))
        .args(["--weights", "private"]);
    command.arg("--cache").arg(folder.join("cache")).arg("--out").arg(folder.join("out"));
    command.arg("--setup-out").arg(folder.join("setup"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn verify(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zklayout")).arg("verify").arg(folder.join("out")).output().unwrap()
}

/// Every file that has its final name is whole.
fn check_files(folder: &Path) {
    let out = ["proof.bin", "verifying.key", "verifier.srs"].map(|name| folder.join("out").join(name));
    let setup = ["model.quantised", "verifying.key", "verifier.srs"];
    let named = out.into_iter().chain(setup.map(|name| folder.join("setup").join(name)));
    let cached = std::fs::read_dir(folder.join("cache")).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in named.chain(cached.filter(|path| path.extension().is_some_and(|end| end == "srs"))) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        assert!(bytes.len() > 56 && bytes.starts_with(b"zklayout"), "{} has no header", path.display());
        let (contents, checksum) = bytes.split_at(bytes.len() - 32);
        assert_eq!(
            zklayout::plan::PlanHash::of("artefact", contents).0,
            checksum,
            "{} is corrupt",
            path.display()
        );
    }
    // The record is written last.
    if folder.join("setup/setup.json").exists() {
        zklayout::Setup::load(folder.join("setup")).unwrap();
    }
    if folder.join("out/proof.bin").exists() {
        succeeds(&verify(folder));
    }
}

/// Kills `prove` after ever later moments of a run, in folders that earlier runs may have filled.
fn kill_loop(kills: u32) {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    succeeds(&prove(folder.path()).output().unwrap());
    let mut whole = start.elapsed();
    let (mut killed, mut turn) = (0, 0);
    while killed < kills {
        turn += 1;
        if turn % 4 == 0 {
            let _ = std::fs::remove_dir_all(folder.path().join("out"));
        }
        if turn % 3 == 0 {
            let _ = std::fs::remove_dir_all(folder.path().join("setup"));
        }
        if turn % 6 == 0 {
            let _ = std::fs::remove_dir_all(folder.path().join("cache"));
        }
        let mut child = prove(folder.path()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(turn * 37 % 100) / 100.0));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // The machine has become faster than the first run was.
            whole = whole.mul_f64(0.95);
        } else {
            killed += 1;
        }
        check_files(folder.path());
    }
    println!("{killed} of {turn} runs were killed");
    succeeds(&prove(folder.path()).output().unwrap());
    check_files(folder.path());
}

#[test]
fn killed_runs_leave_nothing_corrupt() {
    kill_loop(24);
}

/// The heavy job: `cargo test --release --workspace --test faults -- --ignored --nocapture`.
#[test]
#[ignore = "a minute"]
fn two_hundred_killed_runs_leave_nothing_corrupt() {
    kill_loop(200);
}

#[test]
fn two_runs_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let runs: Vec<_> = (0..2).map(|_| prove(folder.path()).spawn().unwrap()).collect();
    for run in runs {
        succeeds(&run.wait_with_output().unwrap());
    }
    check_files(folder.path());
}

#[test]
fn a_full_disk_is_an_error_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(&prove(folder.path()).output().unwrap());
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    std::fs::remove_dir_all(folder.path().join("setup")).unwrap();
    let command = prove(folder.path());
    // No file may grow beyond one block of 1,024 bytes; the signal for that is ignored, so that writing fails.
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {}", words.join(" "));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("verifying.key"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    check_files(folder.path());
    assert!(
        !folder.path().join("setup/verifying.key").exists() && !folder.path().join("setup/setup.json").exists()
    );
    succeeds(&prove(folder.path()).output().unwrap());
}

#[test]
fn an_unusable_cache_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cache"), "a file where the cache should be").unwrap();
    let output = prove(folder.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    // A damaged entry is made anew.
    std::fs::remove_file(folder.path().join("cache")).unwrap();
    succeeds(&prove(folder.path()).output().unwrap());
    for entry in std::fs::read_dir(folder.path().join("cache")).unwrap() {
        std::fs::write(entry.unwrap().path(), "damaged").unwrap();
    }
    succeeds(&prove(folder.path()).output().unwrap());
    check_files(folder.path());
}

#[cfg(unix)]
#[test]
fn interrupts_end_the_process_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = prove(folder.path());
    command.args(["--min-k", "14"]);
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
    check_files(folder.path());
}
