//! Transposed tensors: for each group, planes become positions and positions planes, perhaps less the mean.
//!
//! With planes `(group, c)` of positions `t`, row by row, output plane `(group, t)` at position `c` is the value itself; *centred*, it
//! is `n * x[c][t] - sum_c x[c][t]` of the group's `n` planes, an integer where the mean need not be one.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{MOST_EXTENT, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Adds a tensor with its planes and positions swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transpose {
    /// Groups of planes.
    pub groups: usize,
    /// Whether `n` times the mean over a group's planes is subtracted from `n` times each value.
    pub centred: bool,
}

impl Transpose {
    /// Planes of a group.
    pub fn depth(&self, source: Planes) -> usize {
        source.channels / self.groups
    }
}

impl<T: Number> Summand<T> for Transpose {
    fn label(&self) -> String {
        if self.centred { "centred, transposed tensor".into() } else { "transposed tensor".into() }
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [source] = sources else { return Err("it reads another number of tensors") };
        let groups = self.groups >= 1 && source.channels.is_multiple_of(self.groups);
        let swapped = groups
            && self.groups.checked_mul(source.plane()) == Some(output.channels)
            && (output.height, output.width) == (1, self.depth(*source));
        ensure(swapped, "its result is not what it reads with planes and positions swapped")
    }

    /// All of it: the result has as many planes as it has positions.
    fn live_source(&self, _: Planes) -> (usize, usize) {
        (usize::MAX, usize::MAX)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let source = sources.first()?;
        let (positions, depth, width) = (sums.dim().0 / self.groups, source.dim().0 / self.groups, source.dim().2);
        for (place, mut plane) in sums.outer_iter_mut().enumerate() {
            let (first, t) = (place / positions * depth, place % positions);
            let at = |c: usize| source.get((first + c, t / width, t % width)).copied();
            let (factor, total) = match self.centred {
                true => (T::of(depth as i32), (0..depth).try_fold(T::ZERO, |all, c| all.add(at(c)?))?),
                false => (T::of(1), T::ZERO),
            };
            for (c, sum) in plane.iter_mut().enumerate() {
                *sum = sum.mul_add(factor, at(c)?)?.mul_add(T::of(-1), total)?;
            }
        }
        Some(())
    }
}

impl IntegerTerm for Transpose {
    fn check_integers(&self) -> Result<(), &'static str> {
        ensure((1..=MOST_EXTENT).contains(&self.groups), "a transposed tensor has no group or too many")
    }

    /// Centred, a value is the furthest off where all others are at the other end.
    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [source] = sources else { return None };
        let (least, most) = if self.centred {
            let others = i64::try_from(source.planes?.channels / self.groups).ok()?.saturating_sub(1);
            let most = source.hi.checked_sub(source.lo)?.checked_mul(others)?;
            (-most, most)
        } else {
            (source.lo, source.hi)
        };
        for (low, high) in bounds {
            (*low, *high) = (low.checked_add(least)?, high.checked_add(most)?);
        }
        Some(())
    }
}

impl FloatTerm for Transpose {
    fn not_finite(&self) -> Option<(usize, f64)> {
        None
    }

    fn least_scale(&self, _: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        Some(sources.first()?.of(0))
    }

    fn joins_channels(&self) -> bool {
        true
    }

    fn rounds_alike(&self) -> bool {
        true
    }
}

impl Quantisable for Transpose {
    type Integers = Transpose;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let [source] = quantising.sources() else {
            return Err(quantising.refuse(0, "it transposes another number of tensors than one"));
        };
        let same = |scale: &PerChannel<i32>| scale.values().iter().all(|other| *other == source.of(0));
        if same(source) && same(quantising.scale()) {
            return Ok(Quantised::exactly(*self));
        }
        Err(quantising.refuse(0, "it transposes a tensor whose channels have scales of their own"))
    }
}
