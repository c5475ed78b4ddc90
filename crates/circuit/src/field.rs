//! The scalar field, and integers in it.

/// The scalar field of the curve that proofs live on.
pub type Scalar = halo2curves::bn256::Fr;

/// A signed integer as a field element.
pub(crate) fn scalar(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
