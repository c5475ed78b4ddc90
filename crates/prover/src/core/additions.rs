//! Additions of affine points in batches: one inversion serves a whole batch, so that an addition is six products.

use ff::Field;
use group::Curve;
use halo2curves::bn256::{Fq, G1, G1Affine};

/// Additions that share an inversion.
pub(super) const BATCH: usize = 512;
/// Running products at once: each waits for the one before it, but not for the others.
const CHAINS: usize = 4;
/// The neutral element, as the curve library writes it.
pub(super) const IDENTITY: G1Affine = G1Affine { x: Fq::zero(), y: Fq::zero() };

/// Adds batches of points; keeps its scratch space.
///
/// Every loop does one product for each pair, or two that do not wait for each other: the processor works on several.
#[derive(Debug, Default)]
pub(super) struct Adder {
    /// Running products, then inverses, then slopes.
    slopes: Vec<Fq>,
    /// Differences of x, then sums' x.
    across: Vec<Fq>,
}

impl Adder {
    /// `left[i] += right[i]`.
    pub(super) fn add(&mut self, left: &mut [G1Affine], right: &[G1Affine]) {
        let products = self.multiply(left, right);
        self.invert(products);
        for ((left, right), slope) in left.iter().zip(right).zip(&mut self.slopes) {
            *slope *= right.y - left.y;
        }
        for (((left, right), slope), across) in left.iter().zip(right).zip(&self.slopes).zip(&mut self.across) {
            *across = if is_plain(left, right) { slope.square() - left.x - right.x } else { Fq::zero() };
        }
        for (((left, right), slope), x) in left.iter_mut().zip(right).zip(&self.slopes).zip(&self.across) {
            if is_plain(left, right) {
                *left = G1Affine { x: *x, y: *slope * (left.x - x) - left.y };
            } else {
                *left = (G1::from(*left) + *right).to_affine();
            }
        }
    }

    /// Running products of the differences of x, and the products of each chain.
    fn multiply(&mut self, left: &[G1Affine], right: &[G1Affine]) -> [Fq; CHAINS] {
        self.slopes.clear();
        self.across.clear();
        let mut products = [Fq::ONE; CHAINS];
        for (place, (left, right)) in left.iter().zip(right).enumerate() {
            let difference = if is_plain(left, right) { right.x - left.x } else { Fq::ONE };
            let product = &mut products[place % CHAINS];
            self.slopes.push(*product);
            self.across.push(difference);
            *product *= difference;
        }
        products
    }

    /// Running products to inverses of the differences.
    fn invert(&mut self, products: [Fq; CHAINS]) {
        let mut chains = inverses(products);
        for (place, (inverse, difference)) in self.slopes.iter_mut().zip(&self.across).enumerate().rev() {
            let chain = &mut chains[place % CHAINS];
            *inverse *= *chain;
            *chain *= difference;
        }
    }
}

/// Whether the line through two points is a chord: neither is the neutral element, and they do not share their x.
#[inline]
fn is_plain(left: &G1Affine, right: &G1Affine) -> bool {
    left.x != right.x && left.x != Fq::zero() && right.x != Fq::zero()
}

/// Inverses of numbers that are not 0.
fn inverses(numbers: [Fq; CHAINS]) -> [Fq; CHAINS] {
    let mut prefixes = [Fq::ONE; CHAINS];
    let product = numbers.iter().zip(&mut prefixes).fold(Fq::ONE, |product, (number, prefix)| {
        *prefix = product;
        product * number
    });
    let mut rest = product.invert().unwrap_or(Fq::ONE);
    let mut inverses = [Fq::ONE; CHAINS];
    for place in (0..CHAINS).rev() {
        inverses[place] = rest * prefixes[place];
        rest *= numbers[place];
    }
    inverses
}

#[cfg(test)]
mod tests {
    use halo2curves::CurveAffine;

    use super::*;

    #[test]
    fn every_kind_of_sum_is_right() {
        let generator = G1Affine::generator();
        let points: Vec<G1Affine> = (0..7u64)
            .flat_map(|factor| {
                let point = (generator * halo2curves::bn256::Fr::from(factor)).to_affine();
                [point, -point]
            })
            .collect();
        let pairs: Vec<(G1Affine, G1Affine)> =
            points.iter().flat_map(|left| points.iter().map(|right| (*left, *right))).collect();
        let (mut left, right): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        Adder::default().add(&mut left, &right);
        for (sum, (left, right)) in left.iter().zip(&pairs) {
            assert_eq!(*sum, (G1::from(*left) + *right).to_affine());
            assert!(bool::from(sum.is_on_curve()));
        }
    }
}
