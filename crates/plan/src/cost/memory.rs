//! The largest resident size of a process that makes keys and then proves.
//!
//! Moments compete for the peak. Key generation has the key's columns, which become coefficients in their place. halo2's prover has the key in a form of
//! its own, assignment tables while it synthesises, and at the quotient every column's transform for one part beside its coefficients. The library's prover has tables of the powers of tau
//! all the time, and at the quotient a few columns at once on one coset, beside what it keeps of the key's. What is freed is used again,
//! so that the peak is that of the worst moment.

use crate::shape::CircuitShape;
use crate::system::ELEMENT_BYTES;

/// Bytes of a process that read a model and chose a plan, the importer's included.
const PROCESS: usize = 36_000_000;
/// Resident bytes for a byte in use by halo2's prover: what allocators keep between blocks, and temporary copies.
const RESIDENT: f64 = 1.27;
/// The same by the library's prover, and of what a process has that makes keys and then proves with it.
const RESIDENT_IN_CORE: f64 = 1.05;
const RESIDENT_KEYS: f64 = 1.05;
/// Columns that are on a coset at once, and the share of the key's beside them where those are not kept: measured, as the order in
/// which constraints are evaluated is found for each proof.
const ON_COSET: usize = 20;
const KEY_ON_COSET: f64 = 0.4;
/// What coefficients take for each byte of theirs, of few rows and of many: measured, as blocks are kept that were freed as columns by row, and
/// small blocks lie where small ones are left.
const COEFFICIENTS_OF_FEW: f64 = 1.6;
const COEFFICIENTS: f64 = 1.25;
/// Logarithm of the rows up to which they are few.
const FEW_ROWS: u32 = 13;
/// By fractions to a running sum, one to three: cosets that a column of the key is read on, of all. The constraints of a low degree are evaluated
/// on the first two alone.
const COSETS: [f64; 3] = [2.35, 2.72, 3.2];
/// Columns that say which rows are the first, the last and those between, which every key has.
const INDICATORS: usize = 3;

/// Bytes of a curve point's coordinates, of an assigned value that may be a fraction.
const POINT: usize = 64;
const ASSIGNED: usize = 72;
/// Bytes of a denominator that may be missing.
const DENOMINATOR: usize = 40;
/// Bytes of an integer of the witness or of the fixed grid, and of a lookup's hit.
const INTEGER: usize = 8;
const HIT: usize = 4;
/// Bytes of a committed weight: on the tape, in the quantised model, and what allocators keep of the float model, which is gone by then.
const COMMITTED: usize = 10;
/// Bits of a scalar.
const SCALAR_BITS: u32 = 254;
/// Most bytes of values on cosets that the library's prover keeps from one proof to the next, where no limit on memory says otherwise.
pub const MOST_KEPT: u64 = 256 << 20;
/// Share by which a predicted peak is raised before it is held to a limit: what predictions may be off.
const MARGIN: f64 = 0.15;
/// Bytes of one cell's place in the permutation: three indices, while keys are made.
const PERMUTED_CELL: usize = 12;

/// Bytes of the proving key's polynomials: coefficients of its different columns, and the permuted columns by row.
pub(crate) fn proving_key_bytes(shape: &CircuitShape) -> usize {
    own_key(shape) << shape.k
}

/// The peak in bytes, on a number of threads, where the process is limited to so many bytes or not at all; it needs no profile.
pub fn peak_memory(shape: &CircuitShape, threads: usize, limit: Option<u64>) -> u64 {
    peak(shape, threads, keeps_key(shape, threads, limit))
}

/// A predicted peak and the margin that it is held to a limit with.
pub fn with_margin(peak: u64) -> u64 {
    (peak as f64 * (1.0 + MARGIN)).ceil() as u64
}

/// Whether the library's prover keeps the key's columns on every coset from one proof to the next: where a process is limited, if its peak
/// is within the limit with them; else unless they are too many.
pub fn keeps_key(shape: &CircuitShape, threads: usize, limit: Option<u64>) -> bool {
    match limit {
        Some(most) => with_margin(peak(shape, threads, true)) <= most,
        None => kept_bytes(shape) <= MOST_KEPT,
    }
}

/// Most bytes of values on cosets that a prover is to keep from one proof to the next.
pub fn most_kept(shape: &CircuitShape, threads: usize, limit: Option<u64>) -> u64 {
    match limit {
        None => MOST_KEPT,
        Some(_) if keeps_key(shape, threads, limit) => with_margin(kept_bytes(shape)),
        Some(_) => 0,
    }
}

fn kept_bytes(shape: &CircuitShape) -> u64 {
    (on_cosets(shape) << shape.k) as u64
}

