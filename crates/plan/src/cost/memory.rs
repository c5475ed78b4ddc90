//! The largest resident size of a process that makes keys and then proves.
//!
//! Three moments compete for the peak: key generation's assignment tables, synthesis with its assignment tables, and
//! the quotient, which holds every column's transform for one part beside its coefficients. What is freed is used
//! again, so that the peak is that of the worst moment.

use crate::shape::CircuitShape;
use crate::system::ELEMENT_BYTES;

/// Bytes of a process that read a model and chose a plan, the importer's included.
const PROCESS: usize = 34_000_000;
/// Resident bytes for a byte in use: what allocators keep between blocks, and temporary copies.
const RESIDENT: f64 = 1.27;

/// Bytes of a curve point's coordinates, of an assigned value that may be a fraction.
const POINT: usize = 64;
const ASSIGNED: usize = 72;
/// Bytes of a denominator that may be missing.
const DENOMINATOR: usize = 40;
/// Bytes of an integer of the witness or of the fixed grid, and of a lookup's hit.
const INTEGER: usize = 8;
const HIT: usize = 4;
/// Bytes of a committed weight in the prover's memory.
const TAPE_CELL: usize = 2;
/// Bytes of one cell's place in the permutation: two pairs of indices and a size, while keys are made.
const PERMUTED_CELL: usize = 32;

/// Bytes of the proving key's polynomials: values and coefficients of fixed and permuted columns, three indicators.
pub(crate) fn proving_key_bytes(shape: &CircuitShape) -> usize {
    ((2 * (shape.fixed + shape.permuted) + 3) * ELEMENT_BYTES) << shape.k
}

/// The peak in bytes, on a number of threads; it needs no profile.
pub fn peak_memory(shape: &CircuitShape, threads: usize) -> u64 {
    let setup = 2 * POINT;
    let grid = INTEGER * shape.fixed;
    let keys = setup + grid + key_generation(shape) + committing(threads);
    let key = (proving_key_bytes(shape) >> shape.k) + setup + grid + witness(shape);
    let proving = key + synthesis(shape, threads).max(quotient(shape));
    let used = (keys.max(proving) << shape.k) + TAPE_CELL * shape.committed_weights();
    (PROCESS + (RESIDENT * used as f64) as usize) as u64
}

/// Per row: tables of fixed cells, their denominators and values.
fn key_generation(shape: &CircuitShape) -> usize {
    shape.fixed * (ASSIGNED + DENOMINATOR + ELEMENT_BYTES) + shape.permuted * (PERMUTED_CELL + ELEMENT_BYTES)
}

/// Per row: this library's own witness, alive during the whole proof.
fn witness(shape: &CircuitShape) -> usize {
    INTEGER * shape.small_advice + HIT * shape.lookups
}

/// Per row: tables of all advice cells and their values, and in each phase its denominators.
fn synthesis(shape: &CircuitShape, threads: usize) -> usize {
    let advice = shape.small_advice + shape.wide_advice;
    let phase = |columns: usize| columns * (DENOMINATOR + ELEMENT_BYTES);
    let widest = phase(shape.small_advice).max(phase(shape.wide_advice));
    advice * (ASSIGNED + ELEMENT_BYTES) + 2 * shape.instance * ELEMENT_BYTES + widest + committing(threads)
}

/// Per row: copies of points and scalars of the commitments that run at once.
fn committing(threads: usize) -> usize {
    threads * (POINT + ELEMENT_BYTES)
}

/// Per row: coefficients of everything, one part's transforms, and the parts that are done.
fn quotient(shape: &CircuitShape) -> usize {
    let advice = shape.small_advice + shape.wide_advice;
    let arguments = shape.products + 3 * shape.native_lookups;
    let coefficients = advice + 2 * shape.instance + arguments + 1;
    let part = shape.fixed + 3 + advice + shape.instance + arguments + shape.permuted;
    (coefficients + part + shape.parts() + 2) * ELEMENT_BYTES
}
