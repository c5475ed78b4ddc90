//! Text to token ids, by the tokenizer beside a model. It knows nothing of embeddings, and no proof shows what it does.
//!
//! A tokenizer's file is anybody's: what its steps could make of a text is bounded before any of them runs.

mod growth;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use growth::Growth;

/// A tokenizer's file beside a model.
pub const TOKENIZER: &str = "tokenizer.json";
/// Bytes of a tokenizer's file that are read.
const MOST_BYTES: u64 = 1 << 25;
/// Bytes of a text that are cut into tokens.
const MOST_TEXT: usize = 1 << 16;

/// A tokenizer, as the `tokenizers` library reads it.
#[derive(Debug)]
pub struct Tokenizer {
    tokenizer: tokenizers::Tokenizer,
    growth: Growth,
    path: PathBuf,
}

impl Tokenizer {
    /// Reads the tokenizer beside a model.
    ///
    /// # Errors
    /// See [`Tokenizer::load`].
    pub fn beside(model: &Path) -> Result<Self, Error> {
        Self::load(&model.with_file_name(TOKENIZER))
    }

    /// Reads a tokenizer.
    ///
    /// # Errors
    /// A file that cannot be read, is too long, or is no tokenizer, or one that could make a text much longer.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(|error| wrong(path, &format!("it cannot be read: {error}")))?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the contents of a tokenizer's file; `path` names it in errors.
    ///
    /// # Errors
    /// See [`Tokenizer::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(wrong(path, &format!("it is longer than {MOST_BYTES} bytes")));
        }
        let no_tokenizer = |reason: &str| wrong(path, &format!("it is no tokenizer: {reason}"));
        let mut file: Value = serde_json::from_slice(bytes).map_err(|error| no_tokenizer(&error.to_string()))?;
        let growth = Growth::of(&file).map_err(|reason| wrong(path, &reason))?;
        if let Some(fields) = file.as_object_mut() {
            // How long a text may be is the model's to say, and nothing is made of ids.
            for field in ["truncation", "padding", "decoder"] {
                fields.insert(field.into(), Value::Null);
            }
        }
        // The library reads what was looked at: one value for each field.
        let read = caught(|| tokenizers::Tokenizer::from_bytes(file.to_string()));
        let tokenizer = read.map_err(|reason| no_tokenizer(&reason))?;
        Ok(Self { tokenizer, growth, path: path.to_owned() })
    }

    /// Ids of a text, with those tokens that the tokenizer puts around it.
    ///
    /// # Errors
    /// A text that is too long or could become so, or that the tokenizer cannot cut.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, Error> {
        if text.len() > MOST_TEXT {
            return Err(wrong(&self.path, &format!("the text is longer than {MOST_TEXT} bytes")));
        }
        self.growth.check(text.len()).map_err(|reason| wrong(&self.path, &reason))?;
        let encoded = caught(|| self.tokenizer.encode(text, true));
        let encoded =
            encoded.map_err(|reason| wrong(&self.path, &format!("it does not cut the text: {reason}")))?;
        Ok(encoded.get_ids().to_vec())
    }
}

fn wrong(path: &Path, reason: &str) -> Error {
    Error::Tokenizer { path: path.to_owned(), reason: reason.to_owned() }
}

/// What the library gives. Some files that are no tokenizers make it panic.
fn caught<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    unwound.map_err(|_| "its parts do not fit together".to_owned())?.map_err(|error| error.to_string())
}
