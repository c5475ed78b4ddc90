//! Committed weights on the command line: one commitment, many proofs, audits, and what is refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use place::{Place, fixture};

const PUBLIC: [&str; 5] = ["model.commitment", "proof.bin", "setup.json", "verifier.srs", "verifying.key"];

/// A model in the place, with its samples beside it.
fn model(place: &Place) -> &'static str {
    place.bare("mnist_cnn");
    std::fs::copy(fixture("models/mnist_cnn.samples.npz"), place.path("mnist_cnn.samples.npz")).unwrap();
    "mnist_cnn.onnx"
}

fn digit(digit: usize) -> String {
    fixture(&format!("inputs/digit_{digit}.npy"))
}

#[test]
fn one_commitment_is_proven_under_many_keys_and_audited() {
    let place = Place::new();
    let model = model(&place);
    let committed = place.json(&format!("commit {model}"));
    let digest = committed["model"].as_str().unwrap();
    assert!(place.path("mnist_cnn.onnx.seed").exists() && place.path("mnist_cnn.onnx.commitment").exists());
    let owner = "--commitment mnist_cnn.onnx.commitment --seed mnist_cnn.onnx.seed";
    let mut keys = Vec::new();
    // Another layout of everything else, and the same model.
    for (folder, other) in [("one", ""), ("two", "--lanes 8")] {
        let made = place.json(&format!("setup {model} --weights committed {owner} {other} --out {folder}"));
        assert_eq!(made["model"], digest);
        keys.push(made["verifying_key"].clone());
        let proven = place.json(&format!("prove --setup {folder} --input {} --out proof_{folder}", digit(7)));
        assert_eq!((proven["argmax"].as_u64(), &proven["model"]), (Some(7), &committed["model"]));
        assert_eq!(place.names(&format!("proof_{folder}")), PUBLIC);
        let verified = place.json(&format!("verify proof_{folder} --model-digest {digest}"));
        assert_eq!(verified["model"]["digest"], digest);
        assert_eq!(
            (verified["model"]["pinned"].as_bool(), verified["model"]["audited"].as_bool()),
            (Some(true), Some(false))
        );
        let audited = place.json(&format!("audit {model} --setup {folder}"));
        assert_eq!(
            (&audited["model"], &audited["audited"]),
            (&committed["model"], &"weights_of_the_model".into())
        );
    }
    assert_ne!(keys[0], keys[1]);
    place.succeeds(&format!("prove --setup one --input {} --out proof_3", digit(3)));
    let both = place.json(&format!("verify proof_one proof_3 --model-digest {digest}"));
    let outputs: Vec<&serde_json::Value> =
        both["proofs"].as_array().unwrap().iter().map(|one| &one["output"]).collect();
    assert!(outputs.len() == 2 && outputs[0] != outputs[1]);
    // Once for everyone, without the weights.
    let proven = place.json("audit --setup one --prove one.audit");
    let verified = place.json("audit --setup proof_one --verify one.audit");
    assert_eq!((&verified["model"], &verified["weight_bits"]), (&committed["model"], &proven["weight_bits"]));
    place.fails("audit --setup proof_two --verify proof_two/proof.bin", &["is not a proof of an audit"]);
    place.fails("verify proof_one proof_two", &["proof_two", "they were not made together"]);
    place.fails("verify proof_one --model-digest 00", &["is of model", "expected 00"]);
    place.fails("verify proof_one --commitment mnist_cnn.onnx.seed", &["is not a model commitment"]);
}

#[test]
fn proving_commits_on_first_use_and_keeps_the_seed_apart() {
    let place = Place::new();
    let model = model(&place);
    let prove = |number: usize| {
        format!("prove {model} --weights committed --input {} --out proof_{number}", digit(number))
    };
    let first = place.json(&prove(4));
    let said = place.succeeds(&prove(5));
    assert!(said.contains("mnist_cnn.onnx.seed (SECRET"), "{said}");
    assert!(said.contains(first["model"].as_str().unwrap()), "another model: {said}");
    let verified = place.succeeds("verify proof_5");
    assert!(verified.contains("not pinned") && verified.contains("is shown by an audit"), "{verified}");
    for folder in ["setups/mnist_cnn", "proof_4"] {
        let seed = std::fs::read(place.path("mnist_cnn.onnx.seed")).unwrap();
        let secret = &seed[24..56];
        let holds = |bytes: &Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!place.bytes(folder).iter().any(holds), "{folder} holds the secret");
    }
    std::fs::rename(place.path("mnist_cnn.onnx.seed"), place.path("kept")).unwrap();
    let prove = format!("prove --setup setups/mnist_cnn --input {}", digit(6));
    place.fails(&prove, &["needs the owner's seed", "--seed FILE"]);
    place.succeeds(&format!("{prove} --seed kept"));
    // A setup that is there already is used with the seed that is given.
    let again = format!("prove {model} --weights committed --input {}", digit(2));
    place.fails(&again, &["needs the owner's seed", "--seed FILE"]);
    assert_eq!(place.json(&format!("{again} --seed kept"))["model"], first["model"]);
    place.succeeds(&format!("commit {model} --out other --seed other.seed"));
    place.fails(&format!("{again} --seed other.seed"), &["the seed is of model"]);
    place.fails(&format!("{again} --seed other.seed --commitment other"), &["holds another setup"]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = Place::new();
    let model = model(&place);
    place.succeeds(&format!("commit {model} --out one --seed one.seed"));
    place.succeeds(&format!("commit {model} --out two --seed two.seed"));
    let setup = format!("setup {model} --weights committed --out keys");
    place.fails(&format!("{setup} --commitment one --seed two.seed"), &["the seed is of model"]);
    place.fails(&format!("{setup} --commitment one --seed three.seed"), &["three.seed", "must be there"]);
    place.fails(&format!("{setup} --commitment one"), &["--seed"]);
    place.fails(&format!("{setup} --seed one.seed --weight-bits 8"), &["one.seed", "commit anew"]);
    place.fails(&format!("{setup} --family direct"), &["family streams alone"]);
    // The seed alone finds its commitment again, and a kept tape needs no search for it.
    place.succeeds(&format!("{setup} --seed one.seed"));
    let audit = "audit --setup keys";
    assert!(place.succeeds(audit).contains("whose model the integers are was not looked at"));
    std::fs::copy(place.path("two"), place.path("keys/model.commitment")).unwrap();
    place.fails(audit, &["the owner's answer does not show"]);
    place.fails(&format!("prove --setup keys --input {}", digit(1)), &["its model commitment is"]);
    let private = format!("setup {model} --weights private --out private");
    place.succeeds(&private);
    place.fails("audit --setup private", &["private weights"]);
}
