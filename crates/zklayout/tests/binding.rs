//! A proof is one of its key and its context: relabelled or replayed, it is refused by the real verifier.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod tiny;

use std::path::Path;

use tiny::Tiny;
use zklayout::plan::PlanHash;
use zklayout::prover::{MOST_CONTEXT, ProverError, keygen, prove};
use zklayout::{Artefact, Plan, ProofBundle, ProvingKey, Srs, VerifyingKey, verify};

struct Proof {
    tiny: Tiny,
    srs: Srs,
    key: ProvingKey,
    bundle: ProofBundle,
}

const NONCE: &[u8] = b"for the reading of 12 May, nonce 8121";

impl Proof {
    fn new() -> Self {
        let tiny = Tiny::new();
        let srs = Srs::development(tiny.plan.k(), 0).unwrap();
        let key = keygen(&srs, &tiny.plan, tiny.model.graph()).unwrap();
        let bundle = prove(&srs, &key, tiny.model.graph(), &tiny.trace, NONCE).unwrap();
        Self { tiny, srs, key, bundle }
    }

    fn refusal(&self, key: &VerifyingKey, bundle: &ProofBundle, context: &[u8]) -> ProverError {
        verify(self.srs.verifier(), key, bundle, context).unwrap_err()
    }
}

fn context_hash(context: &[u8]) -> PlanHash {
    PlanHash::of("context", context)
}

/// The bundle as a prover would label it who wants it to be one of another key.
fn relabelled(bundle: &ProofBundle, key: &VerifyingKey) -> ProofBundle {
    ProofBundle { plan: key.plan_hash(), srs: key.srs_hash(), key: key.hash(), ..bundle.clone() }
}

/// halo2's part of a key.
fn commitments(key: &VerifyingKey) -> serde_json::Value {
    serde_json::to_value(key).unwrap()["key"].clone()
}

