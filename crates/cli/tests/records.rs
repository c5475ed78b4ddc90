//! Committed inputs on the command line: one record, several models, and what is refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use place::{Place, fixture};

/// Setups of one model in two layouts and with weights held in two ways, for committed inputs; their rows are equal.
fn setups(place: &Place) {
    place.bare("mnist_cnn");
    std::fs::copy(fixture("models/mnist_cnn.samples.npz"), place.path("mnist_cnn.samples.npz")).unwrap();
    let setup = "setup mnist_cnn.onnx --committed-input --min-k 12 --max-k 12";
    place.succeeds(&format!("{setup} --weights fixed --out one"));
    place.succeeds(&format!("{setup} --weights committed --lanes 8 --out two"));
    for digit in [3, 7] {
        let name = format!("digit_{digit}.npy");
        std::fs::copy(fixture(&format!("inputs/{name}")), place.path(&name)).unwrap();
    }
}

#[test]
fn one_record_is_shown_by_several_models() {
    let place = Place::new();
    setups(&place);
    let committed = place.json("commit-input --setup one --input digit_7.npy");
    let digest = committed["input"].as_str().unwrap();
    assert!(place.path("digit_7.npy.commitment").exists() && place.path("digit_7.npy.seed").exists());
    for folder in ["one", "two"] {
        let proven = place.json(&format!("prove --setup {folder} --input digit_7.npy --out proof_{folder}"));
        assert_eq!((proven["argmax"].as_u64(), &proven["input"]), (Some(7), &committed["input"]));
        assert!(place.names(&format!("proof_{folder}")).contains(&"input.commitment".to_owned()));
        let verified = place.json(&format!("verify proof_{folder} --input-digest {digest}"));
        assert_eq!((&verified["input"], &verified["input_pinned"]), (&committed["input"], &true.into()));
        assert_eq!(verified["input_values"], serde_json::Value::Null, "the record is not shown");
    }
    // Another record is committed to on first use, and both verify together.
    let said = place.succeeds("prove --setup one --input digit_3.npy --out proof_3");
    assert!(said.contains("digit_3.npy.seed (SECRET"), "{said}");
    let both = place.json("verify proof_one proof_3");
    let inputs: Vec<&serde_json::Value> =
        both["proofs"].as_array().unwrap().iter().map(|one| &one["input"]).collect();
    assert!(inputs[0] == &committed["input"] && inputs[0] != inputs[1]);
    place.fails("verify proof_3 --input-digest 00", &["is about input", "expected 00"]);
    let said = place.fails(&format!("verify proof_one proof_3 --input-digest {digest}"), &["is about input"]);
    assert!(said.contains(digest), "{said}");
    place.fails("verify proof_3 --input-commitment digit_7.npy.commitment", &["the proof is about input"]);
}

#[test]
fn what_does_not_belong_to_a_record_is_refused() {
    let place = Place::new();
    setups(&place);
    place.succeeds("commit-input --setup one --input digit_7.npy");
    let seven = "--input-commitment digit_7.npy.commitment --input-seed digit_7.npy.seed";
    place.fails(
        &format!("prove --setup one --input digit_3.npy {seven}"),
        &["not the one that the input commitment"],
    );
    place.fails(
        "prove --setup one --input digit_7.npy --input-commitment digit_7.npy.commitment --input-seed none",
        &["the seed of this commitment must be there"],
    );
    place
        .succeeds("commit-input --setup one --input digit_7.npy --input-commitment other --input-seed other.seed");
    let mixed = "--input-commitment other --input-seed digit_7.npy.seed";
    place.fails(&format!("prove --setup one --input digit_7.npy {mixed}"), &["the seed is of input commitment"]);
    // Other rows, and keys that bind no input.
    place.succeeds("setup mnist_cnn.onnx --committed-input --weights fixed --min-k 13 --max-k 13 --out more");
    place.fails("prove --setup more --input digit_7.npy", &["input's rows: 2^12", "2^13"]);
    place.succeeds("setup mnist_cnn.onnx --weights private --out free");
    place.fails("commit-input --setup free --input digit_3.npy", &["is not bound to a commitment"]);
    place.fails(&format!("prove --setup free --input digit_7.npy {seven}"), &["--committed-input"]);
    place.fails("setup mnist_cnn.onnx --committed-input --public-input", &["cannot be used with"]);
    place.fails("setup mnist_cnn.onnx --committed-input --family direct --out d", &["family streams alone"]);
}

#[test]
fn a_commitment_is_checked_against_the_input_that_it_is_beside() {
    let place = Place::new();
    setups(&place);
    let first = place.json("commit-input --setup one --input digit_7.npy");
    assert_eq!(place.json("commit-input --setup one --input digit_7.npy")["input"], first["input"]);
    assert!(place.succeeds("commit-input --setup one --input digit_7.npy").contains("INSECURE"));
    // The seed alone finds the commitment again.
    std::fs::remove_file(place.path("digit_7.npy.commitment")).unwrap();
    assert_eq!(place.json("commit-input --setup two --input digit_7.npy")["input"], first["input"]);
    std::fs::copy(place.path("digit_3.npy"), place.path("digit_7.npy")).unwrap();
    let other = ["not the one that the input commitment was made of"];
    place.fails("commit-input --setup one --input digit_7.npy", &other);
    std::fs::remove_file(place.path("digit_7.npy.commitment")).unwrap();
    place.fails("commit-input --setup one --input digit_7.npy", &["the seed is of input commitment"]);
    let raw = zklayout::Srs::development(12, 99).unwrap().to_bytes().unwrap();
    std::fs::write(place.path("powers.srs"), raw).unwrap();
    let powers = "commit-input --setup one --input digit_3.npy --srs powers.srs";
    place.fails(powers, &["powers of tau", "were not made together"]);
    assert!(!place.path("digit_3.npy.seed").exists());
    let key = place.json("setup mnist_cnn.onnx --weights private --out private")["verifying_key"].clone();
    place.succeeds("prove --setup private --input digit_3.npy --out proof");
    assert!(place.succeeds("verify proof").contains("not pinned: --key-hash"));
    let pinned = place.json(&format!("verify proof --key-hash {}", key.as_str().unwrap()));
    assert_eq!(pinned["key_pinned"], true);
}
