//! Powers of tau: read from a ceremony's file, or made from a seed for development.
//!
//! Whoever knows tau can prove anything. A development setup's tau follows from its seed, so it is marked insecure
//! wherever it goes.

use std::path::Path;

use ff::Field;
use group::Curve;
use halo2_proofs::SerdeFormat;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine, G2Affine};
use halo2curves::serde::SerdeObject;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::error::ProverError;
use crate::points::{MOST_POWERS, Points, is_in_subgroup, read_point};

/// Seed of the well-known development setup: anyone can make it again, which is what makes it insecure.
pub const DEVELOPMENT_SEED: u64 = 0;

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
        Ok(Self::from_points(Points::of(tau, k), Provenance::Development))
    }

    fn from_points(points: Points, provenance: Provenance) -> Self {
        let Points { k, g, g_lagrange, g2, s_g2 } = points;
        let verifier = VerifierSrs::new(g[0], g2, s_g2, provenance);
        let params = empty_params().from_parts(k, g, Some(g_lagrange), g2, s_g2);
        Self { params, verifier }
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
            return Ok(Self::from_points(points, Provenance::Development));
        }
        let srs = Self::development(k, seed)?;
        let raw = srs.to_bytes()?;
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
        Self::from_bytes(&raw)
    }

    /// Reads the contents of a file in halo2's raw format.
    ///
    /// # Errors
    /// Contents that are too short or too long, or no powers of tau.
    pub fn from_bytes(raw: &[u8]) -> Result<Self, ProverError> {
        let points = Points::read(raw, false)?;
        points.check()?;
        Ok(Self::from_points(points, Provenance::File))
    }

    /// The powers in halo2's raw format.
    ///
    /// # Errors
    /// If halo2 cannot write them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProverError> {
        let mut raw = Vec::new();
        let written = self.params.write_custom(&mut raw, SerdeFormat::RawBytes);
        written.map_err(|error| ProverError::Srs(format!("cannot be written: {error}")))?;
        Ok(raw)
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

fn development_tau(seed: u64) -> Fr {
    Fr::random(ChaCha20Rng::seed_from_u64(seed))
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
