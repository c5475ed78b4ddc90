//! One kernel's measurements by size, and the values between them.
//!
//! Kernels cost about the same per row at neighbouring sizes, so that what lies between two measured sizes is
//! interpolated as the logarithm of seconds over the logarithm of rows. Outside the measured sizes there is nothing.

use serde::{Deserialize, Serialize};

/// A kernel on `2^k` rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// The best of several runs, in seconds.
    pub seconds: f64,
}

/// Measurements of one kernel, by increasing size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table(Vec<Sample>);

impl Table {
    /// A table of samples in any order.
    pub fn new(mut samples: Vec<Sample>) -> Self {
        samples.sort_by_key(|sample| sample.k);
        Self(samples)
    }

    /// The raw samples, by increasing size.
    pub fn samples(&self) -> &[Sample] {
        &self.0
    }

    /// The same with every measurement `times` as long.
    pub(crate) fn scaled(&self, times: f64) -> Self {
        Self(self.0.iter().map(|sample| Sample { seconds: times * sample.seconds, ..*sample }).collect())
    }

    /// The smallest and the largest measured logarithm of rows.
    pub fn range(&self) -> Option<(u32, u32)> {
        Some((self.0.first()?.k, self.0.last()?.k))
    }

    /// Seconds on `2^k` rows; `None` outside the measured range.
    pub fn seconds(&self, k: u32) -> Option<f64> {
        let above = self.0.iter().position(|sample| sample.k >= k)?;
        let upper = self.0[above];
        if upper.k == k {
            return Some(upper.seconds);
        }
        let lower = self.0[above.checked_sub(1)?];
        let share = f64::from(k - lower.k) / f64::from(upper.k - lower.k);
        let (low, high) = (lower.seconds.max(f64::MIN_POSITIVE).ln(), upper.seconds.max(f64::MIN_POSITIVE).ln());
        Some((low + share * (high - low)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, Table};

    fn table() -> Table {
        Table::new(vec![Sample { k: 12, seconds: 4.0 }, Sample { k: 8, seconds: 0.25 }])
    }

    #[test]
    fn measured_sizes_are_returned_as_measured() {
        assert_eq!(table().seconds(8), Some(0.25));
        assert_eq!(table().seconds(12), Some(4.0));
    }

    #[test]
    fn sizes_between_follow_a_power_law() {
        let between = table().seconds(10).unwrap_or(0.0);
        assert!((between - 1.0).abs() < 1e-9, "{between}");
    }

    #[test]
    fn sizes_outside_have_no_value() {
        assert_eq!(table().seconds(7), None);
        assert_eq!(table().seconds(13), None);
        assert_eq!(Table::default().seconds(8), None);
    }
}
