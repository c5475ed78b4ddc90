//! Layer graphs of a trained network, from float operators to exact integers.
//!
//! The stages are types: of a [`Graph`] of [`Float`] operators, [`fuse()`] merges them into layers, [`quantise()`] gives
//! every layer integer weights and an exact meaning, and [`execute()`] runs that meaning. A [`Layer`] is a sum of [`Term`]s,
//! in floats and in integers alike. The integer executor *is* the specification of a proof.
//!
//! This crate knows nothing of model files, circuits, fields or cost.

mod activation;
mod calibration;
mod clamp;
mod convolve;
mod error;
mod execute;
mod fixed;
mod float;
mod function;
mod fused;
mod graph;
mod integrity;
mod interval;
mod layer;
mod limits;
mod maxima;
mod merge;
mod multiplier;
mod number;
mod per_channel;
mod places;
mod planes;
mod pointwise;
mod quantise;
mod regions;
mod rescale;
mod rounding;
mod sequence;
mod shape;
mod tensor;
mod term;
mod view;
mod wanted;

pub use activation::{Activation, FixedActivation, ValueTable};
pub use clamp::Clamp;
pub use error::{ExecuteError, FuseError, QuantiseError};
pub use execute::{Trace, execute, execute_floats, execute_integers};
pub use fixed::{Fixed, FixedFinish, FixedInput, FixedLayer, OutputKind, RangeSource, ValueRange};
pub use float::{Float, FloatOp};
pub use function::Function;
pub use fused::{FloatFinish, Fused, FusedLayer, Precision};
pub use graph::{Graph, NodeId};
pub use integrity::check_fixed;
pub use layer::{Layer, LayerNode};
pub use maxima::{Magnitude, MaximumStep, Operand, maxima};
pub use merge::fuse;
pub use multiplier::Multiplier;
pub use number::Number;
pub use per_channel::PerChannel;
pub use planes::Planes;
pub use pointwise::{Pointwise, Step};
pub use quantise::{QuantiseOptions, quantise};
pub use rescale::{Nudge, Rescale, Scaling, Stored};
pub use shape::{Axis, Label, Shape};
pub use tensor::Tensor;
pub use term::*;
pub use view::View;
