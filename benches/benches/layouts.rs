//! Predicted against measured proving times over layouts of the fixtures: criterion's reports, a CSV and a plot.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use plotters::prelude::*;
use zklayout::prover::{keygen, prove};
use zklayout::{PlanOptions, QuantisedModel, Srs, Trace};
use zklayout_benches::{MODELS, quantised};

/// Layouts of each model.
const LAYOUTS: usize = 12;
/// Where the CSV and the plot go.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/layouts");

struct Point {
    model: &'static str,
    layout: String,
    predicted: f64,
    measured: f64,
}

fn layouts(criterion: &mut Criterion) {
    let mut points = Vec::new();
    for model in MODELS {
        let (quantised, input) = quantised(model).unwrap();
        let trace = quantised.run(&input).unwrap();
        measure(criterion, model, &quantised, &trace, &mut points);
    }
    std::fs::create_dir_all(FOLDER).unwrap();
    write_csv(&points);
    plot(&points).unwrap();
}

fn measure(
    criterion: &mut Criterion,
    model: &'static str,
    quantised: &QuantisedModel,
    trace: &Trace,
    points: &mut Vec<Point>,
) {
    let mut group = criterion.benchmark_group(model);
    group.sample_size(10).sampling_mode(criterion::SamplingMode::Flat);
    let options = PlanOptions::default();
    for (index, priced) in quantised.sample(&options, LAYOUTS).unwrap().into_iter().enumerate() {
        let plan = quantised.realise(&priced.candidate, &options).unwrap();
        let srs = Srs::development(plan.k(), 0).unwrap();
        let key = keygen(&srs, &plan, quantised.graph()).unwrap();
        let mut best = Duration::MAX;
        group.bench_function(BenchmarkId::new("layout", index), |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                for _ in 0..times {
                    prove(&srs, &key, quantised.graph(), trace, &[]).unwrap();
                }
                best = best.min(start.elapsed() / times as u32);
                start.elapsed()
            });
        });
        let layout = format!("{:?}", priced.candidate.knobs);
        points.push(Point { model, layout, predicted: priced.cost.prove_seconds, measured: best.as_secs_f64() });
    }
    group.finish();
}

fn write_csv(points: &[Point]) {
    let mut text = "model,layout,predicted_s,measured_s\n".to_owned();
    for Point { model, layout, predicted, measured } in points {
        writeln!(text, "{model},\"{layout}\",{predicted:.4},{measured:.4}").unwrap();
    }
    std::fs::write(format!("{FOLDER}/layouts.csv"), text).unwrap();
}

/// Measured over predicted seconds; points on the diagonal are right.
fn plot(points: &[Point]) -> Result<(), Box<dyn std::error::Error>> {
    let most = points.iter().map(|point| point.predicted.max(point.measured)).fold(0.0, f64::max) * 1.1;
    let path = format!("{FOLDER}/layouts.svg");
    let area = SVGBackend::new(&path, (700, 700)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(20)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..most, 0.0..most)?;
    chart.configure_mesh().x_desc("predicted seconds").y_desc("measured seconds").draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (most, most)], &BLACK))?;
    for (index, model) in MODELS.iter().enumerate() {
        let own = points.iter().filter(|point| point.model == *model);
        let dots =
            own.map(|point| Circle::new((point.predicted, point.measured), 4, Palette99::pick(index).filled()));
        chart.draw_series(dots)?;
    }
    area.present()?;
    Ok(())
}

criterion_group!(benches, layouts);
criterion_main!(benches);
