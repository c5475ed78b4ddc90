//! A layout from a graph: tables, constants, and each layer's rows in closed form.

use zklayout_model::{
    Clamp, Fixed, FixedActivation, FixedInput, FixedLayer, Graph, Kernel, Move, NodeId, OutputKind, PerChannel,
    Planes, Term, ValueRange,
};

use crate::direct::digits::DigitRange;
use crate::direct::gates::DirectGates;
use crate::direct::geometry::Geometry;
use crate::direct::knobs::{DirectKnobs, ReluVariant};
use crate::direct::layout::{Direct, DirectLayer, DirectSkip, Finish, Gadgets, Weights};
use crate::direct::tally::Tally;
use crate::ends;
use crate::error::{NO_MULTIPLIERS, PlanError};
use crate::limits::MOST_VALUE;
use crate::shape::CircuitShape;
use crate::streams::bias_digits;
use crate::table::{Table, TableSet};
use crate::visibility::{Visibility, WeightMode};

/// Degree of the lookups: one for the active rows, one for the product, two for switched inputs, one for the table.
pub(crate) const DEGREE: usize = 5;

/// Sets of rows that polynomials are opened at: this row, with the next, with the previous, with the last usable one.
const ROTATION_SETS: usize = 4;

/// The most binary digits of an accumulator: what 64-bit integers hold with room for a carry.
const MOST_BITS: u32 = 62;

/// The layout that given knobs stand for.
pub(crate) fn realise(
    graph: &Graph<Fixed>,
    visibility: Visibility,
    knobs: DirectKnobs,
) -> Result<(Direct, CircuitShape), PlanError> {
    if !knobs.is_known() {
        return Err(PlanError::Format(format!("{knobs:?} are outside what the search tries")));
    }
    let (layout, shape) = build(graph, visibility, knobs)?;
    if !layout.fits(&shape) {
        let reason = "rows, tables or public values need more; raise the limit or lower the bits";
        return Err(PlanError::TooLarge { max_k: knobs.k, reason: reason.into() });
    }
    Ok((layout, shape))
}

/// Lays out a graph, whether or not it fits its rows.
pub(crate) fn build(
    graph: &Graph<Fixed>,
    visibility: Visibility,
    knobs: DirectKnobs,
) -> Result<(Direct, CircuitShape), PlanError> {
    let input = ends::input(graph)?;
    let mut builder = Builder::new(input, visibility, knobs);
    builder.move_factors(graph);
    for (id, node) in graph.nodes().skip(1) {
        builder.layer(graph, id, node)?;
    }
    if builder.layout.layers.is_empty() {
        return Err(unsupported("input", "the graph has no layer"));
    }
    Ok(builder.finish())
}

struct Builder {
    layout: Direct,
    tables: TableSet,
    tally: Tally,
}

impl Builder {
    fn new(input: &FixedInput, visibility: Visibility, knobs: DirectKnobs) -> Self {
        let mut tables = TableSet::default();
        let input_table = signed_range(&mut tables, input.range.lo, input.range.hi);
        let mut tally = Tally::new(knobs);
        tally.ranges(input.shape.len());
        let layout = Direct {
            knobs,
            visibility,
            tables: Vec::new(),
            input: input.shape,
            input_table,
            constants: vec![0],
            fixed_weights: 0,
            gadgets: Gadgets { sum: false, bits: false },
            layers: Vec::new(),
            rows: 0,
        };
        Self { layout, tables, tally }
    }

    /// Constants of all tensors that are added, ahead of everything that follows the constants.
    fn move_factors(&mut self, graph: &Graph<Fixed>) {
        let layers =
            graph.nodes().filter_map(|(_, node)| if let Fixed::Layer(layer) = node { Some(layer) } else { None });
        let moves = layers
            .flat_map(|layer| &layer.terms)
            .filter_map(|term| if let Term::Move(moved) = term { Some(moved) } else { None });
        for factor in moves.flat_map(|moved| moved.factor.values()) {
            if !self.layout.constants.contains(factor) {
                self.layout.constants.push(*factor);
            }
        }
    }

