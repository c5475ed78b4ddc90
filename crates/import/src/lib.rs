//! Model files as layer graphs: what a trained network's file says, in the model crate's terms.
//!
//! The two formats are features that know nothing of each other, but for files of floats in the second, which are said again in the
//! first one's words. [`import_onnx`] (`onnx`) reads a file into a graph of
//! [`Float`](zklayout_model::Float) operators, beside the float engine that runs the same file; [`import_tflite`]
//! (`tflite`) reads the integers of an int8 file as they are, into a graph of [`Fixed`](zklayout_model::Fixed) layers.
//! Parsing is tract's, which no other crate here uses.
//!
//! This crate knows nothing of merging, quantisation or circuits.

mod error;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "tflite")]
mod tflite;

pub use error::{ImportError, MissingOperator};
#[cfg(feature = "onnx")]
pub use onnx::{
    Constant, Embedding, Ending, Folded, Head, Imported, Importer, Kind, Node, OnnxOptions, Operators, Reference,
    TensorInfo, import_onnx, import_onnx_bytes,
};
#[cfg(all(feature = "onnx", feature = "tflite"))]
pub use tflite::{float_tflite_operators, is_float_tflite, tflite_as_onnx};
#[cfg(feature = "tflite")]
pub use tflite::{import_tflite, import_tflite_bytes, tflite_operators, tflite_outputs};
