//! Texts become ids by the tokenizer beside a model, and bad tokenizers are refused before they run.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use zklayout::Error;
use zklayout::text::Tokenizer;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn whole() -> String {
    std::fs::read_to_string(fixture("language/tokenizer.json")).unwrap()
}

fn read(bytes: &[u8]) -> Result<Tokenizer, Error> {
    Tokenizer::from_bytes(bytes, Path::new("t.json"))
}

fn reason(error: Error) -> String {
    let Error::Tokenizer { reason, .. } = error else { panic!("another error: {error}") };
    reason
}

fn refusal(bytes: &[u8]) -> String {
    reason(read(bytes).unwrap_err())
}

/// Parts of a tokenizer's file, by name.
type Parts = Vec<(&'static str, Value)>;

/// The tokenizer with other parts.
fn with(parts: &[(&str, Value)]) -> Vec<u8> {
    let mut file: Value = serde_json::from_str(&whole()).unwrap();
    for (name, part) in parts {
        file[*name] = part.clone();
    }
    file.to_string().into_bytes()
}

/// By character, in the order of the text that the small model was trained on.
#[test]
fn a_text_has_the_ids_of_its_tokens() {
    let tokenizer = Tokenizer::beside(&fixture("models/gpt2_small.onnx"));
    assert!(tokenizer.is_err(), "a tokenizer lies beside the models");
    let tokenizer = Tokenizer::beside(&fixture("language/model.onnx")).unwrap();
    assert_eq!(
        tokenizer.ids("le column `v`. ").unwrap(),
        [75, 68, 1, 66, 78, 75, 84, 76, 77, 1, 63, 85, 63, 14, 1]
    );
    assert!(tokenizer.ids("").unwrap().is_empty());
    assert!(reason(tokenizer.ids(&"a".repeat((1 << 16) + 1)).unwrap_err()).contains("longer than"));
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    let whole = whole();
    let changes: [(&str, &str); 4] = [
        ("\"WordLevel\"", "\"Unheard\""),
        (r"[\\s\\S]", r"([\\s"),
        ("\"version\":\"1.0\"", "\"version\":\"9.0\""),
        ("\"vocab\":{", "\"vocab\":["),
    ];
    for (from, to) in changes {
        assert!(whole.contains(from), "{from}");
        assert!(refusal(whole.replace(from, to).as_bytes()).contains("no tokenizer"), "{to}");
    }
    assert!(refusal(&whole.as_bytes()[..400]).contains("no tokenizer"));
    assert!(refusal(&vec![b' '; (1 << 25) + 1]).contains("longer than"));
    let missing = Tokenizer::beside(&fixture("models/tiny.onnx")).unwrap_err().to_string();
    assert!(missing.contains("tokenizer.json") && missing.contains("cannot be read"), "{missing}");
}

/// Steps that would make terabytes of a byte, each in a file of a few kilobytes.
#[test]
fn steps_that_could_grow_without_bound_are_refused() {
    let double = || json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aa" });
    let doubles = |count: usize| json!({ "type": "Sequence", "normalizers": vec![double(); count] });
    let bytes = |count: usize| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false, "n": count });
    let cuts = json!({ "type": "Sequence", "pretokenizers": (0..40).map(bytes).collect::<Vec<_>>() });
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let template = |count: usize| json!({ "type": "TemplateProcessing", "single": vec![text.clone(); count], "pair": [], "special_tokens": {} });
    let frames = json!({ "type": "Sequence", "processors": vec![template(100); 8] });
    let token = json!([{ "id": 0, "content": "a", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false }]);
    let disguised = json!({ "type": "BertNormalizer", "pattern": { "String": "a" }, "content": "aa" });
    let nested = json!({ "type": "Split", "pattern": { "Regex": "(((?=a)a){1000}){1000}" }, "behavior": "Isolated", "invert": false });
    // Refused when it is read, or when it is to cut a text.
    let cases: [(&str, Parts, &str); 7] = [
        ("replacements", vec![("normalizer", doubles(40))], "could make more than"),
        (
            "replacements of its own token",
            vec![("normalizer", doubles(40)), ("added_tokens", token)],
            "could make more than",
        ),
        ("a replacement in disguise", vec![("normalizer", disguised)], "whose growth is not known"),
        (
            "a map of characters",
            vec![("normalizer", json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }))],
            "not known",
        ),
        ("bytes of bytes", vec![("pre_tokenizer", cuts)], "could make more than"),
        ("templates of templates", vec![("post_processor", frames)], "could make more than"),
        ("repetitions of repetitions", vec![("pre_tokenizer", nested)], "repeats too much"),
    ];
    for (name, parts, part) in cases {
        let start = Instant::now();
        let refused = read(&with(&parts)).and_then(|own| own.ids("aaaa")).unwrap_err();
        assert!(reason(refused).contains(part), "{name}");
        assert!(start.elapsed().as_secs() < 5, "{name} takes too long");
    }
    // A few of them are taken, and the last of two fields of one name is the one that counts, for both readers.
    let ids = |file: &[u8]| read(file).unwrap().ids("a b").unwrap();
    assert_eq!(ids(&with(&[("normalizer", doubles(3))])).len(), 8 + 2);
    let twice =
        whole().replacen("\"normalizer\":null", &format!("\"normalizer\":{},\"normalizer\":null", doubles(40)), 1);
    assert_ne!(twice, whole());
    assert_eq!(ids(twice.as_bytes()), ids(whole().as_bytes()));
}

/// Damaged files are refused, or cut texts, and never panic.
#[test]
fn damaged_tokenizers_are_refused_or_cut_texts() {
    let prepend =
        json!({ "type": "Sequence", "normalizers": [{ "type": "NFC" }, { "type": "Prepend", "prepend": "a" }] });
    let (whole, mut state, mut refused) = (with(&[("normalizer", prepend)]), 7u64, 0);
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..400 {
        let mut damaged = whole.clone();
        for _ in 0..1 + below(3) {
            let place = below(damaged.len());
            match below(3) {
                0 => damaged[place] = b" {}[]\",:0aZ\\\xff"[below(13)],
                1 => _ = damaged.remove(place),
                _ => damaged.truncate(place.max(1)),
            }
        }
        match read(&damaged) {
            Ok(tokenizer) => _ = tokenizer.ids("le column"),
            Err(_) => refused += 1,
        }
    }
    assert!((100..400).contains(&refused), "{refused} of 400 were refused");
}