/// The same commitments under a plan that says something else.
fn with_plan(key: &VerifyingKey, plan: &Plan) -> VerifyingKey {
    let mut value = serde_json::to_value(key).unwrap();
    value["plan"] = plan.to_json().unwrap().into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_proof_verifies_for_its_key_and_context_only() {
    let proof = Proof::new();
    let public = verify(proof.srs.verifier(), proof.key.verifying(), &proof.bundle, NONCE).unwrap();
    assert_eq!(public.output, proof.tiny.trace.output());
    for other in [&b""[..], b"another nonce", &NONCE[1..]] {
        let error = proof.refusal(proof.key.verifying(), &proof.bundle, other);
        assert!(matches!(error, ProverError::OtherContext { .. }), "{error}");
        assert!(error.to_string().contains(&context_hash(NONCE).to_string()), "{error}");
        // The bundle's word for it changes nothing.
        let renamed = ProofBundle { context: context_hash(other), ..proof.bundle.clone() };
        let error = proof.refusal(proof.key.verifying(), &renamed, other);
        assert!(matches!(error, ProverError::Invalid(_)), "{error}");
    }
}

#[test]
fn a_proof_without_context_is_none_for_a_nonce() {
    let Proof { tiny, srs, key, .. } = Proof::new();
    let bundle = prove(&srs, &key, tiny.model.graph(), &tiny.trace, &[]).unwrap();
    verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
    let error = verify(srs.verifier(), key.verifying(), &bundle, NONCE).unwrap_err();
    assert!(error.to_string().contains("the proof was made for no context"), "{error}");
    let renamed = ProofBundle { context: context_hash(NONCE), ..bundle };
    assert!(matches!(verify(srs.verifier(), key.verifying(), &renamed, NONCE), Err(ProverError::Invalid(_))));
}

/// The same circuit, down to each commitment, under plans that say something else of it.
#[test]
fn a_proof_of_the_same_circuit_under_another_plan_is_refused() {
    let proof = Proof::new();
    let made = proof.key.verifying();
    let plan = &proof.tiny.plan;
    let named = Plan { profile: Some("another machine".into()), ..plan.clone() };
    let named = keygen(&proof.srs, &named, proof.tiny.model.graph()).unwrap().verifying().clone();
    let scaled = Plan { output_scale: plan.output_scale.map(|scale| scale - 3), ..plan.clone() };
    let read = Plan { input_scale: plan.input_scale.map(|scale| scale + 1), ..plan.clone() };
    let [scaled, read] = [scaled, read].map(|plan| with_plan(made, &plan));
    for other in [named, scaled, read] {
        assert_eq!(commitments(made), commitments(&other));
        assert!(other.plan().is_ok() && made.hash() != other.hash());
        let error = proof.refusal(&other, &proof.bundle, NONCE);
        assert!(matches!(error, ProverError::NotTogether { .. }), "{error}");
        let error = proof.refusal(&other, &relabelled(&proof.bundle, &other), NONCE);
        assert!(matches!(error, ProverError::Invalid(_)), "{error}");
    }
}

/// Powers of another tau give other commitments; a key that only says so does not help.
#[test]
fn a_proof_relabelled_to_other_powers_is_refused() {
    let proof = Proof::new();
    let other = Srs::development(proof.tiny.plan.k(), 1).unwrap();
    let mut value = serde_json::to_value(proof.key.verifying()).unwrap();
    value["srs"] = serde_json::to_value(other.hash()).unwrap();
    let key: VerifyingKey = serde_json::from_value(value).unwrap();
    let bundle = relabelled(&proof.bundle, &key);
    assert!(matches!(verify(other.verifier(), &key, &bundle, NONCE), Err(ProverError::Invalid(_))));
    assert!(matches!(proof.refusal(&key, &bundle, NONCE), ProverError::NotTogether { .. }));
}

#[test]
fn contexts_have_at_most_64_kib() {
    let Proof { tiny, srs, key, .. } = Proof::new();
    let longest = vec![7; MOST_CONTEXT];
    let bundle = prove(&srs, &key, tiny.model.graph(), &tiny.trace, &longest).unwrap();
    verify(srs.verifier(), key.verifying(), &bundle, &longest).unwrap();
    let longer = vec![7; MOST_CONTEXT + 1];
    let error = prove(&srs, &key, tiny.model.graph(), &tiny.trace, &longer).unwrap_err();
    assert!(error.to_string().contains("65537 bytes, at most 65536"), "{error}");
    let error = verify(srs.verifier(), key.verifying(), &bundle, &longer).unwrap_err();
    assert!(matches!(error, ProverError::ContextTooLong { .. }), "{error}");
}

/// Files of the format before, as they were written.
#[test]
fn files_of_a_former_format_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats/1");
    let refusals = [
        ProofBundle::load(&folder.join("proof.bin")).unwrap_err(),
        VerifyingKey::load(&folder.join("verifying.key")).unwrap_err(),
        zklayout::VerifierSrs::load(&folder.join("verifier.srs")).unwrap_err(),
    ];
    for error in refusals {
        assert!(error.to_string().contains("has format version 1, this version reads"), "{error}");
    }
}

/// A plan is refused for its format before its fields are looked at, which another format may not have.
#[test]
fn plans_of_a_former_format_are_refused() {
    let plan = Tiny::new().plan;
    let former = format!("{{\"format\": {}, \"layers\": []}}", plan.format - 1);
    let message = Plan::from_json(&former).unwrap_err().to_string();
    let expected = format!("format {}, expected {}", plan.format - 1, plan.format);
    assert!(message.contains(&expected), "{message}");
}

/// Bytes that follow what is read are no part of any file.
#[test]
fn bytes_after_the_contents_are_refused() {
    let proof = Proof::new();
    let here = Path::new("file");
    let appended = |sealed: Vec<u8>| {
        let mut bytes = sealed[..sealed.len() - 32].to_vec();
        bytes.push(1);
        let length = (bytes.len() - 24) as u64;
        bytes[16..24].copy_from_slice(&length.to_le_bytes());
        let checksum = PlanHash::of("artefact", &bytes);
        bytes.extend_from_slice(&checksum.0);
        bytes
    };
    let refusals = [
        ProofBundle::from_bytes(&appended(proof.bundle.to_bytes().unwrap()), here).unwrap_err(),
        VerifyingKey::from_bytes(&appended(proof.key.verifying().to_bytes().unwrap()), here).unwrap_err(),
        zklayout::VerifierSrs::from_bytes(&appended(proof.srs.verifier().to_bytes().unwrap()), here).unwrap_err(),
    ];
    for error in refusals {
        assert!(error.to_string().contains("1 bytes follow its contents"), "{error}");
    }
}
