//! Samples from `.npy`, `.npz` and `.json` files. No header is believed: an array's declared size is held to the bytes that
//! are there before anything is allocated for it.

use std::io::{Cursor, Read};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zip::ZipArchive;
use zklayout_model::Planes;

use crate::error::Error;

/// How many times its compressed size an array may take; compressed zeros take more, and nobody calibrates on zeros.
const MOST_EXPANSION: u64 = 128;
/// Bytes that an array may always take.
const ALWAYS_ALLOWED: u64 = 1 << 20;
/// Lists within lists of a JSON file.
const MOST_DIMENSIONS: usize = 8;

/// Samples of one model, flat, and their labels if the file has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// One flat input per sample.
    pub inputs: Vec<Vec<f64>>,
    /// One class per sample.
    pub labels: Option<Vec<usize>>,
}

/// The formats that samples come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleFormat {
    /// One NumPy array.
    Npy,
    /// NumPy arrays: `inputs`, and `labels` if there are any; or one array of any name.
    Npz,
    /// Nested lists of numbers.
    Json,
}

impl Samples {
    /// Reads every sample of a file for a model of the given input; the file's extension tells its format.
    ///
    /// # Errors
    /// A file that cannot be read, of another format, or that holds something else than finite numbers of that shape.
    pub fn read(path: impl AsRef<Path>, shape: Planes) -> Result<Self, Error> {
        let path = path.as_ref();
        let wrong = |reason: String| Error::Samples { path: path.to_owned(), reason };
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => SampleFormat::Npy,
            Some("npz") => SampleFormat::Npz,
            Some("json") => SampleFormat::Json,
            _ => return Err(wrong("samples are .npy, .npz or .json files".into())),
        };
        let bytes = std::fs::read(path).map_err(|source| wrong(format!("cannot read it: {source}")))?;
        Self::parse(format, &bytes, shape).map_err(wrong)
    }

    /// Reads every sample of a file's contents.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(format: SampleFormat, bytes: &[u8], shape: Planes) -> Result<Self, String> {
        let (array, labels) = match format {
            SampleFormat::Npy => (array_of(bytes)?, None),
            SampleFormat::Npz => archive(bytes)?,
            SampleFormat::Json => (json(bytes)?, None),
        };
        let inputs = split(&array, shape)?;
        if let Some(position) = array.iter().position(|value| !value.is_finite()) {
            let (sample, place) = (position / shape.len(), position % shape.len());
            return Err(format!("sample {sample} holds NaN or infinity at position {place}"));
        }
        Ok(Self { inputs, labels })
    }

    /// Draws samples uniformly from `lo..hi`, the same for the same seed.
    ///
    /// # Errors
    /// A range that is empty or not finite.
    pub fn drawn((lo, hi): (f64, f64), count: usize, seed: u64, shape: Planes) -> Result<Self, String> {
        if !(lo < hi && (hi - lo).is_finite()) {
            return Err(format!("{lo}..{hi} is no range from a number to a larger one"));
        }
        let mut numbers = ChaCha20Rng::seed_from_u64(seed);
        let mut sample = || (0..shape.len()).map(|_| numbers.gen_range(lo..hi)).collect();
        Ok(Self { inputs: (0..count).map(|_| sample()).collect(), labels: None })
    }

    /// One of the samples.
    ///
    /// # Errors
    /// A place beyond the last one.
    pub fn get(&self, index: usize, path: &Path) -> Result<&Vec<f64>, Error> {
        let count = self.inputs.len();
        let reason = || format!("sample {index} of {count} was asked for");
        self.inputs.get(index).ok_or_else(|| Error::Samples { path: path.to_owned(), reason: reason() })
    }
}

/// Cuts an array into samples: its trailing dimensions are the model's, ones aside; a leading one counts samples.
fn split(array: &ArrayD<f64>, shape: Planes) -> Result<Vec<Vec<f64>>, String> {
    let essential = |dims: &[usize]| -> Vec<usize> { dims.iter().copied().filter(|dim| *dim != 1).collect() };
    let expected = essential(&[shape.channels, shape.height, shape.width]);
    let found = essential(array.shape());
    let batched = found.len() == expected.len() + 1 && found[1..] == expected;
    if array.is_empty() || !(found == expected || batched) {
        return Err(format!("shape {:?} does not fit the model's input {shape}", array.shape()));
    }
    let values: Vec<f64> = array.iter().copied().collect();
    Ok(values.chunks(shape.len()).map(<[f64]>::to_vec).collect())
}

