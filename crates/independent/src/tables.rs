//! Every entry of every table of values against the executor's rounding, at both ends of the interval of accumulators that
//! the entry stands for.
//!
//! With the scale `f`, `c` of a channel, its shift `v` and remainders of `t` bits together, the circuit accepts the entry
//! `(x, y)` for accumulators with
//!
//! ```text
//! f * acc + c = 2^v * x + r,   0 <= r < 2^t
//! ```
//!
//! Roundings are monotone, so that a value that is right at both ends is right between them. Accumulators that the executor
//! refuses, such as those of int8 models beyond 32 bits, are left out. Without multipliers `f` is 1 and `c` is 0, the
//! accumulator has its rounding term already, and an entry beyond the layer's range is an objection.

use std::collections::BTreeMap;

use zklayout_circuit::Grid;
use zklayout_circuit::streams::FixedGrid;
use zklayout_model::{Fixed, FixedInput, FixedLayer, Graph, OutputKind, Rescale};
use zklayout_plan::{Home, Plan, Streams};

use crate::numbers;
use crate::objection::{Objection, expect, hold};

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Entries, once for each channel that looks them up.
    pub entries: usize,
    /// Those among them that stand for some accumulator.
    pub possible: usize,
}

/// Holds every table entry of a laid-out circuit to the executor.
///
/// # Errors
/// The first entry that stands for an accumulator of another value.
pub fn check_tables(plan: &Plan, graph: &Graph<Fixed>, grid: &Grid) -> Result<TableCounts, Objection> {
    let layout = numbers::streams(plan)?;
    let Grid::Streams(grid) = grid else { return Err(Objection("the grid is of another family".into())) };
    let tables = entries(layout, grid);
    let mut counts = TableCounts::default();
    for home in &layout.homes {
        let Some(node) = numbers::node(home) else { continue };
        let found = expect(graph.nodes().nth(node), || format!("the model has no node {node}"))?;
        for channel in 0..home.shape.channels {
            let Some(tag) = numbers::tag(layout, home, channel) else { continue };
            let own = tables.get(&(tag as i64));
            let own = expect(own, || format!("node {node}, channel {channel}: its table has no entry"))?;
            let step = match found.1 {
                Fixed::Input(input) => Step::Value(input),
                Fixed::Layer(layer) => Step::Rounding(Rounding::of(layout, home, layer, channel)?),
            };
            for &entry in own {
                let result = step.hold_entry(entry);
                let context =
                    |reason: Objection| Objection(format!("node {node}, channel {channel}, {entry:?}: {reason}"));
                counts.possible += usize::from(result.map_err(context)?);
                counts.entries += 1;
            }
        }
    }
    Ok(counts)
}

/// Entries `(x, y)` of every tag, without offsets, as the table columns hold them.
fn entries(layout: &Streams, grid: &FixedGrid) -> BTreeMap<i64, Vec<(i64, i64)>> {
    let mut tables: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for columns in &grid.columns.tables {
        let [tags, xs, ys] = columns.map(|column| &grid.cells[column]);
        for ((tag, x), y) in tags.iter().zip(xs).zip(ys).filter(|((tag, _), _)| **tag != 0) {
            tables.entry(*tag).or_default().push((x - layout.quotient_offset, y - layout.value_offset));
        }
    }
    tables
}

/// What a table's entries stand for.
enum Step<'a> {
    /// Values of the input.
    Value(&'a FixedInput),
    Rounding(Rounding<'a>),
}

impl Step<'_> {
    /// Checks an entry; false if it stands for nothing.
    fn hold_entry(&self, (x, y): (i64, i64)) -> Result<bool, Objection> {
        match self {
            Self::Value(input) => {
                hold(x == y && input.range.contains(x), || "no value of the input".into())?;
                Ok(true)
            }
            Self::Rounding(rounding) => rounding.hold_entry((x, y)),
        }
    }
}

/// What becomes of the accumulators of a channel.
struct Rounding<'a> {
    layer: &'a FixedLayer,
    channel: usize,
    factor: i128,
    offset: i128,
    shift: u32,
    /// Bits of all limbs together.
    bits: u32,
    /// Accumulators that the executor takes.
    domain: (i128, i128),
}

impl<'a> Rounding<'a> {
    fn of(layout: &Streams, home: &Home, layer: &'a FixedLayer, channel: usize) -> Result<Self, Objection> {
        let node = numbers::node(home).unwrap_or(0);
        let scaled = numbers::scaled(numbers::fact(layout, node)?, channel);
        hold(scaled.factor > 0, || "the scale is not above 0".into())?;
        let limbs = layout.knobs.limbs.map_or(1, |limbs| limbs.count as u32);
        Ok(Self {
            layer,
            channel,
            factor: scaled.factor.into(),
            offset: scaled.offset.into(),
            shift: numbers::shift(home, channel),
            bits: numbers::limb_bits(home, channel) * limbs,
            domain: domain(layer, channel)?,
        })
    }

    /// Checks an entry; false if it stands for no accumulator.
    fn hold_entry(&self, (x, y): (i64, i64)) -> Result<bool, Objection> {
        let first = (i128::from(x) << self.shift) - self.offset;
        let last = first + (1i128 << self.bits) - 1;
        // Rounded up and down to whole accumulators.
        let ends = (-(-first).div_euclid(self.factor), last.div_euclid(self.factor));
        let (least, most) = (ends.0.max(self.domain.0), ends.1.min(self.domain.1));
        if least > most {
            return Ok(false);
        }
        for acc in [least, most] {
            let value = self.rounded(acc)?;
            hold(value == y, || format!("accumulator {acc} has the value {value}"))?;
        }
        Ok(true)
    }

    fn rounded(&self, acc: i128) -> Result<i64, Objection> {
        let narrow = expect(i64::try_from(acc).ok(), || format!("accumulator {acc} is beyond 64 bits"))?;
        if let Some((shift, activation, range)) = numbers::requantised(self.layer, self.channel) {
            let rounded = narrow >> shift;
            hold(range.contains(rounded), || format!("{rounded} is beyond the layer's range"))?;
            return Ok(activation.apply(rounded));
        }
        match &self.layer.finish.kind {
            OutputKind::Rescale(rescale) => self.rescaled(rescale, narrow),
            _ => Ok(narrow),
        }
    }

    fn rescaled(&self, rescale: &Rescale, acc: i64) -> Result<i64, Objection> {
        expect(rescale.apply(self.channel, acc), || format!("the executor refuses accumulator {acc}"))
    }
}

fn domain(layer: &FixedLayer, channel: usize) -> Result<(i128, i128), Objection> {
    let OutputKind::Rescale(rescale) = &layer.finish.kind else { return Ok((i128::MIN, i128::MAX)) };
    let domain = rescale.domain(channel).map(|(least, most)| (least.into(), most.into()));
    expect(domain, || "the executor takes none of the channel's accumulators".into())
}
