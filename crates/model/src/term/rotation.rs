//! Rotations: each feature of a head and another one of it, times numbers of their position, as rotary position embeddings have it.
//!
//! With planes `(feature, t)`, feature by feature, whose positions are heads, output plane `(head, feature)` at position `t` is
//! `own[feature][t] * x[feature, t][head] + other[feature][t] * x[partners[feature], t][head]`. The numbers are the model's own, and no
//! weights.

use std::ops::Range;

use ndarray::{Array2, Array3, Axis, Slice};
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{MOST_EXTENT, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Bits of the largest number: with it values lose less than tables take from them.
const NUMBER_BITS: i32 = 12;
/// Magnitude of a number of integers.
const MOST_NUMBER: i64 = 1 << 20;

/// Adds a tensor of heads whose features are joined in pairs, planes and positions swapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation<T> {
    /// What a feature is multiplied by, `[feature, position]`.
    pub own: Array2<T>,
    /// What its partner is multiplied by.
    pub other: Array2<T>,
    /// By feature of a head, the one that is added to it.
    pub partners: Vec<usize>,
}

impl<T> Rotation<T> {
    /// Features of a head.
    pub fn features(&self) -> usize {
        self.partners.len()
    }

    /// Positions of the result.
    pub fn positions(&self) -> usize {
        self.own.ncols()
    }

    /// Whether every feature has a partner and numbers.
    fn is_whole(&self) -> bool {
        let size = (self.features(), self.positions());
        let numbers = self.own.dim() == size && self.other.dim() == size;
        numbers && self.partners.iter().all(|partner| *partner < self.features())
    }

    /// Its numbers, with their features.
    fn numbers(&self) -> impl Iterator<Item = (usize, &T)> {
        let both = self.own.indexed_iter().chain(self.other.indexed_iter());
        both.map(|((feature, _), number)| (feature, number))
    }

    /// The rotation of some positions.
    pub(crate) fn at(&self, positions: Range<usize>) -> Self
    where
        T: Clone,
    {
        let at = |numbers: &Array2<T>| numbers.slice_axis(Axis(1), Slice::from(positions.clone())).to_owned();
        Self { own: at(&self.own), other: at(&self.other), partners: self.partners.clone() }
    }

    /// The same rotation with other numbers.
    pub fn map<U>(&self, change: impl Fn(&T) -> U) -> Rotation<U> {
        Rotation { own: self.own.map(&change), other: self.other.map(&change), partners: self.partners.clone() }
    }
}

impl<T: Number> Summand<T> for Rotation<T> {
    fn label(&self) -> String {
        "rotated tensor".into()
    }

    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        let [source] = sources else { return Err("it reads another number of tensors") };
        let (features, positions) = (self.features(), self.positions());
        ensure(self.is_whole(), "it rotates features by numbers of others")?;
        let read = source.height == 1 && features.checked_mul(positions) == Some(source.channels);
        let planes = features.checked_mul(source.width) == Some(output.channels);
        let swapped = read && planes && (output.height, output.width) == (1, positions);
        ensure(swapped, "its result is not what it rotates with planes and positions swapped")
    }

    /// All of it: the result has a plane for each of its positions.
    fn live_source(&self, _: Planes) -> (usize, usize) {
        (usize::MAX, usize::MAX)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()> {
        let (source, features) = (sources.first()?, self.features());
        for ((plane, _, t), sum) in sums.indexed_iter_mut() {
            let (head, feature) = (plane / features, plane % features);
            let value = |feature: usize| source.get((feature * self.positions() + t, 0, head)).copied();
            let own = sum.mul_add(*self.own.get((feature, t))?, value(feature)?)?;
            *sum = own.mul_add(*self.other.get((feature, t))?, value(self.partners[feature])?)?;
        }
        Some(())
    }
}

impl IntegerTerm for Rotation<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        let extents = [self.features(), self.positions()].iter().all(|extent| (1..=MOST_EXTENT).contains(extent));
        ensure(
            extents && self.is_whole(),
            "a rotation has no feature or position, too many, or numbers of others",
        )?;
        let small = self.numbers().all(|(_, number)| number.unsigned_abs() <= MOST_NUMBER.unsigned_abs());
        ensure(small, "a number that a rotation multiplies with is out of bounds")
    }

    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], _: Planes) -> Option<()> {
        let [Extent { lo, hi, .. }] = sources else { return None };
        let reached = |number: i64| {
            let (a, b) = (number.checked_mul(*lo)?, number.checked_mul(*hi)?);
            Some((a.min(b), a.max(b)))
        };
        let of_feature = |feature: usize| {
            self.own.row(feature).iter().zip(self.other.row(feature)).try_fold(None, |all, (own, other)| {
                let (own, other) = (reached(*own)?, reached(*other)?);
                let (low, high) = (own.0.checked_add(other.0)?, own.1.checked_add(other.1)?);
                let (least, most) = all.unwrap_or((low, high));
                Some(Some((low.min(least), high.max(most))))
            })?
        };
        let features: Vec<(i64, i64)> = (0..self.features()).map(of_feature).collect::<Option<_>>()?;
        for ((low, high), (least, most)) in bounds.iter_mut().zip(features.iter().cycle()) {
            (*low, *high) = (low.checked_add(*least)?, high.checked_add(*most)?);
        }
        Some(())
    }
}

impl FloatTerm for Rotation<f64> {
    fn not_finite(&self) -> Option<(usize, f64)> {
        self.numbers().find(|(_, number)| !number.is_finite()).map(|(feature, number)| (feature, *number))
    }

    /// As many bits more than what it reads as its largest number takes.
    fn least_scale(&self, _: usize, sources: &[&PerChannel<i32>]) -> Option<i32> {
        let largest = self.numbers().fold(0.0f64, |largest, (_, number)| largest.max(number.abs()));
        let above = if largest > 0.0 { largest.log2().ceil() as i32 } else { 0 };
        Some(sources.first()?.of(0) + NUMBER_BITS - above)
    }

    fn joins_channels(&self) -> bool {
        true
    }

    fn rounds_alike(&self) -> bool {
        true
    }
}

impl Quantisable for Rotation<f64> {
    type Integers = Rotation<i64>;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let ([source], scale) = (quantising.sources(), quantising.scale()) else {
            return Err(quantising.refuse(0, "it rotates another number of tensors than one"));
        };
        let uniform = |scale: &PerChannel<i32>| scale.values().iter().all(|other| *other == scale.of(0));
        if !(uniform(source) && uniform(scale)) {
            return Err(quantising.refuse(0, "it rotates a tensor whose channels have scales of their own"));
        }
        let unit = f64::powi(2.0, scale.of(0) - source.of(0));
        let large = self.numbers().find(|(_, number)| (*number * unit).abs() > MOST_NUMBER as f64);
        if let Some((feature, number)) = large {
            let reason = format!("it multiplies by {number}, which is too large beside its values");
            return Err(quantising.refuse(feature, &reason));
        }
        Ok(Quantised::exactly(self.map(|number| (number * unit).round() as i64)))
    }
}
