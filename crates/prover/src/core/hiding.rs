//! Random numbers that hide columns, all from the caller's generator, drawn in the order of halo2's own prover.

use ff::Field;
use halo2curves::bn256::Fr;
use rand::RngCore;

/// A source of random field elements.
pub(super) struct Hiding<R>(pub(super) R);

impl<R: RngCore> Hiding<R> {
    pub(super) fn draw(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| Fr::random(&mut self.0)).collect()
    }

    pub(super) fn fill(&mut self, cells: &mut [Fr]) {
        cells.iter_mut().for_each(|cell| *cell = Fr::random(&mut self.0));
    }

    /// Draws the factor of a commitment that KZG has no use for: halo2 draws one for every commitment, and one state of
    /// the generator is to give both provers the same columns.
    pub(super) fn skip_unused(&mut self) {
        let _ = Fr::random(&mut self.0);
    }
}
