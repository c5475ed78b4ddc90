//! The container of every file: what it is, which format, and a checksum.
//!
//! ```text
//! "zklayout" | kind: 4 bytes | format version: u32 | payload length: u64 | payload | blake2b-256 of all before
//! ```

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zklayout_plan::PlanHash;

use crate::error::ProverError;

/// Version of all formats that name no other.
pub const FORMAT_VERSION: u32 = 2;

const MAGIC: &[u8; 8] = b"zklayout";
const LENGTH: usize = 8;
const HEADER: usize = 8 + 4 + 4 + LENGTH;
const CHECKSUM: usize = 32;

/// Something that is saved as a file of its own kind.
pub trait Artefact: Serialize + DeserializeOwned {
    /// Four bytes in the header.
    const KIND: [u8; 4];
    /// Its name in errors.
    const NAME: &'static str;
    /// Version of its format; files of another version are refused.
    const VERSION: u32 = FORMAT_VERSION;
    /// Whether its file is for its owner's eyes alone.
    const IS_SECRET: bool = false;

    /// Writes the artefact to a temporary file beside `path`, then renames it; of the feature `write`.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "write")]
    fn save(&self, path: &Path) -> Result<(), ProverError> {
        let bytes = self.to_bytes().map_err(|reason| Kind::of::<Self>().wrong(path, reason))?;
        let write = if Self::IS_SECRET { crate::whole_file::write_secret } else { crate::whole_file::write_whole };
        write(path, &bytes).map_err(|source| ProverError::File { path: path.to_owned(), source })
    }

    /// The file's contents.
    ///
    /// # Errors
    /// If the artefact cannot be serialised.
    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        Kind::of::<Self>().seal(|bytes| postcard::to_extend(self, bytes).map_err(|error| error.to_string()))
    }

    /// Reads an artefact.
    ///
    /// # Errors
    /// A file that cannot be read, is of another kind or version, or was changed or cut off.
    fn load(path: &Path) -> Result<Self, ProverError> {
        let bytes = std::fs::read(path).map_err(|source| ProverError::File { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the contents of a file; `path` names them in errors.
    ///
    /// # Errors
    /// Contents of another kind or version, or that were changed or cut off.
    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ProverError> {
        let kind = Kind::of::<Self>();
        match postcard::take_from_bytes(kind.open(bytes, path)?) {
            Ok((artefact, [])) => Ok(artefact),
            Ok((_, rest)) => Err(kind.wrong(path, format!("{} bytes follow its contents", rest.len()))),
            Err(error) => Err(kind.wrong(path, error.to_string())),
        }
    }
}

/// What tells one kind of file from another: all that a container knows of its contents.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// Four bytes in the header.
    pub(crate) tag: [u8; 4],
    /// The name in errors.
    pub(crate) name: &'static str,
    /// The version of its format.
    pub(crate) version: u32,
}

impl Kind {
    fn of<A: Artefact>() -> Self {
        Self { tag: A::KIND, name: A::NAME, version: A::VERSION }
    }

    /// The container around a payload, which is appended to the bytes that come first.
    pub(crate) fn seal(self, append: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
        let header = [&MAGIC[..], &self.tag, &self.version.to_le_bytes(), &[0; LENGTH]].concat();
        let mut bytes = append(header)?;
        let length = (bytes.len() - HEADER) as u64;
        bytes[HEADER - LENGTH..HEADER].copy_from_slice(&length.to_le_bytes());
        let checksum = PlanHash::of("artefact", &bytes);
        bytes.extend_from_slice(&checksum.0);
        Ok(bytes)
    }

    /// The payload of a container; `path` names it in errors.
    pub(crate) fn open<'a>(self, bytes: &'a [u8], path: &Path) -> Result<&'a [u8], ProverError> {
        if bytes.len() < HEADER + CHECKSUM || &bytes[..8] != MAGIC {
            return Err(self.wrong(path, "its header is missing".into()));
        }
        if bytes[8..12] != self.tag {
            let kind = String::from_utf8_lossy(&bytes[8..12]).into_owned();
            return Err(self.wrong(path, format!("it is of kind {kind:?}")));
        }
        let found = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        if found != self.version {
            return Err(ProverError::Version { path: path.to_owned(), found, expected: self.version });
        }
        let (contents, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        let length = contents[16..HEADER].iter().rev().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        if length != (contents.len() - HEADER) as u64 || PlanHash::of("artefact", contents).0 != checksum {
            return Err(ProverError::Damaged { path: path.to_owned() });
        }
        Ok(&contents[HEADER..])
    }

    pub(crate) fn wrong(self, path: &Path, reason: String) -> ProverError {
        ProverError::NotArtefact { path: path.to_owned(), expected: self.name, reason }
    }
}
