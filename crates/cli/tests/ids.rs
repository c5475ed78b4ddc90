//! A model of token ids on the command line: what is said of them, what is refused, and ids held against a public input.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use place::{Place, fixture};

/// What the model was not trained on, without its last character.
const TEXT: &str = "75, 68, 1, 66, 78, 75, 84, 76, 77, 1, 63, 85, 63, 14, 1";

/// What onnxruntime predicts after each character of it and of the last one, 34.
const TOKENS: [usize; 16] = [64, 1, 72, 78, 76, 84, 76, 77, 82, 78, 67, 63, 1, 1, 51, 78];

/// Writes ids of 16 tokens.
fn write(place: &Place, last: &str) -> String {
    let name = format!("ids{}.json", last.replace([' ', ','], "_"));
    place.write(&name, &format!("[{TEXT}, {last}]"));
    name
}

fn prove(input: &str) -> String {
    let calibration = fixture("models/gpt2_small.samples.npz");
    let folders = "--output argmax --out out --setup-out setup";
    format!("prove gpt2_small.onnx --calibration {calibration} --table-bits 12 {input} --public-input {folders}")
}

/// A text, and the tokenizer that cuts it.
fn text(text: &str) -> String {
    format!("'--text={text}' --tokenizer {}", fixture("language/tokenizer.json"))
}

#[test]
fn ids_are_looked_up_and_held_against_a_public_input() {
    let place = Place::new();
    let model = place.bare("gpt2_small");
    let shown = place.succeeds(&format!("inspect {model}"));
    assert!(shown.contains("16 token ids below") && shown.contains("never of some text"), "{shown}");
    for (last, reason) in
        [("1234", "token 15"), ("-1", "token 15"), ("2.5", "token 15"), ("3, 3", "\"input_ids\"")]
    {
        let said = place.fails(&prove(&format!("--input {}", write(&place, last))), &[reason]);
        assert!(!said.contains("1234"), "an id is private: {said}");
    }
    // The same by its text, where the program was built with a tokenizer.
    let input = if cfg!(feature = "text") {
        place.fails(&prove(&text("le column")), &["9 tokens, the model takes 16"]);
        place.fails(&prove("--text=le"), &["tokenizer.json", "cannot be read"]);
        text("le column `v`. C")
    } else {
        place.fails(&prove("--text=le"), &["built without its feature `text`"]);
        format!("--input {}", write(&place, "34"))
    };
    let proven = place.json(&prove(&input));
    // The largest of places is nothing.
    assert!(proven.get("argmax").is_none() && proven["record"]["places"]["rows"] == 16, "{proven}");
    let shown = place.succeeds("verify out");
    assert!(shown.contains("public; that they are rows of"), "{shown}");
    assert!(shown.contains("16 places, each of a largest of 93 values"), "{shown}");
    let verify = |last: &str| format!("verify out --model {model} --ids {}", write(&place, last));
    let held = place.succeeds(&verify("34"));
    assert!(held.contains("what the model's embedding makes of the given ids"), "{held}");
    assert!(held.contains("16 places, each of a largest of 93 values"), "{held}");
    let verified = place.json("verify out");
    assert_eq!(verified["recorded_not_proven"]["places"], serde_json::json!({ "rows": 16, "values": 93 }));
    // What onnxruntime's logits say of the same text, up to one token that is close to another.
    let tokens: Vec<usize> = serde_json::from_value(verified["output"].clone()).unwrap();
    let differing = tokens.iter().zip(TOKENS).filter(|(own, wanted)| *own != wanted).count();
    assert!(tokens.len() == TOKENS.len() && differing <= 1, "{tokens:?}");
    place.fails(&verify("35"), &["token 15 has another vector"]);
    assert_eq!(place.run(&verify("35")).status.code(), Some(4));
}
