//! Samples from `.npy`, `.npz` and `.json` files.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::{NpzReader, ReadNpyExt};
use zklayout::Shape;

use crate::error::CliError;

/// Samples of one model, flat, and their labels if the file has them.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) inputs: Vec<Vec<f64>>,
    pub(crate) labels: Option<Vec<usize>>,
}

impl Samples {
    /// Reads every sample of a file for a model of the given input.
    pub(crate) fn read(path: &Path, shape: Shape) -> Result<Self, CliError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let (array, labels) = match extension {
            "npy" => (read_npy(path)?, None),
            "npz" => read_npz(path)?,
            "json" => (read_json(path)?, None),
            _ => return Err(wrong(path, "samples are .npy, .npz or .json files")),
        };
        let inputs = split(&array, shape).map_err(|reason| wrong(path, &reason))?;
        if let Some(position) = array.iter().position(|value| !value.is_finite()) {
            let (sample, place) = (position / shape.len(), position % shape.len());
            return Err(wrong(path, &format!("sample {sample} holds NaN or infinity at position {place}")));
        }
        Ok(Self { inputs, labels })
    }

    /// One of the samples.
    pub(crate) fn get(&self, index: usize, path: &Path) -> Result<&Vec<f64>, CliError> {
        let count = self.inputs.len();
        self.inputs.get(index).ok_or_else(|| wrong(path, &format!("sample {index} of {count} was asked for")))
    }
}

fn wrong(path: &Path, reason: &str) -> CliError {
    CliError::Samples { path: path.to_owned(), reason: reason.to_owned() }
}

/// Cuts an array into samples: its trailing dimensions are the model's, ones aside; a leading one counts samples.
fn split(array: &ArrayD<f64>, shape: Shape) -> Result<Vec<Vec<f64>>, String> {
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

fn read_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}

fn read_npy(path: &Path) -> Result<ArrayD<f64>, CliError> {
    array_of(&read_bytes(path)?).map_err(|reason| wrong(path, &reason))
}

/// Reads an array of whichever number type it holds.
fn array_of(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
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

fn read_npz(path: &Path) -> Result<(ArrayD<f64>, Option<Vec<usize>>), CliError> {
    let malformed = |error: String| wrong(path, &format!("not a readable .npz file: {error}"));
    let file = File::open(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let mut archive = NpzReader::new(file).map_err(|e| malformed(e.to_string()))?;
    let names = archive.names().map_err(|e| malformed(e.to_string()))?;
    let stem = |name: &String| name.trim_end_matches(".npy").to_owned();
    let names: Vec<String> = names.iter().map(stem).collect();
    let inputs = match names.as_slice() {
        [only] => only.clone(),
        _ if names.iter().any(|name| name == "inputs") => "inputs".to_owned(),
        _ => return Err(malformed(format!("arrays {names:?}, none of them named \"inputs\""))),
    };
    let array = npz_array(&mut archive, &inputs).map_err(&malformed)?;
    let labels = if names.iter().any(|name| name == "labels") {
        let labels = npz_array(&mut archive, "labels").map_err(&malformed)?;
        Some(labels.iter().map(|&label| label as usize).collect())
    } else {
        None
    };
    Ok((array, labels))
}

fn npz_array<R: Read + Seek>(archive: &mut NpzReader<R>, name: &str) -> Result<ArrayD<f64>, String> {
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Ok(array) = archive.by_name::<ndarray::OwnedRepr<$number>, ndarray::IxDyn>(name) {
                return Ok(array.mapv(|value| value as f64));
            }
        )*};
    }
    try_types!(f32, f64, u8, i8, i16, u16, i32, u32, i64, u64);
    Err(format!("array {name:?} does not hold numbers"))
}

fn read_json(path: &Path) -> Result<ArrayD<f64>, CliError> {
    let value: serde_json::Value =
        serde_json::from_slice(&read_bytes(path)?).map_err(|e| wrong(path, &format!("not JSON: {e}")))?;
    let (mut dims, mut values) = (Vec::new(), Vec::new());
    flatten(&value, 0, &mut dims, &mut values).map_err(|reason| wrong(path, &reason))?;
    ArrayD::from_shape_vec(dims, values).map_err(|_| wrong(path, "its nested lists have different lengths"))
}

fn flatten(
    value: &serde_json::Value,
    depth: usize,
    dims: &mut Vec<usize>,
    values: &mut Vec<f64>,
) -> Result<(), String> {
    match value {
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
            values.push(number.as_f64().ok_or_else(|| format!("{number} is not a number of 64 bits"))?);
            Ok(())
        }
        other => Err(format!("expected nested lists of numbers, found {other}")),
    }
}
