//! How proving grows with a network: a residual network with its width, depth and resolution doubled, each twice.
//!
//! Prints values (inputs, weights and outputs of all layers), multiply-adds, cells, predicted and measured times, and the
//! exponents of time in values; writes the same as CSV.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write;
use std::time::Instant;

use zklayout::graph::{Fixed, Graph, execute, fuse, quantise};
use zklayout::plan::search;
use zklayout::prover::{DEVELOPMENT_SEED, keygen, prove};
use zklayout::{Plan, PlanOptions, QuantiseOptions, Srs, verify};
use zklayout_benches::ResNet;

/// Proofs of each network; the fastest counts.
const RUNS: usize = 2;
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/growth");
const BASE: ResNet = ResNet { width: 8, depth: 1, resolution: 32 };

struct Point {
    axis: &'static str,
    network: ResNet,
    values: usize,
    multiply_adds: usize,
    cells: usize,
    predicted: f64,
    measured: f64,
}

fn main() {
    let double = |axis: &'static str, factor: usize| match axis {
        "width" => ResNet { width: BASE.width * factor, ..BASE },
        "depth" => ResNet { depth: BASE.depth * factor, ..BASE },
        _ => ResNet { resolution: BASE.resolution * factor, ..BASE },
    };
    let mut csv = String::from("axis,width,depth,resolution,values,multiply_adds,cells,predicted_s,measured_s\n");
    let base = measure("base", BASE);
    print(&base, &mut csv);
    for axis in ["width", "depth", "resolution"] {
        let mut points = Vec::new();
        for factor in [2, 4] {
            let point = measure(axis, double(axis, factor));
            print(&point, &mut csv);
            points.push(point);
        }
        for (what, time) in [("predicted", (|p| p.predicted) as fn(&Point) -> f64), ("measured", |p| p.measured)] {
            let last = &points[points.len() - 1];
            let exponent = (time(last) / time(&base)).ln() / (last.values as f64 / base.values as f64).ln();
            println!("{axis}: {what} time grows with values to the power of {exponent:.2}");
        }
    }
    std::fs::create_dir_all(FOLDER).unwrap();
    std::fs::write(format!("{FOLDER}/growth.csv"), csv).unwrap();
}

fn measure(axis: &'static str, network: ResNet) -> Point {
    let input: Vec<f64> = (0..3 * network.resolution * network.resolution)
        .map(|place| (place * 37 % 101) as f64 / 50.0 - 1.0)
        .collect();
    let fused = fuse(&network.graph()).unwrap();
    let graph = quantise(&fused, std::slice::from_ref(&input), &QuantiseOptions::default()).unwrap();
    let options = PlanOptions::default();
    let best = search(&graph, &options).unwrap().best;
    let plan = Plan::realise(&graph, options.visibility, &best.candidate.knobs).unwrap();
    let srs = Srs::development(plan.k(), DEVELOPMENT_SEED).unwrap();
    let key = keygen(&srs, &plan, &graph).unwrap();
    let trace = execute(&graph, &input).unwrap();
    let mut measured = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        let bundle = prove(&srs, &key, &graph, &trace, &[]).unwrap();
        measured = measured.min(start.elapsed().as_secs_f64());
        verify(srs.verifier(), key.verifying(), &bundle, &[]).unwrap();
    }
    let cells = plan.shape.assigned_small_cells + plan.shape.assigned_wide_cells;
    let (values, multiply_adds) = size(&graph);
    Point { axis, network, values, multiply_adds, cells, predicted: best.cost.prove_seconds, measured }
}

/// First inputs, weights and outputs of all layers, and their multiply-adds.
fn size(graph: &Graph<Fixed>) -> (usize, usize) {
    graph.nodes().fold((0, 0), |(values, products), (id, node)| {
        let Fixed::Layer(layer) = node else { return (values, products) };
        let input = graph.inputs(id).first().map_or(0, |source| graph.node(*source).shape().len());
        let weights = layer.kernel().map_or(0, |kernel| kernel.weights.len());
        let per_output = weights / layer.output.channels;
        (values + input + layer.parameters() + layer.output.len(), products + per_output * layer.output.len())
    })
}

fn print(point: &Point, csv: &mut String) {
    let Point { axis, network, values, multiply_adds, cells, predicted, measured } = point;
    let ResNet { width, depth, resolution } = network;
    println!(
        "{axis:>10}: width {width:2}, depth {depth}, {resolution:3} pixels | {values:8} values, {multiply_adds:10} \
         multiply-adds, {cells:9} cells | predicted {predicted:6.2} s, measured {measured:6.2} s"
    );
    writeln!(
        csv,
        "{axis},{width},{depth},{resolution},{values},{multiply_adds},{cells},{predicted:.4},{measured:.4}"
    )
    .unwrap();
}
