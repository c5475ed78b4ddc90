//! Transforms between coefficients and values on the group of rows and its cosets.
//!
//! Coefficients are in natural order, values in *bit-reversed* order: position `i` holds the value at row
//! [`Domain::row`]`(i)`. No array is ever permuted, each butterfly has one product, and the twiddles of a coset are a
//! table of its own, so that its shift costs nothing. Positions of one block of `2^b` are the rows that agree modulo
//! `n / 2^b`: the value a few rows further is found in another block at the same place.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

/// Values that a transform works on level by level; larger ones are split first, so that they stay in the cache.
const CACHED: usize = 1 << 10;

/// The group of rows.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) k: u32,
    /// Generator of the group.
    pub(super) root: Fr,
    rows: Twiddles,
    inverse: Twiddles,
    /// One over the number of rows.
    pub(super) scale: Fr,
    /// The scale's multiples by each byte of a number.
    multiples: Vec<Vec<Fr>>,
}

/// Twiddles of a coset: at `2^l + i` the factor of block `i` of level `l`.
#[derive(Clone, Debug)]
pub(super) struct Twiddles(Vec<Fr>);

impl Domain {
    pub(super) fn new(k: u32) -> Self {
        let root = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let inverse_root = (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
        let rows = Twiddles::of(k, root, Fr::ONE);
        let inverse = Twiddles::of(k, inverse_root, Fr::ONE);
        let scale = Fr::TWO_INV.pow_vartime([u64::from(k)]);
        let multiples = |byte: u64| {
            let step = scale * Fr::from(1 << (8 * byte));
            std::iter::successors(Some(Fr::ZERO), |multiple| Some(*multiple + step)).take(256).collect()
        };
        Self { k, root, rows, inverse, scale, multiples: (0..8).map(multiples).collect() }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        1 << self.k
    }

    /// The row whose value is at a position, and the position of a row.
    pub(super) fn row(&self, position: usize) -> usize {
        reversed(position, self.k)
    }

    /// `x` moved by a number of rows.
    pub(super) fn rotate(&self, x: Fr, rotation: i32) -> Fr {
        let rows = i64::from(rotation).rem_euclid(1 << self.k);
        x * self.root.pow_vartime([rows as u64])
    }

    /// The twiddles of `shift` times the group.
    pub(super) fn coset(&self, shift: Fr) -> Twiddles {
        Twiddles::of(self.k, self.root, shift)
    }

    /// The points of `shift` times the group, in the order of values.
    pub(super) fn points(&self, shift: Fr) -> Vec<Fr> {
        let mut points = Vec::with_capacity(self.len());
        points.push(shift);
        for level in 0..self.k {
            let step = self.root.pow_vartime([(self.len() >> (level + 1)) as u64]);
            points.extend_from_within(..);
            let half = points.len() / 2;
            points[half..].iter_mut().for_each(|point| *point *= step);
        }
        points
    }

    /// Coefficients to values on a coset, in place.
    pub(super) fn to_coset(&self, polynomial: &mut [Fr], coset: &Twiddles) {
        forward(polynomial, &coset.0, 0, 0);
    }

    /// Coefficients to values on the rows, in place, on all threads.
    pub(super) fn to_rows(&self, polynomial: &mut [Fr]) {
        forward_on_threads(polynomial, &self.rows.0);
    }

    /// A polynomial's values, by row.
    pub(super) fn by_row(&self, coefficients: &[Fr]) -> Vec<Fr> {
        let mut values = coefficients.to_vec();
        values.resize(self.len(), Fr::ZERO);
        self.to_rows(&mut values);
        (0..values.len()).into_par_iter().map(|row| values[self.row(row)]).collect()
    }

    /// Values on the rows to coefficients, in place, up to a factor: the number of rows.
    pub(super) fn interpolate(&self, values: &mut [Fr]) {
        backward(values, &self.inverse.0, 0, 0);
    }

    /// Values, by row, to the coefficients of their polynomial, in place.
    pub(super) fn to_coefficients(&self, values: &mut [Fr]) {
        for position in 0..values.len() {
            let row = self.row(position);
            if position < row {
                values.swap(position, row);
            }
        }
        values.iter_mut().for_each(|value| *value *= self.scale);
        self.interpolate(values);
    }

    /// An integer times [`Domain::scale`], by sums, which take less than products.
    pub(super) fn scaled(&self, value: i64) -> Fr {
        let (mut rest, mut sum) = (value.unsigned_abs(), Fr::ZERO);
        for multiples in &self.multiples {
            if rest == 0 {
                break;
            }
            sum += multiples[(rest & 255) as usize];
            rest >>= 8;
        }
        if value < 0 { -sum } else { sum }
    }

    /// The coefficients of the polynomial that has given values, by row, times [`Domain::scale`].
    pub(super) fn coefficients(&self, scaled_value: impl Fn(usize) -> Fr) -> Vec<Fr> {
        let mut values: Vec<Fr> = (0..self.len()).map(|position| scaled_value(self.row(position))).collect();
        self.interpolate(&mut values);
        values
    }
}

impl Twiddles {
    fn of(k: u32, root: Fr, shift: Fr) -> Self {
        let n = 1usize << k;
        let mut twiddles = vec![Fr::ONE; n];
        // Without the shift a block has one factor on every level; half of the blocks are new on each.
        for level in 1..k {
            let step = root.pow_vartime([(n >> (level + 1)) as u64]);
            let (done, new) = twiddles.split_at_mut(1 << level);
            let (before, half) = (&done[done.len() / 2..], done.len() / 2);
            new[..half].copy_from_slice(before);
            new[half..2 * half].iter_mut().zip(before).for_each(|(new, before)| *new = *before * step);
        }
        if shift != Fr::ONE {
            for level in 0..k {
                let factor = shift.pow_vartime([(n >> (level + 1)) as u64]);
                twiddles[1 << level..2 << level].iter_mut().for_each(|twiddle| *twiddle *= factor);
            }
        }
        Self(twiddles)
    }
}

/// The `bits` lowest bits of a number, the other way round.
pub(super) fn reversed(number: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { number.reverse_bits() >> (usize::BITS - bits) }
}

/// The factors of two levels below block `node`.
fn factors(twiddles: &[Fr], level: usize, node: usize) -> [Fr; 3] {
    let below = (2 << level) + 2 * node;
    [twiddles[(1 << level) + node], twiddles[below], twiddles[below + 1]]
}

fn forward_on_threads(a: &mut [Fr], twiddles: &[Fr]) {
    let quarter = a.len() / 4;
    if a.len() <= CACHED {
        return forward(a, twiddles, 0, 0);
    }
    let factors = factors(twiddles, 0, 0);
    let (a01, a23) = a.split_at_mut(2 * quarter);
    let ((a0, a1), (a2, a3)) = (a01.split_at_mut(quarter), a23.split_at_mut(quarter));
    let size = quarter.div_ceil(rayon::current_num_threads());
    let pieces = a0.par_chunks_mut(size).zip(a1.par_chunks_mut(size));
    let pieces = pieces.zip(a2.par_chunks_mut(size).zip(a3.par_chunks_mut(size)));
    pieces.for_each(|((a0, a1), (a2, a3))| forward_butterflies([a0, a1, a2, a3], &factors));
    a.par_chunks_exact_mut(quarter).enumerate().for_each(|(node, part)| forward(part, twiddles, 2, node));
}

fn forward(a: &mut [Fr], twiddles: &[Fr], level: usize, node: usize) {
    if a.len() <= CACHED {
        return forward_cached(a, twiddles, level, node);
    }
    let quarter = a.len() / 4;
    forward_butterflies(quarters(a), &factors(twiddles, level, node));
    for (place, part) in a.chunks_exact_mut(quarter).enumerate() {
        forward(part, twiddles, level + 2, 4 * node + place);
    }
}

fn forward_cached(a: &mut [Fr], twiddles: &[Fr], mut level: usize, mut node: usize) {
    let mut size = a.len();
    while size >= 4 {
        for (place, block) in a.chunks_exact_mut(size).enumerate() {
            forward_butterflies(quarters(block), &factors(twiddles, level, node + place));
        }
        (size, level, node) = (size / 4, level + 2, 4 * node);
    }
    if size == 2 {
        for (place, block) in a.chunks_exact_mut(2).enumerate() {
            let product = block[1] * twiddles[(1 << level) + node + place];
            (block[0], block[1]) = (block[0] + product, block[0] - product);
        }
    }
}

fn backward(a: &mut [Fr], twiddles: &[Fr], level: usize, node: usize) {
    if a.len() <= CACHED {
        return backward_cached(a, twiddles, level, node);
    }
    let quarter = a.len() / 4;
    for (place, part) in a.chunks_exact_mut(quarter).enumerate() {
        backward(part, twiddles, level + 2, 4 * node + place);
    }
    backward_butterflies(quarters(a), &factors(twiddles, level, node));
}

fn backward_cached(a: &mut [Fr], twiddles: &[Fr], level: usize, node: usize) {
    let bits = a.len().trailing_zeros() as usize;
    let mut size = 1;
    if !bits.is_multiple_of(2) {
        let first = (1 << (level + bits - 1)) + (node << (bits - 1));
        for (block, twiddle) in a.chunks_exact_mut(2).zip(&twiddles[first..]) {
            (block[0], block[1]) = (block[0] + block[1], (block[0] - block[1]) * twiddle);
        }
        size = 2;
    }
    while size < a.len() {
        size *= 4;
        let depth = bits - size.trailing_zeros() as usize;
        for (place, block) in a.chunks_exact_mut(size).enumerate() {
            let node = (node << depth) + place;
            backward_butterflies(quarters(block), &factors(twiddles, level + depth, node));
        }
    }
}

fn quarters(a: &mut [Fr]) -> [&mut [Fr]; 4] {
    let quarter = a.len() / 4;
    let (a01, a23) = a.split_at_mut(2 * quarter);
    let ((a0, a1), (a2, a3)) = (a01.split_at_mut(quarter), a23.split_at_mut(quarter));
    [a0, a1, a2, a3]
}

/// Two levels at once: fewer passes over memory.
#[inline]
fn forward_butterflies([a0, a1, a2, a3]: [&mut [Fr]; 4], [s, s0, s1]: &[Fr; 3]) {
    for (((x0, x1), x2), x3) in a0.iter_mut().zip(a1).zip(a2).zip(a3) {
        let (p2, p3) = (*x2 * s, *x3 * s);
        let (u0, u2, u1, u3) = (*x0 + p2, *x0 - p2, *x1 + p3, *x1 - p3);
        let (q1, q3) = (u1 * s0, u3 * s1);
        (*x0, *x1, *x2, *x3) = (u0 + q1, u0 - q1, u2 + q3, u2 - q3);
    }
}

#[inline]
fn backward_butterflies([a0, a1, a2, a3]: [&mut [Fr]; 4], [s, s0, s1]: &[Fr; 3]) {
    for (((x0, x1), x2), x3) in a0.iter_mut().zip(a1).zip(a2).zip(a3) {
        let (u0, u1) = (*x0 + *x1, (*x0 - *x1) * s0);
        let (u2, u3) = (*x2 + *x3, (*x2 - *x3) * s1);
        (*x0, *x2) = (u0 + u2, (u0 - u2) * s);
        (*x1, *x3) = (u1 + u3, (u1 - u3) * s);
    }
}

#[cfg(test)]
mod tests {
    use halo2_proofs::arithmetic::eval_polynomial;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn integers_are_scaled() {
        let domain = Domain::new(5);
        for value in [0, 1, -1, 255, 256, -65_537, 1 << 40, i64::MAX, i64::MIN] {
            let magnitude = Fr::from(value.unsigned_abs());
            let product = domain.scale * if value < 0 { -magnitude } else { magnitude };
            assert_eq!(domain.scaled(value), product, "{value}");
        }
    }

