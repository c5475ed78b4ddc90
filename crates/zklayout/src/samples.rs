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

use crate::error::Error;
pub use crate::input_shape::{InputPart, InputShape};

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
    /// For a model of several inputs, an `.npz` has an array for each by its name, a JSON file an object; a single array is each
    /// one's if all have the same shape. EZKL's `{"input_data": [[...], ...]}` has a flat list for each.
    ///
    /// # Errors
    /// A file that cannot be read, of another format, or that holds something else than finite numbers of that shape.
    pub fn read(path: impl AsRef<Path>, shape: impl Into<InputShape>) -> Result<Self, Error> {
        let path = path.as_ref();
        let wrong = |reason: String| Error::Samples { path: path.to_owned(), reason };
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => SampleFormat::Npy,
            Some("npz") => SampleFormat::Npz,
            Some("json") => SampleFormat::Json,
            _ => return Err(wrong("samples are .npy, .npz or .json files".into())),
        };
        let bytes = std::fs::read(path).map_err(|source| wrong(format!("cannot read it: {source}")))?;
        Self::parse(format, &bytes, &shape.into()).map_err(wrong)
    }

    /// Reads every sample of a file's contents.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(format: SampleFormat, bytes: &[u8], shape: &InputShape) -> Result<Self, String> {
        let (arrays, labels) = match format {
            SampleFormat::Npy => (vec![check_unnamed(shape).and_then(|()| array_of(bytes))?], None),
            SampleFormat::Npz => archive(bytes, shape)?,
            SampleFormat::Json => (json(bytes, shape)?, None),
        };
        Ok(Self { inputs: joined(&arrays, shape)?, labels })
    }

    /// Puts samples of each input of a model together, in the model's order.
    ///
    /// # Errors
    /// An input that is missing, given twice, or unknown, or inputs with other numbers of samples.
    pub fn of_parts(mut given: Vec<(String, Self)>, shape: &InputShape) -> Result<Self, String> {
        given.retain(|(name, _)| !shape.unread.contains(name));
        for (name, samples) in given.extract_if(.., |(name, _)| shape.fixed.iter().any(|(fixed, _)| fixed == name))
        {
            samples.inputs.iter().try_for_each(|values| check_fixed(&name, values, shape))?;
        }
        let known = |name: &String| shape.parts.iter().any(|part| part.name == *name);
        if let Some((name, _)) = given.iter().find(|(name, _)| !known(name)) {
            return Err(format!("the model has no input {name:?}; it has {}", names(shape)));
        }
        let mut inputs: Vec<Vec<f64>> = Vec::new();
        for (place, part) in shape.parts.iter().enumerate() {
            let mut own = given.iter().filter(|(name, _)| *name == part.name);
            let (Some((_, samples)), None) = (own.next(), own.next()) else {
                return Err(format!("input {:?} is to be given once; the model has {}", part.name, names(shape)));
            };
            if place > 0 && samples.inputs.len() != inputs.len() {
                return Err(format!(
                    "input {:?} has {} samples, others {}",
                    part.name,
                    samples.inputs.len(),
                    inputs.len()
                ));
            }
            inputs.resize(samples.inputs.len(), Vec::new());
            inputs.iter_mut().zip(&samples.inputs).for_each(|(all, own)| all.extend(own));
        }
        Ok(Self { inputs, labels: None })
    }

    /// Draws samples uniformly from `lo..hi`, the same for the same seed.
    ///
    /// # Errors
    /// A range that is empty or not finite.
    pub fn drawn(
        (lo, hi): (f64, f64),
        count: usize,
        seed: u64,
        shape: impl Into<InputShape>,
    ) -> Result<Self, String> {
        let values = shape.into().values();
        if !(lo < hi && (hi - lo).is_finite()) {
            return Err(format!("{lo}..{hi} is no range from a number to a larger one"));
        }
        let mut numbers = ChaCha20Rng::seed_from_u64(seed);
        let mut sample = || (0..values).map(|_| numbers.gen_range(lo..hi)).collect();
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

/// One class per sample, if a file has them.
type Labels = Option<Vec<usize>>;

fn names(shape: &InputShape) -> String {
    let names: Vec<String> =
        shape.parts.iter().map(|part| format!("{:?} of shape {:?}", part.name, part.dims)).collect();
    names.join(", ")
}

/// Refuses other values than an input always has.
fn check_fixed(name: &str, values: &[f64], shape: &InputShape) -> Result<(), String> {
    let fixed = shape.fixed.iter().find(|(fixed, _)| fixed == name);
    let same = fixed.is_none_or(|(_, fixed)| {
        !values.is_empty()
            && values.len().is_multiple_of(fixed.len())
            && values.chunks(fixed.len()).all(|own| own == fixed)
    });
    if same {
        return Ok(());
    }
    Err(format!(
        "input {name:?} has other values than those that the model was read for: every token counts, of one type, from position 0 on"
    ))
}

/// Refuses values without names where inputs are not in the file's order: a private one could be taken for one that is public.
fn check_unnamed(shape: &InputShape) -> Result<(), String> {
    match shape.by_name {
        true => Err(format!("some inputs are public: give each by its name; the model has {}", names(shape))),
        false => Ok(()),
    }
}

/// Samples of all inputs together, from an array for each, or one for all alike.
fn joined(arrays: &[ArrayD<f64>], shape: &InputShape) -> Result<Vec<Vec<f64>>, String> {
    let extents = shape.extents();
    let alike = extents.iter().all(|dims| *dims == extents[0]);
    let parts = match arrays {
        [array] if extents.len() > 1 && alike => vec![split(array, &extents[0])?; extents.len()],
        _ if arrays.len() == extents.len() => {
            let own = arrays.iter().zip(&extents).enumerate().map(|(place, (array, dims))| {
                let named = |reason: String| match shape.parts.get(place) {
                    Some(part) => format!("input {:?}: {reason}", part.name),
                    None => reason,
                };
                split(array, dims).map_err(named)
            });
            own.collect::<Result<Vec<_>, _>>()?
        }
        _ => return Err(format!("{} arrays for inputs {}; name each", arrays.len(), names(shape))),
    };
    let count = parts.first().map_or(0, Vec::len);
    if parts.iter().any(|part| part.len() != count) {
        return Err("its inputs have different numbers of samples".into());
    }
    let samples = (0..count).map(|sample| parts.iter().flat_map(|part| part[sample].iter().copied()).collect());
    let samples: Vec<Vec<f64>> = samples.collect();
    for (sample, values) in samples.iter().enumerate() {
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("sample {sample} holds NaN or infinity at position {place}"));
        }
    }
    Ok(samples)
}

