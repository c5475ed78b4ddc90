//! Bounds on what a saved plan may say, so that reading one from anywhere is safe: no count that makes a verifier run
//! out of memory, no number that overflows, no place outside its list.
//!
//! A plan within bounds may still be wrong; [`Plan::check_model`] holds it to a model, and a verifier to a key's hash.

use zklayout_model::{FixedActivation, PerChannel, Planes, Stored};

use crate::direct::{Direct, DirectLayer, Finish, Weights};
use crate::error::PlanError;
use crate::layout::Layout;
use crate::limits::{MOST_K, MOST_POSITIONS, MOST_VALUE};
use crate::named_input::are_inputs;
use crate::plan::Plan;
use crate::shape::CircuitShape;
use crate::streams::{
    Content, Home, LinearFact, MOST_STRIDE, ONE, Passes, Read, Scale, StreamKnobs, Streams, Tile, WeightStep,
    bound_fact,
};
use crate::system::{TWO_ADICITY, UNUSABLE_ROWS};
use crate::table::{Steps, Table, TableKind};
use crate::visibility::{InputMode, WeightMode};

/// Columns of one kind, and entries of a list that takes a column each.
const MOST_COLUMNS: usize = 4096;
/// Most queries, operations and bytes of a proof.
const MOST_COUNT: usize = 1 << 32;
/// Powers of a challenge that all passes together are written with: a gate's expression grows with each.
const MOST_POWERS: usize = 1 << 17;
/// Magnitude of what scaled accumulators are multiplied by or offset with.
const MOST_SCALED: i64 = 1 << 62;
/// Bits that a number is shifted by.
const MOST_SHIFT: u32 = 50;
/// Logarithm of the parts of a step.
const MOST_PARTS: u32 = 20;
/// Magnitude of a step's value before it is clamped.
const MOST_STEPS: i64 = 1 << 27;
/// Decimal exponents of a scale.
const MOST_SCALE: i32 = 256;

impl Plan {
    /// Refuses a plan that says something no search would.
    ///
    /// # Errors
    /// [`PlanError::Format`], with the part that is out of bounds.
    pub fn check_bounds(&self) -> Result<(), PlanError> {
        shape(&self.shape)?;
        tensor("input", &self.input_shape)?;
        tensor("output", &self.output_shape)?;
        scales("scale", &self.input_scale, self.input_shape.channels)?;
        scales("scale", &self.output_scale, self.output_shape.channels)?;
        let mut stored = self.input_stored.iter().chain(self.output_stored.iter().flat_map(PerChannel::values));
        let known = |one: &Stored| {
            one.unit.is_finite() && one.unit > 0.0 && (-MOST_VALUE..=MOST_VALUE).contains(&one.zero_point)
        };
        hold("unit", stored.all(known))?;
        let channels = self.output_shape.channels;
        hold("channels of the output", self.output_stored.iter().all(|stored| stored.fits(channels)))?;
        values("input range", &[self.input_range.lo, self.input_range.hi])?;
        let visibility = self.visibility();
        let shown = visibility.shown(self.input_shape);
        hold("names of inputs", are_inputs(&self.inputs, self.input_shape, shown))?;
        if let InputMode::First(planes) = visibility.input {
            hold("public planes", (1..self.input_shape.channels).contains(&planes))?;
        }
        match &self.layout {
            Layout::Streams(layout) => {
                streams(layout, &self.shape)?;
                hold("input home", holds_input(layout, self.input_shape))?;
                hold("bound input", bound(layout, self.input_shape) && self.shape.bound_lanes == lanes_of(layout))
            }
            Layout::Direct(layout) => {
                hold("weights", layout.visibility.weights != WeightMode::Committed)?;
                hold("bound input", !layout.visibility.binds_input())?;
                direct(layout, &self.shape)
            }
        }
    }
}

fn hold(part: &str, holds: bool) -> Result<(), PlanError> {
    if holds { Ok(()) } else { Err(PlanError::Format(format!("{part} is out of bounds"))) }
}

