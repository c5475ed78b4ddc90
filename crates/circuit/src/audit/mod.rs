//! The circuit of an exact audit: some lanes of a weight tape are integers of so many bits, in the tape's rows and nowhere else.
//!
//! It knows no layer: only which rows hold weights. That these are the lanes of a model commitment is the link's business, which
//! ties `folded`.

mod circuit;
mod columns;
#[cfg(test)]
mod forgery;
mod gates;
mod shape;
mod witness;

pub use circuit::AuditCircuit;
pub use columns::AuditColumns;
pub use shape::AuditShape;
pub use witness::AuditWitness;
