//! Limbs: how a step function of the accumulator, of its own in each channel, becomes an affine map, a remainder in a few
//! limbs, and one table.
//!
//! With `f` and `c` a channel's [`Scale`], `t` the bits of all limbs together and `X(y)` where the step of value `y` starts:
//!
//! ```text
//! f * acc + c = 2^v * x + r,   0 <= r < 2^t,   (x, p) in the table
//!
//! one line      v = t          X(y) = y                              entry x = y
//! two lines     v = t + 1 - S  X(y) = 2^S * y + (d if y <= pivot)    entries x = X(y) and X(y + 1) - 2^(S - 1)
//! ```
//!
//! One line does where all steps are alike. Rounding twice, or half away from zero, moves the steps of values up to a pivot
//! by `d` of `2^S` parts; two half steps then cover each step, overlapping in the shorter one at the pivot. The remainder's
//! range is the width of one entry in both cases, so that an accumulator finds entries of one value only.
//!
//! `f` is the channel's slope rounded to an integer and `c` whatever makes every threshold of the channel fall on its side;
//! where no `c` does, these limbs are too few. Thresholds are those of all accumulators that the rounding is defined for:
//! a prover with other weights may have any of them. A channel that reaches few steps may have a table of its own that ends
//! with them; then its thresholds count up to the next step only. No table has a step that holds an accumulator of one of its
//! channels for which the rounding is not defined: the kernels' accumulators have 32 bits. Nothing here trusts a formula of the kernels: thresholds
//! are found by running the channel's own rounding. It knows nothing of lanes or rows.

use serde::{Deserialize, Serialize};
use zklayout_model::{Nudge, Rescale};

use crate::table::Steps;

/// The most bits of a limb: the largest table of remainders.
const MOST_LIMB_BITS: u32 = 16;
/// The most limbs that are tried.
const MOST_LIMBS: usize = 4;

/// How remainders are cut into limbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Limbs {
    /// Number of limbs.
    pub count: usize,
    /// Bits of each.
    pub bits: u32,
}

impl Limbs {
    /// Bits of all limbs together.
    pub fn total(&self) -> u32 {
        self.count as u32 * self.bits
    }

    /// Whether a search may try them.
    pub(crate) fn are_known(&self) -> bool {
        (1..=MOST_LIMBS).contains(&self.count) && (1..=MOST_LIMB_BITS).contains(&self.bits)
    }

    /// For each number of limbs, the narrowest that are enough.
    pub(crate) fn variants(enough: impl Fn(Self) -> bool) -> Vec<Self> {
        let narrowest = |count| (1..=MOST_LIMB_BITS).map(|bits| Self { count, bits }).find(|limbs| enough(*limbs));
        (1..=MOST_LIMBS).filter_map(narrowest).collect()
    }
}

/// What an accumulator becomes before it is divided: `factor * acc + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// Above 0.
    pub factor: i64,
    /// Added after the multiplication.
    pub offset: i64,
}

/// One layer in limbs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lines {
    /// Logarithm of the divisor.
    pub(crate) shift: u32,
    /// By output channel.
    pub(crate) scales: Vec<Scale>,
    /// Distinct tables.
    pub(crate) tables: Vec<Steps>,
    /// By output channel, its place among the tables.
    pub(crate) places: Vec<usize>,
}

/// A layer's thresholds: all that there is to know about its rounding.
#[derive(Clone, Debug)]
pub(crate) struct StepFunction {
    channels: Vec<Channel>,
    /// The least and the greatest value.
    clamp: (i64, i64),
}

#[derive(Clone, Debug)]
struct Channel {
    slope: f64,
    nudge: Option<Nudge>,
    /// Accumulators that the layer's own weights give, and the values at both ends.
    reach: Interval,
    /// Accumulators that the rounding is defined for, and the values at both ends.
    domain: Interval,
    /// Values above that at the lower end of the domain, each with the least accumulator that has it.
    thresholds: Vec<(i64, i64)>,
}

/// Accumulators from one to another, and their values.
#[derive(Clone, Copy, Debug)]
struct Interval {
    accumulators: (i64, i64),
    values: (i64, i64),
}