fn values(part: &str, values: &[i64]) -> Result<(), PlanError> {
    hold(part, values.iter().all(|value| (-MOST_VALUE..=MOST_VALUE).contains(value)))
}

fn positions(part: &str, values: &[usize]) -> Result<(), PlanError> {
    hold(part, values.iter().all(|value| *value <= MOST_POSITIONS))
}

fn shifts(part: &str, shifts: &PerChannel<u32>, channels: usize) -> Result<(), PlanError> {
    hold(part, shifts.fits(channels) && shifts.most() <= MOST_SHIFT)
}

fn scales(part: &str, scales: &PerChannel<i32>, channels: usize) -> Result<(), PlanError> {
    hold(part, scales.fits(channels) && scales.values().iter().all(|scale| scale.abs() <= MOST_SCALE))
}

fn tensor(part: &str, shape: &Planes) -> Result<(), PlanError> {
    let sides = [shape.channels, shape.height, shape.width];
    let volume = sides.iter().try_fold(1usize, |volume, side| volume.checked_mul(*side));
    hold(part, !sides.contains(&0) && volume.is_some_and(|volume| volume <= MOST_POSITIONS))
}

fn shape(shape: &CircuitShape) -> Result<(), PlanError> {
    let columns = [
        shape.small_advice,
        shape.wide_advice,
        shape.fixed,
        shape.instance,
        shape.permuted,
        shape.products,
        shape.native_lookups,
        shape.lookups,
        shape.rotation_sets,
        shape.committed_lanes,
        shape.bound_lanes,
    ];
    hold("number of columns", columns.iter().all(|count| *count <= MOST_COLUMNS))?;
    let cells = [
        shape.copies,
        shape.activation_rows,
        shape.weight_rows,
        shape.table_entries,
        shape.assigned_small_cells,
        shape.assigned_wide_cells,
    ];
    hold("number of cells", cells.iter().all(|count| *count <= MOST_COLUMNS << MOST_K))?;
    let counts = [
        shape.advice_queries,
        shape.fixed_queries,
        shape.instance_queries,
        shape.gate_operations,
        shape.lookup_operations,
        shape.proof_bytes,
    ];
    hold("number of operations", counts.iter().all(|count| *count <= MOST_COUNT))?;
    hold("degree", (3..=9).contains(&shape.degree))?;
    let rows = shape.k <= MOST_K && 1usize << shape.k > UNUSABLE_ROWS + 1;
    hold("number of rows", rows && shape.k + shape.parts().trailing_zeros() <= TWO_ADICITY)
}

fn tables(tables: &[Table]) -> Result<(), PlanError> {
    hold("number of tables", tables.len() <= MOST_COLUMNS)?;
    for table in tables {
        match &table.kind {
            TableKind::Range { size } => hold("table", *size <= 1 << MOST_K)?,
            TableKind::Pairs { bits } => hold("table", *bits <= MOST_K / 2)?,
            TableKind::Activation { shift, activation, lo, hi } => {
                values("table", &[*lo, *hi])?;
                if let FixedActivation::Table(table) = activation {
                    values("table", &table.values)?;
                    values("table", &[table.lo])?;
                }
                hold("table", *shift <= MOST_SHIFT && lo <= hi && table.len() <= 1 << MOST_K)?;
            }
            TableKind::Steps { steps: Steps { parts, pivot, nudge, lo, hi, room }, activation } => {
                let clamp = matches!(activation, FixedActivation::Clamp(_));
                let half = (1i64 << (*parts).min(MOST_PARTS)) / 2;
                hold("table", clamp && *parts <= MOST_PARTS && (0..=half).contains(nudge))?;
                values("table", &[*pivot, room.0, room.1])?;
                hold("table", room.0 <= *lo && *hi <= room.1)?;
                hold("table", (-MOST_STEPS..=MOST_STEPS).contains(lo) && (*lo..=MOST_STEPS).contains(hi))?;
                hold("table", table.len() <= 1 << MOST_K)?;
            }
        }
    }
    Ok(())
}

