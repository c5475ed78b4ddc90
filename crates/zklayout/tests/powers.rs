//! Powers of tau from files: snarkjs's `.ptau` beside its twin in halo2's format, and what is refused.
//!
//! The files are made by the scripts in `fixtures/powers`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod tiny;

use std::path::{Path, PathBuf};

use tiny::Tiny;
use zklayout::prover::{ProverError, keygen, prove};
use zklayout::{Provenance, Srs, verify};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/powers").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

#[test]
fn a_ptau_file_equals_its_raw_twin_point_by_point() {
    let (ptau, raw) = (Srs::from_file(&fixture("prepared.ptau")).unwrap(), read("prepared.raw"));
    let ours = ptau.to_bytes().unwrap();
    assert_eq!(ours.len(), raw.len());
    for (index, (ours, twins)) in ours[4..].chunks(64).zip(raw[4..].chunks(64)).enumerate() {
        assert_eq!(ours, twins, "point {index}");
    }
    assert_eq!(ours, raw);
    let twin = Srs::from_file(&fixture("prepared.raw")).unwrap();
    assert_eq!((ptau.k(), ptau.hash()), (8, twin.hash()));
    assert_eq!((ptau.provenance(), twin.provenance()), (Provenance::Unknown, Provenance::Unknown));
}

#[test]
fn a_proof_under_a_ptau_file_verifies_and_is_marked_unknown() {
    let tiny = Tiny::new();
    let srs = Srs::from_file(&fixture("prepared.ptau")).unwrap();
    let key = keygen(&srs, &tiny.plan, tiny.model.graph()).unwrap();
    let bundle = prove(&srs, &key, tiny.model.graph(), &tiny.trace, &[]).unwrap();
    let twin = Srs::from_file(&fixture("prepared.raw")).unwrap();
    let public = verify(twin.verifier(), key.verifying(), &bundle, &[]).unwrap();
    assert_eq!((public.output, public.provenance), (tiny.trace.output(), Provenance::Unknown));
}

/// The file of a development setup is told from its points, whichever format it has.
#[test]
fn files_of_development_setups_are_marked() {
    for seed in [0, 1, 7, 1023] {
        let raw = Srs::development(3, seed).unwrap().to_bytes().unwrap();
        assert_eq!(Srs::from_bytes(&raw).unwrap().provenance(), Provenance::Development, "seed {seed}");
    }
}

/// Where the contents of a section start.
fn section(file: &[u8], wanted: u32) -> usize {
    let mut at = 12;
    loop {
        let id = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        if id == wanted {
            return at + 12;
        }
        at += 12 + u64::from_le_bytes(file[at + 4..at + 12].try_into().unwrap()) as usize;
    }
}

fn refused(bytes: &[u8]) -> String {
    match Srs::from_bytes(bytes) {
        Err(error @ (ProverError::Ptau(_) | ProverError::Srs(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn broken_ptau_files_are_refused_by_name() {
    let honest = read("prepared.ptau");
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = honest.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let [header, g1, g2, lagrange] = [1, 2, 3, 12].map(|id| section(&honest, id));
    let power = header + 4 + 32;
    let second: Vec<u8> = honest[g1 + 64..g1 + 128].to_vec();
    let in_lagrange = lagrange + 64 * 255;
    let third: Vec<u8> = honest[in_lagrange + 128..in_lagrange + 192].to_vec();
    let cases = [
        (read("unprepared.ptau"), "not prepared for phase 2"),
        (read("bls12_381.ptau"), "of another curve: its prime is 0x1a0111ea"),
        (changed(4, &[2]), "has version 2, this program reads 1"),
        (changed(power, &[0]), "power is 0, outside 1 to 28"),
        (changed(power, &[29]), "power is 29, outside 1 to 28"),
        (changed(power, &[9]), "section 2 of the .ptau file has 32704 bytes, its power gives 65472"),
        (changed(g1 - 12, &[9]), "has no section 2"),
        (changed(g1 - 12, &[1]), "has section 1 twice"),
        (changed(g2 - 5, &[0xff]), "truncated: section 3 ends at byte"),
        (changed(8, &[200]), "truncated: its table of sections"),
        ([honest.as_slice(), &[0]].concat(), "1 bytes after its last section"),
        (changed(g1 + 64, &[0xff; 32]), "section 2 of the .ptau file holds an invalid point"),
        (changed(g1 + 128, &second), "not powers of one number"),
        (changed(in_lagrange, &third), "not powers of one number"),
        (changed(g2 + 128, &honest[g2..g2 + 128]), "not powers of one number"),
    ];
    for (file, expected) in cases {
        let message = refused(&file);
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    for length in (4..honest.len()).step_by(997).chain([4, 11, 12, 23, 24, honest.len() - 1]) {
        let message = refused(&honest[..length]);
        assert!(message.contains("truncated"), "{length}: {message}");
    }
    // As much as is read of the file says nothing of the rest of it: a size beyond any file takes no memory.
    refused(&changed(lagrange - 8, &[0xff; 8]));
}

#[test]
fn a_refused_file_is_named() {
    let path = fixture("unprepared.ptau");
    let message = Srs::from_file(&path).unwrap_err().to_string();
    assert!(message.contains("unprepared.ptau") && message.contains("prepare phase2"), "{message}");
}
