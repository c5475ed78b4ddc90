//! Powers of tau: read from a ceremony's file, or made from a seed for development.
//!
//! Whoever knows tau can prove anything. A development setup's tau follows from its seed, so it is marked insecure
//! wherever it goes.

use std::path::Path;

use ff::{Field, PrimeField};
use group::Curve;
use group::cofactor::CofactorGroup;
use group::prime::PrimeCurveAffine;
use halo2_proofs::SerdeFormat;
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1, G1Affine, G2, G2Affine};
use halo2curves::pairing::Engine;
use halo2curves::serde::SerdeObject;
use rand::SeedableRng;
use rand::rngs::OsRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::error::ProverError;

/// Largest logarithm of the number of powers that a setup is made or read for.
const MOST_POWERS: u32 = 26;
/// Seed of the well-known development setup: anyone can make it again, which is what makes it insecure.
pub const DEVELOPMENT_SEED: u64 = 0;
/// Bits of a window of the fixed-base multiplication.
const WINDOW: usize = 8;
/// Bytes of an uncompressed point of each group.
const G1_BYTES: usize = 64;
const G2_BYTES: usize = 128;

/// Where powers of tau come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provenance {
    /// Made from a seed: insecure, for development and tests only.
    Development,
    /// Read from a file; as trustworthy as the ceremony that made it.
    File,
}

/// Powers of tau for the prover.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    verifier: VerifierSrs,
}

/// The verifier's part: three points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierSrs {
    provenance: Provenance,
    points: Vec<u8>,
}

impl Artefact for VerifierSrs {
    const KIND: [u8; 4] = *b"srsv";
    const NAME: &'static str = "verifier's part of powers of tau";
}

/// A development setup on disk.
#[derive(Serialize, Deserialize)]
struct CachedSrs {
    seed: u64,
    raw: Vec<u8>,
}

impl Artefact for CachedSrs {
    const KIND: [u8; 4] = *b"srsd";
    const NAME: &'static str = "development setup";
}

impl Srs {
    /// Makes a setup from a seed. **Insecure**: anyone who knows the seed can forge proofs.
    ///
    /// # Errors
    /// If `k` is out of range.
    pub fn development(k: u32, seed: u64) -> Result<Self, ProverError> {
        if !(1..=MOST_POWERS).contains(&k) {
            return Err(ProverError::Srs(format!("2^{k} powers are outside 2^1 to 2^{MOST_POWERS}")));
        }
        let tau = development_tau(seed);
        let table = FixedBase::new(G1::from(G1Affine::generator()));
        let g = table.multiply(&powers(tau, 1 << k));
        let g_lagrange = table.multiply(&lagrange_at(tau, k));
        let s_g2 = (G2Affine::generator() * tau).to_affine();
        let points = Points { k, g, g_lagrange, g2: G2Affine::generator(), s_g2 };
        Ok(points.into_srs(Provenance::Development))
    }

    /// A development setup from `folder`'s cache, made and saved there if it is missing or damaged.
    ///
    /// # Errors
    /// If `k` is out of range or the cache cannot be written.
    pub fn cached_development(folder: &Path, k: u32, seed: u64) -> Result<Self, ProverError> {
        let path = folder.join(format!("insecure-development-{k}.srs"));
        if let Ok(cached) = CachedSrs::load(&path)
            && cached.seed == seed
            && let Ok(points) = Points::read(&cached.raw, true)
        {
            return Ok(points.into_srs(Provenance::Development));
        }
        let srs = Self::development(k, seed)?;
        let mut raw = Vec::new();
        let written = srs.params.write_custom(&mut raw, SerdeFormat::RawBytes);
        written.map_err(|source| ProverError::File { path: path.clone(), source })?;
        CachedSrs { seed, raw }.save(&path)?;
        Ok(srs)
    }

    /// Reads halo2's raw format: k, the powers in G1, their Lagrange form, two points of G2. Every point is checked
    /// to be on its curve, and the file to be powers of one number.
    ///
    /// # Errors
    /// A file that cannot be read, is too short or too long, or holds no powers of tau.
    pub fn from_file(path: &Path) -> Result<Self, ProverError> {
        let raw = std::fs::read(path).map_err(|source| ProverError::File { path: path.to_owned(), source })?;
        let points = Points::read(&raw, false)?;
        points.check()?;
        Ok(points.into_srs(Provenance::File))
    }

    /// Logarithm of the number of powers.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Where the powers come from.
    pub fn provenance(&self) -> Provenance {
        self.verifier.provenance()
    }

    /// The verifier's part.
    pub fn verifier(&self) -> &VerifierSrs {
        &self.verifier
    }

    /// Identifies tau, whatever the number of powers.
    pub fn hash(&self) -> PlanHash {
        self.verifier.hash()
    }

    /// Shrinks the setup to `2^k` powers.
    ///
    /// # Errors
    /// [`ProverError::SrsTooSmall`].
    pub fn shrink(&mut self, k: u32) -> Result<(), ProverError> {
        self.check_size(k)?;
        if self.k() > k {
            self.params.downsize(k);
        }
        Ok(())
    }

    fn check_size(&self, needed: u32) -> Result<(), ProverError> {
        if self.k() < needed {
            return Err(ProverError::SrsTooSmall { needed, found: self.k() });
        }
        Ok(())
    }

    /// halo2's parameters, of exactly `2^k` powers.
    pub(crate) fn params(&self, k: u32) -> Result<std::borrow::Cow<'_, ParamsKZG<Bn256>>, ProverError> {
        self.check_size(k)?;
        if self.k() == k {
            return Ok(std::borrow::Cow::Borrowed(&self.params));
        }
        let mut params = self.params.clone();
        params.downsize(k);
        Ok(std::borrow::Cow::Owned(params))
    }
}

