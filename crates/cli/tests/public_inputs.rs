//! A model of two inputs of which one is public, on the command line: what is said of each, and what is refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod place;

use place::{Place, fixture};

#[test]
fn one_of_two_inputs_is_public() {
    let place = Place::new();
    std::fs::copy(fixture("everyday/two_inputs.onnx"), place.path("two.onnx")).unwrap();
    let inputs = |a: &str, c: &str| format!("{{\"a\": [[{a}]], \"c\": [[{c}]]}}");
    let (a, c) = ("1, 0.5, 0, -1, 0.25, 0, 1, 0.5", "0, 0.5, 1, -1, 0.5, 1, 0, 0.25");
    place.write("x.json", &inputs(a, c));
    place.write("y.json", &inputs("0, 0.5, 0, -1, 0.25, 0, 1, 0.5", c));
    place.fails("prove two.onnx --input x.json --public-input b", &["no input \"b\"", "[\"a\", \"c\"]"]);
    // What has no name could be taken for the other input.
    place.write("flat.json", &format!("{{\"input_data\": [[{a}], [{c}]]}}"));
    let unnamed = ["give each by its name", "\"c\" of shape [1, 8], \"a\" of shape [1, 8]"];
    place.fails("prove two.onnx --calibration x.json --input flat.json --public-input c", &unnamed);
    place.succeeds("prove two.onnx --input flat.json --public-input --out all --setup-out all-setup");
    // A private input chooses no scales, whatever is public beside it.
    place.fails("prove two.onnx --input x.json --public-input c", &["--calibration"]);
    let prove = "prove two.onnx --calibration x.json --input x.json --public-input c";
    let shown = place.succeeds(&format!("{prove} --out out --setup-out setup"));
    assert!(shown.contains("\"c\" public, \"a\" private"), "{shown}");

    let shown = place.succeeds("verify out");
    assert!(
        shown.contains("input \"c\" is public: 0.0000 0.5000 1.0000 -1.0000 0.5000 1.0000 0.0000 0.2500"),
        "{shown}"
    );
    assert!(shown.contains("input \"a\" is private"), "{shown}");
    let verified = place.json("verify out");
    assert_eq!(verified["input_values"].as_array().unwrap().len(), 8);
    assert_eq!(verified["inputs"][0]["values"], verified["input_values"]);
    assert_eq!((&verified["inputs"][1]["name"], &verified["inputs"][1]["values"]), (&"a".into(), &().into()));

    // With the setup alone, and the same from a saved plan.
    place.write("flat.json", &format!("[{c}, {a}]"));
    place.fails("prove --setup setup --input flat.json --out alone", &["give each by its name"]);
    place.write("named.json", &format!("{{\"a\": [{a}], \"c\": [{c}]}}"));
    let alone = place.json("prove --setup setup --input named.json --out alone");
    assert_eq!(alone["output"], verified["output"]);
    let again = place.json("prove two.onnx --setup setup --input x.json --out again");
    assert_eq!(again["output"], verified["output"]);
    place.succeeds("plan two.onnx --calibration x.json --public-input c --out plan.json");
    let planned = "prove two.onnx --calibration x.json --input x.json --plan plan.json --out p --setup-out q";
    assert_eq!(place.json(planned)["verifying_key"], verified["verifying_key"]);
    place.succeeds("prove two.onnx --setup setup --input y.json --out other");
    let both = place.succeeds("verify again other");
    assert_eq!(both.matches("input \"c\" is public: 0.0000 0.5000").count(), 2, "{both}");
    assert_eq!(both.matches("input \"a\" is private").count(), 2, "{both}");
}