/// Reads an array of whichever number type it holds.
fn array_of(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    let declared = declared_values(bytes).ok_or("not an array of numbers: its header states no shape")?;
    if declared > bytes.len() {
        return Err(format!(
            "not an array of numbers: its header states {declared} values, more than its {} bytes hold",
            bytes.len()
        ));
    }
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Ok(array) = ArrayD::<$number>::read_npy(Cursor::new(bytes)) {
                return Ok(array.mapv(|value| value as f64));
            }
        )*};
    }
    try_types!(f32, f64, u8, i8, i16, u16, i32, u32, i64, u64);
    match ArrayD::<f32>::read_npy(Cursor::new(bytes)) {
        Ok(array) => Ok(array.mapv(f64::from)),
        Err(error) => Err(format!("not an array of numbers: {error}")),
    }
}

/// The header of a NumPy file, if it is all there.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (start, length): (usize, usize) = match *rest {
        [1, _, a, b, ..] => (4, usize::from(u16::from_le_bytes([a, b]))),
        [2 | 3, _, a, b, c, d, ..] => (6, u32::from_le_bytes([a, b, c, d]) as usize),
        _ => return None,
    };
    rest.get(start..start.checked_add(length)?)
}

/// The number of values that a NumPy header states.
fn declared_values(bytes: &[u8]) -> Option<usize> {
    let header = header(bytes)?;
    let find = |from: usize, text: &[u8]| {
        header[from..].windows(text.len()).position(|window| window == text).map(|place| from + place)
    };
    let open = find(find(0, b"shape")?, b"(")?;
    let close = find(open, b")")?;
    let dims = std::str::from_utf8(&header[open + 1..close]).ok()?;
    let sizes = dims.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes
        .map(|size| size.trim_end_matches('L').parse::<usize>().ok())
        .try_fold(1usize, |all, size| all.checked_mul(size?))
}

/// The inputs of an archive, and its labels.
fn archive(bytes: &[u8]) -> Result<(ArrayD<f64>, Option<Vec<usize>>), String> {
    let malformed = |error: String| format!("not a readable .npz file: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| malformed(e.to_string()))?;
    let names: Vec<String> = archive.file_names().map(|name| name.trim_end_matches(".npy").to_owned()).collect();
    let inputs = match names.as_slice() {
        [only] => only.clone(),
        _ if names.iter().any(|name| name == "inputs") => "inputs".to_owned(),
        _ => return Err(malformed(format!("arrays {names:?}, none of them named \"inputs\""))),
    };
    let array = entry(&mut archive, &inputs, bytes.len()).map_err(&malformed)?;
    let labels = if names.iter().any(|name| name == "labels") {
        let labels = entry(&mut archive, "labels", bytes.len()).map_err(&malformed)?;
        Some(labels.iter().map(|&label| label as usize).collect())
    } else {
        None
    };
    Ok((array, labels))
}

fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, size: usize) -> Result<ArrayD<f64>, String> {
    let named = if archive.index_for_name(name).is_some() { name.to_owned() } else { format!("{name}.npy") };
    let file = archive.by_name(&named).map_err(|e| format!("array {name:?}: {e}"))?;
    let most = ALWAYS_ALLOWED + MOST_EXPANSION * size as u64;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| format!("array {name:?}: {e}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("array {name:?} is more than {MOST_EXPANSION} times larger than the file"));
    }
    array_of(&bytes).map_err(|reason| format!("array {name:?}: {reason}"))
}

fn json(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    let (mut dims, mut values) = (Vec::new(), Vec::new());
    flatten(&value, 0, &mut dims, &mut values)?;
    ArrayD::from_shape_vec(dims, values).map_err(|_| "its nested lists have different lengths".into())
}

fn flatten(
    value: &serde_json::Value,
    depth: usize,
    dims: &mut Vec<usize>,
    values: &mut Vec<f64>,
) -> Result<(), String> {
    match value {
        serde_json::Value::Array(_) if depth == MOST_DIMENSIONS => {
            Err(format!("lists are nested more than {MOST_DIMENSIONS} deep"))
        }
        serde_json::Value::Array(items) => {
            if depth == dims.len() {
                dims.push(items.len());
            }
            if dims[depth] != items.len() {
                return Err("its nested lists have different lengths".into());
            }
            items.iter().try_for_each(|item| flatten(item, depth + 1, dims, values))
        }
        serde_json::Value::Number(number) => {
            values.push(number.as_f64().ok_or("a number does not fit 64 bits")?);
            Ok(())
        }
        other => Err(format!("expected nested lists of numbers, found {}", kind(other))),
    }
}

/// What a JSON value is, without what it holds: inputs are private.
fn kind(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a truth value",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}
