//! A transformer block from its file to a verified proof, held against what another engine gives for it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Ix3, OwnedRepr};
use ndarray_npy::NpzReader;
use zklayout::graph::{Fixed, Term};
use zklayout::plan::{InputMode, Visibility, WeightMode};
use zklayout::prover::Commitments;
use zklayout::{Model, Plan, PlanOptions, QuantiseOptions, Samples, Setup, Srs, verify, verify_tied};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(path)
}

/// What onnxruntime gives, by sample, flat.
fn outputs(inputs: &str) -> Vec<Vec<f64>> {
    let mut file = NpzReader::new(File::open(fixture(inputs)).unwrap()).unwrap();
    let outputs = file.by_name::<OwnedRepr<f32>, Ix3>("outputs").unwrap();
    outputs.outer_iter().map(|output| output.iter().copied().map(f64::from).collect()).collect()
}

/// The largest difference, as a share of the largest number.
fn largest_error(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let errors = found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs());
    errors.fold(0.0, f64::max) / largest
}

/// Attention with a causal mask, a norm that is spelled and one that is not, GELU: the integers are those of a proof, and close
/// to the floats on samples that chose no scale.
#[test]
fn a_transformer_block_is_proven_and_close_to_another_engine() {
    let model = Model::load(fixture("models/transformer_block.onnx")).unwrap();
    let samples = Samples::read(fixture("inputs/transformer_block.npz"), model.input_shape()).unwrap().inputs;
    let (calibration, held_out) = samples.split_at(12);
    let wanted = outputs("inputs/transformer_block.npz");
    let quantised =
        model.quantise(calibration, &QuantiseOptions { table_bits: 10, ..QuantiseOptions::default() }).unwrap();
    let plan = quantised.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k(), 0).unwrap();
    let setup = Setup::new(quantised, &plan, &srs).unwrap();
    let mut proven = 0;
    for (sample, wanted) in held_out.iter().zip(&wanted[12..]) {
        // A sample beyond the ranges is refused, which is not what this is about.
        let Ok(bundle) = setup.prove(&srs, sample, b"") else { continue };
        let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"").unwrap();
        let error = largest_error(&public.output_values, wanted);
        assert!(error < 0.05, "{error}");
        proven += 1;
    }
    assert!(proven > 0, "every sample that chose no scale is refused");
}

/// Rotary positions, heads that share keys and values, root-mean-square norms and silu(gate) * up in one block, with weights that are
/// private and that are committed to.
#[test]
fn a_block_with_rotary_positions_is_proven_and_close_to_another_engine() {
    let model = Model::load(fixture("models/llama_block.onnx")).unwrap();
    let samples = Samples::read(fixture("inputs/llama_block.npz"), model.input_shape()).unwrap().inputs;
    let (calibration, held_out) = samples.split_at(12);
    let wanted = outputs("inputs/llama_block.npz");
    let options = QuantiseOptions { table_bits: 10, ..QuantiseOptions::default() };
    for weights in [WeightMode::Private, WeightMode::Committed] {
        let quantised = model.quantise(calibration, &options).unwrap();
        let rotates =
            |node: &Fixed| matches!(node, Fixed::Layer(layer) if matches!(layer.terms[..], [Term::Rotation(_)]));
        assert_eq!(quantised.graph().nodes().filter(|(_, node)| rotates(node)).count(), 2);
        let visibility = Visibility { input: InputMode::Private, weights };
        let plan = quantised.plan(&PlanOptions { visibility, ..PlanOptions::default() }).unwrap();
        let srs = Srs::development(plan.k(), 0).unwrap();
        let setup = Setup::new(quantised, &plan, &srs).unwrap();
        let mut samples = held_out.iter().zip(&wanted[12..]);
        // A sample beyond the ranges is refused, which is not what this is about.
        let (sample, wanted) = samples.find(|(sample, _)| setup.model().run(sample).is_ok()).unwrap();
        let bundle = setup.prove(&srs, sample, b"").unwrap();
        let commitments = Commitments { model: setup.commitment(), inputs: &[] };
        let public = verify_tied(srs.verifier(), setup.verifying_key(), commitments, &bundle, b"").unwrap();
        let error = largest_error(&public.output_values, wanted);
        println!("{weights:?}: k = {}, largest error {error}", plan.k());
        assert!(error < 0.05, "{error}");
        assert!(largest_error(&model.float_output(sample).unwrap(), wanted) < 1e-5);
    }
}

/// A model that was trained on the project's own documentation predicts the next characters of a part that it was not trained on
/// nearly as well in integers.
#[test]
fn a_small_gpt2_keeps_its_perplexity_and_is_proven_from_ids() {
    let model = Model::load(fixture("models/gpt2_small.onnx")).unwrap();
    let calibration = model.samples(fixture("models/gpt2_small.samples.npz")).unwrap();
    let held_out = model.samples(fixture("inputs/gpt2_small.npz")).unwrap();
    let (texts, tokens) = (40, 16);
    let labels = held_out.labels.map(|labels| labels[..texts * tokens].to_vec());
    let held_out = Samples { inputs: held_out.inputs[..texts].to_vec(), labels };
    let options = QuantiseOptions { input_bits: 10, table_bits: 12, ..QuantiseOptions::default() };
    let quantised = model.quantise(&calibration.inputs[..24], &options).unwrap();
    let closeness = model.closeness(&quantised, &held_out).unwrap();
    let labelled = closeness.labelled.as_ref().unwrap();
    println!("{closeness:?}");
    assert!(labelled.off() < 0.01 && closeness.refused * 20 < closeness.samples, "{closeness:?}");
    assert!(labelled.agreeing * 100 > labelled.rows * 97, "{closeness:?}");
    let plan = quantised.plan(&PlanOptions::default()).unwrap();
    let srs = Srs::development(plan.k(), 0).unwrap();
    let setup = Setup::new(quantised, &plan, &srs).unwrap();
    let text = held_out.inputs.iter().find(|text| setup.model().run(text).is_ok()).unwrap();
    let bundle = setup.prove(&srs, text, b"").unwrap();
    let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"").unwrap();
    let float = model.float_output(text).unwrap();
    assert!(largest_error(&public.output_values, &float) < 0.03);
}

/// What memory is priced by: masks that equal the mask of the lane before, counted from the tensors' shapes and lane by lane.
#[test]
fn lanes_that_are_filled_alike_are_counted() {
    let model = Model::load(fixture("models/transformer_block.onnx")).unwrap();
    let samples = Samples::read(fixture("inputs/transformer_block.npz"), model.input_shape()).unwrap().inputs;
    let quantised = model.quantise(&samples[..4], &QuantiseOptions::default()).unwrap();
    for lanes in [3, 8, 30] {
        let plan = quantised.plan(&PlanOptions { lanes: Some(lanes), ..PlanOptions::default() }).unwrap();
        let layout = plan.layout.as_streams().unwrap();
        let filled = |lane: usize| -> Vec<bool> {
            let rows = layout.homes.iter().flat_map(|home| (0..home.plane_rows()).map(move |row| (home, row)));
            rows.map(|(home, row)| home.value(row, lane, lanes).is_some()).collect()
        };
        let same = (1..lanes).filter(|lane| filled(*lane) == filled(lane - 1)).count();
        let counted = Plan::from_json(&plan.to_json().unwrap()).unwrap().shape.occupancy.same_masks;
        println!("{lanes} lanes: {counted} of {same}");
        assert!(counted <= same && counted * 2 >= same, "{lanes} lanes: {counted} of {same}");
        assert!(lanes < 30 || counted > 0, "{lanes} lanes");
    }
}
