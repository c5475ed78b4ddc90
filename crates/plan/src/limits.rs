//! The largest numbers that any layout may have, whatever its family.

/// The largest logarithm of the number of rows that is ever tried.
pub(crate) const MOST_K: u32 = 26;
/// Magnitude of an integer that values are offset or multiplied by.
pub(crate) const MOST_VALUE: i64 = 1 << 50;
/// Positions, rows and channels.
pub(crate) const MOST_POSITIONS: usize = 1 << 27;
