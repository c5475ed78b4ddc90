//! A constant of each position: one number for each channel, row and column of the result, whatever is read.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::rules::{Extent, FloatTerm, IntegerTerm, Quantisable, Quantised, Quantising, Summand};
use crate::error::QuantiseError;
use crate::limits::{check_planes, ensure};
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Bits of the largest constant: as many as a float holds exactly.
const MOST_BITS: i32 = 52;

/// Adds numbers that are the model's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant<T> {
    /// `[channel, row, column]`, as many as the result has.
    pub values: Array3<T>,
}

impl<T> Constant<T> {
    fn planes(&self) -> Planes {
        let (channels, height, width) = self.values.dim();
        Planes::new(channels, height, width)
    }

    fn index(&self, output: usize, place: usize) -> (usize, usize, usize) {
        let width = self.planes().width.max(1);
        (output, place / width, place % width)
    }
}

impl<T: Number> Summand<T> for Constant<T> {
    fn label(&self) -> String {
        "constant of each position".into()
    }

    fn arity(&self) -> usize {
        0
    }

    fn check(&self, _: &[Planes], output: Planes) -> Result<(), &'static str> {
        ensure(self.planes() == output, "its constants are of other planes than its result")
    }

    /// Of nothing.
    fn live_source(&self, _: Planes) -> (usize, usize) {
        (1, 1)
    }

    fn stride(&self) -> usize {
        1
    }

    fn add_to(&self, sums: &mut Array3<T>, _: &[&Array3<T>]) -> Option<()> {
        for (place, sum) in sums.indexed_iter_mut() {
            *sum = sum.add(*self.values.get(place)?)?;
        }
        Some(())
    }

    fn weights(&self) -> usize {
        self.planes().plane()
    }

    fn weight(&self, output: usize, place: usize) -> Option<T> {
        self.values.get(self.index(output, place)).copied()
    }

    fn weight_mut(&mut self, output: usize, place: usize) -> Option<&mut T> {
        let index = self.index(output, place);
        self.values.get_mut(index)
    }
}

impl IntegerTerm for Constant<i64> {
    fn check_integers(&self) -> Result<(), &'static str> {
        check_planes(self.planes())?;
        let exact = self.values.iter().all(|value| value.unsigned_abs() < 1 << MOST_BITS);
        ensure(exact, "a constant of a position has more than 52 bits")
    }

    fn reach(&self, bounds: &mut [(i64, i64)], _: &[Extent], _: Planes) -> Option<()> {
        for ((low, high), plane) in bounds.iter_mut().zip(self.values.outer_iter()) {
            let (least, most) = (plane.iter().min()?, plane.iter().max()?);
            (*low, *high) = (low.checked_add(*least)?, high.checked_add(*most)?);
        }
        Some(())
    }
}

impl FloatTerm for Constant<f64> {
    fn not_finite(&self) -> Option<(usize, f64)> {
        let mut values = self.values.indexed_iter();
        values.find(|(_, value)| !value.is_finite()).map(|((channel, ..), value)| (channel, *value))
    }

    /// Constants take whatever scale the accumulators have.
    fn least_scale(&self, _: usize, _: &[&PerChannel<i32>]) -> Option<i32> {
        None
    }

    fn crop(&mut self, output: Planes) {
        let (channels, height, width) = self.values.dim();
        let kept = (channels, output.height.min(height), output.width.min(width));
        self.values = Array3::from_shape_fn(kept, |place| self.values[place]);
    }
}

impl Quantisable for Constant<f64> {
    type Integers = Constant<i64>;

    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError> {
        let scaled = |(channel, ..): (usize, usize, usize), value: f64| {
            (value * f64::powi(2.0, quantising.scale().of(channel))).round()
        };
        let most = f64::powi(2.0, MOST_BITS);
        let large = self.values.indexed_iter().find(|(place, value)| scaled(*place, **value).abs() >= most);
        if let Some(((channel, row, column), _)) = large {
            let reason = format!("its constant at row {row}, column {column} is too large");
            return Err(quantising.refuse(channel, &format!("{reason} beside its weights for exact integers")));
        }
        let integer = |place: (usize, usize, usize)| scaled(place, self.values[place]) as i64;
        Ok(Quantised::exactly(Constant { values: Array3::from_shape_fn(self.values.dim(), integer) }))
    }
}
