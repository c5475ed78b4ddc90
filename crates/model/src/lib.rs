//! Layer graphs of a trained network, from the model file to exact integers.
//!
//! The stages are types: [`import_onnx`] reads a file into a [`Graph`] of [`Float`] operators, [`fuse()`]
//! merges them into layers, [`quantise()`] gives every layer integer weights and an exact meaning, and
//! [`execute()`] runs that meaning. A TensorFlow Lite file has integers already, which [`import_tflite`] reads as they
//! are. The integer executor *is* the specification of a proof.
//!
//! This crate knows nothing of circuits, fields or cost.

mod activation;
mod calibration;
mod error;
mod execute;
mod fixed;
mod float;
mod fused;
mod graph;
mod import;
mod integrity;
mod interval;
mod linear;
mod max_pool;
mod merge;
mod multiplier;
mod per_channel;
mod planes;
mod quantise;
mod rescale;
mod rounding;
mod skip;

pub use activation::{Activation, Clamp, FixedActivation, Function, ValueTable};
pub use error::{ExecuteError, ImportError, QuantiseError};
pub use execute::{Trace, execute, execute_integers};
pub use fixed::{Fixed, FixedInput, FixedLayer, OutputKind, RangeSource, ValueRange};
pub use float::{Float, FloatOp};
pub use fused::{Fused, Precision, run_fused};
pub use graph::{Graph, NodeId};
pub use import::tflite::{import_tflite, import_tflite_bytes};
pub use import::{
    Axis, Constant, Ending, Imported, Importer, Node, Operators, Reference, import_onnx, import_onnx_bytes,
};
pub use integrity::check_fixed;
pub use linear::{Linear, Number, Padding};
pub use merge::fuse;
pub use multiplier::Multiplier;
pub use per_channel::PerChannel;
pub use planes::Planes;
pub use quantise::{QuantiseOptions, quantise};
pub use rescale::{Nudge, Rescale, Scaling, Stored};
pub use skip::Skip;
