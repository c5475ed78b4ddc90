//! The integer executor: the specification that a proof is held to.

use ndarray::Array3;

use crate::error::ExecuteError;
use crate::fixed::{Fixed, FixedInput, FixedLayer, OutputKind, ValueRange, round_shift};
use crate::graph::Graph;

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
    let mut trace = Trace { accumulators: Vec::new(), values: Vec::new() };
    for (id, node) in graph.nodes() {
        let (accumulators, values) = match node {
            Fixed::Input(spec) => {
                let values = quantise_input(spec, input)?;
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
    let wrong_shape = || ExecuteError::InputShape { found: input.len(), expected: spec.shape };
    if input.len() != spec.shape.len() {
        return Err(wrong_shape());
    }
    let scale = f64::powi(2.0, spec.scale);
    let mut integers = Vec::with_capacity(input.len());
    for (position, &value) in input.iter().enumerate() {
        if !value.is_finite() {
            return Err(ExecuteError::NotFinite { position, value });
        }
        integers.push((value * scale + 0.5).floor() as i64);
    }
    let values = Array3::from_shape_vec(spec.shape.dims(), integers).map_err(|_| wrong_shape())?;
    check_range("input", &values, &spec.range, spec.scale)?;
    Ok(values)
}

fn run_layer(layer: &FixedLayer, sources: &[&Array3<i64>]) -> Result<(Array3<i64>, Array3<i64>), ExecuteError> {
    let overflow = || ExecuteError::Overflow { layer: layer.name.clone() };
    let mut accumulators = layer.linear.apply(sources[0]).ok_or_else(overflow)?;
    for (skip, source) in layer.skips.iter().zip(&sources[1..]) {
        skip.add_to(&mut accumulators, source, layer.linear.skip_stride()).ok_or_else(overflow)?;
    }
    let OutputKind::Requantise { shift, activation, range } = &layer.kind else {
        return Ok((accumulators.clone(), accumulators));
    };
    let mut rounded = accumulators.clone();
    for value in rounded.iter_mut() {
        *value = round_shift(*value, *shift).ok_or_else(overflow)?;
    }
    check_range(&layer.name, &rounded, range, layer.rounded_scale())?;
    Ok((accumulators, rounded.mapv(|value| activation.apply(value))))
}

fn check_range(layer: &str, values: &Array3<i64>, range: &ValueRange, scale: i32) -> Result<(), ExecuteError> {
    let Some(((channel, row, column), &value)) = values.indexed_iter().find(|(_, value)| !range.contains(**value))
    else {
        return Ok(());
    };
    let real = |integer: i64| integer as f64 / f64::powi(2.0, scale);
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
