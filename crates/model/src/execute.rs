//! The executor: one for layers of floats and of integers. Of integers, it is the specification that a proof is held to.

use ndarray::Array3;

use crate::activation::FixedActivation;
use crate::error::ExecuteError;
use crate::fixed::{Fixed, FixedInput, FixedLayer, OutputKind, ValueRange, round_shift};
use crate::fused::{Fused, FusedLayer};
use crate::graph::Graph;
use crate::layer::{Layer, LayerNode};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::rescale::{Rescale, Stored};

/// Every number of one execution, by node of the graph.
#[derive(Clone, Debug)]
pub struct Trace<T = i64> {
    /// The layer's accumulators; for the input node, the input itself.
    pub accumulators: Vec<Array3<T>>,
    /// The values that consumers read.
    pub values: Vec<Array3<T>>,
}

impl<T: Copy> Trace<T> {
    /// The model's output.
    pub fn output(&self) -> Vec<T> {
        self.values.last().map(|output| output.iter().copied().collect()).unwrap_or_default()
    }
}

/// Quantises `input` and runs the graph exactly.
///
/// # Errors
/// A wrong length, a value that is not finite, a value outside a layer's range, or an overflow, each naming
/// its place.
pub fn execute(graph: &Graph<Fixed>, input: &[f64]) -> Result<Trace, ExecuteError> {
    check_weights(graph)?;
    run(graph, |spec| quantise_input(spec, input), FixedLayer::finished)
}

/// Runs the graph exactly on values of its input: integers less the zero point if the model stores them with one.
///
/// # Errors
/// See [`execute`].
pub fn execute_integers(graph: &Graph<Fixed>, input: &[i64]) -> Result<Trace, ExecuteError> {
    check_weights(graph)?;
    run(graph, |spec| in_shape(spec, input.to_vec()), FixedLayer::finished)
}

/// Runs a merged graph in floats.
///
/// # Errors
/// None but of a graph whose edges are not its terms'.
pub fn execute_floats(graph: &Graph<Fused>, input: &Array3<f64>) -> Result<Trace<f64>, ExecuteError> {
    run(graph, |_| Ok(input.clone()), FusedLayer::finished)
}

fn run<T: Number>(
    graph: &Graph<LayerNode<T>>,
    input: impl Fn(&T::Input) -> Result<Array3<T>, ExecuteError>,
    finish: impl Fn(&Layer<T>, &Array3<T>) -> Result<Array3<T>, ExecuteError>,
) -> Result<Trace<T>, ExecuteError> {
    let mut trace = Trace { accumulators: Vec::new(), values: Vec::new() };
    for (id, node) in graph.nodes() {
        let (accumulators, values) = match node {
            LayerNode::Input(spec) => {
                let values = input(spec)?;
                (values.clone(), values)
            }
            LayerNode::Layer(layer) => {
                let sources: Vec<_> = graph.inputs(id).iter().map(|id| &trace.values[id.index()]).collect();
                let overflow = || ExecuteError::Overflow { layer: layer.name.clone() };
                let accumulators = layer.accumulate(&sources).ok_or_else(overflow)?;
                let values = finish(layer, &accumulators)?;
                (accumulators, values)
            }
        };
        trace.accumulators.push(accumulators);
        trace.values.push(values);
    }
    Ok(trace)
}

impl FusedLayer {
    /// The layer's values, of those that it reads.
    pub(crate) fn values(&self, sources: &[&Array3<f64>]) -> Result<Array3<f64>, ExecuteError> {
        let overflow = || ExecuteError::Overflow { layer: self.name.clone() };
        self.finished(&self.accumulate(sources).ok_or_else(overflow)?)
    }

    fn finished(&self, accumulators: &Array3<f64>) -> Result<Array3<f64>, ExecuteError> {
        Ok(accumulators.mapv(|value| self.finish.activation.apply(value)))
    }
}

impl FixedLayer {
    /// The values that accumulators become, each within the layer's range.
    fn finished(&self, accumulators: &Array3<i64>) -> Result<Array3<i64>, ExecuteError> {
        let overflow = || ExecuteError::Overflow { layer: self.name.clone() };
        Ok(match &self.finish.kind {
            OutputKind::Raw | OutputKind::Stored(_) => accumulators.clone(),
            OutputKind::Requantise { shift, activation, range } => {
                requantise(self, accumulators, shift, (activation, range))?
            }
            OutputKind::Rescale(rescale) => rescaled(rescale, accumulators).ok_or_else(overflow)?,
        })
    }
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

fn check_weights(graph: &Graph<Fixed>) -> Result<(), ExecuteError> {
    for (_, node) in graph.nodes() {
        let Fixed::Layer(layer) = node else { continue };
        if let Some((channel, value)) = layer.weight_beyond_bits() {
            let (layer, bits) = (layer.name.clone(), layer.finish.weight_bits);
            return Err(ExecuteError::WeightRange { layer, channel, value, bits });
        }
    }
    Ok(())
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
