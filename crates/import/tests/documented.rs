//! `docs/operators.md` says what the registries say. `ZKLAYOUT_REFRESH=1` writes it anew.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use zklayout_import::{Ending, Operators, float_tflite_operators, tflite_operators};

const HEAD: &str = "# Supported operators

Written from the registries by `crates/import/tests/documented.rs`; a model with other operators is refused with all of their names.

## ONNX

Operator sets from 7 on, in the standard's own domain; float weights of 16, 32 and 64 bits, integers, and weights in files beside the
model. What depends on no input is folded. Operators that only move values (reshapes, transpositions, slices, repetitions) cost
nothing where their reader can look the values up elsewhere, and are sums of moved tensors where not. Operators that act value by
value on one tensor become one table together.

| operator | supported |
|---|---|
";

#[test]
fn the_list_of_operators_is_that_of_the_registries() {
    let mut text = HEAD.to_owned();
    for (name, note) in Operators::default().described() {
        text.push_str(&format!("| {name} | {} |\n", if note.is_empty() { "yes" } else { note }));
    }
    let endings = Ending::operators().join(", ");
    text.push_str(&format!("\nAt a model's outputs, left to whoever reads them: {endings}.\n"));
    text.push_str(&format!("\n## TensorFlow Lite, on int8\n\n{}.\n", tflite_operators().join(", ")));
    let floats = float_tflite_operators().join(", ");
    text.push_str(&format!("\n## TensorFlow Lite, on floats\n\n{floats}.\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators.md");
    if std::env::var_os("ZKLAYOUT_REFRESH").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "refresh the document if this was meant to change");
}