    fn layer(&mut self, graph: &Graph<Fixed>, id: NodeId, node: &Fixed) -> Result<(), PlanError> {
        let Fixed::Layer(layer) = node else { return Err(unsupported("input", "the graph has two inputs")) };
        let sources = graph.inputs(id);
        let Parts { kernel, source, moves } = Parts::of(graph, layer, &sources)?;
        let planned = DirectLayer {
            node: id.index(),
            source: source.index(),
            skips: self.skips(graph, layer, &moves)?,
            row: self.tally.rows,
            geometry: Geometry::of(kernel, layer.output),
            weights: self.weights(layer, kernel)?,
            finish: self.finish_of(layer)?,
        };
        self.count(&planned);
        self.layout.layers.push(planned);
        Ok(())
    }

    fn skips(
        &self,
        graph: &Graph<Fixed>,
        layer: &FixedLayer,
        moves: &[(&Move<i64>, NodeId)],
    ) -> Result<Vec<DirectSkip>, PlanError> {
        let skip = |(moved, source): &(&Move<i64>, NodeId)| {
            let place = |factor: &i64| self.layout.constants.iter().position(|constant| constant == factor);
            let places = moved.factor.values().iter().map(place).collect::<Option<Vec<_>>>();
            let constant = places.and_then(PerChannel::of_channels);
            let constant =
                constant.ok_or_else(|| unsupported(&layer.name, "it adds a tensor times no constant"))?;
            Ok(DirectSkip { source: source.index(), shape: graph.node(*source).shape(), constant })
        };
        moves.iter().map(skip).collect()
    }

    fn weights(&mut self, layer: &FixedLayer, kernel: &Kernel<i64>) -> Result<Weights, PlanError> {
        if self.layout.visibility.weights == WeightMode::Fixed {
            // Constants are only 0 and the skips' factors then, all known before, so that the places are final.
            let first = self.layout.constants.len() + self.layout.fixed_weights;
            self.layout.fixed_weights += kernel.weights.len() + layer.bias.len();
            return Ok(Weights::Fixed { first });
        }
        let (bits, digits) = (layer.finish.weight_bits, bias_digits(layer));
        for digit in 0..if digits > 1 { digits as u32 } else { 0 } {
            let base = 1i64.checked_shl(bits * digit).filter(|base| *base > 0);
            let base = base.ok_or_else(|| unsupported(&layer.name, "its bias needs more than 63 bits"))?;
            if !self.layout.constants.contains(&base) {
                self.layout.constants.push(base);
            }
        }
        let half = 1 << (bits - 1);
        Ok(Weights::Private { table: signed_range(&mut self.tables, -half, half - 1), bits, digits })
    }

    fn finish_of(&mut self, layer: &FixedLayer) -> Result<Finish, PlanError> {
        let (shift, activation, range) = match &layer.finish.kind {
            OutputKind::Raw | OutputKind::Stored(_) => return Ok(Finish::Raw),
            OutputKind::Rescale(_) => return Err(unsupported(&layer.name, NO_MULTIPLIERS)),
            OutputKind::Requantise { shift, activation, range } => (shift.clone(), activation, *range),
        };
        let &clamp = activation.as_clamp().ok_or_else(|| {
            unsupported(&layer.name, "its activation is no clamp; only the family `streams` has others")
        })?;
        let rectify = clamp == Clamp { lo: Some(0), hi: None };
        let has_digits = (rectify || clamp.is_identity()) && digits(shift.most(), &range) <= MOST_BITS;
        if self.layout.knobs.relu == ReluVariant::Bits && has_digits {
            self.layout.gadgets.bits = true;
            return Ok(Finish::Bits { shift, lo: range.lo, hi: range.hi, rectify });
        }
        let values = self.tables.activation(0, FixedActivation::Clamp(clamp), range.lo, range.hi);
        for bits in shift.values() {
            self.tables.insert(Table::range(1 << bits));
        }
        Ok(Finish::Lookup { shift, clamp, values: self.tables.0[values].tag })
    }

    fn count(&mut self, layer: &DirectLayer) {
        let geometry = &layer.geometry;
        if let Weights::Private { digits, .. } = layer.weights {
            self.tally.ranges(geometry.weights() + geometry.output.channels * digits);
            if digits > 1 {
                self.tally.dot(digits, false, geometry.output.channels);
            }
        }
        self.tally.pool(geometry);
        for (depth, positions) in geometry.depths() {
            self.tally.dot(depth + layer.skips.len(), true, positions * geometry.output.channels);
        }
        self.tally.finish(&layer.finish, geometry.output);
    }

