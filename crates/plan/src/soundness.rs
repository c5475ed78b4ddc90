//! How sound a plan's identities are: no sum of integers can wrap around the field, and how likely a false identity is to
//! hold at challenges drawn after the commitment.
//!
//! Knows the plan alone. `docs/soundness.md` has the argument that these numbers complete.

use serde::{Deserialize, Serialize};

use crate::direct::{DigitRange, Direct, DirectLayer, Finish, Weights};
use crate::error::PlanError;
use crate::layout::Layout;
use crate::plan::Plan;
use crate::streams::{Content, Home, LinearFact, Streams, check_factors};
use crate::system::FIELD_BITS;
use crate::table::{Table, TableKind};

/// A sum must stay below half of the field, so that an integer and its residue are the same thing.
const MOST_SUM_BITS: f64 = 252.0;

/// What a plan's constraints can be relied on for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Soundness {
    /// Logarithm of the largest magnitude that a sum of integers can have, base 2.
    pub sum_bits: f64,
    /// Logarithm of the probability that some false identity holds at random challenges, base 2: a union bound over
    /// the layers' identities, the lookups and the proof system's own (Schwartz-Zippel).
    pub error_bits: f64,
}

impl Plan {
    /// The bounds of the plan's identities.
    pub fn soundness(&self) -> Soundness {
        let (sums, degree): (Vec<f64>, f64) = match &self.layout {
            Layout::Streams(layout) => {
                let sums = layout.all_facts().map(|fact| fact_bound(layout, fact));
                (sums.collect(), identity_degree(layout))
            }
            Layout::Direct(layout) => {
                (layout.layers.iter().map(|layer| layer_bound(layout, layer)).collect(), 0.0)
            }
        };
        let largest = sums.into_iter().fold(1.0, f64::max);
        // Columns, copies and constraints on all rows, raised to the degree: what the proof system itself samples.
        let shape = &self.shape;
        let columns = shape.small_advice + shape.wide_advice + shape.fixed + shape.permuted + shape.lookups;
        let system = (columns.max(1) * shape.degree) as f64 * f64::from(shape.k).exp2();
        Soundness { sum_bits: largest.log2(), error_bits: (degree + system).log2() - FIELD_BITS }
    }

    /// Refuses a plan in which a sum of integers could wrap around the field, or a product of evaluations is not one.
    ///
    /// # Errors
    /// [`PlanError::Format`], with the bits that a sum may take, or what is wrong about a product.
    pub fn check_soundness(&self) -> Result<(), PlanError> {
        if let Layout::Streams(layout) = &self.layout {
            check_factors(layout)?;
        }
        let Soundness { sum_bits, .. } = self.soundness();
        if sum_bits <= MOST_SUM_BITS {
            return Ok(());
        }
        Err(PlanError::Format(format!(
            "a sum of {sum_bits:.0} bits could wrap around the field; lower the bits of weights or tables"
        )))
    }
}

/// Largest magnitude of a table's entries: quotients and values.
fn entries(table: &Table) -> (f64, f64) {
    let largest = |(least, most): (i64, i64)| (least as f64).abs().max((most as f64).abs());
    match &table.kind {
        TableKind::Range { size } => (*size as f64, 0.0),
        TableKind::Pairs { bits } => (f64::from(*bits).exp2(), 0.0),
        TableKind::Activation { shift, activation, lo, hi } => {
            (largest((*lo, *hi)), largest(activation.extremes(lo >> shift, hi >> shift)))
        }
        TableKind::Steps { steps, activation } => {
            let ends = (steps.start(steps.lo), steps.start(steps.hi + 1));
            (largest(ends), largest(activation.extremes(steps.lo, steps.hi)))
        }
    }
}

/// Largest magnitude of a home's values.
fn values(layout: &Streams, home: &Home) -> f64 {
    match home.content {
        Content::Ones => 1.0,
        _ => largest(layout, home).1,
    }
}

/// Largest magnitude of a home's quotients and values; 0 if they are not looked up.
fn largest(layout: &Streams, home: &Home) -> (f64, f64) {
    let tables = home.tables.iter().filter_map(|table| layout.tables.get(*table)).map(entries);
    tables.fold((0.0, 0.0), |(x, y), (other_x, other_y)| (f64::max(x, other_x), f64::max(y, other_y)))
}