/// Values whose steps must start where the rounding has them start.
#[derive(Clone, Copy, Debug)]
struct Window {
    first: i64,
    last: i64,
}

const EVERY_VALUE: Window = Window { first: i64::MIN, last: i64::MAX };

impl StepFunction {
    /// Runs a layer's rounding; `None` means that it overflows, that it has more values than any table, or that its channels
    /// are not those of the layer.
    pub(crate) fn of(rescale: &Rescale, channels: usize) -> Option<Self> {
        let (lo, hi) = rescale.extremes();
        if hi.checked_sub(lo).is_none_or(|values| !(0..=MOST_VALUES).contains(&values)) {
            return None;
        }
        let channels = (0..channels).map(|channel| Channel::of(rescale, channel)).collect::<Option<_>>()?;
        Some(Self { channels, clamp: (lo, hi) })
    }

    /// The layer in limbs of `bits` bits together; `None` if they are too few.
    pub(crate) fn lines(&self, bits: u32) -> Option<Lines> {
        let uniform = vec![ONE_LINE; self.channels.len()];
        self.fit(bits, &uniform).or_else(|| self.fit(bits, &self.two_lines()?))
    }

    /// The pattern of each channel in parts of the finest nudge.
    fn two_lines(&self) -> Option<Vec<Steps>> {
        let parts = self.channels.iter().filter_map(|channel| channel.nudge).map(|nudge| nudge.shift).max()?;
        let pattern = |channel: &Channel| match channel.nudge {
            Some(Nudge { pivot, shift }) => Steps { parts, pivot, nudge: 1 << (parts - shift), ..ONE_LINE },
            None => Steps { parts, ..ONE_LINE },
        };
        Some(self.channels.iter().map(pattern).collect())
    }

    fn fit(&self, bits: u32, patterns: &[Steps]) -> Option<Lines> {
        let shift = part_bits(patterns.first()?, bits)?;
        let mut lines = Lines { shift, scales: vec![], tables: vec![], places: vec![] };
        for (channel, pattern) in self.channels.iter().zip(patterns) {
            let (scale, steps) = channel.open(pattern, bits, self.clamp).or_else(|| {
                channel.closed(pattern, bits, self.clamp).filter(|(_, steps)| steps.len() <= MOST_CLOSED)
            })?;
            lines.scales.push(scale);
            lines.push_steps(steps);
        }
        Some(lines)
    }
}

impl Lines {
    /// Adds a channel's steps to a table of the same pattern.
    fn push_steps(&mut self, steps: Steps) {
        let joined =
            self.tables.iter().enumerate().find_map(|(place, table)| Some((place, table.joined(&steps)?)));
        if let Some((place, joined)) = joined {
            self.tables[place] = joined;
            self.places.push(place);
        } else {
            self.places.push(self.tables.len());
            self.tables.push(steps);
        }
    }
}

/// The most values of a layer; bytes have 256.
const MOST_VALUES: i64 = 1 << 16;
/// The most entries of a table that a channel has for itself.
const MOST_CLOSED: usize = 64;

/// Steps of one part, all alike.
const ONE_LINE: Steps = Steps { parts: 0, pivot: 0, nudge: 0, lo: 0, hi: 0, room: (0, 0) };
/// Parts that nothing is asked about beyond.
const FARTHEST_PART: i128 = 1 << 50;

/// Logarithm of a step, given the bits of an entry's width.
fn step_bits(pattern: &Steps, bits: u32) -> u32 {
    if pattern.parts == 0 { bits } else { bits + 1 }
}

/// Logarithm of a part of a step.
fn part_bits(pattern: &Steps, bits: u32) -> Option<u32> {
    step_bits(pattern, bits).checked_sub(pattern.parts)
}

