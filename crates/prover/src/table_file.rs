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
    pub(crate) path: PathBuf,
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
