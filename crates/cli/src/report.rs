//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use zklayout::cost::{Bytes, Cost, Host, Seconds};
use zklayout::graph::{Fixed, FixedLayer, Graph, OutputKind, RangeSource, Rescale, ValueRange};
use zklayout::import::Ending;
use zklayout::plan::{
    Content, Direct, Knobs, Layout, Part, Priced, ReluVariant, Requantise, SearchReport, Streams, WeightMode,
};
use zklayout::record::RecordedFidelity;
use zklayout::{Calibration, Plan, QuantisedModel, SetupRecord};

/// An empty table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// The layers of a quantised model beside the rows they take.
pub(crate) fn layers(graph: &Graph<Fixed>, plan: &Plan) -> Table {
    match &plan.layout {
        Layout::Streams(layout) => stream_layers(graph, layout),
        Layout::Direct(layout) => direct_layers(graph, layout),
    }
}

fn stream_layers(graph: &Graph<Fixed>, layout: &Streams) -> Table {
    let mut table = table(&["layer", "kernel", "output", "activation rows", "weight rows", "shift", "range"]);
    for fact in &layout.facts {
        let Some((_, Fixed::Layer(layer))) = graph.nodes().nth(fact.layer) else { continue };
        let home = layout.homes.iter().find(|home| home.content == Content::Layer(fact.layer));
        table.add_row([
            layer.name.clone(),
            terms(layer),
            layer.output.to_string(),
            home.map_or(0, |home| home.rows()).to_string(),
            fact.len().to_string(),
            shift(layer),
            range(layer),
        ]);
    }
    table
}

fn direct_layers(graph: &Graph<Fixed>, layout: &Direct) -> Table {
    let mut table = table(&["layer", "kernel", "output", "rows", "shift", "range"]);
    let ends = layout.layers.iter().skip(1).map(|layer| layer.row).chain([layout.rows]);
    for (planned, end) in layout.layers.iter().zip(ends) {
        let Some((_, Fixed::Layer(layer))) = graph.nodes().nth(planned.node) else { continue };
        table.add_row([
            layer.name.clone(),
            terms(layer),
            layer.output.to_string(),
            (end - planned.row).to_string(),
            shift(layer),
            range(layer),
        ]);
    }
    table
}

/// A predicted cost, step by step.
pub(crate) fn cost(cost: &Cost) -> Table {
    let mut table = table(&["predicted", "cost"]);
    for (term, time) in &cost.terms {
        table.add_row([term.name().to_owned(), seconds(*time)]);
    }
    let error = format!("{} ± {}", seconds(cost.prove_seconds), seconds(cost.prove_error));
    table.add_row(["prove".to_owned(), error]);
    table.add_row(["make keys".to_owned(), seconds(cost.keygen_seconds)]);
    table.add_row(["prepare, once".to_owned(), seconds(cost.prepare_seconds)]);
    table.add_row(["verify".to_owned(), seconds(cost.verify_seconds)]);
    table.add_row(["peak memory".to_owned(), bytes(cost.peak_memory)]);
    table
}

/// A machine, in words.
pub(crate) fn host(host: &Host) -> String {
    format!("{}, {}, {} threads", host.processor, host.system, host.threads)
}

/// What a layer is the sum of.
pub(crate) fn terms(layer: &FixedLayer) -> String {
    let mut terms: Vec<String> = layer.terms.iter().map(ToString::to_string).collect();
    terms.dedup();
    terms.join(" + ")
}

fn shift(layer: &FixedLayer) -> String {
    match &layer.finish.kind {
        OutputKind::Raw | OutputKind::Stored(_) => "-".into(),
        OutputKind::Rescale(_) => "multipliers".into(),
        OutputKind::Requantise { shift, .. } => match (shift.least(), shift.most()) {
            (least, most) if least == most => most.to_string(),
            (least, most) => format!("{least} to {most}"),
        },
    }
}

fn range(layer: &FixedLayer) -> String {
    match &layer.finish.kind {
        OutputKind::Raw | OutputKind::Stored(_) => "exact".into(),
        OutputKind::Rescale(Rescale { lo, hi, .. }) => format!("[{lo}, {hi}] stored"),
        OutputKind::Requantise { range: ValueRange { lo, hi, source }, .. } => {
            let source = match source {
                RangeSource::WorstCase => "worst case",
                RangeSource::Calibrated => "calibrated",
            };
            format!("[{lo}, {hi}] {source}")
        }
    }
}

/// What each part of the grid takes. The circuit is one, so that time is divided by cells.
pub(crate) fn shares(graph: &Graph<Fixed>, plan: &Plan, cost: &Cost) -> Table {
    let mut table = table(&["part", "choice", "cells", "lookups", "time"]);
    let shares = plan.shares();
    let lookups: usize = shares.iter().map(|share| share.lookups).sum();
    for share in shares {
        let (name, choice) = match share.part {
            Part::Layer(place) => (layer_name(graph, place), layer_choice(graph, plan, place)),
            Part::Input => ("input".to_owned(), "table"),
            Part::Constants => ("constants".to_owned(), "-"),
            Part::Lookups => ("lookup columns".to_owned(), "-"),
            Part::Idle => ("idle".to_owned(), "-"),
        };
        let part = share.cells as f64 / plan.cells() as f64;
        table.add_row([
            name,
            choice.to_owned(),
            percent(part),
            percent(share.lookups as f64 / lookups.max(1) as f64),
            seconds(cost.prove_seconds * part),
        ]);
    }
    table
}