impl Channel {
    fn of(rescale: &Rescale, channel: usize) -> Option<Self> {
        let interval = |accumulators: (i64, i64)| {
            let values = (rescale.apply(channel, accumulators.0)?, rescale.apply(channel, accumulators.1)?);
            Some(Interval { accumulators, values })
        };
        let (reach, domain) = (interval(*rescale.reach.get(channel)?)?, interval(rescale.domain(channel)?)?);
        let slope = rescale.slope(channel)?;
        let (mut thresholds, mut least) = (Vec::new(), domain.accumulators.0);
        for value in domain.values.0 + 1..=domain.values.1 {
            // The next step is near, but for the first one.
            let near = least.saturating_add((2.0 / slope) as i64).saturating_add(2).min(domain.accumulators.1);
            let found = rescale.threshold(channel, value, (least, near));
            least = found.or_else(|| rescale.threshold(channel, value, (near, domain.accumulators.1)))?;
            thresholds.push((value, least));
        }
        // Steps on one side of the pivot are all alike.
        let straddles = |nudge: &Nudge| (domain.values.0 + 1..domain.values.1).contains(&nudge.pivot);
        let nudge = rescale.nudge(channel).filter(straddles);
        Some(Self { slope, nudge, reach, domain, thresholds })
    }

    /// The channel's scale and the steps that it reaches, right for every accumulator.
    fn open(&self, pattern: &Steps, bits: u32, clamp: (i64, i64)) -> Option<(Scale, Steps)> {
        let scale = self.scale(pattern, bits, clamp, EVERY_VALUE)?;
        let (lo, hi) = self.ends(pattern, bits, &scale)?;
        let room = self.room(pattern, bits, &scale)?;
        (room.0 <= lo && hi <= room.1).then_some((scale, Steps { lo, hi, room, ..*pattern }))
    }

    /// The channel's scale and the steps that it reaches, right for every accumulator that falls on one of them. A clamped
    /// step is any number of steps.
    fn closed(&self, pattern: &Steps, bits: u32, clamp: (i64, i64)) -> Option<(Scale, Steps)> {
        let (first, last) = self.reach.values;
        let scale = self.scale(pattern, bits, clamp, Window { first, last: last + 1 })?;
        let (least, most) = self.ends(pattern, bits, &scale)?;
        let lo = if first > clamp.0 { first } else { least };
        let hi = if last < clamp.1 { last } else { most };
        let room = self.room(pattern, bits, &scale)?;
        (room.0 <= lo && hi <= room.1).then_some((scale, Steps { lo, hi, room: (lo, hi), ..*pattern }))
    }

    /// The scale that puts every threshold in the window on its side of the step that it starts. Values outside of `(lo, hi]`
    /// start nowhere.
    fn scale(&self, pattern: &Steps, bits: u32, (lo, hi): (i64, i64), window: Window) -> Option<Scale> {
        let rounded = (self.slope * f64::powi(2.0, i32::try_from(step_bits(pattern, bits)).ok()?)).round();
        // Beyond this a product with an accumulator could overflow.
        if !(0.0..=f64::powi(2.0, 62)).contains(&rounded) {
            return None;
        }
        // The gates divide by it; a channel that never changes may have the slope 0.
        let (factor, shift) = ((rounded as i128).max(1), part_bits(pattern, bits)?);
        let start = |value: i64| i128::from(pattern.start(value)) << shift;
        let at = |acc: i64| factor * i128::from(acc);
        let (mut least, mut most) = (i128::MIN, i128::MAX);
        for &(value, acc) in self.thresholds.iter().filter(|(value, _)| window.contains(*value)) {
            least = least.max(start(value) - at(acc));
            most = most.min(start(value) - 1 - at(acc - 1));
        }
        let Interval { accumulators: (farthest_below, farthest_above), values: (first, last) } = self.domain;
        if first > lo && window.contains(first) {
            least = least.max(start(first) - at(farthest_below));
        }
        if last < hi && window.contains(last + 1) {
            most = most.min(start(last + 1) - 1 - at(farthest_above));
        }
        let offset = match (least > i128::MIN, most < i128::MAX) {
            (true, true) => least + (most - least).div_euclid(2),
            (true, false) => least,
            (false, true) => most,
            (false, false) => 0,
        };
        let factor = i64::try_from(factor).ok()?;
        (least <= most).then_some(Scale { factor, offset: i64::try_from(offset).ok()? })
    }

