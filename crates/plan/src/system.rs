//! What a plan must know of the proof system: numbers alone, no field and no curve.

/// Bits of the scalar field's characteristic, rounded down.
pub(crate) const FIELD_BITS: f64 = 253.5;
/// Logarithm of the largest domain of the scalar field.
pub(crate) const TWO_ADICITY: u32 = 28;
/// Bytes of a scalar, and of a point in a proof.
pub(crate) const ELEMENT_BYTES: usize = 32;
/// Rows at the end of the grid that blinding takes: five blinding factors and the row after the last usable one.
pub const UNUSABLE_ROWS: usize = 6;
