//! Whether a quantised graph that was read from a file is one that the executor can run: every index in place, every extent
//! and scale within bounds. It does not know what the numbers are good for.

use crate::activation::FixedActivation;
use crate::fixed::{Fixed, FixedInput, FixedLayer, OutputKind, ValueRange};
use crate::graph::Graph;
use crate::limits::{check_planes, ensure};
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::rescale::Stored;
use crate::term::Term;

/// Largest magnitude of a power-of-two scale.
const MOST_SCALE: i32 = 1 << 12;
/// Largest magnitude of a range's ends.
const MOST_VALUE: i64 = 1 << 40;

/// Refuses a graph that the executor could not run.
///
/// # Errors
/// Which node is wrong, and what about it.
pub fn check_fixed(graph: &Graph<Fixed>) -> Result<(), String> {
    let mut shapes: Vec<Planes> = Vec::new();
    for (id, node) in graph.nodes() {
        let place = id.index();
        let named = |reason: &str| format!("node {place}: {reason}");
        let sources: Option<Vec<Planes>> =
            graph.inputs(id).iter().map(|source| shapes.get(source.index()).copied()).collect();
        let sources = sources.ok_or_else(|| named("it reads a node that comes later"))?;
        let shape = match node {
            Fixed::Input(input) if place == 0 && sources.is_empty() => check_input(input),
            Fixed::Layer(layer) if place > 0 => check_layer(layer, &sources),
            _ => Err("a graph has one input, the first node"),
        };
        shapes.push(shape.map_err(named)?);
    }
    if shapes.len() < 2 { Err("a graph has an input and a layer".into()) } else { Ok(()) }
}

type Checked<T> = Result<T, &'static str>;

fn check_input(input: &FixedInput) -> Checked<Planes> {
    check_planes(input.shape)?;
    check_scales(&input.scale, input.shape)?;
    check_range(&input.range)?;
    input.stored.as_ref().map_or(Ok(()), check_stored)?;
    Ok(input.shape)
}

fn check_layer(layer: &FixedLayer, sources: &[Planes]) -> Checked<Planes> {
    check_planes(layer.output)?;
    ensure(layer.bias.len() == layer.output.channels, "its bias has other channels than its output")?;
    ensure(layer.arity() == sources.len(), "its terms read another number of tensors than it has inputs")?;
    ensure(layer.terms.iter().filter_map(Term::as_kernel).count() <= 1, "it has several kernels")?;
    for (term, sources) in layer.reads(sources) {
        term.check_integers()?;
        term.check(sources, layer.output)?;
    }
    let finish = &layer.finish;
    ensure(finish.weight_bits < i64::BITS, "its weights have too many bits")?;
    check_scales(&finish.accumulator_scale, layer.output)?;
    check_kind(&finish.kind, layer.output)?;
    Ok(layer.output)
}

fn check_kind(kind: &OutputKind, output: Planes) -> Checked<()> {
    match kind {
        OutputKind::Raw => Ok(()),
        OutputKind::Requantise { shift, activation, range } => {
            ensure(shift.fits(output.channels), "its shifts are of other channels")?;
            ensure(shift.most() < i64::BITS - 1, "it drops too many bits")?;
            if let FixedActivation::Table(table) = activation {
                check_scale(table.scale)?;
            }
            check_range(range)
        }
        OutputKind::Rescale(rescale) => {
            let byte = |value: i64| i32::try_from(value).is_ok();
            ensure(byte(rescale.lo) && byte(rescale.hi), "its stored integers have more than 32 bits")?;
            check_stored(&rescale.stored)
        }
        OutputKind::Stored(stored) => {
            ensure(stored.fits(output.channels), "its units are of other channels")?;
            stored.values().iter().try_for_each(check_stored)
        }
    }
}

fn check_scales(scales: &PerChannel<i32>, shape: Planes) -> Checked<()> {
    ensure(scales.fits(shape.channels), "its scales are of other channels")?;
    scales.values().iter().try_for_each(|scale| check_scale(*scale))
}

fn check_scale(scale: i32) -> Checked<()> {
    ensure(scale.unsigned_abs() <= MOST_SCALE.unsigned_abs(), "a scale is out of bounds")
}

fn check_range(range: &ValueRange) -> Checked<()> {
    let near = |end: i64| end.unsigned_abs() <= MOST_VALUE.unsigned_abs();
    ensure(range.lo <= range.hi && near(range.lo) && near(range.hi), "a range is empty or out of bounds")
}

fn check_stored(stored: &Stored) -> Checked<()> {
    ensure(stored.unit.is_finite() && stored.unit > 0.0, "a stored unit is no positive number")?;
    ensure(i32::try_from(stored.zero_point).is_ok(), "a zero point has more than 32 bits")
}
