//! The circuit of an exact audit: some lanes of a weight tape are integers of so many bits, in the tape's rows and nowhere else.
//!
//! It knows no layer: only which rows hold weights. That these are the lanes of a model commitment is the link's business, which
//! ties `folded`.

mod circuit;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod forgery;
mod gates;
mod witness;

pub use circuit::{AuditCircuit, AuditShape};
pub use witness::AuditWitness;
