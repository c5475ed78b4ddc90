//! Real proofs of the fixtures: the circuit's output is the integer executor's, and tampering is noticed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use ndarray_npy::read_npy;
use zklayout::plan::{Family, InputMode, Layout, Streams, Visibility, WeightMode};
use zklayout::prover::{ProverError, keygen, prove};
use zklayout::{Error, Model, Plan, PlanOptions, ProvingKey, QuantiseOptions, QuantisedModel, Srs, verify};
use zklayout_plan::FactTerm;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

fn digit(digit: usize) -> Vec<f64> {
    let pixels: ndarray::ArrayD<f32> = read_npy(fixture(&format!("inputs/digit_{digit}.npy"))).unwrap();
    pixels.iter().map(|&pixel| f64::from(pixel)).collect()
}

fn quantised(model: &str) -> QuantisedModel {
    let model = Model::load(fixture(&format!("models/{model}.onnx"))).unwrap();
    let samples: Vec<_> = (0..10).map(digit).collect();
    model.quantise(&samples, &QuantiseOptions::default()).unwrap()
}

fn streams() -> PlanOptions {
    PlanOptions { family: Some(Family::Streams), ..PlanOptions::default() }
}

fn visibility(public_input: bool, weights: WeightMode) -> PlanOptions {
    PlanOptions { visibility: Visibility { input: InputMode::public_if(public_input), weights }, ..streams() }
}

fn setup(plan: &Plan) -> Srs {
    Srs::development(plan.k(), 1).unwrap()
}

fn argmax(values: &[i64]) -> usize {
    (0..values.len()).max_by_key(|&index| values[index]).unwrap()
}

#[test]
fn every_digit_is_proven_and_recognised() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let srs = setup(&plan);
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    for label in 0..10 {
        let trace = model.run(&digit(label)).unwrap();
        let bundle = prove(&srs, &key, model.graph(), &trace, &[]).unwrap();
        assert_eq!(bundle.proof.len(), plan.shape.proof_bytes);
        let public = verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
        assert_eq!(public.output, trace.output());
        assert_eq!(argmax(&public.output), label);
        assert!(public.input_values.is_none());
    }
}

#[test]
fn every_visibility_is_proven() {
    let model = quantised("mnist_strided");
    for (public_input, weights) in
        [(true, WeightMode::Private), (false, WeightMode::Fixed), (true, WeightMode::Fixed)]
    {
        let plan = model.plan(&visibility(public_input, weights)).unwrap();
        let srs = setup(&plan);
        let key = keygen(&srs, &plan, model.graph()).unwrap();
        let input = digit(3);
        let trace = model.run(&input).unwrap();
        let bundle = prove(&srs, &key, model.graph(), &trace, &[]).unwrap();
        let public = verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
        assert_eq!(public.output, trace.output());
        assert_eq!(public.input_values.is_some(), public_input);
        if let Some(values) = public.input_values {
            assert!(values.iter().zip(&input).all(|(a, b)| (a - b).abs() < 0.01));
        }
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let srs = setup(&plan);
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    let honest = prove(&srs, &key, model.graph(), &model.run(&digit(5)).unwrap(), &[]).unwrap();
    let rejected = |bundle| match verify(srs.verifier(), key.verifying(), &bundle, &[]) {
        Err(ProverError::Invalid(_)) => true,
        other => panic!("{other:?}"),
    };
    // A stride that is coprime to 32 visits every byte position of points and scalars.
    for byte in (0..honest.proof.len()).step_by(29) {
        let mut bundle = honest.clone();
        bundle.proof[byte] ^= 1;
        assert!(rejected(bundle), "byte {byte}");
    }
    for index in 0..honest.output.len() {
        let mut bundle = honest.clone();
        bundle.output[index] += 1;
        assert!(rejected(bundle), "output {index}");
    }
    let mut longer = honest.clone();
    longer.proof.push(0);
    assert!(rejected(longer));
    let mut shorter = honest.clone();
    shorter.proof.pop();
    assert!(rejected(shorter));
}

/// The last rows and columns of a digit are not read by the model; the proof binds them all the same.
#[test]
fn every_public_pixel_is_bound() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&visibility(true, WeightMode::Private)).unwrap();
    let srs = setup(&plan);
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    let honest = prove(&srs, &key, model.graph(), &model.run(&digit(5)).unwrap(), &[]).unwrap();
    verify(srs.verifier(), key.verifying(), &honest, &[]).unwrap();
    let input = plan.layout.as_streams().unwrap().input().unwrap().shape;
    assert!((input.height, input.width) < (28, 28), "every pixel is read");
    for place in [0, 27, 14 * 28 + 14, 27 * 28, 28 * 28 - 1] {
        for value in [1, 1 << 40, -1] {
            let mut bundle = honest.clone();
            bundle.input.as_mut().unwrap()[place] += value;
            let result = verify(srs.verifier(), key.verifying(), &bundle, &[]);
            assert!(matches!(result, Err(ProverError::Invalid(_))), "pixel {place}");
        }
    }
}

#[test]
fn proving_keys_are_laid_out_again_from_verifying_keys() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let srs = setup(&plan);
    let made = keygen(&srs, &plan, model.graph()).unwrap();
    let loaded = ProvingKey::new(made.verifying().clone(), model.graph()).unwrap();
    let bundle = prove(&srs, &loaded, model.graph(), &model.run(&digit(8)).unwrap(), &[]).unwrap();
    verify(srs.verifier(), made.verifying(), &bundle, &[]).unwrap();

    let other = quantised("mnist_strided");
    assert!(matches!(ProvingKey::new(made.verifying().clone(), other.graph()), Err(ProverError::Plan(_))));
}