/// Largest magnitude of a difference between a layer's product and its accumulator, position by position.
fn fact_bound(layout: &Streams, fact: &LinearFact) -> f64 {
    let home = |place: usize| layout.homes.get(place);
    let weight = f64::from(layout.weight_bits).exp2();
    let terms = fact.rules().map(|term| term.bound(&layout.homes, &|home| values(layout, home), weight));
    let bias = (f64::from(layout.weight_bits) * fact.bias_digits as f64).exp2();
    let produced = home(fact.output).map_or(0.0, |output| {
        let limbs = layout.knobs.limbs.map_or(0, |limbs| limbs.total());
        (largest(layout, output).0 + 1.0) * f64::from(output.shift.most()).exp2() + f64::from(limbs).exp2()
    });
    // In limbs the identity is that of the scaled accumulator.
    let (factor, offset) = fact.scales.iter().fold((1.0, 0.0), |(factor, offset), scale| {
        (f64::max(factor, scale.factor as f64), f64::max(offset, scale.offset.unsigned_abs() as f64))
    });
    factor * (terms.sum::<f64>() + bias) + offset + produced
}

/// Sum of the degrees of the identities in the position, channel and lookup challenges.
fn identity_degree(layout: &Streams) -> f64 {
    let rows = layout.usable_rows() as f64;
    let lanes = layout.knobs.lanes as f64;
    let farther = layout.homes.iter().map(farther).fold(0.0, f64::max);
    let facts = layout.all_facts().map(|fact| {
        let rows_of_outputs = fact.rules().map(|term| term.factors().rows).sum::<usize>();
        let products = fact.rules().map(|term| term.factors().products).sum::<usize>();
        let weights = fact.rules().map(|term| term.sigma_degree(fact.pitch)).fold(0.0, f64::max);
        // A ragged block's idle lanes carry powers beyond those of the outputs.
        let channels = (fact.outputs() * (1 + rows_of_outputs) + fact.weight_lanes) as f64;
        // A plane's exponents are below the positions of the whole tape, in either challenge.
        let planes = if layout.passes.products { 4.0 } else { 2.0 };
        planes * (rows * lanes + farther + weights) + channels * (products + 1) as f64
    });
    // Every fraction of every row is one factor of degree 2 in the compression's challenge and 1 in the denominator's.
    let remainders = layout.knobs.remainders() as f64;
    let others = (layout.private_weight_lookups() + layout.knobs.table_columns) as f64;
    let fractions = rows * ((1.0 + remainders) * lanes + others);
    facts.sum::<f64>() + 3.0 * fractions
}

/// Exponents that a home's evaluations may reach beyond the positions of the tape: those of phases set apart, of positions of
/// the plane that no phase stores, and of a row that lifts.
fn farther(home: &Home) -> f64 {
    if home.phases() == 1 && home.lift == 0 {
        return 0.0;
    }
    let steps: usize = (0..home.phase_rows()).filter_map(|row| home.read_step(row)).sum();
    (steps + home.tile.rows * home.read_pitch + home.tile.columns + home.exponent(0)) as f64
}

fn layer_bound(layout: &Direct, layer: &DirectLayer) -> f64 {
    let geometry = &layer.geometry;
    let value = layout.tables.iter().map(|table| entries(table).1.max(entries(table).0)).fold(1.0, f64::max);
    let (weight, bias) = match layer.weights {
        Weights::Private { bits, digits, .. } => {
            (f64::from(bits).exp2(), (f64::from(bits) * digits as f64).exp2())
        }
        // Fixed numbers are 64-bit integers.
        Weights::Fixed { .. } => (64f64.exp2(), 64f64.exp2()),
    };
    let window = (geometry.window * geometry.window) as f64;
    let depth = (geometry.group_inputs * geometry.kernel.0 * geometry.kernel.1) as f64;
    let skips = layer.skips.len() as f64 * 64f64.exp2() * value;
    let finish = match &layer.finish {
        Finish::Raw => 0.0,
        Finish::Lookup { shift, .. } => value * f64::from(shift.most()).exp2(),
        // Two's complement of the quotient's range holds it; the range's other digits reach less than twice as far.
        Finish::Bits { shift, lo, hi, .. } => {
            f64::from(DigitRange::signed(*lo, *hi).count + 1 + shift.most()).exp2()
        }
    };
    depth * window * value * weight + bias + skips + finish
}