    /// Values, before they are clamped, of the steps that the ends of the reach fall on.
    fn ends(&self, pattern: &Steps, bits: u32, scale: &Scale) -> Option<(i64, i64)> {
        let (least, most) = self.reach.accumulators;
        Some((pattern.value(part(pattern, bits, scale, least)?), pattern.value(part(pattern, bits, scale, most)?)))
    }

    /// The first and the last value, before they are clamped, whose steps hold no accumulator that the rounding is not
    /// defined for.
    fn room(&self, pattern: &Steps, bits: u32, scale: &Scale) -> Option<(i64, i64)> {
        let (first, last) = self.domain.accumulators;
        let below = pattern.value(part(pattern, bits, scale, first - 1)?);
        let above = pattern.value(part(pattern, bits, scale, last + 1)?);
        Some((below + 1, above - 1))
    }
}

/// The part of a step that an accumulator falls on.
fn part(pattern: &Steps, bits: u32, scale: &Scale, acc: i64) -> Option<i64> {
    let scaled = i128::from(scale.factor) * i128::from(acc) + i128::from(scale.offset);
    let part = scaled >> part_bits(pattern, bits)?;
    i64::try_from(part.clamp(-FARTHEST_PART, FARTHEST_PART)).ok()
}

impl Window {
    fn contains(&self, value: i64) -> bool {
        (self.first..=self.last).contains(&value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zklayout_model::{Multiplier, Scaling, Stored};

    fn rescale(scaling: Scaling, reach: (i64, i64), relu: bool) -> Rescale {
        let stored = Stored { unit: 1.0, zero_point: -20 };
        Rescale { scaling, stored, lo: if relu { -20 } else { -128 }, hi: 127, reach: vec![reach] }
    }

    /// Every accumulator within reach finds entries of its own value, and no accumulator finds another.
    fn finds_its_value(rescale: &Rescale, bits: u32, accumulators: impl Iterator<Item = i64>) -> bool {
        let Some(lines) = StepFunction::of(rescale, 1).and_then(|steps| steps.lines(bits)) else { return false };
        let (scale, table) = (lines.scales[0], &lines.tables[lines.places[0]]);
        let (lo, hi) = rescale.extremes();
        let entries: Vec<(i64, i64)> = table.entries().map(|(x, y)| (x, y.clamp(lo, hi))).collect();
        for acc in accumulators {
            let scaled = i128::from(scale.factor) * i128::from(acc) + i128::from(scale.offset);
            let holds = |x: i64| (0..1i128 << bits).contains(&(scaled - (i128::from(x) << lines.shift)));
            let near = entries.partition_point(|(x, _)| i128::from(*x) << lines.shift <= scaled);
            let found: Vec<i64> = entries[near.saturating_sub(4)..near]
                .iter()
                .filter(|(x, _)| holds(*x))
                .map(|(_, value)| *value)
                .collect();
            let expected = rescale.apply(0, acc).unwrap();
            assert!(found.iter().all(|value| *value == expected), "{acc} finds {found:?}, not {expected}");
            if (rescale.reach[0].0..=rescale.reach[0].1).contains(&acc) {
                assert!(!found.is_empty(), "{acc} finds nothing");
                assert!(holds(table.entry((scaled >> lines.shift) as i64)));
            }
        }
        true
    }

    proptest! {
        #[test]
        fn multipliers_are_exact_where_limbs_hold_their_bits(
            real in 3e-4f64..0.4, relu: bool, least in -200_000i64..0, most in 1i64..200_000, seed in 0i64..97,
        ) {
            let scaling = Scaling::Multipliers(vec![Multiplier::of(real).unwrap()]);
            let rescale = rescale(scaling, (least, most), relu);
            // Other weights give accumulators beyond reach.
            let accumulators = (2 * least..=2 * most).filter(|acc| acc.abs() < 300 || (acc + seed) % 97 == 0);
            prop_assert!(finds_its_value(&rescale, 44, accumulators));
        }

        #[test]
        fn whatever_limbs_are_enough_are_exact(real in 3e-3f64..0.4, relu: bool, bits in 16u32..36) {
            let scaling = Scaling::Multipliers(vec![Multiplier::of(real).unwrap()]);
            for reach in [60_000, 900, 12] {
                finds_its_value(&rescale(scaling.clone(), (-reach, reach + 5), relu), bits, -70_000..=70_000);
            }
        }

        #[test]
        fn means_and_factors_and_shifts_are_exact(count in 1i64..130, factor in 1e-4f64..0.5, shift in 1u32..9) {
            let scalings = [Scaling::Mean(count), Scaling::Factors(vec![factor]), Scaling::Shift(shift)];
            for scaling in scalings {
                prop_assert!(finds_its_value(&rescale(scaling, (-30_000, 30_000), false), 44, -40_000..=40_000));
            }
        }
    }

    /// Of every entry of every channel, the first and the last accumulator that finds it; each must have its value.
    fn holds_at_both_ends(rescale: &Rescale, bits: u32) -> Option<usize> {
        let lines = StepFunction::of(rescale, rescale.reach.len())?.lines(bits)?;
        let (lo, hi) = rescale.extremes();
        let mut held = 0;
        for (channel, (scale, place)) in lines.scales.iter().zip(&lines.places).enumerate() {
            let (factor, offset) = (i128::from(scale.factor), i128::from(scale.offset));
            for (x, value) in lines.tables[*place].entries() {
                let start = (i128::from(x) << lines.shift) - offset;
                let first = -(-start).div_euclid(factor);
                let last = (start + (1 << bits) - 1).div_euclid(factor);
                for acc in [first, last].into_iter().filter(|_| first <= last) {
                    let found = i64::try_from(acc).ok().and_then(|acc| rescale.apply(channel, acc));
                    assert_eq!(found, Some(value.clamp(lo, hi)), "{acc} of channel {channel}, {rescale:?}");
                    held += 1;
                }
            }
        }
        Some(held)
    }

    /// Two channels, of which the second has few and long steps.
    fn two_channels(factors: Vec<f64>, threshold: i64) -> Rescale {
        let reach = vec![(-2000, 3000), (threshold - 900, threshold + 800)];
        let stored = Stored { unit: 1.0, zero_point: 0 };
        Rescale { scaling: Scaling::Factors(factors), stored, lo: 0, hi: 127, reach }
    }

    proptest! {
        #[test]
        fn no_entry_holds_an_accumulator_of_another_value_or_of_none(
            steep in 1e-3f64..0.5, exponent in 20i32..32, bits in 24u32..62, seed in 0.5f64..1.0,
        ) {
            let power = f64::powi(2.0, -exponent);
            for (flat, threshold) in [(power, 1 << (exponent - 1)), (power * seed, (0.5 / power / seed) as i64)] {
                holds_at_both_ends(&two_channels(vec![steep, flat], threshold), bits);
            }
        }
    }

    #[test]
    fn steps_beyond_32_bits_are_in_no_table() {
        let rescale = two_channels(vec![0.05, f64::powi(2.0, -30)], 1 << 29);
        assert!(holds_at_both_ends(&rescale, 32).unwrap() > 200);
        // A step that is reached, but ends beyond 32 bits, has no table.
        let last = two_channels(vec![0.05, f64::powi(2.0, -30)], (1 << 30) + (1 << 29));
        assert_eq!(StepFunction::of(&last, 2).unwrap().lines(32), None);
    }

    #[test]
    fn too_few_limbs_are_refused() {
        let scaling = Scaling::Multipliers(vec![Multiplier::of(0.001).unwrap()]);
        let steps = StepFunction::of(&rescale(scaling, (-200_000, 200_000), true), 1).unwrap();
        assert_eq!(steps.lines(12), None);
        let variants = Limbs::variants(|limbs| steps.lines(limbs.total()).is_some());
        assert!(variants.iter().all(|limbs| limbs.are_known() && limbs.total() > 12), "{variants:?}");
        assert!(!variants.is_empty());
    }
}
