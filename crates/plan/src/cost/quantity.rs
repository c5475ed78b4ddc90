//! Seconds and bytes as people read them.

use std::fmt;

/// Seconds, in a fitting unit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Seconds(pub f64);

/// Bytes, in the largest unit that keeps them above one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds < 1.0 => write!(f, "{:.1} ms", seconds * 1e3),
            seconds => write!(f, "{seconds:.2} s"),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            count @ 0..1_000 => write!(f, "{count} B"),
            count @ 1_000..1_000_000 => write!(f, "{:.1} kB", count as f64 / 1e3),
            count => write!(f, "{:.1} MB", count as f64 / 1e6),
        }
    }
}
