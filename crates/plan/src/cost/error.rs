//! Why a circuit has no price.

/// A pricing error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CostError {
    /// The circuit has more or fewer rows than the profile was measured for.
    #[error(
        "profile {profile:?} was measured for 2^{first} to 2^{last} rows, not for 2^{k}: a price would be a guess; \
         extend it with `zklayout calibrate --max-k {reach}`"
    )]
    Range {
        /// The profile's name.
        profile: String,
        /// Logarithm of the circuit's number of rows.
        k: u32,
        /// The smallest measured one.
        first: u32,
        /// The largest measured one.
        last: u32,
        /// The largest one that a new calibration has to reach.
        reach: u32,
    },
    /// The profile lacks a measurement.
    #[error("profile {profile:?} lacks {missing}; make it again with `zklayout calibrate`")]
    Incomplete {
        /// The profile's name.
        profile: String,
        /// The kernel or coefficient.
        missing: String,
    },
    /// The text is no profile.
    #[error("not a readable profile: {0}")]
    Format(String),
}