/// The points of a setup, in both forms.
struct Points {
    k: u32,
    g: Vec<G1Affine>,
    g_lagrange: Vec<G1Affine>,
    g2: G2Affine,
    s_g2: G2Affine,
}

impl Points {
    /// Reads halo2's raw format.
    fn read(raw: &[u8], trusted: bool) -> Result<Self, ProverError> {
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
    fn check(&self) -> Result<(), ProverError> {
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

    fn into_srs(self, provenance: Provenance) -> Srs {
        let verifier = VerifierSrs::new(self.g[0], self.g2, self.s_g2, provenance);
        let params = empty_params().from_parts(self.k, self.g, Some(self.g_lagrange), self.g2, self.s_g2);
        Srs { params, verifier }
    }
}

impl VerifierSrs {
    fn new(g: G1Affine, g2: G2Affine, s_g2: G2Affine, provenance: Provenance) -> Self {
        let points = [g.to_raw_bytes(), g2.to_raw_bytes(), s_g2.to_raw_bytes()].concat();
        Self { provenance, points }
    }

    /// Where the powers come from. The well-known development setup is recognised whatever a file says of itself.
    pub fn provenance(&self) -> Provenance {
        let tau = development_tau(DEVELOPMENT_SEED);
        let well_known = (G2Affine::generator() * tau).to_affine().to_raw_bytes();
        if self.points.ends_with(&well_known) { Provenance::Development } else { self.provenance }
    }

    /// Identifies tau.
    pub fn hash(&self) -> PlanHash {
        PlanHash::of("powers of tau", &self.points)
    }

    /// halo2's parameters for a verifier.
    pub(crate) fn params(&self, k: u32) -> Result<ParamsKZG<Bn256>, ProverError> {
        let invalid = || ProverError::Srs("the verifier's part holds an invalid point".into());
        let mut reader = self.points.as_slice();
        let g: G1Affine = read_point(&mut reader, false).ok_or_else(invalid)?;
        let g2: G2Affine = read_point(&mut reader, false).ok_or_else(invalid)?;
        let s_g2: G2Affine = read_point(&mut reader, false).ok_or_else(invalid)?;
        if g != G1Affine::generator() || g2 != G2Affine::generator() || !is_in_subgroup(&s_g2) {
            return Err(invalid());
        }
        Ok(empty_params().from_parts(k, vec![g], Some(Vec::new()), g2, s_g2))
    }
}

/// halo2 makes parameters from parts only through an instance; this is the smallest one.
fn empty_params() -> ParamsKZG<Bn256> {
    ParamsKZG::setup(1, ChaCha20Rng::seed_from_u64(0))
}

/// Reads a point; unless the bytes are our own, it must be on its curve.
fn read_point<P: SerdeObject>(reader: &mut &[u8], trusted: bool) -> Option<P> {
    let (point, rest) = reader.split_at_checked(std::mem::size_of::<P>())?;
    *reader = rest;
    if trusted { Some(P::from_raw_bytes_unchecked(point)) } else { P::from_raw_bytes(point) }
}

/// Whether a G2 point generates the right subgroup.
fn is_in_subgroup(point: &G2Affine) -> bool {
    !bool::from(point.is_identity()) && bool::from(G2::from(*point).is_torsion_free())
}

fn development_tau(seed: u64) -> Fr {
    Fr::random(ChaCha20Rng::seed_from_u64(seed))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn development_setup_is_powers_of_tau() {
        let mut raw = Vec::new();
        Srs::development(6, 3).unwrap().params.write_custom(&mut raw, SerdeFormat::RawBytes).unwrap();
        Points::read(&raw, false).unwrap().check().unwrap();
    }

    #[test]
    fn raw_file_is_read_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.srs");
        let srs = Srs::development(5, 3).unwrap();
        let mut raw = Vec::new();
        srs.params.write_custom(&mut raw, SerdeFormat::RawBytes).unwrap();
        std::fs::write(&path, &raw).unwrap();
        let read = Srs::from_file(&path).unwrap();
        assert_eq!((read.hash(), read.provenance()), (srs.hash(), Provenance::File));

        let mut swapped = raw.clone();
        let second: Vec<u8> = raw[4 + 64..4 + 128].to_vec();
        swapped[4 + 128..4 + 192].copy_from_slice(&second);
        // One point off its curve, and both points of G2 at infinity, which would verify anything.
        let mut off_curve = raw.clone();
        off_curve[4 + 64 * 7] ^= 1;
        let mut infinite = raw.clone();
        let end = raw.len();
        infinite[end - 256..].fill(0);
        // A Lagrange form that differs from the powers in two points.
        let mut forms = raw.clone();
        let half = 4 + 64 * 32;
        let (first, second) = (raw[half..half + 64].to_vec(), raw[half + 64..half + 128].to_vec());
        forms[half..half + 64].copy_from_slice(&second);
        forms[half + 64..half + 128].copy_from_slice(&first);
        let nines = vec![9; end];
        for broken in [&raw[..end - 1], &raw[..3], &swapped, &nines, &off_curve, &infinite, &forms] {
            std::fs::write(&path, broken).unwrap();
            assert!(matches!(Srs::from_file(&path), Err(ProverError::Srs(_))));
        }
    }

    #[test]
    fn cache_is_reused_and_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let made = Srs::cached_development(folder.path(), 4, 1).unwrap();
        let path = folder.path().join("insecure-development-4.srs");
        let cached = Srs::cached_development(folder.path(), 4, 1).unwrap();
        assert_eq!(made.hash(), cached.hash());
        std::fs::write(&path, b"cut off").unwrap();
        assert_eq!(Srs::cached_development(folder.path(), 4, 1).unwrap().hash(), made.hash());
    }
}
