//! What a check found.

/// Something in a laid-out circuit is not what the executor defines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Objection(pub String);

/// Objects unless `holds`.
pub(crate) fn hold(holds: bool, reason: impl FnOnce() -> String) -> Result<(), Objection> {
    if holds { Ok(()) } else { Err(Objection(reason())) }
}

/// Objects where something is missing.
pub(crate) fn expect<T>(found: Option<T>, reason: impl FnOnce() -> String) -> Result<T, Objection> {
    found.ok_or_else(|| Objection(reason()))
}
