//! Many multiples of one point: windowed tables, which a setup's key generation is made of.

use ff::PrimeField;
use group::Curve;
use halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

/// Bits of a window.
const WINDOW: usize = 8;

/// Windowed multiples of one point.
pub(crate) struct FixedBase {
    windows: Vec<Vec<G1Affine>>,
}

impl FixedBase {
    pub(crate) fn new(base: G1) -> Self {
        let mut start = base;
        let windows = (0..Fr::NUM_BITS as usize)
            .step_by(WINDOW)
            .map(|_| {
                let multiples: Vec<G1> = std::iter::successors(Some(start), |multiple| Some(multiple + start))
                    .take((1 << WINDOW) - 1)
                    .collect();
                start = multiples[multiples.len() - 1] + start;
                normalise(&multiples)
            })
            .collect();
        Self { windows }
    }

    pub(crate) fn multiply(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let chunks: Vec<Vec<G1Affine>> = scalars
            .par_chunks(1024)
            .map(|chunk| normalise(&chunk.iter().map(|scalar| self.multiple(scalar)).collect::<Vec<_>>()))
            .collect();
        chunks.concat()
    }

    fn multiple(&self, scalar: &Fr) -> G1 {
        let digits = scalar.to_repr();
        let digits = digits.as_ref().iter().zip(&self.windows).filter(|(digit, _)| **digit != 0);
        digits.fold(G1::default(), |sum, (digit, window)| sum + window[usize::from(*digit) - 1])
    }
}

fn normalise(points: &[G1]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::default(); points.len()];
    G1::batch_normalize(points, &mut affine);
    affine
}
