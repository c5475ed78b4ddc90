//! A model file of any format: floats that want scales, or integers that have theirs.
//!
//! Knows which formats there are, not how they are read.

use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "onnx")]
use zklayout_import::{Head, OnnxOptions};
use zklayout_model::{Planes, QuantiseOptions};
use zklayout_plan::PlanHash;

use crate::error::Error;
use crate::files::read;
use crate::format::Format;
use crate::input_shape::InputShape;
#[cfg(feature = "onnx")]
use crate::model::Model;
use crate::quantised::QuantisedModel;

/// How a model file is read, apart from what it says.
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    /// Extents of dimensions that the file names and leaves free.
    pub dimensions: BTreeMap<String, usize>,
    /// Inputs that come first in the model's input, in this order; those that are public come before those that are private.
    pub first_inputs: Vec<String>,
    /// Whether the output is the place of the largest value along an axis, not the values; see [`Head`](zklayout_import::Head).
    pub places: bool,
}

/// What a model file holds.
#[derive(Debug)]
pub enum AnyModel {
    /// A float model, from an ONNX file or a TensorFlow Lite file of floats.
    #[cfg(feature = "onnx")]
    Float(Box<Model>),
    /// A model that has integers, from a TensorFlow Lite file of bytes or one that [`QuantisedModel::save`] wrote.
    Integer(Box<QuantisedModel>),
}

impl AnyModel {
    /// Reads a model file; its contents tell the format, or else its extension.
    ///
    /// # Errors
    /// See [`Model::load`] and [`QuantisedModel::load`]; or a format whose feature this build was made without.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?, path)
    }

    /// Reads the contents of a model file; `path` names them in errors.
    ///
    /// # Errors
    /// See [`AnyModel::open`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        Self::from_bytes_with(bytes, path, &FileOptions::default())
    }

    #[cfg(feature = "onnx")]
    fn of_onnx(bytes: &[u8], path: &Path, options: &FileOptions) -> Result<Self, Error> {
        let FileOptions { dimensions, first_inputs, places } = options.clone();
        let head = if places { Head::ArgMax } else { Head::Given };
        let options = OnnxOptions { dimensions, first_inputs, head, ..OnnxOptions::default() };
        Ok(Self::Float(Box::new(Model::from_bytes(bytes, path, &options)?)))
    }

    #[cfg(not(feature = "onnx"))]
    fn of_onnx(_: &[u8], path: &Path, _: &FileOptions) -> Result<Self, Error> {
        Err(Error::WithoutImporter { path: path.to_owned(), feature: "onnx" })
    }

    /// The float model, if it is one.
    #[cfg(feature = "onnx")]
    pub fn float(&self) -> Option<&Model> {
        match self {
            Self::Float(model) => Some(model),
            Self::Integer(_) => None,
        }
    }

    /// Shape of the model's input.
    pub fn input_shape(&self) -> Planes {
        match self {
            #[cfg(feature = "onnx")]
            Self::Float(model) => model.input_shape(),
            Self::Integer(model) => model.input_shape(),
        }
    }

    /// What the model takes as input, by name where its file has names.
    pub fn input(&self) -> InputShape {
        match self {
            #[cfg(feature = "onnx")]
            Self::Float(model) => model.input(),
            Self::Integer(model) => model.input_shape().into(),
        }
    }

    /// The model's input for what its file takes; see [`Model::rows`].
    ///
    /// # Errors
    /// See [`Model::rows`].
    pub fn rows(&self, given: &[f64]) -> Result<Vec<f64>, Error> {
        match self {
            #[cfg(feature = "onnx")]
            Self::Float(model) => model.rows(given),
            Self::Integer(_) => Ok(given.to_vec()),
        }
    }

    /// The same with extents for dimensions that the file leaves free, with some inputs first, or with another output.
    ///
    /// # Errors
    /// See [`AnyModel::open`]; or a model that has no such dimension or output.
    pub fn open_with(path: impl AsRef<Path>, options: &FileOptions) -> Result<Self, Error> {
        Self::from_bytes_with(&read(path.as_ref())?, path.as_ref(), options)
    }

    fn from_bytes_with(bytes: &[u8], path: &Path, options: &FileOptions) -> Result<Self, Error> {
        let integers = || Ok(Self::Integer(Box::new(QuantisedModel::from_bytes(bytes, path)?)));
        match Format::of(bytes, path) {
            Format::Onnx => Self::of_onnx(bytes, path, options),
            Format::Tflite if holds_floats(bytes, path)? => Self::of_onnx(bytes, path, options),
            Format::Tflite | Format::Quantised if options.places => Err(Error::Places { path: path.to_owned() }),
            Format::Tflite | Format::Quantised if options.dimensions.is_empty() => integers(),
            Format::Tflite | Format::Quantised => Err(Error::Dimensions { path: path.to_owned() }),
        }
    }

    /// Hash of the file that the model was read from first.
    pub fn source(&self) -> PlanHash {
        match self {
            #[cfg(feature = "onnx")]
            Self::Float(model) => model.source(),
            Self::Integer(model) => model.source(),
        }
    }

    /// The model's integers: its own, or those that the samples choose for a float model.
    ///
    /// # Errors
    /// See [`Model::quantise`].
    #[cfg_attr(not(feature = "onnx"), allow(unused_variables))]
    pub fn quantise(self, samples: &[Vec<f64>], options: &QuantiseOptions) -> Result<QuantisedModel, Error> {
        match self {
            #[cfg(feature = "onnx")]
            Self::Float(model) => model.quantise(samples, options),
            Self::Integer(model) => Ok(*model),
        }
    }
}

/// Whether a TensorFlow Lite file computes in floats, which are imported as an ONNX file's are.
#[cfg(all(feature = "onnx", feature = "tflite"))]
fn holds_floats(bytes: &[u8], path: &Path) -> Result<bool, Error> {
    Ok(zklayout_import::is_float_tflite(bytes, path)?)
}

#[cfg(not(all(feature = "onnx", feature = "tflite")))]
fn holds_floats(_: &[u8], _: &Path) -> Result<bool, Error> {
    Ok(false)
}
