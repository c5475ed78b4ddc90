//! Of two inputs one is public: the verifier learns that one alone, and a proof with another value of it is refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use zklayout::plan::{Family, InputMode, NamedInput, Visibility, WeightMode};
use zklayout::prover::{ProverError, keygen};
use zklayout::samples::InputShape;
use zklayout::{
    Model, OnnxOptions, Plan, PlanOptions, ProofBundle, ProvingKey, QuantiseOptions, QuantisedModel, Srs, Trace,
    verify,
};

const CONTEXT: &[u8] = b"a context";
/// The file's first input, and its second one, which is public and comes first in the model's.
const PRIVATE: [f64; 8] = [1.0, 0.5, 0.0, -1.0, 0.25, 0.0, 1.0, 0.5];
const PUBLIC: [f64; 8] = [0.0, 0.5, 1.0, -1.0, 0.5, 1.0, 0.0, 0.25];

struct Case {
    shape: InputShape,
    model: QuantisedModel,
    plan: Plan,
    srs: Srs,
    key: ProvingKey,
}

impl Case {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/everyday/two_inputs.onnx");
        let public = ["c".to_owned()];
        let options = OnnxOptions { first_inputs: public.to_vec(), ..OnnxOptions::default() };
        let float = Model::load_with(path, &options).unwrap();
        let shape = float.input();
        let (input, inputs) = shape.public(&public).unwrap();
        assert_eq!(input, InputMode::First(8));
        let sample = [PUBLIC, PRIVATE].concat();
        let model = float.quantise(&[sample], &QuantiseOptions::default()).unwrap();
        let visibility = Visibility { input, weights: WeightMode::Private };
        let options = PlanOptions { visibility, inputs, family: Some(Family::Streams), ..PlanOptions::default() };
        let plan = model.plan(&options).unwrap();
        let srs = Srs::development(plan.k(), 0).unwrap();
        let key = keygen(&srs, &plan, model.graph()).unwrap();
        Self { shape, model, plan, srs, key }
    }

    fn run(&self, public: &[f64; 8], private: &[f64; 8]) -> Trace {
        self.model.run(&[*public, *private].concat()).unwrap()
    }

    fn prove(&self, trace: &Trace) -> ProofBundle {
        zklayout::prover::prove(&self.srs, &self.key, self.model.graph(), trace, CONTEXT).unwrap()
    }

    fn refused(&self, bundle: &ProofBundle) {
        let error = verify(self.srs.verifier(), self.key.verifying(), bundle, CONTEXT).unwrap_err();
        assert!(!matches!(error, ProverError::NotTogether { .. }), "{error}");
    }
}

#[test]
fn of_two_inputs_one_is_bound_and_the_other_hidden() {
    let case = Case::new();
    let named = |name: &str, public: bool| NamedInput { name: name.into(), values: 8, public };
    assert_eq!(case.plan.inputs, [named("c", true), named("a", false)]);
    let trace = case.run(&PUBLIC, &PRIVATE);
    let bundle = case.prove(&trace);
    let public = verify(case.srs.verifier(), case.key.verifying(), &bundle, CONTEXT).unwrap();
    assert_eq!(public.output, trace.output());
    let shown = public.input_values.unwrap();
    assert_eq!(shown.len(), PUBLIC.len(), "the private input is not shown");
    assert!(shown.iter().zip(PUBLIC).all(|(found, given)| (found - given).abs() < 0.01), "{shown:?}");

    // Another value of the public input, be it one.
    let honest = bundle.input.clone().unwrap();
    for place in [0, 3, 7] {
        let mut input = honest.clone();
        input[place] -= input[place].signum() + i64::from(input[place] == 0);
        case.refused(&ProofBundle { input: Some(input), ..bundle.clone() });
    }
    // The proof of another public input under this one's name, with its own output or this one's.
    let mut other = PUBLIC;
    other[2] = 0.25;
    let other = case.prove(&case.run(&other, &PRIVATE));
    case.refused(&ProofBundle { input: bundle.input.clone(), ..other.clone() });
    let (input, output) = (bundle.input.clone(), bundle.output.clone());
    case.refused(&ProofBundle { input, output, ..other });
    // No public input, and both.
    case.refused(&ProofBundle { input: None, ..bundle.clone() });
    let both = trace.values[0].iter().copied().collect();
    case.refused(&ProofBundle { input: Some(both), ..bundle.clone() });

    // The private one is free: a true statement about another one.
    let mut private = PRIVATE;
    private[5] = 0.75;
    let another = case.prove(&case.run(&PUBLIC, &private));
    assert_eq!(another.input, bundle.input);
    assert_ne!(another.output, bundle.output);
    verify(case.srs.verifier(), case.key.verifying(), &another, CONTEXT).unwrap();
}

