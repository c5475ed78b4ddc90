//! The integer executor: the specification that a proof is held to.

use ndarray::Array3;

use crate::activation::FixedActivation;
use crate::error::ExecuteError;
use crate::fixed::{Fixed, FixedInput, FixedLayer, OutputKind, ValueRange, round_shift};
use crate::graph::Graph;
use crate::per_channel::PerChannel;
use crate::rescale::{Rescale, Stored};

/// Every integer of one execution, by node of the graph.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The layer's accumulators; for the input node, the input itself.
    pub accumulators: Vec<Array3<i64>>,
    /// The values that consumers read.
    pub values: Vec<Array3<i64>>,
}

impl Trace {
    /// The model's output integers.
    pub fn output(&self) -> Vec<i64> {
        self.values.last().map(|output| output.iter().copied().collect()).unwrap_or_default()
    }
}

/// Quantises `input` and runs the graph exactly.
///
/// # Errors
/// A wrong length, a value that is not finite, a value outside a layer's range, or an overflow, each naming
/// its place.
pub fn execute(graph: &Graph<Fixed>, input: &[f64]) -> Result<Trace, ExecuteError> {
    run(graph, |spec| quantise_input(spec, input))
}

/// Runs the graph exactly on values of its input: integers less the zero point if the model stores them with one.
///
/// # Errors
/// See [`execute`].
pub fn execute_integers(graph: &Graph<Fixed>, input: &[i64]) -> Result<Trace, ExecuteError> {
    run(graph, |spec| in_shape(spec, input.to_vec()))
}

fn run(
    graph: &Graph<Fixed>,
    input: impl Fn(&FixedInput) -> Result<Array3<i64>, ExecuteError>,
) -> Result<Trace, ExecuteError> {
    let mut trace = Trace { accumulators: Vec::new(), values: Vec::new() };
    for (id, node) in graph.nodes() {
        let (accumulators, values) = match node {
            Fixed::Input(spec) => {
                let values = input(spec)?;
                (values.clone(), values)
            }
            Fixed::Layer(layer) => {
                let sources: Vec<_> = graph.inputs(id).iter().map(|id| &trace.values[id.index()]).collect();
                run_layer(layer, &sources)?
            }
        };
        trace.accumulators.push(accumulators);
        trace.values.push(values);
    }
    Ok(trace)
}

fn quantise_input(spec: &FixedInput, input: &[f64]) -> Result<Array3<i64>, ExecuteError> {
    if let Some((position, &value)) = input.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(ExecuteError::NotFinite { position, value });
    }
    let plane = spec.shape.plane().max(1);
    let integer = |(place, &value): (usize, &f64)| match &spec.stored {
        Some(stored) => store(stored, value, &spec.range),
        None if place < spec.shape.len() => {
            (value * f64::powi(2.0, spec.scale.of(place / plane)) + 0.5).floor() as i64
        }
        // The number of values is what is refused then.
        None => 0,
    };
    in_shape(spec, input.iter().enumerate().map(integer).collect())
}

/// What a model that is quantised already takes a real number for: it has no numbers beyond its bytes.
fn store(stored: &Stored, value: f64, range: &ValueRange) -> i64 {
    stored.value(value).max(range.lo).min(range.hi)
}

fn in_shape(spec: &FixedInput, integers: Vec<i64>) -> Result<Array3<i64>, ExecuteError> {
    let wrong_shape = ExecuteError::InputShape { found: integers.len(), expected: spec.shape };
    let values = Array3::from_shape_vec(spec.shape.dims(), integers).map_err(|_| wrong_shape)?;
    check_range("input", &values, &spec.range, |channel| spec.unit(channel))?;
    Ok(values)
}

fn run_layer(layer: &FixedLayer, sources: &[&Array3<i64>]) -> Result<(Array3<i64>, Array3<i64>), ExecuteError> {
    check_weights(layer)?;
    let overflow = || ExecuteError::Overflow { layer: layer.name.clone() };
    let mut accumulators = layer.linear.apply(sources[0]).ok_or_else(overflow)?;
    for (skip, source) in layer.skips.iter().zip(&sources[1..]) {
        skip.add_to(&mut accumulators, source, layer.linear.skip_stride()).ok_or_else(overflow)?;
    }
    let values = match &layer.kind {
        OutputKind::Raw => accumulators.clone(),
        OutputKind::Requantise { shift, activation, range } => {
            requantise(layer, &accumulators, shift, (activation, range))?
        }
        OutputKind::Rescale(rescale) => rescaled(rescale, &accumulators).ok_or_else(overflow)?,
    };
    Ok((accumulators, values))
}

fn check_weights(layer: &FixedLayer) -> Result<(), ExecuteError> {
    let Some((channel, value)) = layer.weight_beyond_bits() else { return Ok(()) };
    Err(ExecuteError::WeightRange { layer: layer.name.clone(), channel, value, bits: layer.weight_bits })
}

fn requantise(
    layer: &FixedLayer,
    accumulators: &Array3<i64>,
    shift: &PerChannel<u32>,
    (activation, range): (&FixedActivation, &ValueRange),
) -> Result<Array3<i64>, ExecuteError> {
    let mut values = accumulators.clone();
    for ((channel, ..), value) in values.indexed_iter_mut() {
        let overflow = || ExecuteError::Overflow { layer: layer.name.clone() };
        *value = round_shift(*value, shift.of(channel)).ok_or_else(overflow)?;
    }
    check_range(&layer.name, &values, range, |channel| layer.rounded_unit(channel))?;
    values.mapv_inplace(|value| activation.apply(value));
    Ok(values)
}

fn rescaled(rescale: &Rescale, accumulators: &Array3<i64>) -> Option<Array3<i64>> {
    let mut values = accumulators.clone();
    for ((channel, ..), value) in values.indexed_iter_mut() {
        *value = rescale.apply(channel, *value)?;
    }
    Some(values)
}

fn check_range(
    layer: &str,
    values: &Array3<i64>,
    range: &ValueRange,
    unit: impl Fn(usize) -> f64,
) -> Result<(), ExecuteError> {
    let Some(((channel, row, column), &value)) = values.indexed_iter().find(|(_, value)| !range.contains(**value))
    else {
        return Ok(());
    };
    let real = |integer: i64| integer as f64 * unit(channel);
    Err(ExecuteError::OutOfRange {
        layer: layer.to_owned(),
        value: real(value),
        lo: real(range.lo),
        hi: real(range.hi),
        channel,
        row,
        column,
    })
}
