//! The mark of a development setup cannot be removed: not from a false output that was proven under one, whatever is done
//! to the files.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod forging;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use zklayout::plan::PlanHash;
use zklayout::prover::{FORMAT_VERSION, keygen, prove};
use zklayout::{Artefact, Model, PlanOptions, ProofBundle, QuantiseOptions, Srs, VerifierSrs};

/// Bytes of a file's header, and of the points of G1 and G2.
const HEADER: usize = 24;
const POINTS: (usize, usize) = (64, 128);

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn zklayout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zklayout")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn printed(output: &Output) -> String {
    let printed = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&printed).into_owned()
}

/// A folder as `prove` writes it, with a proof of a false output in place of the honest one.
struct Forgery {
    folder: TempDir,
    output: Vec<i64>,
}

impl Forgery {
    /// Under the development setup of a seed, read from a file that does not say what it is.
    fn new(seed: u64) -> Self {
        let model = Model::load(fixture("models/tiny.onnx")).unwrap();
        let input: Vec<f64> = (0..model.input_shape().len()).map(|i| (i % 7) as f64 / 7.0).collect();
        let quantised = model.quantise(std::slice::from_ref(&input), &QuantiseOptions::default()).unwrap();
        let plan = quantised.plan(&PlanOptions::default()).unwrap();
        let raw = Srs::development(plan.k(), seed).unwrap().to_bytes().unwrap();
        let srs = Srs::from_bytes(&raw).unwrap();
        let key = keygen(&srs, &plan, quantised.graph()).unwrap();
        let honest = prove(&srs, &key, quantised.graph(), &quantised.run(&input).unwrap(), &[]).unwrap();
        let output: Vec<i64> = honest.output.iter().map(|value| value + 1000).collect();
        let folder = tempfile::tempdir().unwrap();
        key.verifying().save(&folder.path().join("verifying.key")).unwrap();
        srs.verifier().save(&folder.path().join("verifier.srs")).unwrap();
        let forged = forging::forge(key.verifying(), seed, output.clone());
        assert_eq!(forged.proof.len(), honest.proof.len());
        forged.save(&folder.path().join("proof.bin")).unwrap();
        Self { folder, output }
    }

    fn powers(&self) -> PathBuf {
        self.folder.path().join("verifier.srs")
    }

    /// Whether the command line verifies the false output; if it does, it must say what it is worth.
    fn is_shown(&self) -> bool {
        let folder = text(self.folder.path());
        let (plain, json) = (zklayout(&["verify", folder]), zklayout(&["--json", "verify", folder]));
        assert_eq!(plain.status.success(), json.status.success());
        if !plain.status.success() {
            assert!(printed(&plain).starts_with("error: "), "{}", printed(&plain));
            return false;
        }
        assert!(printed(&plain).contains("INSECURE development setup"), "{}", printed(&plain));
        let summary: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!((&summary["provenance"], &summary["insecure_setup"]), (&"development".into(), &true.into()));
        let output: Vec<i64> = serde_json::from_value(summary["output"].clone()).unwrap();
        assert_eq!(output, self.output);
        true
    }
}

/// A file of the same kind with another payload and a checksum that fits.
fn sealed(file: &[u8], version: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [&file[..12], &version.to_le_bytes(), &(payload.len() as u64).to_le_bytes(), payload].concat();
    let checksum = PlanHash::of("artefact", &bytes);
    bytes.extend_from_slice(&checksum.0);
    bytes
}

#[test]
fn a_false_output_is_never_shown_without_the_mark() {
    for seed in [0, 1, 1023] {
        assert!(Forgery::new(seed).is_shown(), "the forgery under seed {seed} is none");
    }
}

#[test]
fn laundered_powers_are_marked_or_refused() {
    let forgery = Forgery::new(7);
    let honest = std::fs::read(forgery.powers()).unwrap();
    let payload = &honest[HEADER..honest.len() - 32];
    // The payload is its length in two bytes, then three points.
    let points = &payload[2..];
    assert_eq!(points.len(), POINTS.0 + 2 * POINTS.1);
    let tau_g2 = &points[POINTS.0 + POINTS.1..];
    let longer = [&[0xc1, 0x02][..], points, &[0]].concat();
    let current = |payload: &[u8]| sealed(&honest, FORMAT_VERSION, payload);
    let laundered = [
        ("a byte after the points", current(&[payload, &[0]].concat())),
        ("a byte among the points", current(&longer)),
        ("a byte after the file", [honest.as_slice(), &[0]].concat()),
        ("a byte of provenance before the points", current(&[&[1], payload].concat())),
        ("the former format", sealed(&honest, 1, &[&[1], payload].concat())),
        ("the former format with a byte more", sealed(&honest, 1, &[&[1], longer.as_slice()].concat())),
        ("an overlong length", current(&[&[0xc0, 0x82, 0x00][..], points].concat())),
        ("a generator twice", current(&[&[0xc0, 0x02][..], &points[..POINTS.0], tau_g2, tau_g2].concat())),
        ("the honest file", honest.clone()),
    ];
    let mut shown = Vec::new();
    for (what, file) in laundered {
        std::fs::write(forgery.powers(), file).unwrap();
        if forgery.is_shown() {
            shown.push(what);
        }
    }
    // A length in more bytes than it needs is the same number; the points are what counts.
    assert!(shown.ends_with(&["the honest file"]) && shown.len() <= 2, "{shown:?}");
}

