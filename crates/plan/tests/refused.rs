//! Graphs that no layout covers are refused by the layer's name.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use zklayout_import::import_tflite;
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{Family, Plan, PlanError, PlanOptions, Requantise, candidates, plan, sample, search};

fn stored_in_bytes() -> Graph<Fixed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/resnet8_int8.tflite");
    import_tflite(&path).unwrap()
}

fn assert_refused<T>(result: Result<T, PlanError>, reason: &str) {
    let Err(error) = result else { panic!("a layout for fixed-point multipliers") };
    assert!(matches!(error, PlanError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

fn assert_refused_everywhere(options: &PlanOptions, reason: &str) {
    let graph = stored_in_bytes();
    assert_refused(plan(&graph, options), reason);
    assert_refused(search(&graph, options), reason);
    assert_refused(candidates(&graph, options), reason);
    assert_refused(sample(&graph, options, 3), reason);
}

#[test]
fn fixed_point_multipliers_are_refused_where_there_are_no_limbs() {
    let direct = PlanOptions { family: Some(Family::Direct), ..PlanOptions::default() };
    assert_refused_everywhere(&direct, "fixed-point multipliers are laid out by the family `streams` alone");
    for requantise in Requantise::ALL {
        let options =
            PlanOptions { family: Some(Family::Streams), requantise: Some(requantise), ..PlanOptions::default() };
        assert_refused_everywhere(&options, "they are laid out in limbs");
    }
}

#[test]
fn limbs_are_refused_where_there_is_nothing_to_scale() {
    let mut graph = stored_in_bytes();
    graph = graph_without_multipliers(&graph);
    let options = PlanOptions {
        family: Some(Family::Streams),
        requantise: Some(Requantise::Limbs),
        ..PlanOptions::default()
    };
    assert_refused(plan(&graph, &options), "is no choice for");
}

#[test]
fn plans_whose_outputs_are_stored_in_other_ways_than_channels_are_refused() {
    let plan = plan(&stored_in_bytes(), &PlanOptions::default()).unwrap();
    let mut text: serde_json::Value = serde_json::from_str(&plan.to_json().unwrap()).unwrap();
    let (one, channels) = (text["output_stored"].clone(), plan.output_shape.channels);
    let mut other = one.clone();
    other["zero_point"] = (one["zero_point"].as_i64().unwrap() + 1).into();
    let each = |count: usize| (0..count).map(|place| [&one, &other][place % 2].clone()).collect::<Vec<_>>();
    let mut read = |stored: serde_json::Value| {
        text["output_stored"] = stored;
        Plan::from_json(&text.to_string())
    };
    assert_eq!(read(one.clone()).unwrap(), plan);
    let zero = one["zero_point"].as_i64().unwrap();
    assert_eq!(read(each(channels).into()).unwrap().output_bytes(&[5, 5]), Some(vec![5 + zero, 6 + zero]));
    for stored in [each(channels - 1), each(channels + 1), Vec::new(), vec![one.clone(), one.clone()]] {
        assert!(read(stored.into()).is_err());
    }
}

/// The input and the first layer, its accumulators rounded by a shift.
fn graph_without_multipliers(graph: &Graph<Fixed>) -> Graph<Fixed> {
    use zklayout_model::{FixedActivation, OutputKind, PerChannel, RangeSource, ValueRange};
    let mut nodes = graph.nodes().map(|(_, node)| node.clone());
    let (Some(input), Some(Fixed::Layer(layer))) = (nodes.next(), nodes.next()) else { panic!("two nodes") };
    let range = ValueRange { lo: -300, hi: 300, source: RangeSource::WorstCase };
    let kind =
        OutputKind::Requantise { shift: PerChannel::uniform(10), activation: FixedActivation::none(), range };
    let mut other = Graph::new();
    let input = other.add(input, &[]);
    other.add(Fixed::Layer(layer.with_kind(kind)), &[input]);
    other
}

#[test]
fn plans_that_read_no_channel_or_parts_of_windows_are_refused() {
    let plan = plan(&stored_in_bytes(), &PlanOptions::default()).unwrap();
    let text: serde_json::Value = serde_json::from_str(&plan.to_json().unwrap()).unwrap();
    type Pick = fn(&mut serde_json::Value) -> &mut serde_json::Value;
    let is_read = |pick: Pick, more: &str| {
        let mut changed = text.clone();
        let list = pick(&mut changed["layout"]["Streams"]);
        // An empty list is not written.
        let mut all = list.as_array().cloned().unwrap_or_default();
        all.push(serde_json::from_str(more).unwrap());
        *list = all.into();
        Plan::from_json(&changed.to_string()).is_ok()
    };
    // Taps of no channel have no rows, and would be gone through nevertheless.
    let kernel = r#"{"Kernel":{"input":0,"read_row":0,"group_inputs":0,"size":[256,256]}}"#;
    assert!(!is_read(|layout| &mut layout["facts"][0]["terms"], kernel));
    let sums: Pick = |layout| &mut layout["passes"]["read_sums"];
    assert!(is_read(sums, r#"{"factor":3,"tile":{"rows":1,"columns":3}}"#));
    assert!(!is_read(sums, r#"{"factor":2,"tile":{"rows":1,"columns":3}}"#));
}
