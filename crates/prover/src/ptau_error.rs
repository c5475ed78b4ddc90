//! Why a file in snarkjs's format is refused.

use std::io;

use ff::PrimeField;
use halo2curves::bn256::Fr;

/// The version that is read.
pub(crate) const VERSION: u32 = 1;
/// The section that a prepared file has.
pub(crate) const LAGRANGE_G1: u32 = 12;

/// Why a `.ptau` file is refused.
#[derive(Debug, thiserror::Error)]
pub enum PtauError {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file ends early.
    #[error("the .ptau file is truncated: {what} ends at byte {needed}, the file at byte {found}")]
    Truncated {
        /// What is cut off.
        what: String,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// The file goes on after its last section.
    #[error("the .ptau file has {0} bytes after its last section")]
    Trailing(u64),
    /// The file's format has another version.
    #[error("the .ptau file has version {found}, this program reads {VERSION}")]
    Version {
        /// Version of the file.
        found: u32,
    },
    /// The powers are on another curve.
    #[error("the .ptau file is of another curve: its prime is 0x{found}, that of bn128 (bn254) is 0x{expected}")]
    OtherCurve {
        /// Prime of the file's curve, in hexadecimal.
        found: String,
        /// Prime of this program's curve.
        expected: String,
    },
    /// The Lagrange form is missing.
    #[error(
        "the .ptau file is not prepared for phase 2: it has no section {LAGRANGE_G1}; make one with `snarkjs \
         powersoftau prepare phase2`, or take the ceremony's prepared file"
    )]
    NotPrepared,
    /// A section is missing.
    #[error("the .ptau file has no section {0}")]
    Missing(u32),
    /// A section is there twice.
    #[error("the .ptau file has section {0} twice")]
    Repeated(u32),
    /// The power is out of range.
    #[error("the .ptau file's power is {0}, outside 1 to {most}", most = Fr::S)]
    Power(u32),
    /// A section has another size than its power gives.
    #[error("section {section} of the .ptau file has {found} bytes, its power gives {expected}")]
    Size {
        /// The section.
        section: u32,
        /// Its bytes.
        found: u64,
        /// What it should have.
        expected: u64,
    },
    /// A point is not on its curve.
    #[error("section {0} of the .ptau file holds an invalid point")]
    Point(u32),
}
