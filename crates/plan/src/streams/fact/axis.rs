//! A strided kernel along one axis, as phases see it: which of its taps meet which phase, and at which distance in blocks.
//!
//! With `a` the place of value 0 in its block, `t` the padding before it and `first = (a - t) mod stride`, tap `k` of output `Y`
//! meets a value at place `(k + first) mod stride` of block `Y + (k + first) / stride - before`. So each phase is met by a
//! kernel of stride 1, if all of these start at the same distance. A stride of 1 has one phase, of all taps.
//!
//! It knows nothing of tapes.

/// A kernel along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseAxis {
    /// Positions from one output to the next.
    pub stride: usize,
    /// Number of taps.
    pub taps: usize,
    /// Phase that the first tap meets.
    pub first: usize,
}

impl PhaseAxis {
    /// The axis of a kernel with a padding, where value 0 lies at the place `corner` of its block; `None` if the phases would
    /// be met at different distances.
    pub(crate) fn of(stride: usize, taps: usize, padding: usize, corner: usize) -> Option<Self> {
        let first = (corner + stride - padding % stride) % stride;
        Some(Self { stride, taps, first }).filter(Self::starts_together)
    }

    /// Whether all phases that taps meet are met from the same distance on.
    pub(crate) fn starts_together(&self) -> bool {
        self.first == 0 || self.first.saturating_add(self.taps) <= self.stride
    }

    /// The phase that a tap meets.
    pub fn phase(&self, tap: usize) -> usize {
        (tap + self.first) % self.stride
    }

    /// A tap's place among those of its phase.
    pub fn place(&self, tap: usize) -> usize {
        (tap + self.first) / self.stride
    }

    /// The taps that meet a phase, in order.
    pub(crate) fn taps_of(&self, phase: usize) -> impl DoubleEndedIterator<Item = usize> + Clone + use<> {
        let lowest = (phase + self.stride - self.first) % self.stride;
        (lowest..self.taps.max(lowest)).step_by(self.stride)
    }

    /// The most taps that meet a phase.
    pub(crate) fn most_taps(&self) -> usize {
        self.taps.div_ceil(self.stride)
    }

    /// Blocks of padding before value 0's: where the first tap of output 0 lies.
    pub fn before(&self, padding: usize, corner: usize) -> usize {
        (self.first + padding).saturating_sub(corner) / self.stride
    }

    /// The least number of blocks from one row to the next at which no tap of one of `outputs` outputs meets another row, of
    /// `values` values.
    pub(crate) fn least_pitch(&self, (values, outputs): (usize, usize), padding: usize, corner: usize) -> usize {
        let before = self.before(padding, corner);
        let apart = |phase: usize| {
            let taps = self.taps_of(phase).count();
            let last = (values - 1 + corner).checked_sub(phase).filter(|_| taps > 0)? / self.stride;
            let first = usize::from(phase < corner);
            let farthest = (outputs + taps).saturating_sub(1 + first + before);
            Some((last + before + 1).max(farthest))
        };
        (0..self.stride).filter_map(apart).max().unwrap_or(1).max(outputs).max(self.most_taps())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tap of every output meets the value that it should, and no other, in rows that follow each other with the least
    /// pitch.
    #[test]
    fn taps_meet_their_values_alone() {
        let mut met = 0;
        for (stride, taps, padding, corner) in (2..5).flat_map(|stride| {
            (1..6).flat_map(move |taps| (0..6).flat_map(move |p| (0..stride).map(move |c| (stride, taps, p, c))))
        }) {
            let Some(axis) = PhaseAxis::of(stride, taps, padding, corner) else { continue };
            for (values, outputs) in (1..9).flat_map(|values| (1..6).map(move |outputs| (values, outputs))) {
                let pitch = axis.least_pitch((values, outputs), padding, corner) as i64;
                let before = axis.before(padding, corner) as i64;
                for (output, tap) in (0..outputs).flat_map(|output| (0..taps).map(move |tap| (output, tap))) {
                    let phase = axis.phase(tap);
                    let block = output as i64 + axis.place(tap) as i64 - before;
                    let wanted = (output * stride + tap) as i64 - padding as i64;
                    for (row, value) in (-2..3).flat_map(|row| (0..values).map(move |value| (row, value))) {
                        if (value + corner) % stride != phase {
                            continue;
                        }
                        let at = ((value + corner) / stride) as i64 + row * pitch;
                        assert_eq!(at == block, row == 0 && value as i64 == wanted, "{axis:?} {values} {outputs}");
                        met += 1;
                    }
                }
            }
        }
        assert!(met > 10_000);
    }

    #[test]
    fn every_tap_is_of_one_phase() {
        for (stride, taps, padding, corner) in
            [(2, 3, 1, 1), (2, 1, 0, 1), (3, 5, 2, 2), (4, 2, 0, 1), (1, 3, 1, 0)]
        {
            let axis = PhaseAxis::of(stride, taps, padding, corner).into_iter();
            let mut found: Vec<usize> =
                axis.flat_map(|axis| (0..stride).flat_map(move |phase| axis.taps_of(phase))).collect();
            found.sort_unstable();
            assert_eq!(found, (0..taps).collect::<Vec<_>>());
        }
    }
}