#[test]
fn names_are_those_of_inputs_as_the_plan_shows_them() {
    let case = Case::new();
    let input = |name: &str, values: usize, public: bool| NamedInput { name: name.into(), values, public };
    let wrong = [
        vec![input("c", 8, true), input("c", 8, false)],
        vec![input("c", 8, false), input("a", 8, true)],
        vec![input("c", 7, true), input("a", 9, false)],
        vec![input("c", 8, true), input("a", 8, true)],
        vec![input("c", 8, true), input("a", usize::MAX, false)],
        vec![input("c", 8, true)],
        vec![input("c", 8, true), input("nothing", 0, false), input("a", 8, false)],
    ];
    for inputs in wrong {
        assert!(case.plan.clone().with_inputs(&inputs).is_err(), "{inputs:?}");
        let text = Plan { inputs, ..case.plan.clone() }.to_json().unwrap();
        assert!(Plan::from_json(&text).is_err());
    }
    let text = case.plan.to_json().unwrap();
    assert_eq!(Plan::from_json(&text).unwrap(), case.plan);
    for planes in ["0", "16", "17"] {
        let text = text.replace("\"public_planes\":8", &format!("\"public_planes\":{planes}"));
        assert!(Plan::from_json(&text).is_err(), "{planes}");
    }
    case.shape.check_plan(&case.plan).unwrap();
    let renamed = case.plan.clone().with_inputs(&[input("b", 8, true), input("a", 8, false)]).unwrap();
    assert!(case.shape.check_plan(&renamed).unwrap_err().contains("(\"b\", 8)"));
    let other = keygen(&case.srs, &renamed, case.model.graph()).unwrap();
    assert_ne!(other.verifying().hash(), case.key.verifying().hash(), "a key says which inputs it shows");
}

#[test]
fn plans_whose_input_is_laid_out_as_another_are_refused() {
    let case = Case::new();
    let visibility = Visibility { input: InputMode::Public, weights: WeightMode::Private };
    let options = PlanOptions { visibility, family: Some(Family::Streams), ..PlanOptions::default() };
    let plan = case.model.plan(&options).unwrap();
    for channels in [1, 15, 17] {
        let mut other = plan.clone();
        other.input_shape.channels = channels;
        let error = Plan::from_json(&other.to_json().unwrap()).unwrap_err().to_string();
        assert!(error.contains("input home is out of bounds"), "{channels}: {error}");
    }
    assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
}

#[test]
fn inputs_that_are_not_there_are_refused_by_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/everyday/two_inputs.onnx");
    let shape = Model::load(path).unwrap().input();
    let public = |names: &[&str]| shape.public(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert!(public(&["b"]).unwrap_err().contains("no input \"b\""));
    assert!(public(&["c"]).unwrap_err().contains("come first"), "in the file it is the second");
    assert_eq!(public(&["a", "a"]).unwrap().0, InputMode::First(8));
    assert_eq!(public(&["c", "a"]).unwrap(), (InputMode::Public, Vec::new()));
}