/// Cuts an array into samples: its trailing dimensions are the model's, ones aside; a leading one counts samples.
fn split(array: &ArrayD<f64>, dims: &[usize]) -> Result<Vec<Vec<f64>>, String> {
    let essential = |dims: &[usize]| -> Vec<usize> { dims.iter().copied().filter(|dim| *dim != 1).collect() };
    let (expected, found) = (essential(dims), essential(array.shape()));
    let batched = found.len() == expected.len() + 1 && found[1..] == expected;
    if array.is_empty() || !(found == expected || batched) {
        return Err(format!("shape {:?} does not fit the model's input {}", array.shape(), written(dims)));
    }
    let values: Vec<f64> = array.iter().copied().collect();
    Ok(values.chunks(dims.iter().product()).map(<[f64]>::to_vec).collect())
}

fn written(dims: &[usize]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
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

/// The arrays of an archive for each input, and its labels.
fn archive(bytes: &[u8], shape: &InputShape) -> Result<(Vec<ArrayD<f64>>, Labels), String> {
    let malformed = |error: String| format!("not a readable .npz file: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| malformed(e.to_string()))?;
    let found: Vec<String> = archive.file_names().map(|name| name.trim_end_matches(".npy").to_owned()).collect();
    let has = |name: &str| found.iter().any(|other| other == name);
    let arrays: Vec<String> = if !shape.parts.is_empty() && shape.parts.iter().all(|part| has(&part.name)) {
        shape.parts.iter().map(|part| part.name.clone()).collect()
    } else if shape.by_name {
        check_unnamed(shape)?;
        Vec::new()
    } else if let [only] = found.as_slice() {
        vec![only.clone()]
    } else if has("inputs") {
        vec!["inputs".to_owned()]
    } else {
        let wanted = if shape.parts.len() > 1 { names(shape) } else { "\"inputs\"".to_owned() };
        return Err(malformed(format!("arrays {found:?}, none of them named {wanted}")));
    };
    for (name, _) in shape.fixed.iter().filter(|(name, _)| has(name)) {
        let given = entry(&mut archive, name, bytes.len()).map_err(&malformed)?;
        check_fixed(name, &given.iter().copied().collect::<Vec<_>>(), shape)?;
    }
    let mut inputs = Vec::with_capacity(arrays.len());
    for name in &arrays {
        inputs.push(entry(&mut archive, name, bytes.len()).map_err(&malformed)?);
    }
    let labels = if has("labels") {
        let labels = entry(&mut archive, "labels", bytes.len()).map_err(&malformed)?;
        Some(labels.iter().map(|&label| label as usize).collect())
    } else {
        None
    };
    Ok((inputs, labels))
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

/// The arrays of a JSON file: lists, an object of lists by name, or EZKL's flat lists.
fn json(bytes: &[u8], shape: &InputShape) -> Result<Vec<ArrayD<f64>>, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    let serde_json::Value::Object(given) = &value else {
        check_unnamed(shape)?;
        return Ok(vec![nested(&value)?]);
    };
    if let Some(serde_json::Value::Array(lists)) = given.get("input_data") {
        check_unnamed(shape)?;
        return flat_lists(lists, shape);
    }
    for (name, _) in &shape.fixed {
        let Some(value) = given.get(name) else { continue };
        check_fixed(name, &nested(value)?.iter().copied().collect::<Vec<_>>(), shape)?;
    }
    let is_fixed = |name: &String| shape.fixed.iter().any(|(fixed, _)| fixed == name);
    let known = |name: &String| {
        shape.parts.iter().any(|part| part.name == *name) || shape.unread.contains(name) || is_fixed(name)
    };
    if let Some(name) = given.keys().find(|name| !known(name)) {
        return Err(format!("the model has no input {name:?}; it has {}", names(shape)));
    }
    let own = |part: &InputPart| match given.get(&part.name) {
        Some(value) => nested(value).map_err(|reason| format!("input {:?}: {reason}", part.name)),
        None => Err(format!("input {:?} is missing; the model has {}", part.name, names(shape))),
    };
    shape.parts.iter().map(own).collect()
}

/// A flat list for each input.
fn flat_lists(lists: &[serde_json::Value], shape: &InputShape) -> Result<Vec<ArrayD<f64>>, String> {
    let extents = shape.extents();
    if lists.len() != extents.len() {
        return Err(format!("input_data has {} lists for {} inputs", lists.len(), extents.len()));
    }
    let one = |(list, dims): (&serde_json::Value, &Vec<usize>)| {
        let array = nested(list)?;
        let (count, values) = (array.len(), array.into_iter().collect());
        ArrayD::from_shape_vec(dims.clone(), values)
            .map_err(|_| format!("input_data has {count} values for an input {}", written(dims)))
    };
    lists.iter().zip(&extents).map(one).collect()
}

fn nested(value: &serde_json::Value) -> Result<ArrayD<f64>, String> {
    let (mut dims, mut values) = (Vec::new(), Vec::new());
    flatten(value, 0, &mut dims, &mut values)?;
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
        serde_json::Value::Bool(truth) => {
            values.push(f64::from(u8::from(*truth)));
            Ok(())
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