/// Powers of another tau, marked or not, are not those of the key.
#[test]
fn other_powers_do_not_fit_the_key() {
    let forgery = Forgery::new(3);
    for srs in [
        Srs::development(2, 0).unwrap(),
        Srs::development(2, 4).unwrap(),
        Srs::from_file(&fixture("powers/prepared.ptau")).unwrap(),
    ] {
        VerifierSrs::save(srs.verifier(), &forgery.powers()).unwrap();
        assert!(!forgery.is_shown());
    }
}

/// The forgery is one: with an output that it was not made for, or one byte changed, it does not verify.
#[test]
fn a_forgery_is_for_one_output() {
    let forgery = Forgery::new(0);
    let path = forgery.folder.path().join("proof.bin");
    let forged = ProofBundle::load(&path).unwrap();
    let mut other = forged.clone();
    other.output[0] += 1;
    let mut changed = forged.clone();
    changed.proof[40] ^= 1;
    for bundle in [other, changed] {
        bundle.save(&path).unwrap();
        assert!(!forgery.is_shown());
    }
}

/// A development setup's file is marked by `prove` too, and a hash that is asked for is demanded by both commands.
#[test]
fn prove_marks_a_development_setup_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out, setup] = ["powers.srs", "out", "setup"].map(|name| folder.path().join(name));
    let srs = Srs::development(11, 5).unwrap();
    std::fs::write(&file, srs.to_bytes().unwrap()).unwrap();
    let (model, input) = (fixture("models/mnist_cnn.onnx"), fixture("inputs/digit_4.npy"));
    let (hash, other) = (srs.hash().to_string(), Srs::development(1, 6).unwrap().hash().to_string());
    let common =
        ["prove", text(&model), "--input", text(&input), "--calibration", text(&input), "--srs", text(&file)];
    let proven = zklayout(
        &[
            &common[..],
            &["--out", text(&out), "--srs-hash", &hash, "--setup-out", text(&setup), "--weights", "private"],
        ]
        .concat(),
    );
    assert!(proven.status.success() && printed(&proven).contains("INSECURE"), "{}", printed(&proven));
    assert!(printed(&proven).contains(&hash));
    let verify = ["verify", text(&out), "--srs-hash"];
    let verified = zklayout(&[&verify[..], &[hash.as_str()]].concat());
    assert!(verified.status.success() && printed(&verified).contains(&hash), "{}", printed(&verified));
    for command in [[&common[..], &["--srs-hash", &other]].concat(), [&verify[..], &[other.as_str()]].concat()] {
        let refused = zklayout(&command);
        assert!(!refused.status.success() && printed(&refused).contains(&format!("expected {other}")));
    }
}

/// What nobody can tell is said too.
#[test]
fn unknown_powers_are_called_unknown() {
    let forgery = Forgery::new(2);
    let (key, srs) = (forgery.folder.path().join("verifying.key"), forgery.powers());
    let model = Model::load(fixture("models/tiny.onnx")).unwrap();
    let input: Vec<f64> = (0..model.input_shape().len()).map(|i| (i % 7) as f64 / 7.0).collect();
    let few = QuantiseOptions { input_bits: 4, weight_bits: 4, table_bits: 6, ..QuantiseOptions::default() };
    let options = QuantiseOptions { allow_error: 1.0, ..few };
    let quantised = model.quantise(std::slice::from_ref(&input), &options).unwrap();
    let plan = quantised.plan(&PlanOptions { min_k: 6, ..PlanOptions::default() }).unwrap();
    let powers = Srs::from_file(&fixture("powers/prepared.ptau")).unwrap();
    let proving = keygen(&powers, &plan, quantised.graph()).unwrap();
    let bundle = prove(&powers, &proving, quantised.graph(), &quantised.run(&input).unwrap(), &[]).unwrap();
    proving.verifying().save(&key).unwrap();
    powers.verifier().save(&srs).unwrap();
    bundle.save(&forgery.folder.path().join("proof.bin")).unwrap();
    let folder = text(forgery.folder.path());
    let plain = printed(&zklayout(&["verify", folder]));
    assert!(plain.contains("UNKNOWN") && plain.contains(&powers.hash().to_string()), "{plain}");
    let json = zklayout(&["--json", "verify", folder]);
    let summary: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&summary["provenance"], &summary["insecure_setup"]), (&"unknown".into(), &false.into()));
    assert_eq!(summary["srs_hash"], powers.hash().to_string());
}