fn streams(layout: &Streams, shape: &CircuitShape) -> Result<(), PlanError> {
    let knobs = &layout.knobs;
    hold("knobs", knobs.are_known_for(layout.visibility.weights) && knobs.k == shape.k)?;
    let committed = if layout.visibility.weights == WeightMode::Committed { knobs.weight_lanes } else { 0 };
    hold("committed lanes", shape.committed_lanes == committed)?;
    hold("weight bits", (1..=16).contains(&layout.weight_bits))?;
    values("offset", &[layout.quotient_offset, layout.value_offset])?;
    tables(&layout.tables)?;
    passes(layout)?;
    hold("number of homes", layout.homes.len() <= layout.usable_rows())?;
    for (place, home) in layout.homes.iter().enumerate() {
        self::home(layout, home)
            .map_err(|_| PlanError::Format(format!("home {place}, {:?}, is out of bounds", home.content)))?;
    }
    hold("number of layers", layout.facts.len() <= layout.usable_rows())?;
    let lanes = |fact: &&LinearFact| fact.weight_lanes == knobs.weight_lanes;
    hold("lanes of a layer", layout.facts.iter().all(|fact| lanes(&fact)))?;
    layout.all_facts().try_for_each(|fact| self::fact(layout, fact))
}

/// Whether the input's home has the input's channels, and no positions that the input has not: public values are read from it.
fn holds_input(layout: &Streams, input: Planes) -> bool {
    let homes = layout.homes.iter().filter(|home| home.content == Content::Input).map(|home| home.shape);
    homes
        .into_iter()
        .all(|home| home.channels == input.channels && home.height <= input.height && home.width <= input.width)
}

/// Whether the input's home, and no other, is bound if the input is committed, by the fact that its shape gives.
fn bound(layout: &Streams, input: Planes) -> bool {
    let binds = layout.visibility.binds_input();
    let flagged = layout.homes.iter().all(|home| home.bound == (binds && home.content == Content::Input));
    let home = layout.homes.iter().enumerate().find(|(_, home)| home.content == Content::Input);
    let fact = home.filter(|(_, home)| binds && home.holds_origin());
    flagged && layout.bound == fact.map(|home| bound_fact(input, home, ONE, layout.usable_rows()))
}

fn lanes_of(layout: &Streams) -> usize {
    layout.bound.as_ref().map_or(0, |fact| fact.weight_lanes)
}

fn passes(layout: &Streams) -> Result<(), PlanError> {
    let passes = &layout.passes;
    let lengths = [
        passes.write_tiles.len(),
        passes.write_steps.len(),
        passes.read_sums.len(),
        passes.read_steps.len(),
        passes.weight_steps.len(),
        passes.skips.len(),
    ];
    hold("number of passes", lengths.iter().all(|length| *length <= MOST_COLUMNS))?;
    for list in [&passes.write_steps, &passes.read_steps, &passes.skips] {
        positions("step", list)?;
    }
    for sum in &passes.read_sums {
        tile(&layout.knobs, &sum.tile)?;
        hold("window", sum.factor >= 1 && sum.tile.columns.is_multiple_of(sum.factor))?;
        positions("pitch", &[sum.pitch])?;
    }
    for write in &passes.write_tiles {
        tile(&layout.knobs, &write.tile)?;
        positions("pitch", &[write.pitch, write.stride])?;
    }
    let digit = |step: &WeightStep| !matches!(step, WeightStep::Digit(bits) if *bits != layout.weight_bits);
    hold("weight step", passes.weight_steps.iter().all(digit))?;
    hold("number of powers", powers(passes).is_some_and(|powers| powers <= MOST_POWERS))
}

