//! The points of a setup: computing them from tau, reading them, and checking that they are powers of one number.

use ff::{Field, PrimeField};
use group::Curve;
use group::cofactor::CofactorGroup;
use group::prime::PrimeCurveAffine;
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::poly::EvaluationDomain;
use halo2curves::bn256::{Bn256, Fr, G1Affine, G2, G2Affine};
use halo2curves::pairing::Engine;
use halo2curves::serde::SerdeObject;
use rand::rngs::OsRng;

use crate::error::ProverError;
use crate::fixed_base::FixedBase;

/// Largest logarithm of the number of powers that a setup is made or read for.
pub(crate) const MOST_POWERS: u32 = 26;
/// Bytes of an uncompressed point of each group.
pub(crate) const G1_BYTES: usize = 64;
pub(crate) const G2_BYTES: usize = 128;

/// The points of a setup, in both forms.
pub(crate) struct Points {
    pub(crate) k: u32,
    pub(crate) g: Vec<G1Affine>,
    pub(crate) g_lagrange: Vec<G1Affine>,
    pub(crate) g2: G2Affine,
    pub(crate) s_g2: G2Affine,
}

impl Points {
    /// All points of the setup of `tau`.
    pub(crate) fn of(tau: Fr, k: u32) -> Self {
        let table = FixedBase::new(G1Affine::generator());
        let g = table.multiply(&powers(tau, 1 << k));
        let g_lagrange = table.multiply(&lagrange_at(tau, k));
        let s_g2 = (G2Affine::generator() * tau).to_affine();
        Self { k, g, g_lagrange, g2: G2Affine::generator(), s_g2 }
    }

    /// Reads halo2's raw format.
    pub(crate) fn read(raw: &[u8], trusted: bool) -> Result<Self, ProverError> {
        let invalid = || ProverError::Srs("the file is too short or holds an invalid point".into());
        let (k, mut reader) = raw.split_first_chunk().ok_or_else(invalid)?;
        let k = u32::from_le_bytes(*k);
        if !(1..=MOST_POWERS).contains(&k) || raw.len() != 4 + (2 << k) * G1_BYTES + 2 * G2_BYTES {
            return Err(ProverError::Srs(format!("{} bytes are not a raw file of 2^{k} powers", raw.len())));
        }
        let mut points = |count: usize| -> Result<Vec<G1Affine>, ProverError> {
            (0..count).map(|_| read_point(&mut reader, trusted).ok_or_else(invalid)).collect()
        };
        let (g, g_lagrange) = (points(1 << k)?, points(1 << k)?);
        let g2 = read_point(&mut reader, trusted).ok_or_else(invalid)?;
        let s_g2 = read_point(&mut reader, trusted).ok_or_else(invalid)?;
        Ok(Self { k, g, g_lagrange, g2, s_g2 })
    }

    /// Checks that both bases are the generators, by a pairing that a random combination of all powers continues with
    /// ratio tau, and that a random polynomial has one commitment in both forms.
    pub(crate) fn check(&self) -> Result<(), ProverError> {
        let generators =
            self.g[0] == G1Affine::generator() && self.g2 == G2Affine::generator() && is_in_subgroup(&self.s_g2);
        let weights = powers(Fr::random(OsRng), self.g.len() - 1);
        let combine = |points: &[G1Affine]| best_multiexp(&weights, points).to_affine();
        let (low, high) = (combine(&self.g[..self.g.len() - 1]), combine(&self.g[1..]));
        let pairs = Bn256::pairing(&high, &self.g2) == Bn256::pairing(&low, &self.s_g2);
        if !generators || !pairs || !self.forms_agree() {
            return Err(ProverError::Srs("the points are not powers of one number".into()));
        }
        Ok(())
    }

    fn forms_agree(&self) -> bool {
        let domain = EvaluationDomain::<Fr>::new(1, self.k);
        let values = powers(Fr::random(OsRng), self.g.len());
        let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
        best_multiexp(&values, &self.g_lagrange) == best_multiexp(&coefficients, &self.g)
    }
}

/// Reads a point; unless the bytes are our own, it must be on its curve.
pub(crate) fn read_point<P: SerdeObject>(reader: &mut &[u8], trusted: bool) -> Option<P> {
    let (point, rest) = reader.split_at_checked(std::mem::size_of::<P>())?;
    *reader = rest;
    if trusted { Some(P::from_raw_bytes_unchecked(point)) } else { P::from_raw_bytes(point) }
}

/// Whether a G2 point generates the right subgroup.
pub(crate) fn is_in_subgroup(point: &G2Affine) -> bool {
    !bool::from(point.is_identity()) && bool::from(G2::from(*point).is_torsion_free())
}

fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(power * base)).take(count).collect()
}

fn primitive_root(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

/// `L_i(tau) = (tau^n - 1) / n * root^i / (tau - root^i)`.
fn lagrange_at(tau: Fr, k: u32) -> Vec<Fr> {
    let n = 1u64 << k;
    let roots = powers(primitive_root(k), n as usize);
    let factor = (tau.pow_vartime([n]) - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
    let mut values: Vec<Fr> = roots.iter().map(|root| tau - root).collect();
    ff::BatchInvert::batch_invert(values.iter_mut());
    values.iter_mut().zip(&roots).for_each(|(value, root)| *value *= factor * root);
    values
}
