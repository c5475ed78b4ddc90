//! Powers of tau: read from a ceremony's file, or made from a seed for development.
//!
//! Whoever knows tau can prove anything. Where powers come from is told from the points alone ([`Provenance`]); no file
//! says it.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use halo2_proofs::SerdeFormat;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2curves::serde::SerdeObject;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_plan::PlanHash;

use crate::artefact::Artefact;
use crate::core::Tables;
use crate::error::ProverError;
use crate::points::{G1_BYTES, G2_BYTES, MOST_POWERS, Points, is_in_subgroup, read_point};
use crate::provenance::{DEVELOPMENT_SEEDS, Provenance, development_tau};
use crate::ptau;
use crate::table_file::TableFile;

/// Bytes of the verifier's part.
const VERIFIER_BYTES: usize = G1_BYTES + 2 * G2_BYTES;

/// Powers of tau for the prover.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    verifier: VerifierSrs,
    /// Folder of the tables that were made of the powers.
    tables: Option<PathBuf>,
}

/// The verifier's part: the generators of both groups, and `tau G2`. Saved, it is the bytes of these three points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct VerifierSrs {
    tau_g2: G2Affine,
}

impl Artefact for VerifierSrs {
    const KIND: [u8; 4] = *b"srsv";
    const NAME: &'static str = "verifier's part of powers of tau";
}

/// A development setup on disk.
#[cfg(feature = "write")]
#[derive(Serialize, Deserialize)]
struct CachedSrs {
    seed: u64,
    raw: Vec<u8>,
}

#[cfg(feature = "write")]
impl Artefact for CachedSrs {
    const KIND: [u8; 4] = *b"srsd";
    const NAME: &'static str = "development setup";
}

impl Srs {
    /// Makes a setup from a seed. **Insecure**: anyone can make it again, and forge proofs.
    ///
    /// # Errors
    /// If `k` is out of range, or the seed is outside [`DEVELOPMENT_SEEDS`], whose powers are recognised.
    pub fn development(k: u32, seed: u64) -> Result<Self, ProverError> {
        if !(1..=MOST_POWERS).contains(&k) {
            return Err(ProverError::Srs(format!("2^{k} powers are outside 2^1 to 2^{MOST_POWERS}")));
        }
        if !DEVELOPMENT_SEEDS.contains(&seed) {
            let (first, last) = (DEVELOPMENT_SEEDS.start(), DEVELOPMENT_SEEDS.end());
            let reason = format!("the development seed {seed} is outside {first} to {last}, which are recognised");
            return Err(ProverError::Srs(reason));
        }
        Ok(Self::from_points(Points::of(development_tau(seed), k)))
    }

    /// Powers that were checked, or made here.
    fn from_points(points: Points) -> Self {
        let Points { k, g, g_lagrange, g2, s_g2 } = points;
        let verifier = VerifierSrs { tau_g2: s_g2 };
        let params = empty_params().from_parts(k, g, Some(g_lagrange), g2, s_g2);
        Self { params, verifier, tables: None }
    }

    /// A development setup from `folder`'s cache, made and saved there if it is missing or damaged; of the
    /// feature `write`.
    ///
    /// # Errors
    /// If `k` is out of range. A cache that cannot be written is made anew every time.
    #[cfg(feature = "write")]
    pub fn cached_development(folder: &Path, k: u32, seed: u64) -> Result<Self, ProverError> {
        let path = folder.join(format!("insecure-development-{k}.srs"));
        if let Ok(cached) = CachedSrs::load(&path)
            && cached.seed == seed
            && let Ok(points) = Points::read(&cached.raw, true)
            && points.s_g2 == G2Affine::from(G2Affine::generator() * development_tau(seed))
        {
            return Ok(Self::from_points(points));
        }
        let srs = Self::development(k, seed)?;
        let raw = srs.to_bytes()?;
        // A cache that cannot be written costs time, not the setup.
        let _ = CachedSrs { seed, raw }.save(&path);
        Ok(srs)
    }

