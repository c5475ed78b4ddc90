//! Many multiples of one point: windowed tables, which a setup's key generation is made of.

use ff::PrimeField;
use group::Curve;
use halo2curves::CurveAffine;
use rayon::prelude::*;

/// Bits of a window.
const WINDOW: usize = 8;

/// Windowed multiples of one point.
#[derive(Debug)]
pub(crate) struct FixedBase<C> {
    windows: Vec<Vec<C>>,
}

impl<C: CurveAffine> FixedBase<C> {
    pub(crate) fn new(base: C) -> Self {
        let mut start = base.to_curve();
        let windows = (0..C::ScalarExt::NUM_BITS as usize)
            .step_by(WINDOW)
            .map(|_| {
                let multiples: Vec<C::CurveExt> =
                    std::iter::successors(Some(start), |multiple| Some(*multiple + start))
                        .take((1 << WINDOW) - 1)
                        .collect();
                start = multiples[multiples.len() - 1] + start;
                normalise(&multiples)
            })
            .collect();
        Self { windows }
    }

    pub(crate) fn multiply(&self, scalars: &[C::ScalarExt]) -> Vec<C> {
        let chunks: Vec<Vec<C>> = scalars
            .par_chunks(1024)
            .map(|chunk| normalise(&chunk.iter().map(|scalar| self.multiple(scalar)).collect::<Vec<_>>()))
            .collect();
        chunks.concat()
    }

    pub(crate) fn multiple(&self, scalar: &C::ScalarExt) -> C::CurveExt {
        let digits = scalar.to_repr();
        let digits = digits.as_ref().iter().zip(&self.windows).filter(|(digit, _)| **digit != 0);
        digits.fold(C::CurveExt::default(), |sum, (digit, window)| sum + window[usize::from(*digit) - 1])
    }
}

pub(crate) fn normalise<C: CurveAffine>(points: &[C::CurveExt]) -> Vec<C> {
    let mut affine = vec![C::identity(); points.len()];
    C::CurveExt::batch_normalize(points, &mut affine);
    affine
}