#[test]
fn edited_plans_are_refused() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&streams()).unwrap();
    let srs = setup(&plan);
    let edits: [fn(&mut Streams); 5] = [
        |layout| {
            let FactTerm::Kernel(kernel) = &mut layout.facts[0].terms[0] else { panic!("a kernel comes first") };
            kernel.read_row += 1;
        },
        |layout| layout.facts[0].bias_row -= 1,
        |layout| layout.homes[0].public = zklayout::plan::Public::No,
        |layout| layout.value_offset += 1,
        |layout| layout.knobs.lanes = 0,
    ];
    for edit in edits {
        let mut edited = plan.clone();
        let Layout::Streams(layout) = &mut edited.layout else { panic!("another family") };
        edit(layout);
        assert!(matches!(keygen(&srs, &edited, model.graph()), Err(ProverError::Plan(_))));
    }
}

#[test]
fn artefacts_of_different_runs_do_not_mix() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let (srs, other_srs) = (setup(&plan), Srs::development(plan.k(), 2).unwrap());
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    let trace = model.run(&digit(5)).unwrap();
    assert!(matches!(prove(&other_srs, &key, model.graph(), &trace, &[]), Err(ProverError::NotTogether { .. })));
    let bundle = prove(&srs, &key, model.graph(), &trace, &[]).unwrap();
    let mixed = verify(other_srs.verifier(), key.verifying(), &bundle, &[]);
    assert!(matches!(mixed, Err(ProverError::NotTogether { .. })));

    let other = quantised("mnist_strided");
    assert!(matches!(keygen(&srs, &plan, other.graph()), Err(ProverError::Plan(_))));
    let small = Srs::development(plan.k() - 1, 1).unwrap();
    assert!(matches!(keygen(&small, &plan, model.graph()), Err(ProverError::SrsTooSmall { .. })));
}

#[test]
fn fixed_weights_are_those_of_the_key() {
    let model = quantised("mnist_cnn");
    let original = Model::load(fixture("models/mnist_cnn.onnx")).unwrap();
    // The same structure with slightly different scales of the samples gives other weights only by chance; a plan for
    // the one must refuse the other unless both agree.
    let samples: Vec<Vec<f64>> = (0..10).map(|d| digit(d).iter().map(|p| p * 0.999).collect()).collect();
    let other = original.quantise(&samples, &QuantiseOptions::default()).unwrap();
    let plan = model.plan(&visibility(false, WeightMode::Fixed)).unwrap();
    let srs = setup(&plan);
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    let trace = other.run(&digit(1)).unwrap();
    let result = prove(&srs, &key, other.graph(), &trace, &[]);
    assert!(matches!(result, Err(ProverError::OtherWeights | ProverError::Plan(_))));
}

#[test]
fn an_input_outside_the_ranges_names_layer_and_value() {
    let model = quantised("mnist_cnn");
    let bright: Vec<f64> = digit(1).iter().map(|pixel| pixel * 3.0).collect();
    let Err(Error::Execute(error)) = model.run(&bright) else { panic!("a bright digit was accepted") };
    assert!(error.to_string().contains("input") && error.to_string().contains("outside"), "{error}");
}

#[test]
fn larger_powers_of_tau_serve_smaller_plans() {
    let model = quantised("mnist_cnn");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k() + 1, 1).unwrap();
    let key = keygen(&srs, &plan, model.graph()).unwrap();
    let bundle = prove(&srs, &key, model.graph(), &model.run(&digit(2)).unwrap(), &[]).unwrap();
    verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
}

#[test]
fn plans_are_deterministic_and_survive_saving() {
    let model = quantised("mnist_strided");
    let plan = model.plan(&PlanOptions::default()).unwrap();
    assert_eq!(plan, model.plan(&PlanOptions::default()).unwrap());
    assert_eq!(plan, Plan::from_json(&plan.to_json().unwrap()).unwrap());
    assert!(Plan::from_json("{}").is_err());
}

#[test]
fn plans_beyond_any_bound_are_refused() {
    let plan = quantised("mnist_cnn").plan(&streams()).unwrap();
    let soundness = plan.soundness();
    assert!(soundness.sum_bits < 60.0 && soundness.error_bits < -220.0, "{soundness:?}");
    let text = plan.to_json().unwrap();
    let edited = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the plan");
        Plan::from_json(&changed).unwrap_err().to_string()
    };
    let digits = format!("\"bias_digits\":{}", plan.layout.as_streams().unwrap().facts[0].bias_digits);
    let k = format!("\"k\":{}", plan.k());
    let degree = format!("\"degree\":{}", plan.shape.degree);
    let cases = [
        (digits.as_str(), "\"bias_digits\":90", "wrap around the field"),
        (k.as_str(), "\"k\":31", "number of rows"),
        (degree.as_str(), "\"degree\":60", "degree"),
        ("\"stride\":1", "\"stride\":0", "home"),
        ("\"table_columns\":3", "\"table_columns\":300", "knobs"),
        ("\"input_scale\":[", "\"input_scale\":[999,", "scale"),
    ];
    for (from, to, expected) in cases {
        let message = edited(from, to);
        assert!(message.contains(expected), "{to}: {message:?} does not say {expected:?}");
    }
}