    /// Reads a ceremony's file: halo2's raw format (k, the powers in G1, their Lagrange form, two points of G2), or
    /// snarkjs's `.ptau`, prepared for phase 2. Every point is checked to be on its curve, and the file to be powers of
    /// one number.
    ///
    /// # Errors
    /// A file that cannot be read, is too short or too long, is of another curve, is not prepared, or holds no powers of
    /// tau.
    pub fn from_file(path: &Path) -> Result<Self, ProverError> {
        let file = File::open(path).map_err(|source| ProverError::File { path: path.to_owned(), source })?;
        let in_file = |source| ProverError::SrsFile { path: path.to_owned(), source: Box::new(source) };
        Self::read(BufReader::new(file)).map_err(in_file)
    }

    /// Reads the contents of a ceremony's file.
    ///
    /// # Errors
    /// See [`Srs::from_file`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProverError> {
        Self::read(Cursor::new(bytes))
    }

    fn read(mut file: impl Read + Seek) -> Result<Self, ProverError> {
        let unreadable = |error: std::io::Error| ProverError::Srs(format!("cannot be read: {error}"));
        let mut start = Vec::new();
        file.by_ref().take(ptau::MAGIC.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
        let points = if start == ptau::MAGIC {
            ptau::read(file)?
        } else {
            file.read_to_end(&mut start).map_err(unreadable)?;
            Points::read(&start, false)?
        };
        points.check()?;
        Ok(Self::from_points(points))
    }

    /// The same powers, whose tables for proofs are kept in a folder: read from there, or made and saved. A file has 64 bytes for each
    /// point, 67 MB for 2^17 rows. Whatever is in the folder is trusted to be what it was when it was saved, as far as a checksum tells; where it
    /// is not, no proof verifies.
    #[must_use]
    pub fn with_tables(self, folder: impl Into<PathBuf>) -> Self {
        Self { tables: Some(folder.into()), ..self }
    }

    /// Tables of the first `2^k` powers.
    pub(crate) fn tables(&self, k: u32) -> Result<Tables, ProverError> {
        let make = || Ok(Tables::new(self.lagrange(k)?));
        let Some(folder) = &self.tables else { return make() };
        self.check_size(k)?;
        let file = TableFile::new(folder, self.hash(), k);
        if let Some(tables) = file.load() {
            return Ok(tables);
        }
        let tables = make()?;
        file.save(&tables);
        Ok(tables)
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

    /// The Lagrange basis of the first `2^k` powers. halo2 keeps it to itself, and writes it.
    pub(crate) fn lagrange(&self, k: u32) -> Result<Vec<G1Affine>, ProverError> {
        let mut raw = Vec::new();
        let written = self.params(k)?.write_custom(&mut raw, SerdeFormat::RawBytes);
        written.map_err(|error| ProverError::Srs(format!("cannot be written: {error}")))?;
        Ok(Points::read(&raw, true)?.g_lagrange)
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
    /// Where the powers come from, as far as their points tell.
    pub fn provenance(&self) -> Provenance {
        Provenance::of(self.hash(), &self.tau_g2)
    }

    /// Identifies tau.
    pub fn hash(&self) -> PlanHash {
        PlanHash::of("powers of tau", &self.points())
    }

    /// The bytes of the three points, in halo2's raw format.
    fn points(&self) -> Vec<u8> {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        [g1.to_raw_bytes(), g2.to_raw_bytes(), self.tau_g2.to_raw_bytes()].concat()
    }

    /// halo2's parameters for a verifier.
    pub(crate) fn params(&self, k: u32) -> ParamsKZG<Bn256> {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        empty_params().from_parts(k, vec![g1], Some(Vec::new()), g2, self.tau_g2)
    }
}

impl TryFrom<Vec<u8>> for VerifierSrs {
    type Error = String;

    /// Reads three points; nothing else may be there.
    fn try_from(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() != VERIFIER_BYTES {
            return Err(format!("{} bytes, expected the {VERIFIER_BYTES} of three points", bytes.len()));
        }
        let tau_g2 = read_point(&mut &bytes[G1_BYTES + G2_BYTES..], false).filter(is_in_subgroup);
        let srs = Self { tau_g2: tau_g2.ok_or("its point tau G2 is invalid")? };
        // A point has one encoding, and both generators are the usual ones.
        if srs.points() == bytes { Ok(srs) } else { Err("its points are not the generators and tau G2".into()) }
    }
}

impl From<VerifierSrs> for Vec<u8> {
    fn from(srs: VerifierSrs) -> Self {
        srs.points()
    }
}

/// halo2 makes parameters from parts only through an instance; this is the smallest one.
fn empty_params() -> ParamsKZG<Bn256> {
    ParamsKZG::setup(1, ChaCha20Rng::seed_from_u64(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use group::Curve;

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
        assert_eq!((read.hash(), read.provenance()), (srs.hash(), Provenance::Development));

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
            let Err(ProverError::SrsFile { path: named, source }) = Srs::from_file(&path) else {
                panic!("accepted")
            };
            assert!(named == path && matches!(*source, ProverError::Srs(_)));
        }
    }

    #[test]
    fn only_three_points_are_a_verifiers_part() {
        let honest = Srs::development(3, 5).unwrap().verifier().points();
        assert!(VerifierSrs::try_from(honest.clone()).is_ok());
        let mut longer = honest.clone();
        longer.push(0);
        // The same point with a coordinate beyond the prime, one outside the subgroup's curve, and another generator.
        let mut beyond = honest.clone();
        beyond[G1_BYTES + G2_BYTES..][..32].fill(0xff);
        let mut elsewhere = honest.clone();
        elsewhere[G1_BYTES + G2_BYTES] ^= 1;
        let other = (G1Affine::generator() + G1Affine::generator()).to_affine().to_raw_bytes();
        let generator = [other.as_slice(), &honest[G1_BYTES..]].concat();
        let infinite = [&honest[..G1_BYTES + G2_BYTES], &[0; G2_BYTES]].concat();
        for changed in [longer, honest[..honest.len() - 1].to_vec(), beyond, elsewhere, generator, infinite] {
            assert!(VerifierSrs::try_from(changed).is_err());
        }
    }

    #[test]
    fn seeds_outside_the_range_are_refused() {
        assert!(Srs::development(2, *DEVELOPMENT_SEEDS.end()).is_ok());
        assert!(matches!(Srs::development(2, DEVELOPMENT_SEEDS.end() + 1), Err(ProverError::Srs(_))));
    }

    /// A cache of other powers would not be marked.
    #[test]
    fn a_cache_of_another_tau_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let raw = Srs::development(4, 9).unwrap().to_bytes().unwrap();
        CachedSrs { seed: 1, raw }.save(&folder.path().join("insecure-development-4.srs")).unwrap();
        let cached = Srs::cached_development(folder.path(), 4, 1).unwrap();
        assert_eq!(cached.hash(), Srs::development(4, 1).unwrap().hash());
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

    #[test]
    fn tables_are_read_as_they_were_made_and_others_are_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let [srs, other] = [1, 2].map(|seed| Srs::development(5, seed).unwrap());
        let made = Tables::new(srs.lagrange(5).unwrap()).to_bytes();
        let file = |srs: &Srs, k: u32| TableFile::new(folder.path(), srs.hash(), k);
        let of_folder = |srs: &Srs| srs.clone().with_tables(folder.path()).tables(5).unwrap().to_bytes();
        assert!(file(&srs, 5).load().is_none());
        assert_eq!(of_folder(&srs), made, "they are made");
        assert_eq!(file(&srs, 5).load().unwrap().to_bytes(), made, "and kept");
        assert!(file(&srs, 4).load().is_none() && file(&other, 5).load().is_none());
        let path = file(&srs, 5).path;
        let whole = std::fs::read(&path).unwrap();
        for damage in [&whole[..whole.len() - 1], &whole[..20], b""] {
            std::fs::write(&path, damage).unwrap();
            assert!(file(&srs, 5).load().is_none());
            assert_eq!(of_folder(&srs), made, "they are made anew");
            assert_eq!(std::fs::read(&path).unwrap(), whole, "and replaced");
        }
        std::fs::copy(&path, file(&other, 5).path).unwrap();
        assert!(file(&other, 5).load().is_none(), "of other powers under their name");
        assert_ne!(of_folder(&other), made);
    }
}
