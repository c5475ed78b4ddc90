//! One value for all channels of a tensor, or one for each.
//!
//! It knows no tensor: whoever holds both sees to it that there are as many values as channels.

use serde::{Deserialize, Serialize};

/// One value for all channels, or one for each; channels that are all alike share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<T>", bound(deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
#[serde(into = "Vec<T>", bound(serialize = "T: Clone + Serialize"))]
pub struct PerChannel<T>(Vec<T>);

impl<T: Copy + PartialEq> PerChannel<T> {
    /// The same value for all channels.
    pub fn uniform(value: T) -> Self {
        Self(vec![value])
    }

    /// One value for each channel; `None` if there is no channel.
    pub fn of_channels(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut values: Vec<T> = values.into_iter().collect();
        let first = *values.first()?;
        if values.iter().all(|value| *value == first) {
            values.truncate(1);
        }
        Some(Self(values))
    }

    /// A channel's value.
    ///
    /// # Panics
    /// If there is another number of values than [`PerChannel::fits`] asks for.
    pub fn of(&self, channel: usize) -> T {
        if let [one] = self.0[..] { one } else { self.0[channel] }
    }

    /// Whether a tensor with so many channels has a value for each.
    pub fn fits(&self, channels: usize) -> bool {
        self.is_uniform() || self.0.len() == channels
    }

    /// Whether all channels have the same value.
    pub fn is_uniform(&self) -> bool {
        self.0.len() == 1
    }

    /// The values that occur, the same one perhaps several times.
    pub fn values(&self) -> &[T] {
        &self.0
    }

    /// Every value changed.
    pub fn map<U: Copy + PartialEq>(&self, change: impl FnMut(T) -> U) -> PerChannel<U> {
        let mut values: Vec<U> = self.0.iter().copied().map(change).collect();
        if values.iter().all(|value| *value == values[0]) {
            values.truncate(1);
        }
        PerChannel(values)
    }
}

impl<T: Copy + Ord> PerChannel<T> {
    /// The largest value.
    pub fn most(&self) -> T {
        self.0.iter().copied().fold(self.0[0], T::max)
    }

    /// The smallest value.
    pub fn least(&self) -> T {
        self.0.iter().copied().fold(self.0[0], T::min)
    }
}

impl PerChannel<i32> {
    /// Each channel's value less its own number of bits.
    pub(crate) fn less(&self, bits: &PerChannel<u32>) -> Self {
        let channels = self.0.len().max(bits.0.len());
        let mut values: Vec<i32> =
            (0..channels).map(|channel| self.of(channel) - bits.of(channel) as i32).collect();
        if values.iter().all(|value| *value == values[0]) {
            values.truncate(1);
        }
        Self(values)
    }
}

impl<T: Copy + PartialEq> TryFrom<Vec<T>> for PerChannel<T> {
    type Error = &'static str;

    fn try_from(values: Vec<T>) -> Result<Self, Self::Error> {
        let alike = values.len() > 1 && values.iter().all(|value| *value == values[0]);
        if alike || values.is_empty() {
            return Err("channels without a value, or with a value each although all are alike");
        }
        Ok(Self(values))
    }
}

impl<T> From<PerChannel<T>> for Vec<T> {
    fn from(values: PerChannel<T>) -> Self {
        values.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_are_alike_share_a_value() {
        let cases = [(vec![3, 3, 3], vec![3]), (vec![3, 4, 3], vec![3, 4, 3]), (vec![5], vec![5])];
        for (channels, stored) in cases {
            let values = PerChannel::of_channels(channels.clone()).unwrap();
            assert_eq!(values.values(), stored);
            assert!(values.fits(channels.len()));
            assert!(channels.iter().enumerate().all(|(channel, value)| values.of(channel) == *value));
            assert_eq!(PerChannel::try_from(Vec::from(values.clone())).unwrap(), values);
        }
        assert_eq!(PerChannel::<u32>::of_channels([]), None);
        assert!(PerChannel::<u32>::try_from(vec![]).is_err() && PerChannel::try_from(vec![1, 1]).is_err());
    }
}