/// Powers of the position's challenge in all expressions.
fn powers(passes: &Passes) -> Option<usize> {
    let weights = passes.weight_steps.iter().map(|step| match step {
        WeightStep::Position(exponent) => Some(*exponent),
        WeightStep::Digit(_) => Some(0),
    });
    let tile = |tile: &Tile, pitch: usize, stride: usize| {
        tile.rows.checked_mul(pitch)?.checked_add(tile.columns)?.checked_mul(stride)
    };
    let apart = passes.read_sums.iter().filter(|sum| sum.pitch > 0).map(|sum| tile(&sum.tile, sum.pitch, 1));
    let tiles = passes.write_tiles.iter().map(|write| tile(&write.tile, write.pitch, write.stride)).chain(apart);
    let lists = [&passes.write_steps, &passes.read_steps, &passes.skips].into_iter().flatten();
    weights
        .chain(tiles)
        .chain(lists.map(|exponent| Some(*exponent)))
        .try_fold(0usize, |all, one| all.checked_add(one?))
}

fn tile(knobs: &StreamKnobs, tile: &Tile) -> Result<(), PlanError> {
    let sides = (1..=knobs.lanes).contains(&tile.rows) && (1..=knobs.lanes).contains(&tile.columns);
    hold("tile", sides && tile.lanes() <= knobs.lanes)
}

fn home(layout: &Streams, home: &Home) -> Result<(), PlanError> {
    tile(&layout.knobs, &home.tile)?;
    tensor("tensor", &home.shape)?;
    let sizes =
        [home.stride, home.pitch, home.read_pitch, home.origin, home.first_tile, home.tiles, home.tail, home.row];
    positions("position", &sizes)?;
    positions("lift", &[home.lift])?;
    hold("stride", home.stride >= 1 && home.tiles >= 1 && home.pitch >= 1)?;
    phases(home)?;
    // Tiles of one row may be wider than a row of the plane.
    hold("pitch", home.tile.rows == 1 || (home.pitch / home.read.block()).is_multiple_of(home.tile.columns))?;
    let rows = home.shape.channels.checked_mul(home.plane_rows()).and_then(|rows| rows.checked_add(home.row));
    hold("row", rows.is_some_and(|rows| rows <= layout.usable_rows()))?;
    hold("turned tensor", !home.turned || home.is_turned(layout.knobs.lanes) || home.shape.plane() == 1)?;
    let factor = match home.read {
        Read::Sums { factor } | Read::Scalars { factor } => factor,
        Read::Nothing | Read::Raster | Read::Total | Read::Squares | Read::Phases { .. } => 1,
    };
    hold("window", (1..=home.tile.columns.max(1)).contains(&factor))?;
    hold("pitch", home.read_pitch >= home.pitch / home.read.factor())?;
    let tables = home.tables.iter().all(|table| *table < layout.tables.len());
    let each = home.tables.len() <= 1 || home.tables.len() == home.shape.channels;
    hold("table", tables && each)?;
    shifts("shift", &home.shift, home.shape.channels)?;
    shifts("limb", &home.limb_bits, home.shape.channels)
}

/// A plane in phases has whole blocks, a row of which is whole tiles; only a row of zeros lifts.
fn phases(home: &Home) -> Result<(), PlanError> {
    hold("lift", home.lift == 0 || home.tail > 0)?;
    let Read::Phases { stride, corner } = home.read else { return Ok(()) };
    hold("phases", (2..=MOST_STRIDE).contains(&stride) && corner.0 < stride && corner.1 < stride)?;
    let row = home.pitch / stride;
    let whole = home.pitch.is_multiple_of(stride) && row >= 1 && row.is_multiple_of(home.tile.columns);
    let rows = home.tile.rows == 1 || home.tile.columns == row;
    let last = home.origin.checked_add((home.shape.height - 1) * home.pitch + home.shape.width - 1);
    let inside = home.origin % home.pitch + home.shape.width <= home.pitch && last.is_some();
    let cornered = (home.origin / home.pitch % stride, home.origin % home.pitch % stride) == corner;
    hold("phases", whole && rows && inside && cornered && home.stride == 1 && !home.turned && !home.second)
}

