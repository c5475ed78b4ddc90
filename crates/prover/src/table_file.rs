//! Tables of powers of tau in a folder, so that a process need not make what another one made.
//!
//! A file is named by the powers' hash and the number of rows, and says both again. It is whole or absent; one that is damaged or of
//! other powers is as good as none. Tables decide whether proofs are found, not whether wrong ones verify.

use std::path::{Path, PathBuf};

use zklayout_plan::PlanHash;

use crate::artefact::Kind;
use crate::core::Tables;

const KIND: Kind = Kind { tag: *b"tabl", name: "tables of powers of tau", version: 1 };

/// Where tables of `2^k` rows are.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    path: PathBuf,
    /// What tells them from others: the powers' hash and `k`.
    name: Vec<u8>,
    k: u32,
}

impl TableFile {
    pub(crate) fn new(folder: &Path, srs: PlanHash, k: u32) -> Self {
        let path = folder.join(format!("tables-{srs}-{k}.bin"));
        Self { path, name: [&srs.0[..], &k.to_le_bytes()].concat(), k }
    }

    /// The tables, if they are there.
    pub(crate) fn load(&self) -> Option<Tables> {
        let bytes = std::fs::read(&self.path).ok()?;
        let payload = KIND.open(&bytes, &self.path).ok()?;
        Tables::from_bytes(self.k, payload.strip_prefix(&self.name[..])?)
    }

    /// Keeps tables.
    #[cfg(feature = "write")]
    pub(crate) fn save(&self, tables: &Tables) {
        let sealed = KIND.seal(|header| Ok([header, self.name.clone(), tables.to_bytes()].concat()));
        // A folder that cannot be written costs time, not proofs.
        let _ = sealed.map(|bytes| crate::whole_file::write_whole(&self.path, &bytes));
    }

    /// Keeps nothing: this build writes no files.
    #[cfg(not(feature = "write"))]
    pub(crate) fn save(&self, _: &Tables) {}
}

#[cfg(all(test, feature = "write"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::srs::Srs;

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