fn peak(shape: &CircuitShape, threads: usize, keeps_key: bool) -> u64 {
    let setup = 2 * POINT;
    let grid = INTEGER * shape.fixed;
    let keys = setup + grid + key_generation(shape) + committing(threads);
    let key = own_key(shape) + setup + grid;
    let proving = match shape.is_proven_by_core() {
        true => tables(shape.k) + core(shape, threads, keeps_key),
        false => stock_key(shape) + witness(shape) + synthesis(shape, threads).max(quotient(shape)),
    };
    let (of_keys, of_proving) =
        if shape.is_proven_by_core() { (RESIDENT_KEYS, RESIDENT_IN_CORE) } else { (RESIDENT, RESIDENT) };
    let resident = |factor: f64, bytes: usize| (factor * (bytes << shape.k) as f64) as usize;
    let used = resident(of_keys, keys).max(resident(of_proving, key + proving));
    (PROCESS + used + COMMITTED * shape.committed_weights()) as u64
}

/// Per row: multiples of both bases that full-width columns are committed with, which are fewer the more rows there are.
fn tables(k: u32) -> usize {
    2 * POINT * multiples(k).0 as usize
}

/// Multiples of a point that are kept on `2^k` rows, and the bits from one to the next.
pub(super) fn multiples(k: u32) -> (u32, u32) {
    let width = if k < 16 { (k + 1).clamp(6, 15) } else { 16 };
    let sets = 1 << k.saturating_sub(15).min(4);
    ((SCALAR_BITS + 1).div_ceil(width).div_ceil(sets), width * sets)
}

/// The key's columns on the cosets that they are read on, each as often as that is.
pub(super) fn columns_on_cosets(shape: &CircuitShape) -> usize {
    let cosets = COSETS[shape.occupancy.fractions.clamp(1, COSETS.len()) - 1];
    (cosets * distinct(shape) as f64) as usize
}

/// Per row: the same in bytes.
fn on_cosets(shape: &CircuitShape) -> usize {
    columns_on_cosets(shape) * ELEMENT_BYTES
}

/// Per row: rows of all columns; then coefficients of all columns beside the witness; then the coefficients and some columns on a coset.
fn core(shape: &CircuitShape, threads: usize, keeps_key: bool) -> usize {
    let polynomials = shape.small_advice + shape.wide_advice + shape.instance + shape.products;
    let rows = witness(shape) + shape.wide_advice * ELEMENT_BYTES;
    let (kept, of_key) =
        if keeps_key { (on_cosets(shape), 0.0) } else { (0, KEY_ON_COSET * distinct(shape) as f64) };
    let on_coset = ON_COSET.min(polynomials) + of_key as usize + 2 * shape.degree + threads;
    let taken = if shape.k > FEW_ROWS { COEFFICIENTS } else { COEFFICIENTS_OF_FEW };
    let coefficients = (taken * (polynomials * ELEMENT_BYTES) as f64) as usize;
    kept + rows.max(coefficients + witness(shape).max(on_coset * ELEMENT_BYTES))
}

/// The key's different columns: of masks that are equal it has one.
pub(super) fn distinct(shape: &CircuitShape) -> usize {
    (shape.fixed + shape.permuted + INDICATORS).saturating_sub(shape.occupancy.same_masks)
}

/// Per row, at most: the key's columns, the permutation's twice, and where its cells are; columns become coefficients in their place.
fn key_generation(shape: &CircuitShape) -> usize {
    (shape.fixed + 2 * shape.permuted + INDICATORS) * ELEMENT_BYTES + shape.permuted * PERMUTED_CELL
}

/// Per row: the key as the library's prover has it.
fn own_key(shape: &CircuitShape) -> usize {
    (distinct(shape) + shape.permuted) * ELEMENT_BYTES
}

/// Per row: what halo2's prover has beside it, values and coefficients of fixed and permuted columns and three indicators.
fn stock_key(shape: &CircuitShape) -> usize {
    (2 * (shape.fixed + shape.permuted) + 3) * ELEMENT_BYTES
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_decides_what_is_kept_of_a_key() {
        let small = CircuitShape {
            k: 12,
            small_advice: 16,
            wide_advice: 9,
            fixed: 34,
            permuted: 3,
            ..CircuitShape::default()
        };
        let large = CircuitShape { k: 18, ..small.clone() };
        let peak = |shape: &CircuitShape, limit| peak_memory(shape, 2, limit);
        for (shape, is_kept) in [(&small, true), (&large, false)] {
            assert_eq!(keeps_key(shape, 2, None), is_kept, "2^{}", shape.k);
            let (all, nothing) = (peak(shape, Some(u64::MAX)), peak(shape, Some(0)));
            assert!(nothing < all);
            assert_eq!(peak(shape, None), if is_kept { all } else { nothing });
            let enough = with_margin(all);
            assert_eq!((peak(shape, Some(enough)), peak(shape, Some(enough - 1))), (all, nothing));
            assert!(most_kept(shape, 2, Some(enough)) >= kept_bytes(shape));
            assert_eq!(most_kept(shape, 2, Some(enough - 1)), 0);
        }
    }
}