fn layer_name(graph: &Graph<Fixed>, place: usize) -> String {
    match graph.nodes().nth(place) {
        Some((_, Fixed::Layer(layer))) => layer.name.clone(),
        _ => place.to_string(),
    }
}

fn layer_choice(graph: &Graph<Fixed>, plan: &Plan, place: usize) -> &'static str {
    let raw = graph.nodes().nth(place).is_some_and(|(_, node)| match node {
        Fixed::Layer(layer) => layer.finish.kind.is_raw(),
        Fixed::Input(_) => false,
    });
    match plan.layout.knobs() {
        _ if raw => "exact",
        Knobs::Streams(knobs) => match knobs.requantise.get(place - 1) {
            Some(Requantise::Table) => "table",
            Some(Requantise::Limbs) => "limbs",
            _ => "split",
        },
        Knobs::Direct(knobs) if knobs.relu == ReluVariant::Bits => "digits",
        Knobs::Direct(_) => "lookup",
    }
}

/// The layouts that no other one beats in time, memory, proof size and verification.
pub(crate) fn front(found: &SearchReport) -> Table {
    let mut table = table(&["front", "prove", "memory", "proof", "verify"]);
    for Priced { candidate, cost } in &found.front {
        table.add_row([
            candidate.knobs.to_string(),
            seconds(cost.prove_seconds),
            bytes(cost.peak_memory),
            bytes(cost.proof_bytes as u64),
            seconds(cost.verify_seconds),
        ]);
    }
    table
}

/// What each way to hold weights costs.
pub(crate) fn weight_modes(modes: &[(WeightMode, Option<Priced>)]) -> Table {
    let mut table = table(&["weights", "prove", "memory", "proof", "verify", "once", "verifier holds"]);
    for (weights, priced) in modes {
        let Some(Priced { candidate: _, cost }) = priced else {
            table.add_row([weights.to_string(), "no layout within the limits".to_owned()]);
            continue;
        };
        table.add_row([
            weights.to_string(),
            seconds(cost.prove_seconds),
            bytes(cost.peak_memory),
            bytes(cost.proof_bytes as u64),
            seconds(cost.verify_seconds),
            seconds(cost.keygen_seconds + cost.commit_seconds),
            bytes(cost.commitment_bytes as u64),
        ]);
    }
    table
}

/// How the search went.
pub(crate) fn search(found: &SearchReport, elapsed: f64) -> Vec<(&'static str, String)> {
    found.description().into_iter().chain([("searched for", seconds(elapsed))]).collect()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// What is left to whoever reads the output.
pub(crate) fn endings(endings: &[Ending]) -> Vec<String> {
    let one = |ending: &Ending| format!("{:?} is {} of {:?}", ending.gives, ending.op, ending.reads);
    endings.iter().map(one).collect()
}

/// Two columns of names and values.
pub(crate) fn pairs<K: AsRef<str>>(pairs: &[(K, String)]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    for (name, value) in pairs {
        table.add_row([name.as_ref(), value.as_str()]);
    }
    table
}

/// Bytes in the largest unit that keeps them above one.
pub(crate) fn bytes(count: u64) -> String {
    Bytes(count).to_string()
}

/// The steps of a command and their times.
pub(crate) fn times(steps: &[(String, f64)]) -> String {
    let times: Vec<String> = steps.iter().map(|(name, time)| format!("{name} {}", seconds(*time))).collect();
    times.join(", ")
}

/// Where a model's scales came from, and how far its integers are from the float model on those samples.
pub(crate) fn integers(model: &QuantisedModel) -> Vec<(&'static str, String)> {
    let fidelity = RecordedFidelity::of(model.fidelity()).to_string();
    scales(model.calibration()).into_iter().chain([("integers", fidelity)]).collect()
}

/// The same from a setup's record.
pub(crate) fn record(record: &SetupRecord) -> Vec<(&'static str, String)> {
    scales(record.calibration.as_ref()).into_iter().chain([("integers", record.fidelity.to_string())]).collect()
}

/// What a proof says of an input that ids gave, and of an output of places, if they are such.
pub(crate) fn statements(record: &SetupRecord, public_input: bool) -> Vec<(&'static str, String)> {
    let input = record.embedding.as_ref().map(|embedding| ("input", embedding.statement(public_input)));
    let output = record.places.as_ref().map(|places| ("output", places.statement()));
    input.into_iter().chain(output).collect()
}

/// Whether a model's output is places: numbers that its layers count, not values.
pub(crate) fn gives_places(model: &QuantisedModel) -> bool {
    let last = model.graph().nodes().next_back();
    last.is_some_and(|(_, node)| matches!(node, Fixed::Layer(layer) if layer.has_known_bias()))
}

fn scales(calibration: Option<&Calibration>) -> Option<(&'static str, String)> {
    calibration.map(|calibration| ("scales from", calibration.to_string()))
}

/// Seconds with a fitting unit.
pub(crate) fn seconds(seconds: f64) -> String {
    Seconds(seconds).to_string()
}

/// Place of the largest of several values, if no other is as large.
pub(crate) fn largest(values: &[i64]) -> Option<usize> {
    let most = values.iter().max().filter(|_| values.len() > 1)?;
    let mut places = values.iter().enumerate().filter(|(_, value)| *value == most).map(|(place, _)| place);
    places.next().filter(|_| places.next().is_none())
}

/// Place of the largest value, the first of equal ones.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let largest = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    largest.map_or(0, |(index, _)| index)
}