    #[test]
    fn values_are_those_of_the_polynomial_and_lead_back_to_it() {
        for k in 1..=13 {
            let domain = Domain::new(k);
            let mut rng = ChaCha20Rng::seed_from_u64(u64::from(k));
            let polynomial: Vec<Fr> = (0..domain.len()).map(|_| Fr::random(&mut rng)).collect();
            for shift in [Fr::ONE, Fr::MULTIPLICATIVE_GENERATOR] {
                let mut values = polynomial.clone();
                domain.to_coset(&mut values, &domain.coset(shift));
                let points = domain.points(shift);
                for position in [0, 1, domain.len() / 2, domain.len() - 1] {
                    let point = domain.rotate(shift, domain.row(position) as i32);
                    assert_eq!(points[position], point);
                    assert_eq!(values[position], eval_polynomial(&polynomial, point), "2^{k}, {position}");
                }
            }
            let mut values = polynomial.clone();
            domain.to_rows(&mut values);
            let back = domain.coefficients(|row| values[domain.row(row)] * domain.scale);
            assert_eq!(back, polynomial, "2^{k}");
            let mut rows = domain.by_row(&polynomial);
            domain.to_coefficients(&mut rows);
            assert_eq!(rows, polynomial, "2^{k} in place");
        }
    }
}