fn fact(layout: &Streams, fact: &LinearFact) -> Result<(), PlanError> {
    let outputs = fact.groups.checked_mul(fact.group_outputs).filter(|outputs| *outputs <= MOST_POSITIONS);
    hold("layer", outputs.is_some())?;
    hold("number of terms", fact.terms.len() <= MOST_COLUMNS)?;
    hold("number of scales", fact.scales.is_empty() || Some(fact.scales.len()) == outputs)?;
    let scale =
        |scale: &Scale| scale.factor >= 1 && scale.factor <= MOST_SCALED && scale.offset.abs() <= MOST_SCALED;
    hold("scale of a layer", fact.scales.iter().all(scale))?;
    let known = outputs
        .is_some_and(|outputs| fact.rules().all(|term| term.is_known(&layout.homes, outputs, layout.weight_bits)));
    let phases = layout.homes.get(fact.output).map(Home::phases);
    hold("tensor of a layer", known && phases == Some(fact.phases))?;
    positions("layer", &[fact.groups, fact.group_outputs, fact.bias_digits])?;
    positions("layer", &[fact.layer, fact.pitch, fact.bias_row, fact.row])?;
    hold("lanes of a layer", (1..=MOST_COLUMNS).contains(&fact.weight_lanes))?;
    // In this order no product of the two overflows.
    let fits = |rows: usize| rows <= layout.usable_rows();
    hold("rows of a layer", fits(fact.rows_of_block()) && fits(fact.len()) && fits(fact.row + fact.len()))
}

fn direct(layout: &Direct, shape: &CircuitShape) -> Result<(), PlanError> {
    let knobs = &layout.knobs;
    hold("knobs", knobs.is_known() && knobs.k == shape.k)?;
    tables(&layout.tables)?;
    tensor("input", &layout.input)?;
    hold("number of rows in use", layout.rows <= layout.usable_rows())?;
    positions("fixed weights", &[layout.fixed_weights])?;
    hold("constants", layout.constant_columns() <= MOST_COLUMNS)?;
    layout.layers.iter().try_for_each(self::layer)?;
    let has_bases = |layer: &DirectLayer| match layer.weights {
        Weights::Private { bits, digits, .. } if digits > 1 => {
            (0..digits).all(|digit| layout.base(bits, digit).is_some())
        }
        Weights::Private { .. } | Weights::Fixed { .. } => true,
    };
    hold("bases of biases' digits", layout.layers.iter().all(has_bases))
}

fn layer(layer: &DirectLayer) -> Result<(), PlanError> {
    let geometry = &layer.geometry;
    tensor("layer", &geometry.input)?;
    tensor("layer", &geometry.output)?;
    let sizes = [geometry.window, geometry.stride, geometry.kernel.0, geometry.kernel.1];
    positions("layer", &sizes)?;
    hold("layer", !sizes.contains(&0))?;
    positions("layer", &[layer.row, geometry.group_inputs, geometry.group_outputs])?;
    let channels = geometry.output.channels;
    hold("skip connection", layer.skips.iter().all(|skip| skip.constant.fits(channels)))?;
    let bits = match layer.weights {
        Weights::Private { bits, digits, .. } => bits <= MOST_SHIFT && digits <= MOST_COLUMNS,
        Weights::Fixed { first } => first <= MOST_POSITIONS,
    };
    hold("layer", bits)?;
    match &layer.finish {
        Finish::Raw => Ok(()),
        Finish::Lookup { shift, .. } => shifts("layer", shift, channels),
        Finish::Bits { shift, lo, hi, .. } => {
            values("range of a layer", &[*lo, *hi])?;
            hold("layer", lo <= hi)?;
            shifts("layer", shift, channels)
        }
    }
}
