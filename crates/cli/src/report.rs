//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use zklayout::{
    Content, Cost, Direct, DotVariant, Fixed, FixedLayer, Graph, Knobs, Layout, OutputKind, Plan, RangeSource,
    ReluVariant, Streams, ValueRange, WeightMode,
};

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
            kernel(layer),
            layer.linear.output.to_string(),
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
            kernel(layer),
            layer.linear.output.to_string(),
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
    table.add_row(["verify".to_owned(), seconds(cost.verify_seconds)]);
    table.add_row(["peak memory".to_owned(), bytes(cost.peak_memory)]);
    table
}

fn kernel(layer: &FixedLayer) -> String {
    let linear = &layer.linear;
    let (kh, kw) = linear.kernel_size();
    let mut text = format!("{kh}x{kw}");
    if linear.stride > 1 {
        text.push_str(&format!(" /{}", linear.stride));
    }
    if linear.groups > 1 {
        text.push_str(&format!(" in {} groups", linear.groups));
    }
    if linear.window > 1 {
        text.push_str(&format!(" over {0}x{0} means", linear.window));
    }
    text
}

fn shift(layer: &FixedLayer) -> String {
    match layer.kind {
        OutputKind::Raw => "-".into(),
        OutputKind::Requantise { shift, .. } => shift.to_string(),
    }
}

fn range(layer: &FixedLayer) -> String {
    match layer.kind {
        OutputKind::Raw => "exact".into(),
        OutputKind::Requantise { range: ValueRange { lo, hi, source }, .. } => {
            let source = match source {
                RangeSource::WorstCase => "worst case",
                RangeSource::Calibrated => "calibrated",
            };
            format!("[{lo}, {hi}] {source}")
        }
    }
}

/// A plan's counts, as name and value.
pub(crate) fn counts(plan: &Plan) -> Vec<(&'static str, String)> {
    let shape = &plan.shape;
    let weights = match plan.visibility().weights {
        WeightMode::Private => "private weights",
        WeightMode::Fixed => "fixed weights",
    };
    let input = if plan.visibility().public_input { "public input" } else { "private input" };
    vec![
        ("visibility", format!("{input}, {weights}, public output")),
        ("rows", format!("2^{} of degree {}", shape.k, shape.degree)),
        ("choices", choices(&plan.layout.knobs())),
        (
            "columns",
            format!(
                "{} small advice, {} wide advice, {} fixed, {} instance",
                shape.small_advice, shape.wide_advice, shape.fixed, shape.instance
            ),
        ),
        (
            "tapes",
            format!(
                "{} activation rows, {} weight rows, {} table entries, of {} usable rows",
                shape.activation_rows,
                shape.weight_rows,
                shape.table_entries,
                shape.usable_rows()
            ),
        ),
        ("lookups", format!("{} fractions per row, {} copies", shape.lookups, shape.copies)),
        ("proof", format!("{} bytes", shape.proof_bytes)),
    ]
}

pub(crate) fn choices(knobs: &Knobs) -> String {
    match knobs {
        Knobs::Streams(knobs) => format!(
            "streams: {} activation lanes, {} weight lanes, {} table columns, {}",
            knobs.lanes,
            knobs.weight_lanes,
            knobs.table_columns,
            if knobs.remainders() { "split requantisation" } else { "direct tables" }
        ),
        Knobs::Direct(knobs) => format!(
            "direct: {} columns, {}, {}, {} requantisations per row",
            knobs.columns,
            match knobs.dot {
                DotVariant::Plain => "partial sums added up",
                DotVariant::Running => "running partial sums",
            },
            match knobs.relu {
                ReluVariant::Lookup => "activations by table",
                ReluVariant::Bits => "activations by binary digits",
            },
            knobs.slots
        ),
    }
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
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

/// Seconds with a fitting unit.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// Place of the largest value.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let largest = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map_or(0, |(index, _)| index)
}
