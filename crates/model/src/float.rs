//! The imported graph: float operators as the file states them, shapes resolved, nothing merged.

use ndarray::{Array2, Array3, Array4};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::planes::Planes;
use crate::term::{Move, Padding, Rotation};

/// One imported operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Float {
    /// The ONNX node's name.
    pub name: String,
    /// What it computes.
    pub op: FloatOp,
    /// Shape of its result.
    pub shape: Planes,
}

/// What an imported operator computes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FloatOp {
    /// The model's input.
    Input,
    /// A grouped 2-D convolution.
    Conv {
        /// `[out, in of the group, row, column]`.
        kernel: Array4<f64>,
        /// One value per output channel.
        bias: Vec<f64>,
        /// Channel groups.
        groups: usize,
        /// Stride in both directions.
        stride: usize,
        /// Zero padding.
        padding: Padding,
    },
    /// A fully connected layer on a feature vector.
    Gemm {
        /// `[out, in]`.
        weights: Array2<f64>,
        /// One value per output.
        bias: Vec<f64>,
    },
    /// ReLU, sigmoid and other functions of one value.
    Activation(Activation),
    /// `max(x, 0) + slope * min(x, 0)` with one slope per channel.
    ChannelLeaky {
        /// One slope per channel.
        slopes: Vec<f64>,
    },
    /// The mean of a window.
    AveragePool {
        /// Window rows and columns.
        window: (usize, usize),
        /// Stride in both directions.
        stride: usize,
    },
    /// The largest value of a window.
    MaxPool {
        /// Window rows and columns.
        window: (usize, usize),
        /// Stride in both directions.
        stride: usize,
        /// How far windows reach beyond the plane; what lies there is never the largest.
        padding: Padding,
    },
    /// `x * scale + shift`, per channel: Mul, Add and BatchNormalization.
    Affine {
        /// One factor per channel.
        scale: Vec<f64>,
        /// One summand per channel.
        shift: Vec<f64>,
    },
    /// `factor * x + values`, with a number for each channel, row and column: Add and Sub.
    Offset {
        /// What the tensor is multiplied by.
        factor: f64,
        /// `[channel, row, column]`, as many as the tensor has.
        values: Array3<f64>,
    },
    /// The sum of several tensors, each moved and times its factor: residual sums, concatenations, slices, paddings.
    Sum {
        /// One per input.
        terms: Vec<Move<f64>>,
    },
    /// The product of two tensors, value by value.
    Product,
    /// A product of two tensors for each group of planes: see [`Product`](crate::Product).
    MatMul {
        /// Groups of the left tensor and of the result.
        groups: usize,
        /// Groups of the right tensor.
        right_groups: usize,
    },
    /// Planes and positions of each group swapped.
    Transpose {
        /// Groups of planes.
        groups: usize,
    },
    /// Features of heads, planes `(head, feature)`, joined in pairs by numbers of their position: see [`Rotation`].
    Rotate(Rotation<f64>),
    /// At each position, `exp(x)` over its sum over the planes of a group.
    Softmax {
        /// Groups of planes.
        groups: usize,
    },
    /// At each position, the place of the largest of each group's planes.
    ArgMax {
        /// Groups of planes.
        groups: usize,
        /// Whether it is the last one of equal ones, not the first.
        last: bool,
    },
    /// At each position, `x` less its mean over all planes, if it is to be centred, over the root of the mean square of what is
    /// left and a small number.
    Normalise {
        /// Whether the mean is subtracted.
        centred: bool,
        /// What is added to the mean square.
        epsilon: f64,
    },
    /// A tensor read as a feature vector.
    Flatten,
}

impl FloatOp {
    /// Whether the operator reads exactly one tensor, whatever its shape.
    pub(crate) fn reads_one(&self) -> bool {
        !matches!(self, Self::Input | Self::Sum { .. } | Self::Product | Self::MatMul { .. })
    }

    /// The operator's name in listings.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::Gemm { .. } => "gemm",
            Self::Activation(_) => "activation",
            Self::ChannelLeaky { .. } => "channel leaky",
            Self::AveragePool { .. } => "average pool",
            Self::MaxPool { .. } => "max pool",
            Self::Affine { .. } => "affine",
            Self::Offset { .. } => "offset",
            Self::Sum { .. } => "sum",
            Self::Product => "product",
            Self::MatMul { .. } => "matmul",
            Self::Transpose { .. } => "transpose",
            Self::Rotate(_) => "rotate",
            Self::Softmax { .. } => "softmax",
            Self::ArgMax { .. } => "argmax",
            Self::Normalise { .. } => "normalise",
            Self::Flatten => "flatten",
        }
    }
}
