//! `zklayout accuracy`.

use serde::Serialize;
use zklayout::closeness::Labelled;
use zklayout::{AnyModel, Closeness, Model, PlanOptions, QuantisedModel, Samples};

use crate::args::AccuracyOptions;
use crate::error::CliError;
use crate::report;
use crate::terminal::say;

#[derive(Default, Serialize)]
struct Accuracy {
    samples: usize,
    /// Inputs that left the calibrated ranges; they count as wrong.
    refused: usize,
    agreeing: usize,
    labelled: bool,
    float_correct: usize,
    integer_correct: usize,
    largest_difference: f64,
    /// Root of the mean squared difference over all outputs of all accepted samples.
    rms_difference: f64,
    /// By layer: name, largest and root mean square difference, root mean square value.
    layers: Vec<(String, f64, f64, f64)>,
    closeness: Closeness,
}

pub(crate) fn run(options: &AccuracyOptions, json: bool) -> Result<(), CliError> {
    let path = &options.model.model;
    if options.model.reading.places() {
        let reason = "the values that places are of are compared: leave out --output";
        return Err(CliError::Usage(format!("{}: {reason}", path.display())));
    }
    let AnyModel::Float(model) = AnyModel::open_with(path, &options.model.reading.read(&[])?)? else {
        let reason = "it holds integers alone, and there is no float model to compare them with";
        return Err(CliError::Usage(format!("{}: {reason}", path.display())));
    };
    let samples = model.samples(&options.samples)?;
    let quantised = options.model.scales.integers(path, &model, &PlanOptions::default(), None)?;
    let mut accuracy = measure(&model, &quantised, &samples)?;
    accuracy.closeness = model.closeness(&quantised, &samples)?;
    if options.layers {
        let errors = model.layer_errors(&quantised, &samples.inputs)?;
        accuracy.layers =
            errors.into_iter().map(|layer| (layer.name, layer.largest, layer.rms, layer.magnitude)).collect();
    }
    if json {
        say!("{}", serde_json::json!(accuracy));
        return Ok(());
    }
    let share = |count: usize| format!("{:.2} % ({count} of {})", percent(count, &accuracy), accuracy.samples);
    let mut pairs = report::integers(&quantised);
    pairs.push(("same top-1 as the float model", share(accuracy.agreeing)));
    if accuracy.labelled {
        pairs.push(("float model's top-1", share(accuracy.float_correct)));
        pairs.push(("integer model's top-1", share(accuracy.integer_correct)));
        let points = percent(accuracy.integer_correct, &accuracy) - percent(accuracy.float_correct, &accuracy);
        pairs.push(("difference", format!("{points:+.2} points")));
    }
    pairs.push(("out of range", share(accuracy.refused)));
    pairs.push(("largest difference of an output", format!("{:.4}", accuracy.largest_difference)));
    pairs.push(("root mean square difference", format!("{:.4}", accuracy.rms_difference)));
    pairs.extend(closeness(&accuracy.closeness));
    say!("{}", report::pairs(&pairs));
    if options.layers {
        say!("{}", layers(&accuracy));
    }
    Ok(())
}

/// What readers of vectors and of next tokens ask for.
fn closeness(closeness: &Closeness) -> Vec<(&'static str, String)> {
    let Closeness { least_cosine, mean_cosine, pairwise, .. } = closeness;
    let mut pairs = vec![
        ("cosine with the float model", format!("{least_cosine:.5} at least, {mean_cosine:.5} in the mean")),
        ("largest difference of two samples' cosine", format!("{pairwise:.5}")),
    ];
    if let Some(labelled) = &closeness.labelled {
        let Labelled { rows, agreeing, float_perplexity, perplexity } = labelled;
        let percent = 100.0 * (perplexity / float_perplexity - 1.0);
        pairs.push((
            "perplexity",
            format!("{perplexity:.4}, the float model's {float_perplexity:.4} ({percent:+.2} %)"),
        ));
        pairs.push(("same top-1 by row", format!("{agreeing} of {rows}")));
    }
    pairs
}

fn layers(accuracy: &Accuracy) -> comfy_table::Table {
    let mut table = report::table(&["layer", "largest difference", "root mean square", "of values"]);
    for (name, largest, rms, magnitude) in &accuracy.layers {
        let share = if *magnitude > 0.0 { 100.0 * rms / magnitude } else { 0.0 };
        table.add_row([name.clone(), format!("{largest:.5}"), format!("{rms:.5}"), format!("{share:.2} %")]);
    }
    table
}

fn percent(count: usize, accuracy: &Accuracy) -> f64 {
    100.0 * count as f64 / accuracy.samples as f64
}

/// Whether each sample has one class; rows of an output are `Closeness`'s.
fn labelled(samples: &Samples) -> bool {
    samples.labels.as_ref().is_some_and(|labels| labels.len() == samples.inputs.len())
}

fn measure(model: &Model, quantised: &QuantisedModel, samples: &Samples) -> Result<Accuracy, CliError> {
    let mut accuracy =
        Accuracy { samples: samples.inputs.len(), labelled: labelled(samples), ..Accuracy::default() };
    let (mut squares, mut outputs) = (0.0, 0u32);
    for (index, input) in samples.inputs.iter().enumerate() {
        let float = model.float_output(input)?;
        let labels = samples.labels.as_ref().filter(|_| labelled(samples));
        let label = labels.and_then(|labels| labels.get(index).copied());
        let top = report::argmax(&float);
        accuracy.float_correct += usize::from(Some(top) == label);
        let Ok(trace) = quantised.run(input) else {
            accuracy.refused += 1;
            continue;
        };
        let integer = quantised.dequantise(&trace);
        accuracy.agreeing += usize::from(report::argmax(&integer) == top);
        accuracy.integer_correct += usize::from(Some(report::argmax(&integer)) == label);
        for (a, b) in float.iter().zip(&integer) {
            accuracy.largest_difference = accuracy.largest_difference.max((a - b).abs());
            squares += (a - b) * (a - b);
            outputs += 1;
        }
    }
    accuracy.rms_difference = (squares / f64::from(outputs.max(1))).sqrt();
    Ok(accuracy)
}