    fn finish(mut self) -> (Direct, CircuitShape) {
        self.layout.rows = self.tally.rows;
        self.layout.gadgets.sum = self.tally.sums > 0;
        let shape = shape(&self.layout, &self.tally, self.tables.entries());
        self.layout.tables = self.tables.0;
        (self.layout, shape)
    }
}

/// The terms of a layer that this family lays out: one kernel, and tensors that are added value by value.
struct Parts<'a> {
    kernel: &'a Kernel<i64>,
    source: NodeId,
    moves: Vec<(&'a Move<i64>, NodeId)>,
}

impl<'a> Parts<'a> {
    fn of(graph: &Graph<Fixed>, layer: &'a FixedLayer, sources: &'a [NodeId]) -> Result<Self, PlanError> {
        let refuse = |reason: &str| unsupported(&layer.name, reason);
        let (mut kernel, mut moves) = (None, Vec::new());
        for (term, sources) in layer.reads(sources) {
            match (term, sources) {
                (Term::Kernel(own), [source]) if kernel.is_none() => kernel = Some((own, *source)),
                (Term::Move(moved), [source]) if is_in_place(moved, graph.node(*source).shape(), layer.output) => {
                    moves.push((moved, *source));
                }
                _ => return Err(refuse(&format!("only the family `streams` adds a {term} in this way"))),
            }
        }
        let (kernel, source) =
            kernel.ok_or_else(|| refuse("it has no kernel; only the family `streams` lays that out"))?;
        if graph.node(source).shape() != kernel.input {
            return Err(refuse("it reads another shape than its source has"));
        }
        Ok(Self { kernel, source, moves })
    }
}

/// Whether every value of a result is added the value of a tensor that lies in the same place.
fn is_in_place(moved: &Move<i64>, source: Planes, output: Planes) -> bool {
    moved.is_plain()
        && source.channels == output.channels
        && source.height >= output.height
        && source.width >= output.width
}

fn shape(layout: &Direct, tally: &Tally, table_entries: usize) -> CircuitShape {
    let knobs = &layout.knobs;
    let gates = DirectGates::of(layout);
    let (fixed, constants) = (gates.columns.count, gates.columns.constants.len());
    let (gate_operations, lookup_operations) = gates.operations();
    // Every advice column, the constants and the public values.
    let permuted = knobs.columns + constants + 1;
    // Half of the weights and of the sums are negative, which makes them as wide as the field.
    let assigned = tally.rows * knobs.columns;
    let assigned_wide_cells = tally.rows * (knobs.pairs() + 1) / 2;
    CircuitShape {
        k: knobs.k,
        // Weights and accumulators may be negative in any column.
        wide_advice: knobs.columns,
        fixed,
        instance: 1,
        permuted,
        products: permuted.div_ceil(DEGREE - 2),
        native_lookups: gates.lookups().len(),
        copies: tally.copies + layout.public_values(),
        degree: DEGREE,
        activation_rows: tally.rows,
        table_entries,
        advice_queries: knobs.columns,
        fixed_queries: fixed,
        // The permutation argument queries public values.
        instance_queries: 1,
        rotation_sets: ROTATION_SETS,
        assigned_small_cells: assigned - assigned_wide_cells,
        assigned_wide_cells,
        gate_operations,
        lookup_operations,
        ..CircuitShape::default()
    }
    .with_proof_bytes()
}

/// The tag of a table of `(x, 0)` for `x` in `[lo, hi]`.
fn signed_range(tables: &mut TableSet, lo: i64, hi: i64) -> u64 {
    let index = tables.activation(0, FixedActivation::Clamp(Clamp { lo: Some(0), hi: Some(0) }), lo, hi);
    tables.0[index].tag
}

/// Digits of an accumulator in two's complement; more than any layout has if its quotient's range is empty or wide.
fn digits(shift: u32, range: &ValueRange) -> u32 {
    let bounds = -MOST_VALUE..=MOST_VALUE;
    if range.lo > range.hi || !bounds.contains(&range.lo) || !bounds.contains(&range.hi) {
        return u32::MAX;
    }
    DigitRange::signed(range.lo, range.hi).count.saturating_add(shift)
}

fn unsupported(layer: &str, reason: &str) -> PlanError {
    PlanError::Unsupported { layer: layer.to_owned(), reason: reason.to_owned() }
}
